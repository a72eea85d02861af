"""
The messages of a WebSocket.

Twisted's own client, in C{twisted.web.websocket}, sends no port in C{Host}, and none of
the user's headers. It does not report a connection that ends within the handshake, and
does not tell a close frame from a connection that was cut. So this module uses
C{wsproto} itself, as that client does.
"""

from __future__ import annotations

from typing import Any

from hyperlink import URL
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    Message,
    Ping,
    RejectConnection,
    TextMessage,
)
from wsproto.utilities import RemoteProtocolError
from zope.interface import implementer

from clock.clients.reading.ends import CLOSE_CODES, CUT, EndError, How, endOf
from clock.clients.reading.lines import MAX_LENGTH
from clock.clients.reading.observer import Other, Response, Step
from clock.clients.reading.urls.connector import Connector, connectReceiver
from clock.clients.reading.urls.exchange import Exchange, withoutResponse
from clock.clients.reading.urls.head import parseHead, statusError
from clock.clients.reading.urls.opening import Opening
from clock.clients.reading.urls.pongs import PongSender
from clock.clients.reading.urls.settings import WebOptions
from clock.console.text import oneLine

#: The most bytes of a message to keep: one more than a line has.
MAX_MESSAGE = MAX_LENGTH + 1

#: Statuses of servers that see no request for a WebSocket, or have none at this path.
NO_WEBSOCKET = (400, 404, 405, 426)

#: The code that wsproto gives a close frame without one (RFC 6455, section 7.1.5).
_NO_CODE = 1005


class WebSocketProtocol(Protocol):
    """
    One connection of a WebSocket. It delivers the messages to another protocol: to its
    C{messageReceived}, if it has that, otherwise as bytes with newlines between them.
    """

    transport: ITCPTransport
    _receiver: Any = None
    _error: EndError | None = None
    _endsLine = False
    _size = 0
    _pongs: PongSender

    def __init__(
        self,
        opening: Opening,
        exchange: Exchange,
        protocolFactory: IProtocolFactory,
        accepted: Deferred[IProtocol],
    ) -> None:
        """
        @param opening: what to send.
        @param exchange: the connection.
        @param protocolFactory: the factory of the protocol that receives the messages.
        @param accepted: fires with that protocol when the handshake is done; otherwise
            with the error.
        """
        self._opening = opening
        self._exchange = exchange
        self._observer = exchange.observer
        self._factory = protocolFactory
        self._accepted = accepted
        self._connection = WSConnection(ConnectionType.CLIENT)
        self._message = bytearray()

    def connectionMade(self) -> None:
        """
        Send the request.
        """
        self.transport.write(self._connection.send(self._opening.request))
        self._observer.stepReached(Step.REQUESTED, "GET")

    def dataReceived(self, data: bytes) -> None:
        """
        Deliver the messages. Abort the connection if this is not a WebSocket.
        """
        if self._error is not None:
            return
        if self._receiver is not None:
            self._observer.bytesReceived(len(data))
        try:
            self._connection.receive_data(data)
            for event in self._connection.events():
                # A response may have a body, and more may follow a close frame.
                if self._error is None:
                    self._eventReceived(event)
        except (RemoteProtocolError, UnicodeDecodeError) as error:
            # wsproto expects all headers to be in ASCII.
            self._refused(error)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Report the end.
        """
        if self._error is not None:
            error: BaseException = self._error
        elif self._receiver is None:
            error = withoutResponse(reason)
        else:
            end = endOf(reason)
            isCut = end.how is How.CLOSED
            error = EndError(How.CUT, CUT) if isCut else EndError(*end)
        if self._receiver is not None:
            self._receiver.connectionLost(Failure(error))
        elif not self._accepted.called:
            self._accepted.errback(error)

    def _eventReceived(self, event: Event) -> None:
        if isinstance(event, AcceptConnection):
            self._accept()
        elif isinstance(event, RejectConnection):
            self._rejected()
        elif isinstance(event, Message):
            self._messageReceived(event)
        elif isinstance(event, CloseConnection):
            self._closeReceived(event)
        else:
            # A ping or a pong.
            self._observer.otherReceived(Other.PING)
            if isinstance(event, Ping):
                self._pongs.answer(event)

    def _accept(self) -> None:
        head, rest = parseHead(self._exchange.takeHead())
        self._observer.responded(head)
        self._receiver = connectReceiver(self._factory, self.transport)
        self._accepted.callback(self._receiver)
        self._pongs = PongSender(self.transport, self._connection)
        if self._opening.message is not None:
            self.transport.write(self._connection.send(self._opening.message))
        if rest:
            self._observer.bytesReceived(len(rest))

    def _rejected(self) -> None:
        head = self._failedHead()
        if head is None:
            return
        error = statusError(head)
        if head.status < 300 or head.status in NO_WEBSOCKET:
            text = f"not a WebSocket: {error}"
            error = EndError(How.NOT_WEBSOCKET, text, head.status)
        self._fail(error)

    def _refused(self, error: Exception) -> None:
        """
        Abort the connection, because what has arrived is not what should.
        """
        text = oneLine(error)
        if self._failedHead() is not None:
            self._fail(EndError(How.NOT_WEBSOCKET, f"not a WebSocket: {text}"))

    def _failedHead(self) -> Response | None:
        """
        Report the head of a response that begins no WebSocket. If it is not HTTP, abort
        the connection, and return C{None}. wsproto takes an interim response for the
        final one, so that may be missing.
        """
        try:
            head, _ = parseHead(self._exchange.takeHead())
        except ValueError:
            self._fail(EndError(How.NOT_HTTP, "the response is not HTTP"))
            return None
        self._observer.responded(head)
        return head

    def _messageReceived(self, event: Message[Any]) -> None:
        """
        Deliver a part of a message, or the whole of it.
        """
        data = event.data.encode() if isinstance(event, TextMessage) else event.data
        receive = getattr(self._receiver, "messageReceived", None)
        if receive is None:
            # The last frame of a message may be empty.
            self._endsLine = data.endswith(b"\n") if data else self._endsLine
            if event.message_finished:
                data += b"" if self._endsLine else b"\n"
                self._endsLine = False
            self._receiver.dataReceived(bytes(data))
            return
        self._size += len(data)
        self._message += data[: MAX_MESSAGE - len(self._message)]
        if event.message_finished:
            message, size = bytes(self._message), self._size
            self._message.clear()
            self._size = 0
            receive(message, size)

    def _closeReceived(self, event: CloseConnection) -> None:
        reason = oneLine(event.reason or "")
        if self._connection.state is not ConnectionState.REMOTE_CLOSING:
            # This is how wsproto reports a frame that is not valid.
            text = f"a frame of the WebSocket is not valid: {reason}"
            self._fail(EndError(How.MALFORMED, text))
            return
        self._error = _closeError(event.code, reason)
        self._pongs.stop()
        self.transport.write(self._connection.send(event.response()))
        self.transport.loseConnection()

    def _fail(self, error: EndError) -> None:
        self._error = error
        self.transport.abortConnection()


def _closeError(code: int, reason: str) -> EndError:
    """
    Return how a WebSocket ended whose server sent a close frame.

    @param code: the code in the frame.
    @param reason: the reason in the frame.
    """
    if code == _NO_CODE:
        return EndError(How.CLOSE_FRAME, "closed without a code")
    meaning = CLOSE_CODES.get(code)
    text = f"closed with {int(code)}" + (f" ({meaning})" if meaning else "")
    text += f": {reason}" if reason else ""
    return EndError(How.CLOSE_FRAME, text, int(code), reason)


@implementer(IStreamClientEndpoint)
class WebSocketEndpoint:
    """
    An endpoint whose connections are WebSockets.
    """

    def __init__(self, connector: Connector, url: URL, options: WebOptions) -> None:
        """
        @param connector: the factory of connections.
        @param url: the URL, in ASCII.
        @param options: the user's settings.

        @raise ValueError: if they cannot be sent.
        """
        self._connector = connector
        self._url = url
        self._opening = Opening.of(url, options)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        Connect, and do the handshake of the WebSocket.

        @param protocolFactory: the factory of the protocol that receives the messages.

        @return: fires with the protocol when the handshake is done; otherwise with the
            error.
        """
        connecting = self._connector.connect(self._url)
        attempt: Deferred[Exchange] = Deferred.fromCoroutine(connecting)

        def start(exchange: Exchange) -> Deferred[IProtocol]:
            accepted: Deferred[IProtocol] = Deferred(lambda _: exchange.abort())
            exchange.start(
                WebSocketProtocol(self._opening, exchange, protocolFactory, accepted)
            )
            return accepted

        return attempt.addCallback(start)
