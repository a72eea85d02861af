"""
What requests over HTTP and for a WebSocket have in common: URLs, and connections, with
TLS and through proxies.
"""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import Any, cast

from hyperlink import URL
from twisted.internet.abstract import isIPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    ITransport,
)
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from zope.interface import implementer

from clock.clients.reading.addresses import clientEndpoint, hostAndPort
from clock.clients.reading.connection import prepareConnection
from clock.clients.reading.ends import EndError, How
from clock.clients.reading.observer import Observer, Step
from clock.clients.reading.urls.exchange import Exchange
from clock.clients.reading.urls.proxy.selection import Proxy, chooseProxy
from clock.clients.reading.urls.settings import WebOptions
from clock.console.text import addressText, connectionError


def httpURL(text: str) -> URL:
    """
    Parse a URL.

    @param text: the URL.

    @return: the URL, all in ASCII. It has a host, and a path.

    @raise ValueError: if it is not valid.
    """
    # Only lower case has a default port, and is compared with the schemes of TLS.
    scheme, colon, rest = text.partition(":")
    url = URL.from_text(scheme.lower() + colon + rest)
    if isIPv6Address(url.host) or ("_" in url.host and url.host.isascii()):
        # to_uri would take an address for a host name, and refuse its colons. It also
        # refuses underscores, which names in DNS may have.
        url = url.replace(host="localhost").to_uri().replace(host=url.host)
    else:
        url = url.to_uri()
    if not url.host:
        raise ValueError("there is no host: try http://localhost:8000/lines")
    if not url.port or not 1 <= url.port <= 65535:
        raise ValueError("a port is a whole number from 1 to 65535")
    if url.userinfo:
        raise ValueError("send a password with --user NAME:PASSWORD")
    return url if url.path else url.replace(path=("",))


class BodyTransport:
    """
    The transport of a protocol that receives a body or messages.

    @ivar isEventStream: whether the body is an event stream.
    @ivar transport: the transport of the connection.
    """

    def __init__(self, transport: Any, isEventStream: bool = False) -> None:
        """
        @param transport: the transport of the connection.
        @param isEventStream: whether the body is an event stream.
        """
        self.isEventStream = isEventStream
        self.transport = transport
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


class Connector:
    """
    Connect to the server of a URL, one connection at a time.

    @ivar observer: the receiver of what happens.
    """

    def __init__(
        self, reactor: Any, url: URL, options: WebOptions, observer: Observer
    ) -> None:
        """
        @param reactor: the reactor that connects.
        @param url: the URL of the first request.
        @param options: the user's settings.
        @param observer: the receiver of what happens.

        @raise ValueError: if the address of the proxy is not valid.
        """
        self.observer = observer
        self._reactor = reactor
        self._options = options
        self._origin = url.host, url.port
        self._connectTo = hostAndPort(options.connectTo) if options.connectTo else None
        self._proxyFor(url)

    async def connect(self, url: URL) -> Exchange:
        """
        Connect to a server, through a proxy if there is one, and await the handshake of
        TLS.

        @param url: the URL.

        @return: the connection.

        @raise EndError: or another exception, if it cannot be made. It is aborted then.
        """
        isSecure = url.scheme in ("https", "wss")
        address = url.host, cast(int, url.port)
        isOrigin = address == self._origin
        target = (self._connectTo if isOrigin else None) or address
        proxy = self._proxyFor(url)
        # curl also takes a tunnel for --connect-to: no URL names that address.
        forwards = proxy is not None and url.scheme == "http" and target == address
        protocols, offered = self._protocols(url.scheme)
        endpoint = self._endpoint(*target, proxy, forwards)
        if isSecure:
            from clock.clients.reading.certificates import secureEndpoint

            verify = self._options.verify
            endpoint = secureEndpoint(endpoint, url.host, verify, protocols)
        forwarder = proxy if forwards else None
        factory = Factory.forProtocol(
            lambda: Exchange(self.observer, forwarder, offered)
        )
        factory.noisy = False
        made: Any = await endpoint.connect(factory)
        if isSecure:
            await made.secured
        return cast(Exchange, made)

    def _protocols(self, scheme: str) -> tuple[list[bytes], str]:
        """
        Return the names of the protocols to offer over TLS, and words for them.
        """
        # A WebSocket over HTTP/2 (RFC 8441) is not supported.
        if scheme != "https" or self._options.http1:
            return [b"http/1.1"], "http/1.1"
        if find_spec("h2") is None:
            hint = "HTTP/2 needs h2: pip install 'txclock[http2]'"
            return [b"http/1.1"], f"http/1.1 ({hint})"
        # Importing it takes a while, which must not be taken for reading.
        import_module("clock.clients.reading.urls.http2.protocol")
        return [b"h2", b"http/1.1"], "h2, http/1.1"

    def _proxyFor(self, url: URL) -> Proxy | None:
        return chooseProxy(url, self._options.proxy, os.environ)

    def _endpoint(
        self, host: str, port: int, proxy: Proxy | None, forwards: bool
    ) -> IStreamClientEndpoint:
        """
        Make the endpoint that connects to an address, or to the proxy.
        """
        if proxy is None:
            return self._observed(host, port)
        endpoint = self._observed(proxy.host, proxy.port, proxy)
        if proxy.isTLS:
            from clock.clients.reading.certificates import secureEndpoint

            endpoint = secureEndpoint(endpoint, proxy.host, self._options.verify)
        if forwards:
            return endpoint
        from clock.clients.reading.urls.proxy.tunnel import TunnelEndpoint

        return TunnelEndpoint(endpoint, proxy, host, port, self.observer)

    def _observed(
        self, host: str, port: int, proxy: Proxy | None = None
    ) -> IStreamClientEndpoint:
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        endpoint = clientEndpoint(self._reactor, address)
        return _ObservedEndpoint(endpoint, self.observer, proxy)


@implementer(IStreamClientEndpoint)
class _ObservedEndpoint:
    """
    An endpoint that prepares its connections, and reports them.
    """

    def __init__(
        self, endpoint: IStreamClientEndpoint, observer: Observer, proxy: Proxy | None
    ) -> None:
        self._endpoint = endpoint
        self._observer = observer
        self._proxy = proxy

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        attempt: Deferred[IProtocol] = self._endpoint.connect(protocolFactory)
        return attempt.addCallbacks(self._connected, self._failed)

    def _connected(self, protocol: Any) -> Any:
        prepareConnection(protocol.transport, self._observer)
        detail = addressText(protocol.transport.getPeer())
        step = Step.CONNECTED if self._proxy is None else Step.PROXY
        self._observer.stepReached(step, detail)
        return protocol

    def _failed(self, reason: Failure) -> Failure:
        if self._proxy is None or reason.check(CancelledError, EndError):
            return reason
        text = f"the proxy {self._proxy.url}: {connectionError(reason.value)}"
        return Failure(EndError(How.PROXY, text))
