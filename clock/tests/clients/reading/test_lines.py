"""
Tests for L{clock.clients.reading.lines}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from clock.clients.reading.lines import MAX_LENGTH, Line, LineSplitter


def whole(text: str) -> Line:
    """
    Return a line that is not truncated.
    """
    return Line(text, size=len(text.encode()))


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
                [whole("19:03:13")],
                [whole("19:03:14"), whole("19:03:15")],
                [whole("19:03:16")],
                [],
            ],
        )

    def test_everySplit(self) -> None:
        """
        The lines of a stream do not depend on where it is split into chunks.
        """
        stream = b"a\r\n\nbc\n" + b"x" * (MAX_LENGTH + 9) + b"\r\nd\n"
        texts = ["a", "", "bc", "x" * MAX_LENGTH, "d"]
        sizes = [1, 0, 2, MAX_LENGTH + 9, 1]
        for at in range(len(stream)):
            first, second, rest = self.split(stream[:at], stream[at:])
            self.assertEqual([line.text for line in first + second], texts)
            self.assertEqual([line.size for line in first + second], sizes)
            self.assertEqual(rest, [])

    def test_carriageReturn(self) -> None:
        """
        A carriage return before the newline is removed.
        """
        self.assertEqual(self.split(b"a\r\n\r\n")[0], [whole("a"), whole("")])

    def test_tooLong(self) -> None:
        """
        A line that grows too long is returned when it ends, truncated. The rest of it
        is counted.
        """
        longest = "x" * MAX_LENGTH
        first, second, third, rest = self.split(
            longest.encode(), b"xyz", b"more of it\nnext\n"
        )
        self.assertEqual(first + second, [])
        long = Line(longest, truncated=True, size=MAX_LENGTH + 13)
        self.assertEqual(third, [long, whole("next")])
        self.assertEqual(rest, [])

    def test_maxLength(self) -> None:
        """
        A line of exactly C{MAX_LENGTH} bytes is not truncated, whatever ends it.
        """
        longest = "x" * MAX_LENGTH
        self.assertEqual(self.split(f"{longest}\r\n".encode())[0], [whole(longest)])
        self.assertEqual(self.split(f"{longest}\n".encode())[0], [whole(longest)])

    def test_unfinished(self) -> None:
        """
        A last line without a newline is truncated.
        """
        self.assertEqual(self.split(b"19:0")[1], [Line("19:0", True, size=4)])
        long = Line("x" * MAX_LENGTH, truncated=True, size=MAX_LENGTH + 1)
        self.assertEqual(self.split(b"x" * (MAX_LENGTH + 1))[1], [long])

    def test_notUTF8(self) -> None:
        """
        Bytes that are not UTF-8 are escaped.
        """
        self.assertEqual(self.split(b"\xffhi\n")[0], [Line(r"\xffhi", size=3)])
        self.assertEqual(self.split("ö\n".encode())[0], [whole("ö")])
