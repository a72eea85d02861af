"""
Tests for L{clock.clients.reading.events}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from clock.clients.reading.events import EventSplitter
from clock.clients.reading.lines import MAX_LENGTH, Line
from clock.clients.reading.observer import Other
from clock.tests.clients.reading.test_lines import whole


class EventSplitterTests(SynchronousTestCase):
    """
    Splitting an event stream.
    """

    def split(self, data: bytes, name: str | None = None) -> list[Line | Other]:
        """
        Split an event stream. Assert that it does not matter whether the bytes arrive
        at once or one by one.
        """
        found: list[list[Line | Other]] = []
        for size in (len(data), 1):
            splitter = EventSplitter(name)
            found.append([])
            for start in range(0, len(data), size):
                found[-1] += splitter.split(data[start : start + size])
            found[-1] += splitter.finish()
        self.assertEqual(*found)
        return found[0]

    def assertLines(self, data: bytes, *expected: Line) -> None:
        """
        Assert that these lines are found.
        """
        found = [each for each in self.split(data) if isinstance(each, Line)]
        self.assertEqual(found, [*expected])

    def test_data(self) -> None:
        """
        The data of an event is a line. One space after the colon is dropped, and
        comments and unknown fields are not lines.
        """
        self.assertLines(
            b": hello\n\ndata: a\n\nretry: 5\ndata:b\n\ndata:  c\n\ndata\n\n",
            *map(whole, ["a", "b", " c", ""]),
        )

    def test_lineEnds(self) -> None:
        """
        A line ends in LF, CRLF or CR, even if a CRLF arrives in two parts.
        """
        for end in (b"\n", b"\r\n", b"\r"):
            data = b"data: a" + end * 2 + b"data: b" + end * 2
            self.assertLines(data, whole("a"), whole("b"))
        self.assertLines(b"data: a\r\n\ndata: b\n\r\n", whole("a"), whole("b"))

    def test_byteOrderMark(self) -> None:
        """
        A byte order mark at the start is dropped, and nowhere else.
        """
        mark = b"\xef\xbb\xbf"
        self.assertLines(
            mark + b"data: a\n\n" + mark + b"data: b\n\ndata: c\n\n",
            whole("a"),
            whole("c"),
        )

    def test_severalLines(self) -> None:
        """
        Several lines of data in one event are one line, at its end.
        """
        splitter = EventSplitter()
        self.assertEqual([*splitter.split(b"data: a\r")], [Other.DATA])
        self.assertEqual([*splitter.split(b"")], [])
        self.assertEqual([*splitter.split(b"\ndata: b\n")], [Other.DATA])
        self.assertEqual([*splitter.split(b"\n")], [whole("a\nb")])
        line = Line("{\n\n}", id="7", size=4)
        self.assertLines(b"data: {\ndata\ndata: }\nid: 7\n\n", line)

    def test_names(self) -> None:
        """
        Events with a name are lines like others, except those in which this package's
        server numbers its clients. C{message} stands for no name.
        """
        stream = (
            b"event: client\ndata: 7\n\nevent: ping\ndata: a\n\ndata: b\n\n"
            b"event: message\ndata: c\n\nevent\ndata: d\n\nevent: ping\ndata: e\n\n"
        )
        client, a, b, c, d, e = (
            Line("7", name="client", size=1),
            Line("a", name="ping", size=1),
            *map(whole, "bcd"),
            Line("e", name="ping", size=1),
        )
        for name, lines in [
            (None, [a, b, c, d, e]),
            ("ping", [a, e]),
            ("message", [b, c, d]),
            ("client", [client]),
            ("other", []),
        ]:
            found = self.split(stream, name)
            self.assertEqual([each for each in found if isinstance(each, Line)], lines)
            self.assertEqual(found.count(Other.OTHER_EVENT), 6 - len(lines))

    def test_id(self) -> None:
        """
        A line has its own id only.
        """
        self.assertLines(
            b"data: a\n\ndata: b\nid: 7\n\ndata: c\n\n",
            whole("a"),
            Line("b", id="7", size=1),
            whole("c"),
        )

    def test_others(self) -> None:
        """
        What is not a line is reported as what it is. The time until browsers reconnect
        is not reported, and empty lines are not.
        """
        for data, expected in [
            (b": x\n:\n\n", [Other.COMMENT] * 2),
            (b"data: a\ndata\n\n", [Other.DATA] * 2 + [Line("a\n", size=2)]),
            (b"event: a\n\nid: 7\n\n\n", [Other.NO_DATA] * 2),
            (b"retry: 5\n\n\n", []),
            (b"hello\n{}\nDATA: x\n data: x\n\n", [Other.NO_FIELD] * 4),
        ]:
            self.assertEqual(self.split(data), expected)

    def test_unfinished(self) -> None:
        """
        An event without its empty line is dropped, as in browsers. It is reported if it
        has data.
        """
        line: list[Line | Other] = [Other.DATA, whole("a")]
        for end, others in [
            (b"data: b\n", [Other.DATA, Other.UNFINISHED]),
            (b"data: b", [Other.UNFINISHED]),
            (b"event: b\n", []),
            (b"dat", []),
            (b"", []),
        ]:
            self.assertEqual(self.split(b"data: a\n\n" + end), line + others)
        end = b"event: b\ndata: c"
        self.assertEqual(self.split(end), [Other.UNFINISHED])
        self.assertEqual(self.split(end, "b"), [Other.UNFINISHED])
        self.assertEqual(self.split(end, "a"), [])

    def test_tooLong(self) -> None:
        """
        Long data is truncated. An event that never ends does not fill the memory.
        """
        text = "x" * MAX_LENGTH
        for size in (MAX_LENGTH, MAX_LENGTH + 1, 10 * MAX_LENGTH):
            isTooLong = size > MAX_LENGTH
            for field in (b"data: ", b"data:"):
                long = field + b"x" * size + b"\n\n"
                self.assertLines(long, Line(text, isTooLong, size=size))
        splitter = EventSplitter()
        data = [Other.DATA] * 100
        for _ in range(100):
            self.assertEqual([*splitter.split(b"data: 0123456789\n" * 100)], data)
        (line,) = splitter.split(b"\n")
        assert isinstance(line, Line)
        self.assertTrue(line.truncated)
        self.assertEqual((len(line.text), line.size), (MAX_LENGTH, 109_999))
        found = [*splitter.split(b"data: a\n\n")]
        self.assertEqual(found, [Other.DATA, whole("a")])

    def test_notUTF8(self) -> None:
        """
        Bytes that are not UTF-8 are escaped.
        """
        self.assertLines(b"data: \xff\n\n", Line("\\xff", size=1))
