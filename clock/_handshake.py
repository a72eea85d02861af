"""
When a transport is ready: after TLS's handshake, and after the PROXY header.

Twisted's TLS connects the protocol that it wraps before the handshake, and calls
C{handshakeCompleted} of C{IHandshakeListener} after it. Twisted's wrapper for the PROXY
protocol connects it before the header has come, and does not say when it has. The one
here says so in the same way as TLS.
"""

from __future__ import annotations

from twisted.internet.interfaces import IHandshakeListener, ISSLTransport
from twisted.logger import Logger
from twisted.protocols.haproxy._wrapper import (
    HAProxyProtocolWrapper,
    HAProxyWrappingFactory,
)
from twisted.protocols.policies import WrappingFactory

from clock.addresses import addressText


class HeaderFirst(HAProxyProtocolWrapper):
    """
    Tell the wrapped protocol when the header has been judged, and the log if it is bad.
    """

    _log = Logger()

    def dataReceived(self, data: bytes) -> None:
        """
        Take the header, and hand on what comes after it. A bad one ends the connection.
        """
        if self._proxyInfo is not None:
            super().dataReceived(data)
            return
        if self.disconnecting:
            return
        try:
            super().dataReceived(data)
        except ValueError:
            # A port that is no number, or an address that is no text.
            self.loseConnection()
        if self.disconnecting:
            peer = addressText(self.transport.getPeer())
            self._log.warn("{peer} sent a bad PROXY header: disconnected", peer=peer)
        elif self._proxyInfo is not None and IHandshakeListener.providedBy(
            self.wrappedProtocol
        ):
            self.wrappedProtocol.handshakeCompleted()


def judgeHeaders(factory: object) -> None:
    """
    Let a port's factory for the PROXY protocol make L{HeaderFirst}.

    @param factory: the port's, which may be wrapped around it, as TLS's is; or one
        that has nothing to do with the PROXY protocol, and is left as it is.
    """
    while isinstance(factory, WrappingFactory):
        if isinstance(factory, HAProxyWrappingFactory):
            factory.protocol = HeaderFirst  # type: ignore[assignment]
        factory = factory.wrappedFactory


def shakesHands(transport: object) -> bool:
    """
    Tell whether a transport calls C{handshakeCompleted} when it is ready.

    @param transport: a new connection's.

    @return: C{True} for TLS and L{HeaderFirst}; not for Twisted's own wrapper for the
        PROXY protocol, though it looks like the TLS that may lie beneath it.
    """
    if isinstance(transport, HAProxyProtocolWrapper):
        return isinstance(transport, HeaderFirst)
    return ISSLTransport.providedBy(transport)
