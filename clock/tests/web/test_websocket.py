"""
Tests for L{clock.web.websocket}.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from twisted.internet.interfaces import ITransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from clock.protocol import CLOSE_TIMEOUT, READ_PAUSE
from clock.tests.web.fixture import WebClient, WebFixture, fixture
from clock.web import ClockSite
from clock.web.pacing import MAX_READ

if find_spec("wsproto") is None:
    skip = "wsproto is not installed"
else:
    from wsproto import ConnectionType, WSConnection
    from wsproto.events import (
        AcceptConnection,
        CloseConnection,
        Event,
        Ping,
        Pong,
        Request,
        TextMessage,
    )

    from clock.web.websocket import MAX_BACKLOG

#: A handshake, with the key of RFC 6455, 1.3.
HANDSHAKE = (
    "GET /socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Socket:
    """
    A WebSocket's client.
    """

    def __init__(self, web: WebFixture, path: str = "/socket") -> None:
        self.web = web
        self.connection: Any = WSConnection(ConnectionType.CLIENT)
        self.client: WebClient = web.open()
        self.seen = 0
        self.send(Request(host="x", target=path))

    @property
    def transport(self) -> Any:
        """
        The transport of the protocol that serves the client.
        """
        return self.client.channel.stream

    def send(self, event: Event) -> None:
        """
        Send an event.
        """
        self.client.channel.dataReceived(self.connection.send(event))

    def events(self) -> list[Event]:
        """
        Return the events that have arrived since the last call.
        """
        data = self.client.received[self.seen :]
        self.seen += len(data)
        if data:
            self.connection.receive_data(data)
        return [*self.connection.events()]

    def messages(self) -> list[str]:
        """
        Return the text messages that have arrived since the last call.
        """
        return [each.data for each in self.events() if isinstance(each, TextMessage)]


class SocketTests(SynchronousTestCase):
    """
    C{/socket}.
    """

    def test_messages(self) -> None:
        """
        Each line is a text message, the first one at once.
        """
        web = fixture()
        socket = Socket(web)
        accepted, first = socket.events()
        self.assertIsInstance(accepted, AcceptConnection)
        self.assertEqual(first, TextMessage("22:13:20"))
        web.clock.pump([1, 1])
        self.assertEqual(socket.messages(), ["22:13:21", "22:13:22"])
        self.assertEqual(web.factory.limit.count, 1)

    def test_turns(self) -> None:
        """
        A WebSocket has its turn like any client.
        """
        web = fixture(sequential=True)
        tcp = web.connect()
        socket = Socket(web)
        web.clock.advance(1)
        self.assertEqual(socket.messages(), [])
        tcp.disconnect()
        self.assertEqual(socket.messages(), ["22:13:21"])
        self.assertEqual(socket.transport.kind, "websocket")

    def test_disconnects(self) -> None:
        """
        When a client disconnects, no delayed call is left.
        """
        web = fixture()
        Socket(web).client.disconnect()
        self.assertEqual(web.factory.limit.count, 0)
        self.assertEqual(web.delayedCalls(), 0)

    def test_ping(self) -> None:
        """
        Pings are answered.
        """
        socket = Socket(fixture())
        socket.events()
        socket.send(Ping(b"x"))
        self.assertEqual(socket.events(), [Pong(b"x")])

    def test_muchInputOfAWaitingClient(self) -> None:
        """
        A waiting client that keeps sending more than the server reads is disconnected:
        the server could not notice that it has left, and it would keep its place in the
        queue. A client that is being served is not disconnected.
        """
        web = fixture(sequential=True)
        active, waiting, silent = Socket(web), Socket(web), Socket(web)
        for socket in (active, waiting):
            socket.events()
            message = b"\x82\xfe\x75\x30\0\0\0\0" + bytes(30_000)
            socket.client.channel.dataReceived(message)
        for _ in range(MAX_BACKLOG):
            self.assertEqual(waiting.events(), [])
            web.clock.advance(READ_PAUSE)
        self.assertEqual(waiting.events(), [CloseConnection(1008, "too much data")])
        self.assertTrue(waiting.client.transport.disconnecting)
        self.assertFalse(active.client.closed or silent.client.closed)
        self.assertEqual(len(web.factory.turns.waiting), 1)

    def test_clientCloses(self) -> None:
        """
        A closing handshake is answered, and no message follows.
        """
        web = fixture()
        socket = Socket(web)
        socket.events()
        socket.send(CloseConnection(1000))
        self.assertEqual(socket.events(), [CloseConnection(1000, "")])
        self.assertTrue(socket.client.transport.disconnecting)
        web.clock.advance(1)
        socket.transport.loseConnection()
        self.assertEqual(socket.events(), [])

    def test_clientClosesAndStays(self) -> None:
        """
        A client that stays connected after its closing handshake loses its turn, and
        is aborted.
        """
        web = fixture(sequential=True)
        socket = Socket(web)
        other = web.connect()
        socket.events()
        socket.send(CloseConnection(1000))
        self.assertEqual(other.received, b"22:13:20\n")
        self.assertIsNone(socket.client.transport.producer)
        web.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(socket.client.transport.aborted)

    def test_end(self) -> None:
        """
        When the server stops, it closes the WebSocket. If the client does not answer,
        it aborts the connection.
        """
        web = fixture()
        socket = Socket(web)
        socket.events()
        web.factory.disconnectAll()
        self.assertEqual(socket.events(), [CloseConnection(1001, "")])
        web.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(socket.client.transport.aborted)

    def test_shapes(self) -> None:
        """
        A message is padded without its frame. A complete stream is closed with the
        status 1000.
        """
        web = fixture()
        socket = Socket(web, "/socket?lines=2&every=2&bytes=300")
        socket.events()
        web.clock.pump([1, 1])
        message, closed = socket.events()
        assert isinstance(message, TextMessage)
        self.assertRegex(message.data, r"\A22:13:22 \S{291}\Z")
        self.assertEqual(closed, CloseConnection(1000, ""))
        self.assertTrue(socket.client.closed)

    def test_lateHead(self) -> None:
        """
        The response to the handshake may come with the first line.
        """
        web = fixture()
        socket = Socket(web, "/socket?headers=late&delay=1")
        self.assertEqual(socket.events(), [])
        web.clock.advance(1)
        accepted, first = socket.events()
        self.assertIsInstance(accepted, AcceptConnection)
        self.assertEqual(first, TextMessage("22:13:21"))

    def test_wrongShape(self) -> None:
        """
        A wrong value gets the status 400. A WebSocket has no media type.
        """
        web = fixture()
        for query, error in (
            ("every=0", b"every '0' is not a whole number from 1 to 999999999\n"),
            ("type=text/plain", b"a WebSocket has no type\n"),
            ("mode=both", b"mode is concurrent or sequential\n"),
        ):
            client = web.open()
            head = HANDSHAKE.replace("/socket", f"/socket?{query}")
            client.channel.dataReceived(head.encode())
            self.assertEqual((client.status, client.body), (400, error))

    def test_badFrame(self) -> None:
        """
        If a client violates the protocol, the WebSocket is closed with the status
        1002.
        """
        for data in (b"\xff" * 20, b"\x81\x05hello"):
            socket = Socket(fixture())
            socket.events()
            socket.client.channel.dataReceived(data)
            (closed,) = socket.events()
            assert isinstance(closed, CloseConnection)
            self.assertEqual(closed.code, 1002)
            self.assertTrue(socket.client.transport.disconnecting)

    def test_framesAfterTheEnd(self) -> None:
        """
        Frames after a closing handshake are not an error, in the same read or later.
        """
        ping = b"\x89\x80\0\0\0\0"
        for data in (b"\xff" * 20, ping, ping * MAX_READ):
            socket = Socket(fixture())
            socket.events()
            close = socket.connection.send(CloseConnection(1000))
            socket.client.channel.dataReceived(close + data)
            socket.client.channel.dataReceived(data)
            self.assertEqual(socket.events(), [CloseConnection(1000, "")])
            self.assertTrue(socket.client.transport.disconnecting)

    def test_noSocket(self) -> None:
        """
        A request that is not a handshake gets the status 426, and a hint.
        """
        web = fixture()
        for method in ("GET", "HEAD"):
            client = web.get("/socket", method=method)
            self.assertEqual(client.status, 426)
            self.assertIn("Upgrade: websocket", client.head)
            self.assertIn("Connection: Upgrade", client.head)

    def handshake(self, old: str = "", new: str = "") -> WebClient:
        """
        Send a handshake with one change.
        """
        client = fixture().open()
        head = HANDSHAKE
        self.assertIn(old, head)
        client.channel.dataReceived(head.replace(old, new).encode("latin-1"))
        return client

    def test_handshake(self) -> None:
        """
        The response to a valid handshake proves that the server has read its key. The
        key and the proof are those of RFC 6455, 1.3.
        """
        for old, new in [
            ("Upgrade: websocket", "Upgrade: h2c, WebSocket"),
            ("Connection: Upgrade", "Connection: keep-alive\r\nConnection: upgrade"),
            ("Host: x", "Host: " + "x." * 100),
            ("13\r\n", "13\r\nSec-WebSocket-Extensions: permessage-deflate, \xff\r\n"),
            ("13\r\n", "13\r\nSec-WebSocket-Protocol: \xff\r\n"),
        ]:
            client = self.handshake(old, new)
            self.assertEqual(client.head[0], "HTTP/1.1 101 Switching Protocols")
            self.assertEqual(client.head[1], "Server: clock")
            self.assertRegex(client.head[2], "^Date: ")
            self.assertEqual(
                client.head[3:],
                [
                    "Upgrade: websocket",
                    "Connection: Upgrade",
                    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
                ],
            )

    def test_badHandshake(self) -> None:
        """
        A handshake that is not valid (RFC 6455, 4.2.1) is refused.
        """
        key = "dGhlIHNhbXBsZSBub25jZQ=="
        for old, new in [
            ("HTTP/1.1", "HTTP/1.0"),
            ("Connection: Upgrade\r\n", ""),
            ("Connection: Upgrade", "Connection: \xff"),
            ("Sec-WebSocket-Version: 13\r\n", ""),
            ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"),
            (f"Sec-WebSocket-Key: {key}\r\n", ""),
            (key, "dGhlIHNhbXBsZQ=="),
            (key, "x"),
            (key, "\xff" * 24),
            (key, f"{key}\r\nSec-WebSocket-Key: {key}"),
        ]:
            client = self.handshake(old, new)
            self.assertEqual(client.status, 400, new)
            self.assertIn("Sec-Websocket-Version: 13", client.head)
            self.assertEqual(client.body, b"not a valid WebSocket handshake\n")
        self.assertEqual(self.handshake("websocket", "\xff").status, 426)

    def test_origins(self) -> None:
        """
        A page may open a WebSocket to its own server, even through a proxy that adds
        TLS. A program that is not a browser sends no origin. Pages of other sites are
        refused.
        """
        for host, origin, status in [
            ("example.org", "http://example.org", 101),
            ("example.org", "https://example.org", 101),
            ("Example.org:443", "https://example.org", 101),
            ("localhost:8000", "http://localhost:8000", 101),
            ("[::1]:8000", "http://[::1]:8000", 101),
            ("example.org", "https://example.com", 403),
            ("example.org", "http://example.org:8000", 403),
            ("example.org:8000", "http://example.org", 403),
            ("example.org", "http://example.org.example.com", 403),
            ("example.org", "null", 403),
            ("", "null", 403),
            ("example.org", "", 403),
            ("example.org", "\xff", 403),
        ]:
            client = self.handshake("Host: x", f"Host: {host}\r\nOrigin: {origin}")
            self.assertEqual(client.status, status, origin)
        self.assertEqual(
            client.body, b"pages of other sites may not read this: --allow-origin\n"
        )

    def test_allowedOrigins(self) -> None:
        """
        The pages of a site that is allowed may open a WebSocket.
        """
        web = WebFixture.new()
        assert isinstance(web, WebFixture)
        for origins, status in [
            (["https://example.org"], 101),
            (["https://example.com"], 403),
            (["*"], 101),
        ]:
            web.site = ClockSite([("", web.factory)], origins)
            client = web.open()
            head = HANDSHAKE.replace("x\r\n", "x\r\nOrigin: https://example.org\r\n", 1)
            client.channel.dataReceived(head.encode())
            self.assertEqual(client.status, status)

    def test_limit(self) -> None:
        """
        At the limit, a WebSocket is refused, and the connection stays open.
        """
        web = fixture()
        web.factory.limit.maxClients = 1
        web.connect()
        client = web.open()
        client.channel.dataReceived(HANDSHAKE.encode())
        self.assertEqual(client.status, 503)
        self.assertFalse(client.closed)

    def test_zone(self) -> None:
        """
        An unknown zone has the status 404.
        """
        client = fixture().get("/socket?zone=x")
        self.assertEqual(client.status, 404)

    def test_transport(self) -> None:
        """
        The WebSocket is a transport, with the addresses of its connection.
        """
        web = fixture(verbose=True)
        socket = Socket(web)
        transport = socket.transport
        verifyObject(ITransport, transport)
        self.assertEqual(transport.getPeer().port, 4000)
        self.assertEqual(transport.getHost(), socket.client.transport.getHost())
        socket.events()
        transport.writeSequence([b"a\n", b"b\n"])
        self.assertEqual(socket.messages(), ["a", "b"])
