"""
Tests for L{clock.wall.lines}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from clock.wall.lines import LONGEST, Line, LineSplitter


class LineSplitterTests(SynchronousTestCase):
    """
    From chunks to lines.
    """

    def split(self, *chunks: bytes) -> list[list[Line]]:
        """
        Split what arrives in chunks, and give the lines of each, and the rest.
        """
        splitter = LineSplitter()
        lines = [list(splitter.split(chunk)) for chunk in chunks]
        return [*lines, list(splitter.rest())]

    def test_chunksAreNoLines(self) -> None:
        """
        A line may come in pieces, and several at once.
        """
        self.assertEqual(
            self.split(b"19:0", b"3:13", b"\n", b"19:03:14\n19:03:15\n19:", b"03:16\n"),
            [
                [],
                [],
                [Line("19:03:13")],
                [Line("19:03:14"), Line("19:03:15")],
                [Line("19:03:16")],
                [],
            ],
        )

    def test_everySplit(self) -> None:
        """
        Wherever a stream is divided, its lines are the same.
        """
        stream = b"a\r\n\nbc\n" + b"x" * (LONGEST + 9) + b"\nd\n"
        whole = ["a", "", "bc", "x" * LONGEST, "d"]
        for at in range(len(stream)):
            first, second, rest = self.split(stream[:at], stream[at:])
            self.assertEqual([line.text for line in first + second], whole)
            self.assertEqual(rest, [])

    def test_carriageReturn(self) -> None:
        """
        A line may end as those of other protocols do.
        """
        self.assertEqual(self.split(b"a\r\n\r\n")[0], [Line("a"), Line("")])

    def test_tooLong(self) -> None:
        """
        A line that has grown too long is handed out once, cut, and its end passed
        over, wherever that comes.
        """
        longest = "x" * LONGEST
        first, second, third, rest = self.split(
            longest.encode(), b"xyz", b"more of it\nnext\n"
        )
        self.assertEqual(first, [])
        self.assertEqual(second, [Line(longest, cut=True)])
        self.assertEqual(third, [Line("next")])
        self.assertEqual(rest, [])

    def test_longestThatIsWhole(self) -> None:
        """
        A line of just so many bytes is not cut.
        """
        longest = "x" * LONGEST
        self.assertEqual(self.split(f"{longest}\n".encode())[0], [Line(longest)])

    def test_unfinished(self) -> None:
        """
        What has come of a last line without an end counts as cut.
        """
        self.assertEqual(self.split(b"19:0")[1], [Line("19:0", cut=True)])
        self.assertEqual(self.split(b"x" * (LONGEST + 1))[1], [])

    def test_noUTF8(self) -> None:
        """
        Bytes that are no text are escaped.
        """
        self.assertEqual(self.split(b"\xffhi\n")[0], [Line(r"\xffhi")])
        self.assertEqual(self.split("ö\n".encode())[0], [Line("ö")])
