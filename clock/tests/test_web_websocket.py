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
from clock.tests.test_web_streams import fixture
from clock.tests.web import WebClient, WebFixture

if find_spec("twisted.web.websocket") is None or find_spec("wsproto") is None:
    skip = "there is no twisted.web.websocket, or no wsproto"
else:
    from wsproto import ConnectionType, WSConnection
    from wsproto.events import (
        AcceptConnection,
        BytesMessage,
        CloseConnection,
        Event,
        Ping,
        Pong,
        Request,
        TextMessage,
    )

    from clock.web.websocket import MAX_READ


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
        stream: Any = self.client.channel.stream
        return stream.transport

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

    def test_input(self) -> None:
        """
        Messages are ignored, and discarded as they arrive. Reading pauses after each.
        """
        web = fixture()
        socket = Socket(web)
        socket.events()
        socket.send(TextMessage("x" * 1000, message_finished=False))
        self.assertEqual(socket.client.transport.producerState, "paused")
        self.assertEqual(socket.transport._socket._textBuffer.data, "")
        web.clock.advance(READ_PAUSE)
        self.assertEqual(socket.client.transport.producerState, "producing")
        socket.send(TextMessage("y"))
        socket.send(BytesMessage(b"z"))
        socket.send(Pong())
        web.clock.advance(1)
        self.assertEqual(len(socket.messages()), 2)

    def test_slowReader(self) -> None:
        """
        While a client does not read, ticks are skipped, and nothing is read from it, so
        the server buffers no pongs without limit.
        """
        web = fixture()
        socket = Socket(web)
        socket.events()
        socket.client.producer.pauseProducing()
        socket.send(Ping(b"x"))
        web.clock.pump([1, 1])
        self.assertEqual(socket.client.transport.producerState, "paused")
        self.assertEqual(socket.messages(), [])
        socket.client.producer.resumeProducing()
        self.assertEqual(socket.events(), [Pong(b"x"), TextMessage("22:13:22")])
        web.clock.advance(READ_PAUSE)
        self.assertEqual(socket.client.transport.producerState, "producing")
        socket.events()
        socket.client.producer.stopProducing()
        web.clock.advance(1)
        self.assertEqual(socket.messages(), [])

    def test_manyPings(self) -> None:
        """
        If one read contains many pings, only some are answered at a time.
        """
        web = fixture()
        socket = Socket(web)
        socket.events()
        pings = b"".join(socket.connection.send(Ping(b"x")) for _ in range(1000))
        socket.client.channel.dataReceived(pings)
        answered: list[int] = []
        while len(answered) < 8:
            events = socket.events()
            answered.append(sum(isinstance(each, Pong) for each in events))
            self.assertLessEqual(answered[-1], MAX_READ // 6)
            self.assertEqual(
                socket.client.transport.producerState,
                "producing" if sum(answered) == 1000 and not answered[-1] else "paused",
            )
            web.clock.advance(READ_PAUSE)
        self.assertEqual(sum(answered), 1000)

    def test_pausedTwice(self) -> None:
        """
        If a client resumes reading, the server still pauses as long as for any other
        client.
        """
        web = fixture()
        socket = Socket(web)
        socket.events()
        socket.send(Ping(b"x"))
        socket.client.producer.pauseProducing()
        socket.client.producer.resumeProducing()
        self.assertEqual(socket.client.transport.producerState, "paused")
        web.clock.advance(READ_PAUSE)
        self.assertEqual(socket.client.transport.producerState, "producing")

    def test_inputAfterTheEnd(self) -> None:
        """
        After the server has closed the WebSocket, input is discarded.
        """
        web = fixture()
        socket = Socket(web)
        web.factory.disconnectAll()
        socket.events()
        socket.client.channel.dataReceived(b"\x89\x80\0\0\0\0" * 1000)
        self.assertEqual(socket.events(), [])
        self.assertEqual(socket.transport._input._unread, b"")

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
        A client that goes on after its closing handshake loses its turn, and is
        aborted.
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

    def test_badFrame(self) -> None:
        """
        If a client violates the protocol, the WebSocket is closed with the status for
        that.
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
        A request that is no handshake gets a status that says what to use.
        """
        web = fixture()
        for method in ("GET", "HEAD"):
            client = web.get("/socket", method=method)
            self.assertEqual(client.status, 426)
            self.assertIn("Upgrade: websocket", client.head)
        for headers in ("Upgrade: websocket\r\n", "Upgrade: websocket\r\nHost: y\r\n"):
            client = web.get("/socket", headers=headers)
            self.assertEqual(client.status, 400)
            self.assertIn("Sec-Websocket-Version: 13", client.head)
            self.assertEqual(client.body, b"not a valid WebSocket handshake\n")

    def test_headersThatAreNotText(self) -> None:
        """
        A handshake whose headers cannot be decoded is not valid, and nothing is logged.
        """
        for old, new in [
            (b"Host: x", b"Host: \xff"),
            (b"Connection: Upgrade", b"Connection: Upgrade, \xff"),
            (b"Upgrade: websocket", b"Upgrade: \xff"),
            (b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: \xc3\xa9\r\n\r\n"),
            (b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: \xff\r\n\r\n"),
        ]:
            client = fixture().open()
            handshake = WSConnection(ConnectionType.CLIENT).send(
                Request(host="x", target="/socket")
            )
            self.assertIn(old, handshake)
            client.channel.dataReceived(handshake.replace(old, new))
            self.assertIn(client.status, (400, 426))

    def test_longHost(self) -> None:
        """
        A handshake whose host is too long for a name is not decoded, and not valid.
        """
        for host, status in (("x." * 100, 101), ("x." * 200, 400)):
            client = fixture().open()
            handshake = WSConnection(ConnectionType.CLIENT).send(
                Request(host=host, target="/socket")
            )
            client.channel.dataReceived(handshake)
            self.assertEqual(client.status, status)

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
