"""
A listening endpoint for many clients that each receive a few bytes at a time.

L{ImmediateEndpoint} wraps another endpoint and adapts the port that it opens:

  - Connections send at once (L{clock.transport.writes}).
  - Socket options are set on the listening socket. On Linux each connection inherits
    them, which saves five system calls.
  - A connection above the limit is closed before a protocol is built for it.
  - The number of connections accepted in one iteration of the reactor is limited.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from twisted.internet import tcp
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import Factory
from zope.interface import implementer

from clock.transport.handshake import useHeaderFirst
from clock.transport.stall import setSocketOptions
from clock.transport.writes import immediate

#: The most connections to accept in one iteration of the reactor. C{tcp.Port} raises
#: its own limit by L{_MORE_ACCEPTS} each time that it is reached, so many connections
#: at once delayed timers by up to 60 ms.
MAX_ACCEPTS = 100

_MORE_ACCEPTS = 20


@implementer(IProtocolFactory)
class _AdmissionFactory:
    """
    Refuse a connection before a protocol is built, and limit the accepts of a port.
    """

    def __init__(
        self, port: tcp.Port, admit: Callable[[], bool], maxAccepts: int
    ) -> None:
        self._port = port
        self._factory = cast(IProtocolFactory, port.factory)
        self._admit = admit
        self._maxAccepts = maxAccepts
        port.numberAccepts = min(port.numberAccepts, maxAccepts)

    def doStart(self) -> None:
        self._factory.doStart()

    def doStop(self) -> None:
        self._factory.doStop()

    def buildProtocol(self, addr: IAddress) -> IProtocol | None:
        if self._port.numberAccepts + _MORE_ACCEPTS > self._maxAccepts:
            # The port now accepts fewer than this number, so it does not raise it.
            self._port.numberAccepts = self._maxAccepts + 1
        # If this returns None, the port closes the connection. The wrapped factory must
        # not return None: the factories for TLS and the PROXY protocol fail if the
        # factory in them returns None.
        return self._factory.buildProtocol(addr) if self._admit() else None


@implementer(IStreamServerEndpoint)
class ImmediateEndpoint:
    """
    A listening endpoint whose connections send at once.

    It wraps endpoints of TCP, UNIX sockets and adopted sockets, including those below
    TLS and the PROXY protocol. Any other port is not changed.
    """

    def __init__(
        self,
        endpoint: IStreamServerEndpoint,
        *,
        socketOptions: Sequence[tuple[int, int, int]] = (),
        admit: Callable[[], bool] = lambda: True,
        maxAccepts: int = MAX_ACCEPTS,
    ) -> None:
        """
        @param endpoint: the endpoint to wrap.
        @param socketOptions: level, option and value of each option to set on TCP
            connections.
        @param admit: a function that is called for each connection; if it returns
            C{False}, the connection is closed at once.
        @param maxAccepts: the most connections to accept in one iteration of the
            reactor, up to L{MAX_ACCEPTS}.
        """
        self._endpoint = endpoint
        self._socketOptions = socketOptions
        self._admit = admit
        self._maxAccepts = min(maxAccepts, MAX_ACCEPTS)

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """
        Listen.

        @param protocolFactory: the factory that builds a protocol for each connection.

        @return: fires with the port, or with the wrapped endpoint's failure.
        """
        listening: Deferred[IListeningPort] = self._endpoint.listen(protocolFactory)
        return listening.addCallback(self._adapt)

    def _adapt(self, port: IListeningPort) -> IListeningPort:
        # unix.Port is a subclass of tcp.Port. The class of a port's transports, and its
        # factory, are attributes that may be replaced.
        if isinstance(port, tcp.Port):
            useHeaderFirst(port.factory)
            port.transport = cast("type[tcp.Server]", immediate(port.transport))
            port.factory = cast(
                Factory, _AdmissionFactory(port, self._admit, self._maxAccepts)
            )
            setSocketOptions(port.socket, self._socketOptions)
        return port
