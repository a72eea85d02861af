"""
Tests for L{clock.clients.reading.events}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from clock.clients.reading.events import EventSplitter
from clock.clients.reading.lines import MAX_LENGTH, Line


class EventSplitterTests(SynchronousTestCase):
    """
    Splitting an event stream.
    """

    def assertLines(self, data: bytes, *expected: Line) -> None:
        """
        Assert that the same lines are found whether the bytes arrive at once or one by
        one.
        """
        for size in (len(data), 1):
            splitter = EventSplitter()
            found: list[Line] = []
            for start in range(0, len(data), size):
                found += splitter.split(data[start : start + size])
            self.assertEqual([*found, *splitter.finish()], [*expected])

    def test_data(self) -> None:
        """
        The data of an event is a line. One space after the colon is dropped, and
        comments and unknown fields are not lines.
        """
        self.assertLines(
            b": hello\n\ndata: a\n\nretry: 5\ndata:b\n\ndata:  c\n\ndata\n\n",
            *map(Line, ["a", "b", " c", ""]),
        )

    def test_lineEnds(self) -> None:
        """
        A line ends in LF, CRLF or CR, even if a CRLF arrives in two parts.
        """
        for end in (b"\n", b"\r\n", b"\r"):
            data = b"data: a" + end * 2 + b"data: b" + end * 2
            self.assertLines(data, Line("a"), Line("b"))
        self.assertLines(b"data: a\r\n\ndata: b\n\r\n", Line("a"), Line("b"))

    def test_byteOrderMark(self) -> None:
        """
        A byte order mark at the start is dropped, and nowhere else.
        """
        mark = b"\xef\xbb\xbf"
        self.assertLines(
            mark + b"data: a\n\n" + mark + b"data: b\n\ndata: c\n\n",
            Line("a"),
            Line("c"),
        )

    def test_severalLines(self) -> None:
        """
        Several lines of data in one event are one line, at its end.
        """
        splitter = EventSplitter()
        self.assertEqual([*splitter.split(b"data: a\r")], [])
        self.assertEqual([*splitter.split(b"")], [])
        self.assertEqual([*splitter.split(b"\ndata: b\n")], [])
        self.assertEqual([*splitter.split(b"\n")], [Line("a\nb")])
        self.assertLines(b"data: {\ndata\ndata: }\nid: 7\n\n", Line("{\n\n}", id="7"))

    def test_named(self) -> None:
        """
        Named events are lines until one without a name has come. Those in which this
        package's server numbers its clients are never lines.
        """
        self.assertLines(
            b"event: client\ndata: 7\n\nevent: ping\ndata: a\n\nevent: ping\n\n"
            b"event: ping\ndata: b\n\n\ndata: c\n\nevent: ping\ndata: d\n\n",
            Line("a", isNamed=True),
            Line("b", isNamed=True),
            Line("c"),
        )

    def test_name(self) -> None:
        """
        Events named C{message} are like those without a name.
        """
        self.assertLines(
            b"event: client\ndata: 7\n\nevent: message\ndata: a\n\ndata: b\n\n",
            Line("a"),
            Line("b"),
        )

    def test_id(self) -> None:
        """
        A line has the last id.
        """
        self.assertLines(
            b"data: a\n\ndata: b\nid: 7\n\ndata: c\n\n",
            Line("a"),
            Line("b", id="7"),
            Line("c", id="7"),
        )

    def test_unfinished(self) -> None:
        """
        An event without its empty line is dropped, as in browsers.
        """
        self.assertLines(b"data: a\n\ndata: b\n", Line("a"))

    def test_tooLong(self) -> None:
        """
        Long data is truncated. An event that never ends does not fill the memory.
        """
        long = b"data: " + b"x" * 10 * MAX_LENGTH + b"\n\n"
        self.assertLines(long, Line("x" * MAX_LENGTH, truncated=True))
        self.assertLines(
            b"data: " + b"x" * MAX_LENGTH + b"\n\n", Line("x" * MAX_LENGTH)
        )
        splitter = EventSplitter()
        for _ in range(100):
            self.assertEqual([*splitter.split(b"data: 0123456789\n" * 100)], [])
        (line,) = splitter.split(b"\n")
        self.assertTrue(line.truncated)
        self.assertEqual(len(line.text), MAX_LENGTH)
        self.assertEqual([*splitter.split(b"data: a\n\n")], [Line("a")])

    def test_notUTF8(self) -> None:
        """
        Bytes that are not UTF-8 are escaped.
        """
        self.assertLines(b"data: \xff\n\n", Line("\\xff"))
