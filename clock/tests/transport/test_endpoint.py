"""
Tests for L{clock.transport.endpoint} without a real socket. The tests in C{tests/} use
real sockets.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from clock.tests.transport.test_writes import Socket
from clock.transport.endpoint import MAX_ACCEPTS, ImmediateEndpoint
from clock.transport.writes import ImmediateWrites


@implementer(IStreamServerEndpoint)
class Endpoint:
    """
    An endpoint with a given outcome.
    """

    def __init__(self, outcome: Deferred[IListeningPort]) -> None:
        self.outcome = outcome

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        """
        Listen, or fail to.
        """
        return self.outcome


class ImmediateEndpointTests(SynchronousTestCase):
    """
    Adapting ports.
    """

    def listen(self, port: IListeningPort, **keywords: Any) -> IListeningPort:
        """
        Listen on an endpoint that has this port.
        """
        if isinstance(port, tcp.Port) and not hasattr(port, "socket"):
            port.socket = Socket()
        if isinstance(port, tcp.Port):
            # As startListening sets it.
            port.numberAccepts = 100
        endpoint = ImmediateEndpoint(Endpoint(succeed(port)), **keywords)
        verifyObject(IStreamServerEndpoint, endpoint)
        self.assertIs(self.successResultOf(endpoint.listen(Factory())), port)
        return port

    def test_tcp(self) -> None:
        """
        The transports of a TCP port send at once, and are subclasses of the port's own.
        """
        port = tcp.Port(0, Factory(), reactor=MemoryReactorClock())
        self.listen(port)
        self.assertTrue(issubclass(port.transport, ImmediateWrites))
        self.assertTrue(issubclass(port.transport, tcp.Server))
        self.assertIs(tcp.Port.transport, tcp.Server)

    def test_unix(self) -> None:
        """
        The transports of a UNIX port send at once, too.
        """
        port = unix.Port(b"/x", Factory(), reactor=MemoryReactorClock())
        self.listen(port)
        self.assertTrue(issubclass(port.transport, ImmediateWrites))
        self.assertTrue(issubclass(port.transport, unix.Server))

    def test_other(self) -> None:
        """
        Any other port is not changed.
        """
        reactor = MemoryReactorClock()
        port = reactor.listenTCP(0, Factory())
        self.listen(port)
        self.assertFalse(hasattr(port, "transport"))

    def test_socketOptions(self) -> None:
        """
        The options that the system accepts are set on a TCP port, and on no other port.
        """
        options = [(1, 2, 3), (4, 5, 6), (7, 8, 9)]
        tcpPort = tcp.Port(0, Factory(), reactor=MemoryReactorClock())
        unixPort = unix.Port(b"/x", Factory(), reactor=MemoryReactorClock())
        for port, family, expected in [
            (tcpPort, socket.AF_INET, [options[0], options[2]]),
            (unixPort, socket.AF_UNIX, []),
        ]:
            skt = Socket()
            skt.refused = options[1]
            skt.family = family
            port.socket = skt
            self.listen(port, socketOptions=options)
            self.assertEqual(skt.options, expected)

    def test_admit(self) -> None:
        """
        No protocol is built for a connection that is refused. The factory is started
        and stopped as any port does.
        """
        factory = Factory.forProtocol(Protocol)
        factory.noisy = False
        port = tcp.Port(0, factory, reactor=MemoryReactorClock())
        answers = [True, False]
        self.listen(port, admit=lambda: answers.pop(0))
        admission = port.factory
        assert admission is not None
        address = IPv4Address("TCP", "127.0.0.1", 1)
        self.assertIsInstance(admission.buildProtocol(address), Protocol)
        self.assertIsNone(admission.buildProtocol(address))
        admission.doStart()
        self.assertEqual(factory.numPorts, 1)
        admission.doStop()
        self.assertEqual(factory.numPorts, 0)

    def accepts(self, *crowds: int, **keywords: int) -> list[int]:
        """
        Let groups of clients of these sizes connect, each after the last one was
        accepted. Return the number of connections accepted in each iteration of the
        reactor.
        """
        null = os.open(os.devnull, os.O_RDONLY)
        self.addCleanup(os.close, null)
        waiting: list[Socket] = []

        class Listening:
            family = socket.AF_INET

            def accept(self) -> tuple[Socket, tuple[str, int]]:
                if not waiting:
                    raise BlockingIOError(errno.EAGAIN, "none")
                return waiting.pop(), ("127.0.0.1", 1)

        factory = Factory.forProtocol(Protocol)
        factory.noisy = False
        port = tcp.Port(0, factory, reactor=MemoryReactorClock())
        port.socket = Listening()
        self.listen(port, **keywords)
        taken = []
        for crowd in crowds:
            for _ in range(crowd):
                skt = Socket()
                # Some versions of Twisted set close-on-exec on accepted sockets.
                skt.fileno = lambda: null
                waiting.append(skt)
            while waiting:
                before = len(waiting)
                port.doRead()
                taken.append(before - len(waiting))
        self.assertEqual(sum(taken), sum(crowds))
        return taken

    def test_fewAccepts(self) -> None:
        """
        However many connections wait, a port accepts only some in one iteration of the
        reactor. After an iteration with few, it still accepts almost as many.
        """
        taken = self.accepts(1000, 1, 1, 2000)
        self.assertEqual(max(taken), MAX_ACCEPTS)
        self.assertGreater(taken[-2], MAX_ACCEPTS - 20)

    def test_fewerAccepts(self) -> None:
        """
        With C{maxAccepts} it accepts fewer, from the first iteration on.
        """
        taken = self.accepts(200, 1, 200, maxAccepts=12)
        self.assertEqual(taken[0], 12)
        self.assertEqual(max(taken), 12)

    def test_failure(self) -> None:
        """
        If the wrapped endpoint fails to listen, its failure is passed on.
        """
        error = CannotListenError("localhost", 80, "no")
        endpoint = ImmediateEndpoint(Endpoint(fail(error)))
        failure = self.failureResultOf(endpoint.listen(Factory()))
        self.assertIs(failure.value, error)
