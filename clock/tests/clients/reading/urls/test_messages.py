"""
Tests for L{clock.clients.reading.urls.messages}.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any
from unittest import SkipTest

from twisted.internet.error import ConnectionRefusedError

from clock.clients.reading.lines import Line
from clock.clients.reading.stream import MIN_READ, READ_SIZE
from clock.clients.reading.urls.endpoint import DEFAULTS, WebOptions, addressEndpoint
from clock.tests.clients.reading.webclient import OK, START, WebClientTestCase


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

    def accept(
        self, url: str = "ws://x/", options: WebOptions = DEFAULTS, answer: Any = None
    ) -> None:
        """
        Read a URL, and finish the handshake.
        """
        from wsproto import ConnectionType, WSConnection

        self.read(url, options)
        self.server = WSConnection(ConnectionType.SERVER)
        self.server.receive_data(self.transport.value())
        (request,) = self.server.events()
        self.assertIsInstance(request, self.messages.Request)
        self.transport.clear()
        self.send(answer or self.messages.AcceptConnection())

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
        self.read("ws://x/", WebOptions([("host", "y")]))
        self.assertEqual(self.request()[1]["Host"], "y")

    def test_badHeaders(self) -> None:
        """
        A header that a WebSocket's request cannot have is an error in the options.
        """
        for header in (("Host", "a..b"), ("Content-Length", "x")):
            with self.assertRaisesRegex(ValueError, "^--header: .+"):
                self.read("ws://x/", WebOptions([header]))

    def test_messages(self) -> None:
        """
        Each message is a line, in text or bytes, in one frame or several.
        """
        text, data = self.messages.TextMessage, self.messages.BytesMessage
        self.accept()
        self.assertEqual(self.takeEvents(), [*START, "connected"])
        self.send(text("a"), data(b"b\n"))
        self.assertEqual(self.takeEvents(), [Line("a"), Line("b")])
        self.send(text("c", message_finished=False))
        self.assertEqual(self.takeEvents(), [])
        self.send(text("d"))
        self.assertEqual(self.takeEvents(), [Line("cd")])

    def test_ping(self) -> None:
        """
        A ping is answered. A pong is ignored.
        """
        self.accept()
        self.send(self.messages.Ping(b"x"), self.messages.Pong())
        self.server.receive_data(self.transport.value())
        (pong,) = self.server.events()
        self.assertEqual(pong, self.messages.Pong(b"x"))

    def test_pings(self) -> None:
        """
        A server that sends too many pings is paused.
        """
        self.accept()
        self.send(*[self.messages.Ping()] * (READ_SIZE // MIN_READ - 1))
        self.assertEqual(self.transport.producerState, "producing")
        self.send(self.messages.Ping())
        self.assertEqual(self.transport.producerState, "paused")

    def test_close(self) -> None:
        """
        A close frame is answered, and is a clean end. What comes after it is ignored.
        """
        self.accept()
        self.send(self.messages.CloseConnection(1001))
        self.assertTrue(self.transport.disconnecting)
        self.server.receive_data(self.transport.value())
        (answer,) = self.server.events()
        self.assertEqual(answer, self.messages.CloseConnection(1001, ""))
        self.receive(b"x")
        self.close()
        self.assertDown("closed by the server")

    def test_cut(self) -> None:
        """
        Without a close frame, the connection was cut or reset.
        """
        for end, reason in [
            (self.close, "cut within a response"),
            (self.reset, "reset by the server"),
        ]:
            self.accept()
            end()
            self.assertDown(reason)

    def test_noResponse(self) -> None:
        """
        A connection that ends within the handshake is reported.
        """
        for data, end, reason in [
            (b"", self.close, "closed by the server without a response"),
            (b"", self.reset, "reset by the server"),
            (b"HTTP/1.1 502 x\r\n\r\n", self.reset, "502 Bad Gateway"),
            (b"HTTP/1.1 426 x\r\n\r\n", self.reset, "426 Upgrade Required"),
            (b"HTTP/1.1 599 x\r\n\r\n", self.reset, "599"),
            (OK + b"Content-Length: 1\r\n\r\nx", self.reset, "not a WebSocket: 200 OK"),
        ]:
            self.read("ws://x/")
            if data:
                self.receive(data)
            end()
            events = self.takeEvents()
            self.assertEqual((events[:2], events[2][0]), (START, reason))

    def test_notAWebSocket(self) -> None:
        """
        Bytes that are not HTTP, or not frames, are the reason.
        """
        self.read("ws://x/")
        self.receive(b"19:03:13\r\n\r\n")
        self.receive(b"19:03:14\r\n\r\n")
        self.reset()
        self.assertIn("not a WebSocket: ", self.takeEvents()[-1][0])
        self.accept()
        self.receive(b"19:03:13\n")
        self.assertTrue(self.transport.disconnected)
        self.reset()
        self.assertIn("not a WebSocket: ", self.takeEvents()[-1][0])

    def test_headersNotASCII(self) -> None:
        """
        A header of the handshake that is not ASCII is the reason.
        """
        self.read("ws://x/")
        self.receive(b"HTTP/1.1 101 x\r\nConnection: \xff\r\n\r\n")
        self.assertTrue(self.transport.disconnected)
        self.reset()
        self.assertIn("not a WebSocket: ", self.takeEvents()[-1][0])

    def test_emptyLastFrame(self) -> None:
        """
        A message that ends in a newline is one line, even if its last frame is empty.
        """
        text = self.messages.TextMessage
        self.accept()
        self.takeEvents()
        self.send(text("a\n", message_finished=False), text(""), text("b"))
        self.assertEqual(self.takeEvents(), [Line("a"), Line("b")])

    def test_subprotocol(self) -> None:
        """
        The server may choose one of the subprotocols of the user's header.
        """
        headers = [("sec-websocket-protocol", "chat, ticks"), ("X", "y")]
        accept = self.messages.AcceptConnection("ticks")
        self.accept("ws://x/", WebOptions(headers), accept)
        self.assertEqual(self.takeEvents(), [*START, "connected"])

    def test_refused(self) -> None:
        """
        A connection that fails is reported.
        """
        endpoint = addressEndpoint(self.reactor, "ws://x/", DEFAULTS, self.observer)
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
