"""
Tests for L{clock.clients.check.evidence} and L{clock.clients.check.connection}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from clock.clients.check.connection import MAX_VALUE
from clock.clients.check.evidence import MAX_ARRIVALS, MAX_CONNECTIONS, MAX_SHOWN
from clock.clients.reading.ends import End, How
from clock.clients.reading.lines import Line
from clock.clients.reading.observer import Other, Step
from clock.clients.reading.timestamps import SECOND
from clock.tests.clients.check.fixture import CLOSED, START, FakeStream

COMPLETE = End(How.COMPLETE, "complete")


class EvidenceTests(SynchronousTestCase):
    """
    What is kept of a stream.
    """

    def test_record(self) -> None:
        """
        The record of a connection has the time of each step of its last request,
        counts, and the end.
        """
        stream = FakeStream()
        stream.begin(1)
        stream.evidence.stepReached(Step.SECURED, "TLSv1.3")
        stream.evidence.redirected("http://x/")
        stream.request(1)
        stream.respond(2, "text/event-stream; charset=utf-8")
        stream.advance(3)
        stream.receive("a", "bcd")
        stream.other(Other.COMMENT, Other.COMMENT, at=5)
        stream.advance(9)
        stream.receive("e")
        stream.evidence.paused(0.25)
        stream.evidence.paused(0.5)
        stream.disconnect(10)
        (found,) = stream.evidence.connections
        self.assertEqual(found.begun, 1)
        self.assertEqual(found.steps, {Step.CONNECTED: 1, Step.REQUESTED: 1})
        self.assertEqual(found.details[Step.REQUESTED], "GET")
        self.assertEqual(found.redirectedTo, "http://x/")
        self.assertEqual((found.headersAt, found.start), (2, 1))
        self.assertTrue(found.isMade)
        self.assertTrue(found.isEventStream())
        self.assertFalse(found.isWebSocket())
        self.assertEqual((found.bytes, found.lines), (11, 3))
        self.assertEqual((found.firstByte, found.lastByte), (3, 9))
        self.assertEqual((found.firstLine, found.lastLine), (3, 9))
        self.assertEqual((found.longestPause, found.longestGap), (4, 6))
        self.assertEqual((found.longestLine, found.tooLong), (3, 0))
        self.assertEqual(found.others, {Other.COMMENT: 2})
        self.assertEqual(found.paused, 0.75)
        self.assertEqual((found.end, found.how), (10, CLOSED))

    def test_steps(self) -> None:
        """
        An attempt that fails is a record without a stream.
        """
        stream = FakeStream()
        stream.request(1)
        self.assertEqual(stream.evidence.awaitingHeaders(), 1)
        stream.disconnect(3, End(How.NO_RESPONSE, "no response"))
        evidence = stream.evidence
        self.assertIsNone(evidence.awaitingHeaders())
        self.assertEqual((evidence.failures, evidence.disconnects), (1, 0))
        self.assertFalse(evidence.reached)
        self.assertEqual(evidence.made(), [])
        self.assertEqual(evidence.longestSilence(9), 0)
        self.assertEqual(evidence.longestOutage(9), 0)

    def test_headers(self) -> None:
        """
        Only the headers that tell the path are kept, and the beginning of each: a
        server can send a different megabyte of them with each response.
        """
        stream = FakeStream()
        stream.request(0)
        stream.respond(1, "text/plain", Server="x" * 300, Set_Cookie="secret")
        response = stream.evidence.connections[-1].response
        assert response is not None
        kept = (("Content-Type", "text/plain"), ("Server", "x" * MAX_VALUE))
        self.assertEqual(response.headers, kept)

    def test_awaitingHeaders(self) -> None:
        """
        Headers are awaited after the request, until they arrive.
        """
        stream = FakeStream()
        self.assertIsNone(stream.evidence.awaitingHeaders())
        stream.begin(1)
        self.assertIsNone(stream.evidence.awaitingHeaders())
        stream.request(2)
        self.assertEqual(stream.evidence.awaitingHeaders(), 2)
        stream.respond(3)
        self.assertIsNone(stream.evidence.awaitingHeaders())
        for how in (How.STATUS, How.NOT_WEBSOCKET):
            stream = FakeStream()
            stream.disconnect(end=End(how, "404 Not Found", 404))
            stream.request()
            self.assertIsNone(stream.evidence.awaitingHeaders())

    def test_silence(self) -> None:
        """
        The time without a line begins at the first request, and continues after the
        connection is lost.
        """
        stream = FakeStream()
        stream.begin(1)
        stream.request(2)
        stream.respond(4)
        evidence = stream.evidence
        self.assertEqual(evidence.longestSilence(5), 3)
        stream.advance(6)
        stream.receive("a")
        self.assertEqual((evidence.silence, evidence.firstWait), (4, 4))
        self.assertIsNone(evidence.gaps.percentiles())
        stream.disconnect(7)
        stream.connect(9)
        stream.advance(11)
        stream.receive("b")
        self.assertEqual((evidence.silence, evidence.firstWait), (5, 4))
        self.assertEqual(evidence.longestSilence(18), 7)
        self.assertEqual(evidence.outage, 2)
        first, second = evidence.arrivals
        self.assertEqual((first.gap, second.gap), (4, 2))
        self.assertEqual((first.isFirst, second.isFirst), (True, True))

    def test_withoutNewline(self) -> None:
        """
        The last line of a complete response need not end with a newline. It came with
        the last byte. If the response was cut, the line was too.
        """
        for how, counts in ((How.COMPLETE, (2, 0)), (How.CUT, (1, 1))):
            stream = FakeStream()
            stream.request(0.5)
            stream.respond(1)
            stream.receive("one")
            stream.advance(2)
            stream.evidence.bytesReceived(3)
            stream.advance(4)
            stream.evidence.lineReceived(Line("two", True, size=3))
            stream.disconnect(end=End(how, "x"))
            evidence = stream.evidence
            self.assertEqual((evidence.lines, evidence.truncated), counts)
            self.assertEqual(
                [each.at for each in evidence.arrivals], [1, 2][: counts[0]]
            )
            self.assertEqual(
                [each.arrived / SECOND - START for each in evidence.arrivals],
                [1, 2][: counts[0]],
            )

    def test_onlyPartOfALine(self) -> None:
        """
        Text without a newline is no line, though it is complete.
        """
        stream = FakeStream()
        stream.request()
        stream.respond()
        stream.receive("one", truncated=True)
        stream.disconnect(end=End(How.COMPLETE, "complete"))
        self.assertEqual((stream.evidence.lines, stream.evidence.truncated), (0, 1))

    def test_truncated(self) -> None:
        """
        A line that is cut is counted, but it did not arrive then. One that is too long
        is a line.
        """
        stream = FakeStream()
        stream.connect()
        stream.receive("ab", truncated=True)
        evidence = stream.evidence
        connection = evidence.connections[-1]
        self.assertEqual((evidence.lines, evidence.truncated), (0, 1))
        self.assertEqual(len(evidence.arrivals), 0)
        stream.receive("ab", truncated=True, size=100_000)
        self.assertEqual((evidence.lines, evidence.truncated), (1, 1))
        self.assertEqual((connection.tooLong, connection.longestLine), (1, 100_000))

    def test_looksLikeEvents(self) -> None:
        """
        Most lines of a text may look like events: not those of an event stream, of a
        WebSocket, or over TCP.
        """
        for type, status, expected in (
            ("text/plain", 200, True),
            ("text/event-stream", 200, False),
            ("", 101, False),
        ):
            stream = FakeStream()
            stream.request()
            stream.respond(type=type, status=status)
            stream.receive("x", "data: x", ": ok")
            connection = stream.evidence.connections[-1]
            self.assertFalse(connection.looksLikeEvents())
            stream.receive("")
            self.assertEqual(connection.looksLikeEvents(), expected)
            stream.receive(": ok", "data: x", "id: 1", "")
            self.assertEqual(connection.looksLikeEvents(), expected)
            stream.receive("x", "data", *"abcde")
            self.assertFalse(connection.looksLikeEvents())
            self.assertEqual(connection.isWebSocket(), status == 101)
        stream = FakeStream()
        stream.connect()
        stream.receive("data: x", "")
        self.assertFalse(stream.evidence.connections[-1].looksLikeEvents())

    def test_hasPaused(self) -> None:
        """
        A pause matters if it is not short beside the time that was read, over all
        connections. A connection without a byte does not count.
        """
        stream = FakeStream()
        stream.connect(1)
        stream.advance(11)
        stream.receive("a")
        stream.evidence.paused(0.4)
        self.assertFalse(stream.evidence.hasPaused())
        stream.disconnect(12)
        stream.connect(13)
        self.assertFalse(stream.evidence.hasPaused())
        stream.evidence.paused(0.2)
        self.assertTrue(stream.evidence.hasPaused())

    def test_firstLine(self) -> None:
        """
        The time to the first line is known after many connections.
        """
        stream = FakeStream()
        stream.disconnect(1)
        stream.connect(3)
        self.assertIsNone(stream.evidence.firstLineAfter)
        stream.advance(4)
        stream.receive("a", "b")
        for _ in range(MAX_CONNECTIONS + 1):
            stream.disconnect()
        self.assertEqual(stream.evidence.firstLineAfter, 3)

    def test_memory(self) -> None:
        """
        The memory is limited, whatever the server sends.
        """
        stream = FakeStream()
        stream.connect()
        stream.receive("x" * 2 * MAX_SHOWN)
        self.assertEqual(stream.evidence.last, "x" * MAX_SHOWN)
        for _ in range(MAX_ARRIVALS + 1):
            stream.evidence.lineReceived(Line("x"))
        self.assertEqual(len(stream.evidence.arrivals), MAX_ARRIVALS)
        for _ in range(MAX_CONNECTIONS + 1):
            stream.disconnect()
        self.assertEqual(len(stream.evidence.connections), MAX_CONNECTIONS)
        self.assertEqual(stream.evidence.failures, MAX_CONNECTIONS)


class ConnectionTests(SynchronousTestCase):
    """
    The record of a connection.
    """

    def test_endedInOrder(self) -> None:
        """
        A complete response, a close frame with a good code, and a close that shows
        nothing are ends in good order.
        """
        for end, isInOrder in (
            (COMPLETE, True),
            (CLOSED, True),
            (End(How.CLOSE_FRAME, "", 1001), True),
            (End(How.CLOSE_FRAME, "", 1011), False),
            (End(How.CUT, ""), False),
            (End(How.CLOSED_WITHIN_LINE, ""), False),
        ):
            stream = FakeStream()
            stream.connect()
            connection = stream.evidence.connections[-1]
            self.assertFalse(connection.endedInOrder())
            stream.disconnect(end=end)
            self.assertEqual(connection.endedInOrder(), isInOrder, end)

    def test_contentType(self) -> None:
        """
        The media type has no parameters. If it was sent twice, the first one counts.
        """
        for type, expected in (
            ("Text/Event-Stream ; charset=utf-8", "text/event-stream"),
            ("text/event-stream, text/plain", "text/event-stream"),
            ("", ""),
        ):
            stream = FakeStream()
            stream.request()
            stream.respond(type=type)
            connection = stream.evidence.connections[-1]
            self.assertEqual(connection.contentType(), expected)

    def test_isDocument(self) -> None:
        """
        A document is complete, came at once, and has the type of one.
        """
        for type, pause, end, isDocument in (
            ("text/html", 0.05, COMPLETE, True),
            ("application/json; charset=utf-8", 0, COMPLETE, True),
            ("text/html", 0.2, COMPLETE, False),
            ("text/html", 0, CLOSED, False),
            ("text/html", 0, None, False),
            ("text/plain", 0, COMPLETE, False),
            ("", 0, COMPLETE, False),
        ):
            stream = FakeStream()
            stream.request()
            stream.respond(type=type)
            stream.receive("a")
            stream.clock.advance(pause)
            stream.receive("b")
            if end is not None:
                stream.disconnect(end=end)
            connection = stream.evidence.connections[-1]
            self.assertEqual(connection.isDocument(), isDocument, type)
