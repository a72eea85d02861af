"""
Tests for L{clock.transport.reuse} without a real socket. The tests in C{tests/} use
real ones.
"""

from __future__ import annotations

import errno
import socket
from importlib.util import find_spec

from twisted.internet import tcp
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from clock.tests.transport.test_writes import Socket
from clock.transport.reuse import ReusePortReactor


class ListeningSocket(Socket):
    """
    A listening socket.

    @ivar bound: the address that it was bound to.
    """

    def bind(self, address: tuple[object, ...]) -> None:
        """
        Record the address.
        """
        self.bound = address

    def listen(self, backlog: int) -> None:
        """
        Record the backlog.
        """
        self.backlog = backlog

    def getsockname(self) -> tuple[object, ...]:
        """
        Return the address.
        """
        return self.bound


class ReusePortTests(SynchronousTestCase):
    """
    Ports that several processes listen on.
    """

    def setUp(self) -> None:
        """
        Make a reactor. Its ports get a fake socket.
        """
        self.inner = MemoryReactorClock()
        self.reactor = ReusePortReactor(self.inner)
        self.socket = ListeningSocket()
        self.patch(tcp.Port, "createInternetSocket", lambda port: self.socket)
        self.factory = Factory()
        self.factory.noisy = False

    def test_listens(self) -> None:
        """
        A port listens with C{SO_REUSEPORT}, on the reactor that was wrapped.
        """
        port = self.reactor.listenTCP(1234, self.factory, 5, "127.0.0.1")
        self.assertEqual(
            self.socket.options, [(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)]
        )
        self.assertEqual(self.socket.bound, ("127.0.0.1", 1234))
        self.assertEqual(self.socket.backlog, 5)
        self.assertEqual(self.inner.getReaders(), [port])

    def test_everyAddress(self) -> None:
        """
        By default a port listens on all IPv4 addresses, with Twisted's own backlog.
        """
        self.reactor.listenTCP(1234, self.factory)
        self.assertEqual((self.socket.bound, self.socket.backlog), (("", 1234), 50))

    def test_ipv6(self) -> None:
        """
        A port listens on an IPv6 address.
        """
        port = self.reactor.listenTCP(1234, self.factory, interface="::1")
        assert isinstance(port, tcp.Port)
        self.assertEqual(port.addressFamily, socket.AF_INET6)
        self.assertEqual(self.socket.bound[:2], ("::1", 1234))

    def test_refused(self) -> None:
        """
        If the system refuses the option, the port cannot listen.
        """
        self.socket.refused = (socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        error = self.assertRaises(
            CannotListenError, self.reactor.listenTCP, 1234, self.factory
        )
        self.assertEqual(error.socketError.errno, errno.ENOPROTOOPT)

    def test_twice(self) -> None:
        """
        In one process, the option does not allow two ports on one address: each client
        would reach one of them by chance. A port that was closed can be opened again.
        """
        port = self.reactor.listenTCP(1234, self.factory)
        error = self.assertRaises(
            CannotListenError, self.reactor.listenTCP, 1234, self.factory
        )
        self.assertEqual(error.socketError.errno, errno.EADDRINUSE)
        self.assertEqual(self.inner.getReaders(), [port])
        self.assertEqual(self.factory.numPorts, 1)
        assert isinstance(port, tcp.Port)
        port.connectionLost(Failure(ConnectionDone()))
        self.reactor.listenTCP(1234, self.factory)

    def test_tls(self) -> None:
        """
        A port for TLS listens in the same way.
        """
        if find_spec("OpenSSL") is None:
            self.skipTest("OpenSSL is not installed: pip install 'txclock[tls]'")
        from twisted.internet.ssl import CertificateOptions
        from twisted.protocols.tls import TLSMemoryBIOFactory

        context = CertificateOptions()
        port = self.reactor.listenSSL(1234, self.factory, context, 5, "127.0.0.1")
        assert isinstance(port, tcp.Port)
        self.assertIsInstance(port.factory, TLSMemoryBIOFactory)
        self.assertEqual(len(self.socket.options), 1)
        self.assertEqual(self.socket.bound, ("127.0.0.1", 1234))

    def test_everythingElse(self) -> None:
        """
        Everything else is done by the reactor that was wrapped.
        """
        self.assertEqual(self.reactor.callLater, self.inner.callLater)
        self.assertRaises(AttributeError, getattr, self.reactor, "nothing")
