"""
The time at which a transport is ready: after the TLS handshake or the PROXY header.

Twisted's TLS transport calls C{connectionMade} of the protocol before the handshake,
and C{handshakeCompleted} of C{IHandshakeListener} after it. Twisted's wrapper for the
PROXY protocol calls C{connectionMade} before the header arrives, and nothing after it.
L{HeaderFirst} calls C{handshakeCompleted} after the header, as TLS does after the
handshake.
"""

from __future__ import annotations

from twisted.internet.interfaces import IHandshakeListener, ISSLTransport
from twisted.logger import Logger
from twisted.protocols.haproxy._wrapper import (
    HAProxyProtocolWrapper,
    HAProxyWrappingFactory,
)
from twisted.protocols.policies import WrappingFactory

from clock.console.text import addressText


class HeaderFirst(HAProxyProtocolWrapper):
    """
    Call C{handshakeCompleted} of the wrapped protocol after the header. Log a bad
    header, and close the connection.
    """

    _log = Logger()

    def dataReceived(self, data: bytes) -> None:
        """
        Parse the header, and deliver the data after it. A bad header closes the
        connection. Data that arrives with the header is delivered before
        C{handshakeCompleted} is called, and the protocol may close the connection
        because of it.
        """
        if self._proxyInfo is not None:
            super().dataReceived(data)
            return
        if self.disconnecting:
            return
        try:
            super().dataReceived(data)
        except ValueError:
            if self._proxyInfo is not None:
                raise
            # A port that is not a number, or an address that is not text.
            self.loseConnection()
        if self._proxyInfo is not None:
            if IHandshakeListener.providedBy(self.wrappedProtocol):
                self.wrappedProtocol.handshakeCompleted()
        elif self.disconnecting:
            peer = addressText(self.transport.getPeer())
            self._log.warn("{peer} sent a bad PROXY header: disconnected", peer=peer)


def useHeaderFirst(factory: object) -> None:
    """
    Make a port's factory for the PROXY protocol build L{HeaderFirst}.

    @param factory: the port's factory. It may wrap the one for the PROXY protocol, as
        the factory for TLS does. Any other factory is not changed.
    """
    while isinstance(factory, WrappingFactory):
        if isinstance(factory, HAProxyWrappingFactory):
            factory.protocol = HeaderFirst  # type: ignore[assignment]
        factory = factory.wrappedFactory


def hasHandshake(transport: object) -> bool:
    """
    Return whether a transport calls C{handshakeCompleted} when it is ready.

    @param transport: the transport of a new connection.

    @return: C{True} for TLS and L{HeaderFirst}; C{False} for any other, including
        Twisted's own wrapper for the PROXY protocol. That wrapper provides
        C{ISSLTransport} if there is TLS below it.
    """
    if isinstance(transport, HAProxyProtocolWrapper):
        return isinstance(transport, HeaderFirst)
    return ISSLTransport.providedBy(transport)
