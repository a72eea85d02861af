"""
C{/socket}: the lines as text messages of a WebSocket (RFC 6455).

This needs C{twisted.web.websocket}, and therefore Twisted's extra C{websocket}.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from h11 import LocalProtocolError
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from twisted.web.websocket import WebSocketResource
from wsproto import ConnectionType
from wsproto.handshake import H11Handshake
from wsproto.utilities import RemoteProtocolError
from zope.interface import implementer

from clock.factory import ClockFactory
from clock.protocol import ClockProtocol
from clock.web.channel import ChannelTransport, ClockChannel
from clock.web.resources import TextResource
from clock.web.streams import chosenFactory

#: Status code with which the server closes a WebSocket when it stops (RFC 6455, 7.4.1).
GOING_AWAY = 1001


#: The most bytes to read from a client in L{READ_PAUSE<clock.protocol.READ_PAUSE>}. A
#: transport reads 64 KB at once, which may contain 10,000 pings. Answering these takes
#: 0.3 s.
MAX_READ = 1024

#: The longest host of a handshake, in bytes. A name has 253 at most, and a port may
#: follow. C{wsproto} decodes the host, which takes 0.1 s for 16 KB.
MAX_HOST = 300


class _Input:
    """
    The data that the client sends, which is read in pieces of L{MAX_READ}.

    Reading pauses after each piece, and while the client does not read. Otherwise a
    client that sends pings and reads no pongs would make the server buffer pongs
    without limit.
    """

    def __init__(self, transport: Any, read: Callable[[bytes], None]) -> None:
        """
        @param transport: the connection.
        @param read: a function that reads one piece.
        """
        self._transport = transport
        self._read = read
        self._unread = b""
        self._pauses: set[object] = set()

    def received(self, data: bytes) -> None:
        """
        Read a piece, or keep the data while reading is paused. After a pause, TLS still
        delivers what it has read before. After the end, TLS reads on, to receive the
        client's close_notify; other data is discarded.
        """
        if self._transport.disconnecting:
            return
        self._unread += data
        if not self._pauses:
            self._readPiece()

    def pause(self, reason: object) -> None:
        """
        Read nothing until this pause, and every other, has ended.
        """
        self._pauses.add(reason)
        self._transport.pauseProducing()

    def resume(self, reason: object) -> None:
        """
        End one pause.
        """
        self._pauses.discard(reason)
        if self._pauses:
            return
        if self._unread:
            self._readPiece()
        elif not self._transport.disconnecting:
            self._transport.resumeProducing()

    def _readPiece(self) -> None:
        piece, self._unread = self._unread[:MAX_READ], self._unread[MAX_READ:]
        self._read(piece)


@implementer(IPushProducer)
class _WriteSide:
    """
    The producer that pauses a C{ClockProtocol} and the client's input while the client
    does not read.
    """

    def __init__(self, protocol: IPushProducer, input: _Input) -> None:
        self._protocol = protocol
        self._input = input

    def pauseProducing(self) -> None:
        self._protocol.pauseProducing()
        self._input.pause(self)

    def resumeProducing(self) -> None:
        # First, as the protocol may write, and be paused again.
        self._input.resume(self)
        self._protocol.resumeProducing()

    def stopProducing(self) -> None:
        self._protocol.stopProducing()


class SocketTransport(ChannelTransport):
    """
    The transport of a C{ClockProtocol} whose lines are the messages of a WebSocket.

    @cvar kind: the name of this transport in the status and in metrics.
    """

    kind = "websocket"

    def __init__(self, channel: ClockChannel, socket: Any, input: _Input) -> None:
        """
        @param channel: the HTTP channel that was upgraded.
        @param socket: the WebSocket, a C{WebSocketTransport}.
        @param input: the data that the client sends.
        """
        super().__init__(channel)
        self._transport = channel.transport
        self._socket = socket
        self._input = input

    def write(self, data: bytes) -> None:
        """
        Send a line, without its newline.
        """
        self._socket.sendTextMessage(data.decode().rstrip("\n"))

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        """
        Pause the producer while the client does not read.
        """
        # Until now the channel was the producer of the transport.
        self._transport.unregisterProducer()
        self._socket.attachProducer(_WriteSide(producer, self._input))

    def unregisterProducer(self) -> None:
        """
        Do not pause the producer any more.
        """
        self._socket.detachProducer()

    def pauseProducing(self) -> None:
        """
        Read nothing from the client.
        """
        self._input.pause(self)

    def resumeProducing(self) -> None:
        """
        Read from the client again, once it reads.
        """
        self._input.resume(self)

    def loseConnection(self) -> None:
        """
        Close the WebSocket, and then the connection.
        """
        if not self._transport.disconnecting:
            self._socket.loseConnection(GOING_AWAY)


class SocketClient:
    """
    The C{WebSocketProtocol} (as Twisted calls it) of one client.
    """

    _socket: Any

    def __init__(self, channel: ClockChannel, protocol: ClockProtocol) -> None:
        """
        @param channel: the HTTP channel that is upgraded.
        @param protocol: the protocol that serves the client.
        """
        self._channel = channel
        self._protocol = protocol

    def negotiationStarted(self, transport: Any) -> None:
        """
        Keep the WebSocket.
        """
        self._socket = transport

    def negotiationFinished(self) -> None:
        """
        Let the factory decide when the client's turn begins.
        """
        channel = self._channel
        input = _Input(channel.transport, self._receive)
        channel.dataReceived = input.received  # type: ignore[method-assign]
        channel.handOver(self._protocol)
        self._protocol.makeConnection(SocketTransport(channel, self._socket, input))

    def pongReceived(self, payload: bytes) -> None:
        """
        Do nothing: no pings are sent.
        """

    def textMessageReceived(self, message: str) -> None:
        """
        Ignore what the client sends.
        """

    def bytesMessageReceived(self, data: bytes | bytearray) -> None:
        """
        Ignore what the client sends.
        """

    def connectionLost(self, reason: Failure) -> None:
        """
        Call C{connectionLost} of the channel, which Twisted has replaced with the
        WebSocket.
        """
        ClockChannel.connectionLost(self._channel, reason)

    def _receive(self, data: bytes) -> None:
        """
        Answer pings and a closing handshake, and read nothing for a while.
        """
        if self._channel.transport.disconnecting:
            return
        self._socket.dataReceived(data)
        # Discard each part of a message as it arrives.
        self._socket._textBuffer.done()
        self._socket._bytesBuffer.done()
        if self._channel.transport.disconnecting:
            # Twisted has closed the connection, but TLS waits for the producer to
            # unregister, and TCP for a paused one to resume.
            self._protocol.factory.turns.disconnect(self._protocol)
        else:
            self._protocol.dataReceived(data)


class SocketResource(TextResource):
    """
    C{/socket}.
    """

    def __init__(self, factories: Mapping[str, ClockFactory]) -> None:
        """
        @param factories: by the name of their zone, the factories.
        """
        super().__init__()
        self._factories = factories

    def render_GET(self, request: Any) -> Any:
        """
        Upgrade the connection, and serve the client.
        """
        factory = chosenFactory(self._factories, request)
        if isinstance(factory, str):
            return self.respond(request, 404, factory)
        # As bytes, because it may not be text.
        upgrade = request.getHeader(b"Upgrade") or b""
        if request.method == b"HEAD" or upgrade.lower() != b"websocket":
            request.setHeader("Upgrade", "websocket")
            return self.respond(request, 426, "use a WebSocket client")
        if not _isHandshake(request):
            request.setHeader("Sec-WebSocket-Version", "13")
            return self.respond(request, 400, "not a valid WebSocket handshake")
        return WebSocketResource(_ClientFactory(factory)).render_GET(request)


def _isHandshake(request: Any) -> bool:
    """
    Return whether a request is a valid handshake. For any other one, Twisted would log
    an error, or raise one; C{wsproto} raises C{UnicodeError} for a header that it
    cannot decode.
    """
    if len(request.getHeader(b"Host") or b"") > MAX_HOST:
        return False
    headers = [
        (name, value)
        for name, values in request.requestHeaders.getAllRawHeaders()
        for value in values
    ]
    handshake = H11Handshake(ConnectionType.SERVER)
    try:
        handshake.initiate_upgrade_connection(headers, request.path)
    except (RemoteProtocolError, LocalProtocolError, UnicodeError):
        return False
    return True


class _ClientFactory:
    """
    Build a L{SocketClient} for a request with a valid handshake.
    """

    def __init__(self, factory: ClockFactory) -> None:
        self._factory = factory

    def buildProtocol(self, request: Any) -> SocketClient:
        channel: ClockChannel = request.channel
        protocol = self._factory.buildProtocol(channel.getPeer())
        return SocketClient(channel, protocol)
