"""
Tests for L{clock.clients.reading.urls.body} and L{clock.clients.reading.urls.exchange}.
"""

from __future__ import annotations

import gzip
import zlib
from typing import Any

from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import Factory, Protocol

from clock.clients.reading.connection import READ_SIZE, paceOf
from clock.clients.reading.ends import How
from clock.clients.reading.lines import Line
from clock.clients.reading.observer import Response
from clock.clients.reading.urls.decoders import GZIP
from clock.clients.reading.urls.head import MAX_HEADERS
from clock.tests.clients.reading.webclient import OK, START, WebClientTestCase

#: A header for a body in chunks.
CHUNKED = b"Transfer-Encoding: chunked\r\n"


class BodyTests(WebClientTestCase):
    """
    Reading the body of a response.
    """

    def test_endlessHeaders(self) -> None:
        """
        The connection is aborted if the headers never end. A long body does not end it.
        """
        for status in (OK, b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20000):
            self.read("http://x/")
            self.receive(status)
            for _ in range(MAX_HEADERS // READ_SIZE):
                self.receive(b"X: " + b"x" * (READ_SIZE - 5) + b"\r\n")
            self.assertTrue(self.transport.disconnected)
            self.reset()
            self.assertDown(How.NOT_HTTP, "the headers are too long")
        self.read("http://x/")
        self.receive(OK + b"\r\n")
        for _ in range(MAX_HEADERS // READ_SIZE):
            self.receive(b"x" * READ_SIZE)
        self.assertFalse(self.transport.disconnected)

    def test_longHeader(self) -> None:
        """
        Twisted closes the connection if one header is too long.
        """
        self.read("http://x/")
        self.receive(OK + b"X: " + b"x" * 20000)
        self.assertTrue(self.transport.disconnecting)
        self.close()
        self.assertDown(How.NOT_HTTP, "the headers are too long")

    def test_chunks(self) -> None:
        """
        Chunks are decoded as they come. The last one is the end, and another attempt
        is made. What is counted is the body.
        """
        self.read("http://x/")
        self.receive(OK + CHUNKED + b"\r\n2\r\na\n\r\n")
        self.assertEqual(self.takeEvents(), [*START, "connected", Line("a", size=1)])
        self.assertEqual(self.observer.bytes, 2)
        self.receive(b"0\r\n\r\n")
        self.assertDown(How.COMPLETE, "complete")
        self.close()
        self.reactor.advance(1)
        self.connect()
        self.assertEqual(self.takeEvents(), START)

    def test_length(self) -> None:
        """
        A body that arrives with its headers, and has its whole length, is complete.
        """
        for length, lines in [(b"2", [Line("a", size=1)]), (b"0", [])]:
            self.read("http://x/")
            self.receive(OK + b"Content-Length: " + length + b"\r\n\r\na\n")
            *events, (end, _) = self.takeEvents()
            self.assertEqual(events, [*START, "connected", *lines])
            self.assertEqual(end.how, How.COMPLETE)
            self.assertTrue(self.transport.disconnecting)

    def test_end(self) -> None:
        """
        The end of the connection is the end of a body without a length. It cuts one
        with chunks, or with a length. A reset is told apart.
        """
        length = b"Content-Length: 9\r\n"
        for header, end, how, text in [
            (b"", self.close, How.CLOSED, "closed by the server"),
            (b"", self.reset, How.RESET, "reset by the server"),
            (CHUNKED, self.close, How.CUT, "cut within a response"),
            (CHUNKED, self.reset, How.RESET, "reset by the server"),
            (length, self.close, How.CUT, "cut within a response"),
            (length, self.reset, How.RESET, "reset by the server"),
        ]:
            self.read("http://x/")
            self.receive(OK + header + b"\r\n")
            end()
            self.assertDown(how, text)

    def test_brokenChunk(self) -> None:
        """
        A chunk that is broken ends the response, as some servers mean it to.
        """
        self.read("http://x/")
        self.receive(OK + CHUNKED + b"\r\n2\r\na\n\r\n")
        self.receive(b"\0\r\n")
        self.assertTrue(self.transport.disconnecting)
        self.assertDown(How.CUT, "cut within a response: a chunk is broken")

    def test_noResponse(self) -> None:
        """
        Without headers there is no connection, whatever ends the wait.
        """
        for data, end, text in [
            (b"", self.close, "closed by the server without a response"),
            (b"HTTP/1.1 2", self.close, "closed by the server without a response"),
            (b"", self.reset, "reset by the server without a response"),
        ]:
            self.read("http://x/")
            self.receive(data)
            end()
            *events, (failure, _) = self.takeEvents()
            self.assertEqual(events, START)
            self.assertEqual(failure[:2], (How.NO_RESPONSE, text))

    def test_notHTTP(self) -> None:
        """
        What is not HTTP/1 is the reason. Frames of HTTP/2 are told apart.
        """
        http2 = "the server speaks HTTP/2, not HTTP/1.1"
        for data, text in [
            (b"19:03:13\r\n", "the response is not HTTP"),
            (b"HTTP/1.1 200 OK\r\nX\r\n\r\n", "the response is not HTTP"),
            (OK + b"Content-Length: x\r\n\r\n", "the response is not HTTP"),
            (b"\0\0\x12\4\0\0\0\0\0", http2),
            (b"\0\0\0\4\0\0\0\0\0\0\0\x08\7", http2),
        ]:
            self.read("http://x/")
            self.receive(data)
            self.reset()
            self.assertDown(How.NOT_HTTP, text)

    def test_almostHTTP2(self) -> None:
        """
        Other bytes that are not printable do not look like HTTP/2.
        """
        for data in (b"\0\0\x12\3\0", b"\0\1\x12\4\0", b"\0\0\x12\4\1"):
            self.read("http://x/")
            self.receive(data + b"\n")
            self.assertDown(How.NOT_HTTP, "the response is not HTTP")

    def test_transferEncoding(self) -> None:
        """
        Chunked is the only transfer encoding that is supported.
        """
        self.read("http://x/")
        self.receive(OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n")
        self.reset()
        text = "the transfer encoding is not supported: only chunked is"
        self.assertDown(How.MALFORMED, text)

    def test_head(self) -> None:
        """
        The head of a response is reported as it was sent, also the headers about the
        connection, but not an interim response. It is reported before the connection.
        """
        self.read("http://x/")
        self.receive(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
        self.assertEqual(self.responses, [])
        self.receive(b"HTTP/1.1 200 Fine\r\nserver: x\r\nX: a\r\n b\r\nX:\xff\x1b\r\n")
        self.receive(b"Content-Length: 2\r\n\r\na")
        (head,) = self.responses
        self.assertEqual(head[:3], ("HTTP/1.1", 200, "Fine"))
        self.assertEqual(
            head.headers,
            (
                ("server", "x"),
                ("X", "a b"),
                ("X", "\\xff\\x1b"),
                ("Content-Length", "2"),
            ),
        )

    def test_oldHead(self) -> None:
        """
        A head may be of HTTP/1.0, with lines that end in a newline only, and without
        words.
        """
        self.read("http://x/")
        self.receive(b"HTTP/1.0 200\nX: y\n\na\n\nb\n")
        self.assertEqual(self.responses, [Response("HTTP/1.0", 200, "", (("X", "y"),))])

    def test_status(self) -> None:
        """
        A status other than 200 is the reason, and the connection is aborted.
        """
        for status, how, text in [
            (b"502 Bad Gateway", How.STATUS, "502 Bad Gateway"),
            (b"504", How.STATUS, "504 Gateway Timeout"),
            (b"404 Nothing\x1b here", How.STATUS, "404 Nothing\\x1b here"),
            (b"204 No Content", How.STATUS, "204 No Content"),
            (b"407 Sign in", How.PROXY, "407 Sign in"),
        ]:
            self.read("http://x/")
            self.receive(b"HTTP/1.1 " + status + b"\r\n\r\n")
            end = self.takeEnd()
            self.assertEqual(end[:3], (how, text, int(status[:3])))
            self.assertIsNone(end.retryAfter)
            self.assertEqual(self.responses[-1].status, end.code)
            self.assertTrue(self.transport.disconnected)

    def test_retryAfter(self) -> None:
        """
        A server can ask to wait: for seconds, or until a time on its own clock.
        """
        date = b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
        for headers, seconds in [
            (b"Retry-After: 120\r\n", 120),
            (date + b"Retry-After: Sun, 06 Nov 1994 08:50:37 GMT\r\n", 60),
            (date + b"Retry-After: Sun, 06 Nov 1994 08:48:37 GMT\r\n", 0),
            (b"Retry-After: Sun, 06 Nov 1994 08:50:37 GMT\r\n", None),
            (date + b"Retry-After: Sun, 06 Nov 99999 08:50:37 GMT\r\n", None),
            (date + b"Retry-After: soon\r\n", None),
        ]:
            self.read("http://x/")
            self.receive(b"HTTP/1.1 503 Busy\r\n" + headers + b"\r\n")
            self.assertEqual(self.takeEnd().retryAfter, seconds)

    def test_gzip(self) -> None:
        """
        A gzip body is decoded at each flush. What is counted is not decoded.
        """
        self.read("http://x/")
        self.receive(OK + b"Content-Encoding: gzip\r\n\r\n")
        self.takeEvents()
        encoder = zlib.compressobj(wbits=GZIP)
        data = encoder.compress(b"a\n" * 99) + encoder.flush(zlib.Z_SYNC_FLUSH)
        self.receive(data)
        self.assertEqual(self.takeEvents(), [Line("a", size=1)] * 99)
        self.assertEqual(self.observer.bytes, len(data))

    def test_gzipCut(self) -> None:
        """
        Without the end of its gzip, a body is cut, even if its chunks are complete.
        """
        encoder = zlib.compressobj(wbits=GZIP)
        data = encoder.compress(b"a\n") + encoder.flush(zlib.Z_SYNC_FLUSH)
        end, cut = encoder.flush(), "cut within a response"
        missing = f"{cut}: the end of its encoding is missing"
        for rest, close, how, text in [
            (b"", self.close, How.CUT, cut),
            (b"", self.reset, How.RESET, "reset by the server"),
            (end, self.close, How.CLOSED, "closed by the server"),
        ]:
            self.read("http://x/")
            self.receive(OK + b"Content-Encoding: gzip\r\n\r\n" + data + rest)
            close()
            self.assertDown(how, text)
        for rest, how, text in [
            (b"", How.CUT, missing),
            (end, How.COMPLETE, "complete"),
        ]:
            self.read("http://x/")
            length = b"Content-Length: %d\r\n\r\n" % len(data + rest)
            self.receive(OK + b"Content-Encoding: gzip\r\n" + length + data + rest)
            self.assertDown(how, text)

    def test_padding(self) -> None:
        """
        Padding against buffers is read: 8 KB of blanks in gzip.
        """
        self.read("http://x/")
        self.receive(OK + b"Content-Encoding: gzip\r\n\r\n")
        self.receive(gzip.compress(b" " * 8192 + b"\n" + b"a\n"))
        self.assertEqual(self.takeEvents()[-1], Line("a", size=1))
        self.assertFalse(self.transport.disconnecting)

    def test_badEncoding(self) -> None:
        """
        A body that cannot be decoded ends the connection.
        """
        self.read("http://x/")
        self.receive(OK + b"Content-Encoding: gzip\r\n\r\n19:03:13\n")
        self.receive(b"19:03:14\n")
        self.assertTrue(self.transport.disconnected)
        self.reset()
        self.assertDown(How.MALFORMED, "the body is not gzip, as its header says")
        self.read("http://x/")
        self.receive(OK + b"Content-Encoding: x\xff\r\n\r\n")
        self.assertEqual(self.takeEnd().how, How.MALFORMED)

    def test_eventStream(self) -> None:
        """
        The data of each event in an event stream is a line. Its type need not be UTF-8.
        """
        for parameter in (b"", b"; charset=utf-8", b";\xff"):
            self.read("http://x/")
            self.receive(OK + b"Content-Type: text/event-stream" + parameter)
            self.receive(b"\r\n\r\nid: 7\ndata: 19:03:13\n\n")
            self.assertEqual(self.takeEvents()[-1][:3], ("19:03:13", False, "7"))

    def test_pace(self) -> None:
        """
        The receiver of a body finds the pace of its connection.
        """
        attempt = self.endpoint("http://x/").connect(Factory.forProtocol(Protocol))
        self.connect()
        self.receive(OK + b"\r\n")
        receiver: Any = self.successResultOf(attempt)
        self.assertIs(receiver.transport.transport, self.transport)
        self.assertIsNotNone(paceOf(receiver.transport))

    def linesReceived(self) -> int:
        """
        Count the lines that were reported.
        """
        return sum(isinstance(each, Line) for each in self.observer.events)

    def test_endAfterPause(self) -> None:
        """
        The end of a body is reported after all of its lines, which are read at the pace
        of the connection.
        """
        lineReceived = self.observer.lineReceived

        def takeTime(line: Line) -> None:
            self.reactor.rightNow += 0.0011
            lineReceived(line)

        self.observer.lineReceived = takeTime  # type: ignore[method-assign]
        self.read("http://x/")
        # As a real one, it can be paused while it closes.
        self.patch(self.transport, "_checkState", lambda: None)
        self.receive(OK + b"Content-Length: 40\r\n\r\n" + b"x\n" * 20)
        self.close()
        self.assertEqual(self.linesReceived(), 5)
        self.reactor.pump([0.02] * 4)
        self.assertEqual(self.linesReceived(), 20)
        end, _ = self.takeEvents()[-1]
        self.assertEqual(end.how, How.COMPLETE)

    def test_stop(self) -> None:
        """
        A stream can be stopped while it waits for the headers, and while it reads.
        """
        for data in (b"", OK + b"\r\n"):
            self.read("http://x/")
            self.receive(data)
            stopped = self.stream.stopService()
            self.assertTrue(self.transport.disconnecting)
            self.reset()
            self.successResultOf(stopped)
            self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_refused(self) -> None:
        """
        A connection that fails is reported in the system's words.
        """
        endpoint = self.endpoint("http://x/")
        attempt = endpoint.connect(None)  # type: ignore[arg-type]
        self.refuse()
        self.failureResultOf(attempt, ConnectionRefusedError)
