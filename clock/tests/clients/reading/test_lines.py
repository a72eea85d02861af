"""
Tests for L{clock.clients.reading.lines}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from clock.clients.reading.lines import MAX_LENGTH, Line, LineSplitter


class LineSplitterTests(SynchronousTestCase):
    """
    Splitting chunks into lines.
    """

    def split(self, *chunks: bytes) -> list[list[Line]]:
        """
        Split these chunks. Return the lines of each, and those of the end.
        """
        splitter = LineSplitter()
        lines = [list(splitter.split(chunk)) for chunk in chunks]
        return [*lines, list(splitter.finish())]

    def test_chunks(self) -> None:
        """
        A chunk may hold a part of a line, or several lines.
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
        The lines of a stream do not depend on where it is split into chunks.
        """
        stream = b"a\r\n\nbc\n" + b"x" * (MAX_LENGTH + 9) + b"\nd\n"
        whole = ["a", "", "bc", "x" * MAX_LENGTH, "d"]
        for at in range(len(stream)):
            first, second, rest = self.split(stream[:at], stream[at:])
            self.assertEqual([line.text for line in first + second], whole)
            self.assertEqual(rest, [])

    def test_carriageReturn(self) -> None:
        """
        A carriage return before the newline is removed.
        """
        self.assertEqual(self.split(b"a\r\n\r\n")[0], [Line("a"), Line("")])

    def test_tooLong(self) -> None:
        """
        A line that grows too long is returned once, truncated. The rest of it is
        dropped, even if it arrives later.
        """
        longest = "x" * MAX_LENGTH
        first, second, third, rest = self.split(
            longest.encode(), b"xyz", b"more of it\nnext\n"
        )
        self.assertEqual(first, [])
        self.assertEqual(second, [Line(longest, truncated=True)])
        self.assertEqual(third, [Line("next")])
        self.assertEqual(rest, [])

    def test_maxLength(self) -> None:
        """
        A line of exactly C{MAX_LENGTH} bytes is not truncated.
        """
        longest = "x" * MAX_LENGTH
        self.assertEqual(self.split(f"{longest}\n".encode())[0], [Line(longest)])

    def test_unfinished(self) -> None:
        """
        A last line without a newline is truncated.
        """
        self.assertEqual(self.split(b"19:0")[1], [Line("19:0", truncated=True)])
        self.assertEqual(self.split(b"x" * (MAX_LENGTH + 1))[1], [])

    def test_notUTF8(self) -> None:
        """
        Bytes that are not UTF-8 are escaped.
        """
        self.assertEqual(self.split(b"\xffhi\n")[0], [Line(r"\xffhi")])
        self.assertEqual(self.split("ö\n".encode())[0], [Line("ö")])
