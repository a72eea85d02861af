"""
Tests for L{clock.clients.reading.urls.messages}.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any
from unittest import SkipTest

from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import Factory, Protocol

from clock.clients.reading.ends import How
from clock.clients.reading.lines import MAX_LENGTH, Line
from clock.clients.reading.observer import Other
from clock.clients.reading.urls.endpoint import DEFAULTS, WebOptions
from clock.tests.clients.reading.webclient import START, WebClientTestCase


class WebSocketTests(WebClientTestCase):
    """
    Reading the messages of a WebSocket.
    """

    def setUp(self) -> None:
        """
        Require wsproto.
        """
        super().setUp()
        if find_spec("wsproto") is None:
            hint = "wsproto is not installed: pip install 'txclock[websocket]'"
            raise SkipTest(hint)
        from wsproto import events

        self.messages = events
        self.text, self.data = events.TextMessage, events.BytesMessage

    def accept(
        self, url: str = "ws://x/", options: WebOptions = DEFAULTS, answer: Any = None
    ) -> None:
        """
        Read a URL, and finish the handshake.
        """
        self.read(url, options)
        self.serve()
        self.send(answer or self.messages.AcceptConnection())

    def serve(self) -> None:
        """
        Let the server receive the request.
        """
        from wsproto import ConnectionType, WSConnection

        self.server = WSConnection(ConnectionType.SERVER)
        self.server.receive_data(self.transport.value())
        (request,) = self.server.events()
        self.assertIsInstance(request, self.messages.Request)
        self.opening = self.request()
        self.transport.clear()

    def send(self, *events: Any) -> None:
        """
        Let the server send these events.
        """
        self.receive(b"".join(map(self.server.send, events)))

    def test_request(self) -> None:
        """
        The request has the path, the port and the user's headers.
        """
        self.read("ws://x:8000/socket?zone=UTC", WebOptions([("Cookie", "a=b")]))
        self.assertEqual(self.addresses, ["x:8000"])
        first, headers = self.request()
        self.assertEqual(first, "GET /socket?zone=UTC HTTP/1.1")
        self.assertEqual((headers["Host"], headers["Cookie"]), ("x:8000", "a=b"))
        self.assertEqual(self.takeEvents(), START)
        self.read("ws://x/", WebOptions([("host", "y")]))
        self.assertEqual(self.request()[1]["Host"], "y")

    def test_badOptions(self) -> None:
        """
        A header that a WebSocket's request cannot have, or a method, is an error in the
        options.
        """
        for header in (("Host", "a..b"), ("Content-Length", "x")):
            with self.assertRaisesRegex(ValueError, "^--header: .+"):
                self.read("ws://x/", WebOptions([header]))
        with self.assertRaisesRegex(ValueError, "^--request: .+"):
            self.read("ws://x/", WebOptions(method="POST"))

    def test_accept(self) -> None:
        """
        The head of the response is reported. What comes with it, and after it, is
        counted.
        """
        self.read("ws://x/", WebOptions(method="GET"))
        self.serve()
        answer = self.server.send(self.messages.AcceptConnection())
        self.receive(answer + self.server.send(self.text("a")))
        self.assertEqual(self.takeEvents(), [*START, "connected", Line("a", size=1)])
        (head,) = self.responses
        self.assertEqual(head[:2], ("HTTP/1.1", 101))
        self.assertEqual(head.header("Upgrade").lower(), "websocket")
        self.assertEqual(self.observer.bytes, 3)
        self.send(self.text("bc"))
        self.assertEqual(self.observer.bytes, 7)

    def test_messages(self) -> None:
        """
        Each message is a line, in text or bytes, in one frame or several, whatever it
        contains.
        """
        self.accept()
        self.assertEqual(self.takeEvents(), [*START, "connected"])
        self.send(self.text("a\nb"), self.data(b"c\n"), self.text(""))
        lines = [Line("a\nb", size=3), Line("c", size=1), Line("", size=0)]
        self.assertEqual(self.takeEvents(), lines)
        self.send(self.text("c", message_finished=False))
        self.assertEqual(self.takeEvents(), [])
        self.send(self.text("d"))
        self.assertEqual(self.takeEvents(), [Line("cd", size=2)])

    def test_longMessage(self) -> None:
        """
        A message that is too long is truncated, and the next one is not. Its length is
        known.
        """
        self.accept()
        self.takeEvents()
        for _ in range(5):
            self.send(self.text("x" * 20_000, message_finished=False))
        self.send(self.text(""), self.text("b"))
        first, second = self.takeEvents()
        expected = Line("x" * MAX_LENGTH, truncated=True, size=100_000)
        self.assertEqual(first, expected)
        self.assertEqual(second, Line("b", size=1))

    def test_bytes(self) -> None:
        """
        A receiver of bytes gets newlines between the messages.
        """
        received: list[bytes] = []
        factory: Any = Factory.forProtocol(Protocol)
        factory.protocol.dataReceived = lambda _, data: received.append(data)
        self.endpoint("ws://x/").connect(factory)
        self.connect()
        self.serve()
        self.send(self.messages.AcceptConnection())
        self.send(self.text("a"), self.data(b"b\n"))
        self.send(self.text("c\n", message_finished=False), self.text(""))
        self.send(self.text("d", message_finished=False), self.text("e"))
        self.assertEqual(b"".join(received), b"a\nb\nc\nde\n")

    def test_firstMessage(self) -> None:
        """
        The data is the first message, in text if it is UTF-8. It is sent after the
        handshake.
        """
        for data, message in [
            (b"{}", self.text("{}")),
            (b"\xff", self.data(bytearray(b"\xff"))),
        ]:
            self.accept(options=WebOptions(data=data))
            self.server.receive_data(self.transport.value())
            self.assertEqual([*self.server.events()], [message])
            self.assertNotIn("Content-Type", self.opening[1])

    def test_ping(self) -> None:
        """
        Pings and pongs are reported. A ping is answered.
        """
        self.accept()
        self.takeEvents()
        self.send(self.messages.Ping(b"x"), self.messages.Pong())
        self.assertEqual(self.takeEvents(), [Other.PING, Other.PING])
        self.server.receive_data(self.transport.value())
        (pong,) = self.server.events()
        self.assertEqual(pong, self.messages.Pong(b"x"))

    def test_pingsWithoutReading(self) -> None:
        """
        While the server does not read, its pings are not answered. When it reads again,
        the last one is.
        """
        self.accept()
        ping = self.messages.Ping
        producer: Any = self.transport.producer
        self.assertTrue(self.transport.streaming)
        producer.pauseProducing()
        self.send(*[ping(b"x")] * 1000, ping(b"y"))
        self.assertEqual(self.transport.value(), b"")
        for _ in range(2):
            producer.resumeProducing()
        self.send(ping(b"z"))
        self.server.receive_data(self.transport.value())
        pongs = [self.messages.Pong(b"y"), self.messages.Pong(b"z")]
        self.assertEqual([*self.server.events()], pongs)
        producer.stopProducing()
        self.send(self.messages.CloseConnection(1000))
        self.assertIsNone(self.transport.producer)

    def test_close(self) -> None:
        """
        A close frame is answered. What comes after it is ignored.
        """
        self.accept()
        self.takeEvents()
        self.receive(b"\x88\2\3\xe9\x81\1a")
        self.assertEqual(self.takeEvents(), [])
        self.assertTrue(self.transport.disconnecting)
        self.server.receive_data(self.transport.value())
        (answer,) = self.server.events()
        self.assertEqual(answer, self.messages.CloseConnection(1001, ""))
        self.receive(b"x")
        self.close()
        self.assertDown(How.CLOSE_FRAME, "closed with 1001 (going away)")

    def test_closeCodes(self) -> None:
        """
        The end has the code and the reason of a close frame.
        """
        for code, reason, text in [
            (1000, "", "closed with 1000 (normal closure)"),
            (1011, "no\nmodel", "closed with 1011 (internal error): no model"),
            (4408, "too slow", "closed with 4408: too slow"),
        ]:
            self.accept()
            self.send(self.messages.CloseConnection(code, reason))
            self.reset()
            expected = (How.CLOSE_FRAME, text, code, reason.replace("\n", " "), None)
            self.assertEqual(self.takeEnd(), expected)
        self.accept()
        self.receive(b"\x88\0")
        self.close()
        end = self.takeEnd()
        self.assertEqual(end[:3], (How.CLOSE_FRAME, "closed without a code", None))

    def test_cut(self) -> None:
        """
        Without a close frame, the connection was cut or reset.
        """
        for end, how, text in [
            (self.close, How.CUT, "cut within a response"),
            (self.reset, How.RESET, "reset by the server"),
        ]:
            self.accept()
            end()
            self.assertDown(how, text)

    def test_noResponse(self) -> None:
        """
        A connection that ends within the handshake is reported.
        """
        none = How.NO_RESPONSE
        for data, end, how, text, code in [
            (b"", self.close, none, "closed by the server without a response", None),
            (b"", self.reset, none, "reset by the server without a response", None),
            (b"502 x\r\nX: y", self.reset, How.STATUS, "502 x", 502),
            (b"403 ", self.reset, How.STATUS, "403 Forbidden", 403),
            (
                b"404 ",
                self.reset,
                How.NOT_WEBSOCKET,
                "not a WebSocket: 404 Not Found",
                404,
            ),
            (
                b"426 ",
                self.reset,
                How.NOT_WEBSOCKET,
                "not a WebSocket: 426 Upgrade Required",
                426,
            ),
            (b"599 ", self.reset, How.STATUS, "599", 599),
            (b"301 Moved", self.reset, How.STATUS, "301 Moved", 301),
            (
                b"200 OK\r\nContent-Length: 1",
                self.reset,
                How.NOT_WEBSOCKET,
                "not a WebSocket: 200 OK",
                200,
            ),
        ]:
            self.read("ws://x/")
            if data:
                self.receive(b"HTTP/1.1 " + data + b"\r\n\r\nx")
                self.assertEqual(self.responses.pop().status, code)
            end()
            *events, (failure, _) = self.takeEvents()
            self.assertEqual(events, START)
            self.assertEqual(failure[:3], (how, text, code))

    def test_notAWebSocket(self) -> None:
        """
        Bytes that are not HTTP, a response with a wrong key, one whose headers are not
        ASCII, and bytes that are not frames, are told apart.
        """
        for data, how in [
            (b"19:03:13\r\n\r\n", How.NOT_HTTP),
            (b"HTTP/1.1 103 Early Hints\r\n\r\nx", How.NOT_HTTP),
            (b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n", How.NOT_WEBSOCKET),
            (b"HTTP/1.1 101 x\r\nConnection: \xff\r\n\r\n", How.NOT_WEBSOCKET),
        ]:
            self.read("ws://x/")
            self.receive(data)
            self.receive(b"19:03:14\r\n\r\n")
            self.assertTrue(self.transport.disconnected)
            self.reset()
            self.assertEqual(self.takeEnd().how, how)
            self.assertEqual(len(self.responses), how is How.NOT_WEBSOCKET)
            self.responses.clear()
        self.accept()
        self.receive(b"19:03:13\n")
        self.assertTrue(self.transport.disconnected)
        self.reset()
        self.assertEqual(self.takeEnd().how, How.MALFORMED)

    def test_http2(self) -> None:
        """
        A server that speaks HTTP/2 only is told apart.
        """
        self.read("ws://x/")
        self.receive(b"\0\0\0\4\0\0\0\0\0")
        self.reset()
        self.assertDown(How.NOT_HTTP, "the server speaks HTTP/2, not HTTP/1.1")

    def test_subprotocol(self) -> None:
        """
        The server may choose one of the subprotocols of the user's header.
        """
        headers = [("sec-websocket-protocol", "chat, ticks"), ("X", "y")]
        accept = self.messages.AcceptConnection("ticks")
        self.accept("ws://x/", WebOptions(headers), accept)
        self.assertEqual(self.takeEvents(), [*START, "connected"])

    def test_copiedHandshake(self) -> None:
        """
        The headers of another handshake are not sent, such as those that a browser
        copies.
        """
        names = ("Connection", "Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version")
        headers = [(name, "x") for name in (*names, "Sec-WebSocket-Extensions")]
        self.accept("ws://x/", WebOptions([*headers, ("Origin", "http://x")]))
        self.assertEqual(self.takeEvents(), [*START, "connected"])

    def test_refused(self) -> None:
        """
        A connection that fails is reported.
        """
        endpoint = self.endpoint("ws://x/")
        attempt = endpoint.connect(None)  # type: ignore[arg-type]
        self.refuse()
        self.failureResultOf(attempt, ConnectionRefusedError)

    def test_stop(self) -> None:
        """
        A stream can be stopped within the handshake.
        """
        self.read("ws://x/")
        stopped = self.stream.stopService()
        self.assertTrue(self.transport.disconnecting)
        self.reset()
        self.successResultOf(stopped)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
