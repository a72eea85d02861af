"""
A tunnel through a proxy on this client's side.

The proxy opens a tunnel when it is asked to C{CONNECT} (RFC 9110, section 9.3.6). From
then on it copies bytes. A client needs the tunnel for TLS and for a WebSocket.
"""

from __future__ import annotations

import re
from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import (
    ConnectingCancelledError,
    ConnectionDone,
    ConnectionLost,
)
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    ITCPTransport,
    ITransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

import clock
from clock.clients.reading.ends import EndError, How
from clock.clients.reading.observer import Observer, Step
from clock.clients.reading.urls.proxy.selection import Proxy
from clock.console.text import connectionError, oneLine

#: The most bytes to read of a proxy's answer until its headers are complete.
MAX_ANSWER = 65_536

_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")

_STATUS = re.compile(rb"HTTP/1\.[01] +([1-9][0-9]{2})(?: ([^\r\n]*))?(?:\r|\n|$)")


@implementer(IStreamClientEndpoint)
class TunnelEndpoint:
    """
    An endpoint that connects through a proxy.
    """

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        proxy: Proxy,
        host: str,
        port: int,
        observer: Observer,
    ) -> None:
        """
        @param endpoint: connects to the proxy, with TLS if the proxy wants it.
        @param proxy: the proxy.
        @param host: the host that the proxy connects to, without brackets.
        @param port: the port there.
        @param observer: the receiver of what happens.
        """
        self._endpoint = endpoint
        self._proxy = proxy
        self._observer = observer
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [
            f"CONNECT {authority} HTTP/1.1",
            f"Host: {authority}",
            f"User-Agent: txclock/{clock.__version__}",
        ]
        if proxy.authorization is not None:
            lines.append(f"Proxy-Authorization: {proxy.authorization}")
        self._request = "".join(f"{line}\r\n" for line in [*lines, ""]).encode("ascii")

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        Connect to the proxy, and let it connect to the host. There is no timeout for
        the proxy's answer.

        @param protocolFactory: the factory of the protocol that uses the tunnel.

        @return: fires with the protocol when it is connected; otherwise with
            L{EndError}. Cancelling it aborts the connection to the proxy.
        """

        factory = Factory.forProtocol(
            lambda: TunnelProtocol(
                self._request, self._proxy, protocolFactory, self._observer
            )
        )
        factory.noisy = False
        attempt: Deferred[Any] = self._endpoint.connect(factory)
        attempt.addErrback(self._unreachable)
        # Until the tunnel is established, cancelling the attempt cancels that.
        attempt.addCallback(lambda tunnel: tunnel.established)
        return attempt

    def _unreachable(self, reason: Failure) -> Failure:
        if reason.check(CancelledError, ConnectingCancelledError):
            return reason
        return Failure(_proxyError(self._proxy, f": {connectionError(reason.value)}"))


class TunnelProtocol(Protocol):
    """
    Ask a proxy for a tunnel, and then deliver what comes through it to another
    protocol, which has the transport for itself.

    @ivar established: fires with that protocol when it is connected; otherwise with
        L{EndError}.
    """

    transport: ITCPTransport
    _protocol: IProtocol | None = None
    _answer = b""

    def __init__(
        self,
        request: bytes,
        proxy: Proxy,
        protocolFactory: IProtocolFactory,
        observer: Observer,
    ) -> None:
        """
        @param request: the request for the tunnel.
        @param proxy: the proxy.
        @param protocolFactory: the factory of the protocol that uses the tunnel.
        @param observer: the receiver of what happens.
        """
        self.established: Deferred[IProtocol] = Deferred(
            lambda _: self.transport.abortConnection()
        )
        self._request = request
        self._proxy = proxy
        self._factory = protocolFactory
        self._observer = observer

    def connectionMade(self) -> None:
        """
        Send the request.
        """
        self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        """
        Read the proxy's answer. What comes after it is for the other protocol. Abort
        the connection if the proxy refuses.
        """
        if self._protocol is not None:
            self._protocol.dataReceived(data)
        elif not self.established.called:
            self._answer += data
            try:
                rest = _afterAnswer(self._answer, self._proxy)
            except EndError as error:
                self.transport.abortConnection()
                self.established.errback(error)
            else:
                if rest is not None:
                    self._open(rest)

    def _open(self, rest: bytes) -> None:
        self._answer = b""
        self._observer.stepReached(Step.TUNNEL, self._proxy.url)
        protocol = cast(
            IProtocol, self._factory.buildProtocol(self.transport.getPeer())
        )
        self._protocol = protocol
        protocol.makeConnection(cast(ITransport, self.transport))
        self.established.callback(protocol)
        if rest:
            protocol.dataReceived(rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Report the end.
        """
        if self._protocol is not None:
            self._protocol.connectionLost(reason)
        elif not self.established.called:
            if reason.check(ConnectionDone):
                text = " closed the connection without an answer"
            elif reason.type is ConnectionLost:
                text = " reset the connection"
            else:
                text = f": {connectionError(reason.value)}"
            self.established.errback(_proxyError(self._proxy, text))


def _proxyError(proxy: Proxy, text: str, code: int | None = None) -> EndError:
    return EndError(How.PROXY, f"the proxy {proxy.url}{text}", code)


def _afterAnswer(data: bytes, proxy: Proxy) -> bytes | None:
    """
    Return what comes after the head of a proxy's answer; C{None} if the head is not
    complete.

    @raise EndError: if the proxy does not open the tunnel.
    """
    size = len(data)
    code, words = 100, b""
    # An interim response is followed by another one (RFC 9110, section 15.2).
    while code < 200:
        head, *rest = _END_OF_HEAD.split(data, 1)
        status = _STATUS.match(head)
        if not rest and size > MAX_ANSWER:
            raise _proxyError(proxy, " sent too long an answer")
        if not rest and b"HTTP/1.".startswith(head[:7]):
            return None
        if not rest or status is None:
            raise _proxyError(proxy, " did not answer in HTTP/1")
        code, words, data = int(status[1]), status[2] or b"", rest[0]
    if code >= 300:
        answer = f"{code} {words.decode('ascii', 'backslashreplace')}"
        raise _proxyError(proxy, f" answered {oneLine(answer)}", code)
    return data
