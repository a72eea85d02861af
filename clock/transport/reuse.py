"""
TCP ports that several processes listen on: C{SO_REUSEPORT} (socket(7)).

Each process opens a listening socket of its own for the same address. Linux spreads the
connections evenly over them.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from twisted.internet import tcp
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.python.failure import Failure


class _ReusePort(tcp.Port):
    """
    A TCP port that other processes of the same user can open as well.
    """

    def createInternetSocket(self) -> socket.socket:
        created: socket.socket = super().createInternetSocket()
        created.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        return created


class ReusePortReactor:
    """
    A reactor whose TCP ports can be opened by several processes.

    Twisted's endpoints have no argument for this, but they open their ports with the
    reactor that they are given. The wrapped reactor does everything else.
    """

    def __init__(self, reactor: Any) -> None:
        """
        @param reactor: the reactor to wrap.
        """
        self._reactor = reactor
        self._ports: list[tcp.Port] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenTCP(
        self,
        port: int,
        factory: IProtocolFactory,
        backlog: int = 50,
        interface: str = "",
    ) -> IListeningPort:
        """
        Open a port.

        @param port: the number of the port; 0 for a free port that no process listens
            on.
        @param factory: the factory that builds a protocol for each connection.
        @param backlog: the size of the listen queue.
        @param interface: the address or host name to listen on.

        @return: the port.

        @raise CannotListenError: if the address is in use by this process, by a process
            of another user, or by one without C{SO_REUSEPORT}; and for any other error
            of the system.
        """
        self._ports = [each for each in self._ports if each.connected]
        opened = _ReusePort(port, factory, backlog, interface, self._reactor)
        opened.startListening()
        if opened.getHost() in [each.getHost() for each in self._ports]:
            # Each client would reach one of the two by chance.
            opened.connectionLost(Failure(ConnectionDone()))
            used = OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
            raise CannotListenError(interface, port, used)
        self._ports.append(opened)
        return opened

    def listenSSL(
        self,
        port: int,
        factory: IProtocolFactory,
        contextFactory: Any,
        backlog: int = 50,
        interface: str = "",
    ) -> IListeningPort:
        """
        Open a port for TLS, as L{listenTCP} does for TCP.
        """
        # Imported here, because it needs OpenSSL.
        from twisted.protocols.tls import TLSMemoryBIOFactory

        secure = TLSMemoryBIOFactory(contextFactory, False, factory)
        return self.listenTCP(port, secure, backlog, interface)
