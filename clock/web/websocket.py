"""
C{/socket}: the lines as text messages of a WebSocket (RFC 6455).

C{wsproto} reads and writes the frames. C{twisted.web.websocket} is not used: it exists
only since Twisted 25.5, and buffers each whole message that a client sends.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET
from wsproto import ConnectionType
from wsproto.connection import Connection, ConnectionState
from wsproto.events import CloseConnection, Ping, TextMessage
from wsproto.utilities import generate_accept_token

from clock.factory import ClockFactory
from clock.protocol import ClockProtocol
from clock.web.channel import ClockChannel
from clock.web.frames import LineFrames, SharedFrames
from clock.web.messages import elements, responseHead
from clock.web.origins import OriginAccess
from clock.web.pacing import PacedInput, PauseBoth
from clock.web.resources import Clocks, TextResource
from clock.web.shapes import PaddedStreams, Shape, shapedClient
from clock.web.streams import chosenFactory, handOver
from clock.web.transport import ChannelTransport

#: Status code with which the server closes a WebSocket whose stream is complete (RFC
#: 6455, 7.4.1).
NORMAL_CLOSURE = 1000

#: Status code with which the server closes a WebSocket when it stops.
GOING_AWAY = 1001

#: Status code with which the server closes the WebSocket of a client that sends too
#: much.
POLICY_VIOLATION = 1008

#: The most pieces of L{MAX_READ<clock.web.pacing.MAX_READ>} bytes that may be left
#: unread, one after the other, while a client waits for its turn. Until all is read,
#: the server cannot notice that the client has left, and the client would keep its
#: place in the queue.
MAX_BACKLOG = 4


class MessageFrames(LineFrames):
    """
    The frames of C{/socket}: a text message for each line.
    """

    # A server does not mask its frames, so all clients get the same bytes.
    _encoder = Connection(ConnectionType.SERVER)

    def body(self, line: bytes) -> bytes:
        """
        Return the text of a message: a line without its newline.
        """
        return line.rstrip(b"\n")

    def chunk(self, body: bytes) -> bytes:
        """
        Make a text message.
        """
        return self._encoder.send(TextMessage(body.decode()))


class SocketTransport(ChannelTransport):
    """
    The transport of a C{ClockProtocol} whose lines are the messages of a WebSocket. Its
    channel delivers the input to it.

    @cvar kind: the name of this transport in the status and in metrics.
    """

    __slots__ = ("_frames", "_input", "_protocol", "_socket")

    kind = "websocket"

    def __init__(
        self, channel: ClockChannel, frames: MessageFrames, protocol: ClockProtocol
    ) -> None:
        """
        @param channel: the HTTP channel that was upgraded.
        @param frames: the frames of the lines.
        @param protocol: the protocol that serves the client.
        """
        super().__init__(channel)
        self._frames = frames
        self._protocol = protocol
        self._input = PacedInput(channel.transport, self._receive)
        self._socket = Connection(ConnectionType.SERVER)

    def write(self, data: bytes) -> None:
        """
        Send a line, without its newline.
        """
        self._write(self._frames.frame(data))

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        """
        Pause the producer, and the input, while the client does not read.
        """
        super().registerProducer(PauseBoth(producer, self._input), streaming)

    def pauseProducing(self) -> None:
        """
        Read nothing from the client.
        """
        self._input.pause(self)

    def resumeProducing(self) -> None:
        """
        Read from the client again, as soon as the client reads.
        """
        self._input.resume(self)

    def loseConnection(self) -> None:
        """
        Close the WebSocket, and then the connection.
        """
        self._close(CloseConnection(GOING_AWAY))
        self._transport.loseConnection()

    def complete(self) -> None:
        """
        Close the WebSocket of a stream that is complete, and then the connection.
        """
        self._close(CloseConnection(NORMAL_CLOSURE))
        self._transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        """
        Read frames, a piece at a time.
        """
        self._input.received(data)

    def connectionLost(self, reason: Failure) -> None:
        """
        Let the protocol know that the connection is lost.
        """
        self._protocol.connectionLost(reason)

    def _receive(self, piece: bytes) -> None:
        """
        Answer pings and a closing handshake, ignore messages, and then pause reading.
        """
        self._socket.receive_data(piece)
        for event in self._socket.events():
            if isinstance(event, Ping):
                self._write(self._socket.send(event.response()))
            elif isinstance(event, CloseConnection):
                # The client has closed the WebSocket, or violated the protocol.
                self._end(event.response())
                return
        turns = self._protocol.factory.turns
        if self._input.backlog > MAX_BACKLOG and self._protocol in turns.waiting:
            self._end(CloseConnection(POLICY_VIOLATION, "too much data"))
        else:
            self._protocol.pauseReading()

    def _end(self, event: CloseConnection) -> None:
        self._close(event)
        self._protocol.factory.turns.disconnect(self._protocol)

    def _close(self, event: CloseConnection) -> None:
        self._input.stop()
        if self._socket.state in (
            ConnectionState.OPEN,
            ConnectionState.REMOTE_CLOSING,
        ):
            self._write(self._socket.send(event))


class SocketResource(TextResource):
    """
    C{/socket}.
    """

    def __init__(
        self, clocks: Clocks, access: OriginAccess, padded: PaddedStreams
    ) -> None:
        """
        @param clocks: the clocks to serve.
        @param access: the other sites whose pages may read the lines.
        @param padded: the padded streams of the site.
        """
        super().__init__()
        self._clocks = clocks
        self._sites = access
        self._padded = padded
        self._frames = SharedFrames(MessageFrames)

    def render_GET(self, request: Any) -> Any:
        """
        Upgrade the connection, and let the factory decide when the client's turn
        begins.
        """
        factory = chosenFactory(self._clocks, request)
        if not isinstance(factory, ClockFactory):
            return self.respond(request, *factory)
        if request.method == b"HEAD" or "websocket" not in elements(
            request, b"Upgrade"
        ):
            request.setHeader("Upgrade", "websocket")
            # The response may already have the line "Connection: close".
            request.responseHeaders.addRawHeader("Connection", "Upgrade")
            return self.respond(request, 426, "use a WebSocket client")
        key = _handshakeKey(request)
        if key is None:
            request.setHeader("Sec-WebSocket-Version", "13")
            return self.respond(request, 400, "not a valid WebSocket handshake")
        if not self._sites.allowsSocket(request):
            return self.respond(
                request, 403, "pages of other sites may not read this: --allow-origin"
            )
        shape = self.shapeOf(request, self._padded)
        if shape is None:
            return NOT_DONE_YET
        if shape.contentType is not None:
            return self.respond(request, 400, "a WebSocket has no type")
        if self.hasRoom(request):
            self._upgrade(request.channel, key, factory, shape)
        return NOT_DONE_YET

    def _upgrade(
        self, channel: ClockChannel, key: bytes, factory: ClockFactory, shape: Shape
    ) -> None:
        protocol = shapedClient(factory, shape, self._padded)
        head = responseHead(
            101,
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-WebSocket-Accept: " + generate_accept_token(key),
        )
        frames: Any = self._frames.of(factory, False, shape.size)
        transport = SocketTransport(channel, frames, protocol)
        handOver(channel, transport, transport, shape, head)
        protocol.makeConnection(transport)


def _handshakeKey(request: Any) -> bytes | None:
    """
    Return the key of a handshake (RFC 6455, 4.2.1), or C{None} if the handshake is not
    valid.
    """
    keys = request.requestHeaders.getRawHeaders(b"Sec-WebSocket-Key", [])
    versions = request.requestHeaders.getRawHeaders(b"Sec-WebSocket-Version", [])
    if (
        request.clientproto != b"HTTP/1.1"
        or "upgrade" not in elements(request, b"Connection")
        or versions != [b"13"]
        or len(keys) != 1
    ):
        return None
    try:
        nonce = b64decode(keys[0], validate=True)
    except ValueError:
        return None
    return keys[0] if len(nonce) == 16 else None
