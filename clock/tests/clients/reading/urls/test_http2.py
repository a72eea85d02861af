"""
Tests for L{clock.clients.reading.urls.http2.protocol} and
L{clock.clients.reading.urls.http2.messages}.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseDone
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IResponse
from zope.interface.verify import verifyObject

from clock.clients.reading.ends import End, EndError, How
from clock.clients.reading.urls.head import MAX_HEADERS

if find_spec("h2") is None:
    # Trial skips the tests of this module.
    skip = "h2 is not installed: pip install 'txclock[http2]'"
else:
    from h2.config import H2Configuration
    from h2.connection import H2Connection
    from h2.errors import ErrorCodes
    from h2.events import DataReceived, PingAckReceived, StreamEnded
    from hyperframe.frame import (
        ContinuationFrame,
        DataFrame,
        GoAwayFrame,
        HeadersFrame,
        PingFrame,
        PushPromiseFrame,
        RstStreamFrame,
        SettingsFrame,
    )

    from clock.clients.reading.urls.http2.messages import MAX_EXPLANATION
    from clock.clients.reading.urls.http2.protocol import MAX_FRAME, HTTP2ClientProtocol

#: The headers of a response.
OK = [(":status", "200"), ("content-type", "text/event-stream")]


class Request:
    """
    A request, as C{twisted.web} makes it.
    """

    absoluteURI = b"https://example.org/lines"

    def __init__(
        self,
        method: bytes = b"GET",
        headers: dict[str, list[str]] | None = None,
        bodyProducer: object = None,
    ) -> None:
        self.method = method
        self.uri = b"/lines?x=1"
        self.headers = Headers({"Host": ["example.org"], **(headers or {})})
        self.bodyProducer = bodyProducer


class Producer:
    """
    A producer of a body. It writes all of it, but is not done before the test says so.
    """

    isStopped = False

    def __init__(self, data: bytes, length: Any = None) -> None:
        self.length = len(data) if length is None else length
        self.done: Deferred[None] = Deferred()
        self._data = data

    def startProducing(self, consumer: Any) -> Deferred[None]:
        """
        Write all.
        """
        consumer.write(self._data)
        return self.done

    def stopProducing(self) -> None:
        """
        Note it.
        """
        self.isStopped = True


class Receiver:
    """
    A receiver of a body.
    """

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.reason: Failure | None = None

    def makeConnection(self, transport: object) -> None:
        """
        Do nothing.
        """

    def dataReceived(self, data: bytes) -> None:
        """
        Note what has arrived.
        """
        self.received.append(data)

    def connectionLost(self, reason: Failure) -> None:
        """
        Note the reason.
        """
        assert self.reason is None
        self.reason = reason


class HTTP2TestCase(SynchronousTestCase):
    """
    A connection in memory to a server of C{h2}.
    """

    def setUp(self) -> None:
        """
        Connect, and exchange settings.
        """
        self.server = H2Connection(H2Configuration(client_side=False))
        self.server.initiate_connection()
        self.pings = 0
        self.transport: Any = StringTransport()
        self.protocol = HTTP2ClientProtocol(self.ping)
        self.protocol.makeConnection(self.transport)
        self.receiver: Any = Receiver()
        self.exchange()

    def ping(self) -> None:
        """
        Count the pings.
        """
        self.pings += 1

    def exchange(self) -> list[Any]:
        """
        Deliver what both sides have sent.

        @return: the events of the server.
        """
        events: list[Any] = []
        while True:
            sent, answer = self.transport.value(), self.server.data_to_send()
            self.transport.clear()
            if not sent and not answer:
                return events
            events += self.server.receive_data(sent)
            if answer:
                self.protocol.dataReceived(answer)

    def request(self, *args: Any, **options: Any) -> list[Any]:
        """
        Send a request.

        @return: the events of the server.
        """
        self.responded = self.protocol.request(Request(*args, **options))
        return self.exchange()

    def respond(self, headers: Any = OK, **options: Any) -> None:
        """
        Send the request, and let the response arrive. Read its body.
        """
        self.request()
        self.server.send_headers(1, headers, **options)
        self.exchange()
        self.response: Any = self.successResultOf(self.responded)
        self.response.deliverBody(self.receiver)

    def send(self, data: bytes, **options: Any) -> None:
        """
        Let data arrive.
        """
        self.server.send_data(1, data, **options)
        self.exchange()

    def receive(self, frame: Any) -> None:
        """
        Let a frame arrive that C{h2} might not send.
        """
        self.protocol.dataReceived(frame.serialize())

    def ended(self) -> End:
        """
        Return how the body ended.
        """
        error: Any = self.receiver.reason.value
        self.assertIsInstance(error, EndError)
        return error.end  # type: ignore[no-any-return]

    def failed(self) -> End:
        """
        Return why there is no response.
        """
        error: Any = self.failureResultOf(self.responded, EndError).value
        return error.end  # type: ignore[no-any-return]


class ResponseTests(HTTP2TestCase):
    """
    A request, and the response.
    """

    def test_request(self) -> None:
        """
        Headers of HTTP/1 are translated or omitted, and the others are sent in lower
        case. There is no body.
        """
        headers = {"X-A": ["1", "2"], "Connection": ["close"], "Content-Length": ["9"]}
        received, ended = self.request(headers=headers)
        self.assertIsInstance(ended, StreamEnded)
        expected = [
            (b":method", b"GET"),
            (b":scheme", b"https"),
            (b":authority", b"example.org"),
            (b":path", b"/lines?x=1"),
            (b"x-a", b"1"),
            (b"x-a", b"2"),
        ]
        self.assertEqual(received.headers, expected)

    def test_settings(self) -> None:
        """
        The server must not push, and gets a window that is large enough.
        """
        settings = self.server.remote_settings
        self.assertFalse(settings.enable_push)
        self.assertEqual(settings.max_concurrent_streams, 0)
        self.request()
        self.assertEqual(self.server.local_flow_control_window(1), 2**20)

    def test_response(self) -> None:
        """
        The response is one as Twisted has them. The body is read to its end, and then
        the connection is closed.
        """
        self.respond([*OK, ("content-length", "4")])
        verifyObject(IResponse, self.response)
        self.assertEqual(self.response.version, (b"HTTP", 2, 0))
        self.assertEqual((self.response.code, self.response.phrase), (200, b""))
        expected = {b"Content-Type": [b"text/event-stream"], b"Content-Length": [b"4"]}
        self.assertEqual(dict(self.response.headers.getAllRawHeaders()), expected)
        self.assertEqual(self.response.length, 4)
        self.assertEqual(self.response.request.uri, b"/lines?x=1")
        self.response.setPreviousResponse(self.response)
        self.assertIs(self.response.previousResponse, self.response)
        self.send(b"a\n")
        self.assertFalse(self.transport.disconnecting)
        self.send(b"b\n", end_stream=True)
        self.assertEqual(self.receiver.received, [b"a\n", b"b\n"])
        self.assertTrue(self.receiver.reason.check(ResponseDone))
        self.assertTrue(self.transport.disconnecting)
        self.protocol.connectionLost(Failure(ConnectionDone()))

    def test_noBody(self) -> None:
        """
        The headers may be all.
        """
        self.respond([(":status", "204")], end_stream=True)
        self.assertEqual(self.response.length, UNKNOWN_LENGTH)
        self.assertEqual(self.receiver.received, [])
        self.assertTrue(self.receiver.reason.check(ResponseDone))

    def test_head(self) -> None:
        """
        A length in a response to HEAD need not be a number that can be read.
        """
        for length in ("x", "9" * 5000):
            self.setUp()
            self.request(b"HEAD")
            headers = [(":status", "200"), ("content-length", length)]
            self.server.send_headers(1, headers, end_stream=True)
            self.exchange()
            response: Any = self.successResultOf(self.responded)
            self.assertEqual(response.length, UNKNOWN_LENGTH)

    def test_interimAndTrailers(self) -> None:
        """
        An interim response and trailers are ignored.
        """
        self.request()
        self.server.send_headers(1, [(":status", "103"), ("link", "</x>")])
        self.exchange()
        self.assertNoResult(self.responded)
        self.server.send_headers(1, OK)
        self.server.send_data(1, b"a\n")
        self.server.send_headers(1, [("grpc-status", "0")], end_stream=True)
        self.exchange()
        self.response = self.successResultOf(self.responded)
        self.assertNotIn("grpc-status", dict(self.response.headers.getAllRawHeaders()))
        self.response.deliverBody(self.receiver)
        self.assertEqual(b"".join(self.receiver.received), b"a\n")
        self.assertTrue(self.receiver.reason.check(ResponseDone))

    def test_paused(self) -> None:
        """
        Nothing is read until the body is delivered, except for what came with the
        headers.
        """
        self.request()
        self.server.send_headers(1, OK)
        self.server.send_data(1, b"a\n")
        self.exchange()
        self.assertEqual(self.transport.producerState, "paused")
        response: Any = self.successResultOf(self.responded)
        response.deliverBody(self.receiver)
        self.assertEqual(self.transport.producerState, "producing")
        self.assertEqual(self.receiver.received, [b"a\n"])

    def test_pieces(self) -> None:
        """
        A frame may arrive in pieces, and others with it.
        """
        self.respond()
        self.server.send_data(1, b"a\n")
        self.server.ping(b"12345678")
        self.server.send_data(1, b"b\n")
        for byte in self.server.data_to_send():
            self.protocol.dataReceived(bytes([byte]))
        self.assertEqual(self.receiver.received, [b"a\n", b"", b"b\n"])

    def test_endless(self) -> None:
        """
        What arrives is acknowledged at once, also padding.
        """
        self.respond()
        for _ in range(300):
            self.send(b"x" * 16_000, pad_length=255)
        self.assertEqual(sum(map(len, self.receiver.received)), 4_800_000)
        self.assertGreater(self.server.local_flow_control_window(1), 2**19)

    def test_ping(self) -> None:
        """
        A ping is answered and reported, also before the response. After it, it counts
        as a read.
        """
        self.request()
        self.server.ping(b"12345678")
        (answer,) = self.exchange()
        self.assertIsInstance(answer, PingAckReceived)
        self.assertEqual(self.pings, 1)
        self.server.send_headers(1, OK)
        self.exchange()
        response: Any = self.successResultOf(self.responded)
        response.deliverBody(self.receiver)
        self.server.ping(b"12345678")
        self.exchange()
        self.assertEqual((self.pings, self.receiver.received), (2, [b""]))

    def test_cheapFrames(self) -> None:
        """
        Each frame without data counts as a read: the receiver limits them.
        """
        self.respond()
        for frame in (SettingsFrame(0), DataFrame(1), PingFrame(0, b"x" * 8)):
            self.receive(frame)
        self.assertEqual(self.receiver.received, [b""] * 3)

    def test_cancel(self) -> None:
        """
        To cancel the request aborts the connection. What comes later is ignored.
        """
        self.request()
        self.responded.cancel()
        self.failureResultOf(self.responded, CancelledError)
        self.assertTrue(self.transport.disconnected)
        self.server.send_headers(1, OK)
        self.protocol.dataReceived(self.server.data_to_send())
        self.protocol.connectionLost(Failure(ConnectionLost()))


class BodyTests(HTTP2TestCase):
    """
    The body of a request.
    """

    def receivedBody(self, events: list[Any]) -> bytes:
        """
        Return the data in the events of the server, and acknowledge it.
        """
        data = b""
        for event in events:
            if isinstance(event, DataReceived):
                data += event.data
                size = event.flow_controlled_length
                self.server.acknowledge_received_data(size, 1)
        return data

    def test_post(self) -> None:
        """
        The body is sent with its length. The stream ends when the producer is done.
        """
        producer = Producer(b"hello")
        events = self.request(b"POST", bodyProducer=producer)
        self.assertIn((b"content-length", b"5"), events[0].headers)
        self.assertEqual(self.receivedBody(events), b"hello")
        self.assertFalse(any(isinstance(each, StreamEnded) for each in events))
        producer.done.callback(None)
        self.assertIsInstance(self.exchange()[-1], StreamEnded)

    def test_largeBody(self) -> None:
        """
        The body is sent as the server's window allows it.
        """
        body = bytes(range(250)) * 10_000
        producer = Producer(body)
        events = self.request(b"POST", bodyProducer=producer)
        received = self.receivedBody(events)
        self.assertEqual(len(received), 65_535)
        producer.done.callback(None)
        while not isinstance(events[-1], StreamEnded):
            events = self.exchange()
            self.assertNotEqual(events, [])
            received += self.receivedBody(events)
        self.assertEqual(received, body)
        self.assertFalse(producer.isStopped)

    def test_empty(self) -> None:
        """
        A POST without a body says so. A body of unknown length has no length.
        """
        self.assertIn((b"content-length", b"0"), self.request(b"POST")[0].headers)
        self.setUp()
        producer = Producer(b"x", UNKNOWN_LENGTH)
        received = self.request(b"POST", bodyProducer=producer)[0]
        self.assertNotIn(b"content-length", dict(received.headers))

    def test_responseFirst(self) -> None:
        """
        A complete response before the end of the body ends both.
        """
        producer = Producer(b"x" * 100_000)
        self.request(b"POST", bodyProducer=producer)
        self.server.send_headers(1, [(":status", "413")], end_stream=True)
        self.server.reset_stream(1, ErrorCodes.NO_ERROR)
        self.protocol.dataReceived(self.server.data_to_send())
        response: Any = self.successResultOf(self.responded)
        response.deliverBody(self.receiver)
        self.assertTrue(self.receiver.reason.check(ResponseDone))
        self.assertTrue(producer.isStopped)

    def test_producerFails(self) -> None:
        """
        The request fails if its producer does. A later failure is ignored.
        """
        producer = Producer(b"x")
        self.request(b"POST", bodyProducer=producer)
        producer.done.errback(Failure(OSError("no such file")))
        self.failureResultOf(self.responded, OSError)
        self.setUp()
        producer = Producer(b"x")
        self.request(b"POST", bodyProducer=producer)
        self.server.reset_stream(1, ErrorCodes.CANCEL)
        self.exchange()
        producer.done.errback(Failure(OSError("no such file")))
        self.assertEqual(self.failed().code, 8)

    def test_notValid(self) -> None:
        """
        A header that HTTP/2 refuses is an error.
        """
        self.responded = self.protocol.request(Request(headers={"TE": ["gzip"]}))
        self.assertEqual(self.failed().how, How.OTHER)
        self.assertTrue(self.transport.disconnecting)


class EndTests(HTTP2TestCase):
    """
    How a stream ends.
    """

    def test_reset(self) -> None:
        """
        The error of a stream has a name, within a response and before it.
        """
        self.respond()
        self.server.reset_stream(1, ErrorCodes.INTERNAL_ERROR)
        self.exchange()
        text = "the server ended the stream with INTERNAL_ERROR"
        self.assertEqual(self.ended(), End(How.HTTP2_ERROR, text, 2))
        self.setUp()
        self.request()
        self.receive(RstStreamFrame(1, error_code=0xFF))
        text = "the server ended the stream with error 255"
        self.assertEqual(self.failed(), End(How.HTTP2_ERROR, text, 255))

    def test_resetWithoutError(self) -> None:
        """
        A reset without an error is one, if the response is not complete.
        """
        self.respond()
        self.server.reset_stream(1, ErrorCodes.NO_ERROR)
        self.exchange()
        text = "the server ended the stream with NO_ERROR"
        self.assertEqual(self.ended(), End(How.HTTP2_ERROR, text, 0))

    def test_goAway(self) -> None:
        """
        The error of a connection has a name, and the server's explanation if it is
        text.
        """
        text = "the server closed the connection with ENHANCE_YOUR_CALM"
        long = "é" * MAX_EXPLANATION
        for data, reason in (
            (b"", ""),
            (b"too_many_pings", "too_many_pings"),
            (b"\x1b[2J", ""),
            (b"\xff", ""),
            (long.encode() * 2, long),
        ):
            self.setUp()
            self.respond()
            self.send(b"a\n")
            self.receive(GoAwayFrame(0, 1, error_code=11, additional_data=data))
            words = f"{text}: {reason}" if reason else text
            expected = End(How.HTTP2_ERROR, words, 11, reason)
            self.assertEqual(self.ended(), expected)
            self.assertTrue(self.transport.disconnecting)

    def test_gracefulGoAway(self) -> None:
        """
        The stream goes on after a GOAWAY without an error, even after a second one.
        """
        self.respond()
        self.receive(GoAwayFrame(0, 2**31 - 1))
        self.receive(GoAwayFrame(0, 1, additional_data=b"bye"))
        self.send(b"a\n")
        for _ in range(100):
            self.send(b"x" * 16_000)
        self.send(b"b\n", end_stream=True)
        self.assertEqual(self.receiver.received[2], b"a\n")
        self.assertTrue(self.receiver.reason.check(ResponseDone))

    def test_goAwayBeforeRequest(self) -> None:
        """
        A GOAWAY that excludes this request is an error, also before the request.
        """
        text = "the server closed the connection without processing the request"
        expected = End(How.HTTP2_ERROR, text, 0)
        self.request()
        self.receive(GoAwayFrame(0, 0))
        self.assertEqual(self.failed(), expected)
        self.setUp()
        self.receive(GoAwayFrame(0, 0))
        self.responded = self.protocol.request(Request())
        self.assertEqual(self.failed(), expected)

    def test_connectionLost(self) -> None:
        """
        A connection that is closed or reset within a response is told apart.
        """
        self.respond()
        self.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.ended(), End(How.CUT, "cut within a response"))
        self.setUp()
        self.respond()
        self.protocol.connectionLost(Failure(ConnectionLost()))
        self.assertTrue(self.receiver.reason.check(ConnectionLost))

    def test_noResponse(self) -> None:
        """
        The same before a response.
        """
        self.request()
        self.protocol.connectionLost(Failure(ConnectionDone()))
        text = "closed by the server without a response"
        self.assertEqual(self.failed(), End(How.NO_RESPONSE, text))
        self.setUp()
        self.request()
        self.protocol.connectionLost(Failure(ConnectionLost()))
        self.failureResultOf(self.responded, ConnectionLost)

    def test_length(self) -> None:
        """
        A body that is shorter than its length is cut, and a longer one is a violation.
        """
        self.respond([*OK, ("content-length", "4")])
        self.send(b"a\n")
        self.receive(DataFrame(1, flags=["END_STREAM"]))
        self.assertEqual(self.ended(), End(How.CUT, "cut within a response"))
        self.setUp()
        self.respond([*OK, ("content-length", "4")])
        self.receive(DataFrame(1, b"12345"))
        self.assertEqual(self.ended().how, How.MALFORMED)


class ViolationTests(HTTP2TestCase):
    """
    What a server must not do.
    """

    def assertViolated(self, name: str, end: Callable[[], End] | None = None) -> None:
        """
        Assert that the end is a violation, and that the server is told.
        """
        found = (end or self.ended)()
        self.assertEqual(found.how, How.MALFORMED)
        self.assertEqual(found.text, f"the server violates HTTP/2: {name}")
        self.assertTrue(self.transport.disconnecting)
        code = found.code or 0
        goAway = GoAwayFrame(0, 0, error_code=code).serialize()
        self.assertEqual(self.transport.value(), goAway)

    def test_notHTTP2(self) -> None:
        """
        Another protocol is no HTTP/2.
        """
        self.request()
        self.protocol.dataReceived(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        self.assertViolated("FRAME_SIZE_ERROR", self.failed)

    def test_longFrame(self) -> None:
        """
        A frame that is too long ends the connection before it is complete. One of the
        longest length does not.
        """
        self.respond()
        self.receive(DataFrame(1, b"x" * MAX_FRAME))
        self.assertEqual(self.receiver.received, [b"x" * MAX_FRAME])
        self.transport.clear()
        self.protocol.dataReceived(DataFrame(1, b"x" * (MAX_FRAME + 1)).serialize()[:9])
        self.assertViolated("FRAME_SIZE_ERROR")

    def test_eventsBefore(self) -> None:
        """
        What came before a violation is delivered, and nothing that comes after it.
        """
        self.respond()
        data = DataFrame(1, b"a\n").serialize()
        self.protocol.dataReceived(data + DataFrame(3).serialize() + data)
        self.assertEqual(self.receiver.received, [b"a\n"])
        self.assertViolated("PROTOCOL_ERROR")
        self.protocol.dataReceived(data)

    def test_push(self) -> None:
        """
        A server must neither push nor begin a stream.
        """
        for frame in (PushPromiseFrame(1, 2), HeadersFrame(2)):
            self.setUp()
            self.respond()
            frame.flags.add("END_HEADERS")
            self.receive(frame)
            self.assertViolated("PROTOCOL_ERROR")

    def test_heads(self) -> None:
        """
        A status must be a number of three digits, and a header must have a name.
        """
        for headers in (
            [(":status", "x")],
            [(":status", "9" * 5000)],
            [(":status", "200"), ("a(b", "")],
        ):
            self.setUp()
            self.request()
            self.server.config.validate_outbound_headers = False
            self.server.send_headers(1, headers)
            self.exchange()
            self.assertEqual(self.failed().how, How.MALFORMED)

    def test_longHeaders(self) -> None:
        """
        Headers may be long, but not too long.
        """
        self.respond([*OK, *[("x", "x" * 10_000)] * 20])
        self.assertFalse(self.transport.disconnecting)
        self.setUp()
        self.request()
        self.server.send_headers(1, [*OK, *[("x", "x" * 10_000)] * 30])
        self.protocol.dataReceived(self.server.data_to_send())
        expected = End(How.MALFORMED, "the headers are too long")
        self.assertEqual(self.failed(), expected)

    def test_endlessHeaders(self) -> None:
        """
        Neither headers nor interim responses nor other frames go on without an end.
        """
        frame = ContinuationFrame(1, b"x")
        self.request()
        self.receive(HeadersFrame(1, b""))
        for _ in range(100):
            self.receive(frame)
        self.assertViolated("PROTOCOL_ERROR", self.failed)
        self.setUp()
        self.request()
        self.server.send_headers(1, [(":status", "103"), ("link", "</x>")])
        self.exchange()
        ping = PingFrame(0, b"x" * 8)
        for _ in range(MAX_HEADERS // len(ping.serialize()) + 1):
            self.receive(ping)
        expected = End(How.MALFORMED, "the headers are too long")
        self.assertEqual(self.failed(), expected)
