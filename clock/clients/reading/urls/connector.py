"""
What requests over HTTP and for a WebSocket have in common: URLs, connections, TLS, and
the reasons why they fail.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

from hyperlink import URL
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    ITransport,
)
from twisted.python.failure import Failure
from twisted.web.client import URI, BrowserLikePolicyForHTTPS
from twisted.web.error import SchemeNotSupported
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from clock.clients.reading.addresses import clientEndpoint
from clock.clients.reading.observer import RequestObserver
from clock.clients.reading.stream import prepareConnection
from clock.console.text import oneLine

#: The response ended before its last chunk, or a WebSocket without a close frame.
CUT = "cut within a response"

#: The connection was closed before the response.
NO_RESPONSE = "closed by the server without a response"


class RequestError(Exception):
    """
    Why there is no response, or no more of it. The text is for people.
    """


def httpURL(text: str) -> URL:
    """
    Parse a URL.

    @param text: the URL.

    @return: the URL, all in ASCII. It has a host, and a path.

    @raise ValueError: if it is not valid.
    """
    url = URL.from_text(text)
    if isIPv6Address(url.host):
        # to_uri would take it for a host name, and refuse its colons.
        url = url.replace(host="localhost").to_uri().replace(host=url.host)
    else:
        url = url.to_uri()
    if not url.host:
        raise ValueError("there is no host: try http://localhost:8000/lines")
    if not url.port or not 1 <= url.port <= 65535:
        raise ValueError("a port is a whole number from 1 to 65535")
    if url.userinfo:
        raise ValueError("send a password with --header 'Authorization: Basic ...'")
    return url if url.path else url.replace(path=("",))


def statusError(code: int, phrase: bytes = b"") -> RequestError:
    """
    Make the error for a response whose status is not the expected one.

    @param code: the status.
    @param phrase: the server's own words for it. If there are none, the standard words
        are used.

    @return: the error: C{502 Bad Gateway}.
    """
    words = phrase.decode("ascii", "replace")
    # twisted.web.http.RESPONSES has no words for 426, which refuses a WebSocket.
    if not words and code in [*HTTPStatus]:
        words = HTTPStatus(code).phrase
    return RequestError(oneLine(f"{code} {words}"))


@implementer(IOpenSSLClientConnectionCreator)
class UnverifiedConnections:
    """
    Make TLS connections that accept any certificate.
    """

    def __init__(self, host: str) -> None:
        """
        @param host: the host to connect to.
        """
        self._host = host

    def clientConnectionForTLS(self, tlsProtocol: object) -> Any:
        """
        Make a connection.

        @param tlsProtocol: the protocol that will use it.

        @return: the connection of OpenSSL.
        """
        from OpenSSL.SSL import Connection
        from twisted.internet.ssl import CertificateOptions

        connection = Connection(CertificateOptions().getContext(), None)
        if not isIPAddress(self._host) and not isIPv6Address(self._host):
            connection.set_tlsext_host_name(self._host.encode("ascii"))
        return connection


class BodyTransport:
    """
    The transport of a protocol that receives a body or messages.

    @ivar isEventStream: whether the body is an event stream.
    """

    def __init__(self, transport: Any, isEventStream: bool = False) -> None:
        """
        @param transport: the transport of the connection.
        @param isEventStream: whether the body is an event stream.
        """
        self.isEventStream = isEventStream
        self.pauseProducing = transport.pauseProducing
        self.resumeProducing = transport.resumeProducing
        self.loseConnection = transport.loseConnection
        self.abortConnection = transport.abortConnection


def connectReceiver(
    factory: IProtocolFactory, transport: Any, isEventStream: bool = False
) -> IProtocol:
    """
    Build the protocol that receives a body or messages, and connect it.

    @param factory: the factory of the protocol.
    @param transport: the transport of the connection.
    @param isEventStream: whether the body is an event stream.

    @return: the protocol.
    """
    protocol = cast(IProtocol, factory.buildProtocol(transport.getPeer()))
    protocol.makeConnection(cast(ITransport, BodyTransport(transport, isEventStream)))
    return protocol


@implementer(IAgentEndpointFactory)
class Connector:
    """
    Connect to the server of a URL, one connection at a time.

    @ivar observer: the receiver of what happens before the response begins.
    @ivar prepare: called with the protocol of each connection.
    @ivar transport: the transport of the latest connection.
    """

    transport: Any = None

    def __init__(self, reactor: Any, verify: bool, observer: RequestObserver) -> None:
        """
        @param reactor: the reactor that connects.
        @param verify: whether certificates are verified.
        @param observer: the receiver of what happens before the response begins.
        """
        self.observer = observer
        self.prepare: Callable[[Any], object] = lambda protocol: None
        self._reactor = reactor
        self._verify = verify

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """
        Make the endpoint for a URL.

        @param uri: the URL. For a WebSocket, it begins with http or https here.

        @return: the endpoint.

        @raise SchemeNotSupported: if a redirect leads to another scheme.
        """
        scheme = uri.scheme.decode("ascii", "replace")
        if scheme not in ("http", "https"):
            raise SchemeNotSupported(f"redirected to {scheme}")
        host = uri.host.decode("ascii").strip("[]")
        address = f"[{host}]:{uri.port}" if ":" in host else f"{host}:{uri.port}"
        endpoint = clientEndpoint(self._reactor, address)
        if scheme == "https":
            endpoint = wrapClientTLS(self._connections(host, uri.port), endpoint)
            if self._verify:
                from clock.clients.reading.certificates import NamesEndpoint

                endpoint = NamesEndpoint(endpoint)
        return _ConnectorEndpoint(endpoint, self)

    def _connections(self, host: str, port: int) -> Any:
        if self._verify:
            policy = BrowserLikePolicyForHTTPS()
            return policy.creatorForNetloc(host.encode("ascii"), port)
        return UnverifiedConnections(host)

    def connected(self, protocol: Any) -> Any:
        """
        Note a connection. Abort the one before, whose response was a redirect.

        @param protocol: the protocol of the connection.

        @return: the protocol.
        """
        self.abort()
        self.transport = protocol.transport
        prepareConnection(self.transport)
        self.prepare(protocol)
        self.observer.waitingForHeaders()
        return protocol

    def abort(self) -> None:
        """
        Abort the latest connection, if there is one.
        """
        # A TLS transport cannot be aborted once it is lost, but its connection can.
        connection = getattr(self.transport, "transport", self.transport)
        if connection is not None:
            connection.abortConnection()


@implementer(IStreamClientEndpoint)
class _ConnectorEndpoint:
    """
    An endpoint that reports its connections to a L{Connector}.
    """

    def __init__(self, endpoint: IStreamClientEndpoint, connector: Connector) -> None:
        self._endpoint = endpoint
        self._connector = connector

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        attempt: Deferred[IProtocol] = self._endpoint.connect(protocolFactory)
        return attempt.addCallback(self._connector.connected)


def closedWithout(reason: Failure, text: str) -> Failure:
    """
    Say what the end of a connection means.

    @param reason: the reason why the connection ended.
    @param text: what it means if the server has closed the connection.

    @return: a failure with that text, or the reason itself.
    """
    return Failure(RequestError(text)) if reason.check(ConnectionDone) else reason
