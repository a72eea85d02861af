"""
The messages of a WebSocket, as a stream of bytes.

Twisted's own client, in C{twisted.web.websocket}, sends no port in C{Host}, and none of
the user's headers. It does not report a connection that ends within the handshake, and
does not tell a close frame from a connection that was cut. So this module uses
C{wsproto} itself, as that client does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from h11 import LocalProtocolError
from hyperlink import URL
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import URI
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    Message,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import RemoteProtocolError
from zope.interface import implementer

from clock.clients.reading.urls.connector import (
    CUT,
    NO_RESPONSE,
    Connector,
    RequestError,
    closedWithout,
    connectReceiver,
    statusError,
)
from clock.console.text import oneLine


class WebSocketProtocol(Protocol):
    """
    One connection of a WebSocket. It delivers the messages to another protocol.
    """

    transport: ITCPTransport
    _receiver: IProtocol | None = None
    _error: RequestError | None = None
    _isClosed = False
    _endsLine = False

    def __init__(
        self,
        request: Request,
        protocolFactory: IProtocolFactory,
        accepted: Deferred[IProtocol],
    ) -> None:
        """
        @param request: the request that begins the handshake.
        @param protocolFactory: the factory of the protocol that receives the messages.
        @param accepted: fires with that protocol when the handshake is done; otherwise
            with the error.
        """
        self._request = request
        self._factory = protocolFactory
        self._accepted = accepted
        self._connection = WSConnection(ConnectionType.CLIENT)

    def connectionMade(self) -> None:
        """
        Send the request.
        """
        self.transport.write(self._connection.send(self._request))

    def dataReceived(self, data: bytes) -> None:
        """
        Deliver the messages. Abort the connection if this is not a WebSocket.
        """
        if self._error is not None or self._isClosed:
            return
        try:
            self._connection.receive_data(data)
            for event in self._connection.events():
                self._eventReceived(event)
        except (RemoteProtocolError, UnicodeDecodeError) as error:
            # wsproto expects all headers to be in ASCII.
            self._fail(f"not a WebSocket: {oneLine(error)}")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Report the end.
        """
        if self._error is not None:
            reason = Failure(self._error)
        elif not self._isClosed:
            reason = closedWithout(reason, CUT if self._receiver else NO_RESPONSE)
        if self._receiver is not None:
            self._receiver.connectionLost(reason)
        elif not self._accepted.called:
            self._accepted.errback(reason)

    def _eventReceived(self, event: Event) -> None:
        if isinstance(event, AcceptConnection):
            self._receiver = connectReceiver(self._factory, self.transport)
            self._accepted.callback(self._receiver)
        elif isinstance(event, RejectConnection):
            error = str(statusError(event.status_code))
            isSuccess = event.status_code < 300
            self._fail(f"not a WebSocket: {error}" if isSuccess else error)
        elif isinstance(event, Message):
            self._messageReceived(event)
        elif isinstance(event, CloseConnection):
            self._closeReceived(event)
        elif self._receiver is not None:
            if isinstance(event, Ping):
                self.transport.write(self._connection.send(event.response()))
            # A ping is delivered as no data: the receiver counts each read, to limit
            # them.
            self._receiver.dataReceived(b"")

    def _messageReceived(self, event: Message[Any]) -> None:
        data = event.data.encode() if isinstance(event, TextMessage) else event.data
        # The last frame of a message may be empty.
        self._endsLine = data.endswith(b"\n") if data else self._endsLine
        if event.message_finished:
            data += b"" if self._endsLine else b"\n"
            self._endsLine = False
        cast(IProtocol, self._receiver).dataReceived(bytes(data))

    def _closeReceived(self, event: CloseConnection) -> None:
        if self._connection.state is not ConnectionState.REMOTE_CLOSING:
            # This is how wsproto reports a frame that is not valid.
            self._fail(f"not a WebSocket: {oneLine(event.reason)}")
            return
        self._isClosed = True
        self.transport.write(self._connection.send(event.response()))
        self.transport.loseConnection()

    def _fail(self, reason: str) -> None:
        self._error = RequestError(reason)
        self.transport.abortConnection()


@implementer(IStreamClientEndpoint)
class WebSocketEndpoint:
    """
    An endpoint whose connections are WebSockets.
    """

    def __init__(
        self, connector: Connector, url: URL, headers: Sequence[tuple[str, str]]
    ) -> None:
        """
        @param connector: the factory of connections.
        @param url: the URL, in ASCII.
        @param headers: the names and values of the headers to send.

        @raise ValueError: if they cannot be sent.
        """
        self._connector = connector
        uri = url.replace(scheme="https" if url.scheme == "wss" else "http")
        self._uri = URI.fromBytes(uri.to_text().encode("ascii"))
        hosts = [value for name, value in headers if name.lower() == "host"]
        # wsproto refuses a server that chooses a subprotocol it did not offer itself.
        offers = [
            each.strip()
            for name, value in headers
            if name.lower() == "sec-websocket-protocol"
            for each in value.split(",")
        ]
        others = [
            (name.encode(), value.encode())
            for name, value in headers
            if name.lower() not in ("host", "sec-websocket-protocol")
        ]
        self._request = Request(
            host=hosts[-1] if hosts else url.authority(),
            target=self._uri.originForm.decode("ascii"),
            subprotocols=offers,
            extra_headers=others,
        )
        # Nothing would report an error in connectionMade.
        try:
            WSConnection(ConnectionType.CLIENT).send(self._request)
        except (LocalProtocolError, UnicodeError) as error:
            raise ValueError(f"--header: {oneLine(error)}") from None

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        Connect, and do the handshake of the WebSocket.

        @param protocolFactory: the factory of the protocol that receives the messages.

        @return: fires with the protocol when the handshake is done; otherwise with the
            error.
        """

        def cancel(_: object) -> None:
            attempt.cancel()
            self._connector.abort()

        accepted: Deferred[IProtocol] = Deferred(cancel)
        factory = Factory.forProtocol(
            lambda: WebSocketProtocol(self._request, protocolFactory, accepted)
        )
        factory.noisy = False
        attempt = self._connector.endpointForURI(self._uri).connect(factory)
        attempt.addErrback(accepted.errback)
        return accepted
