"""
Tests for L{clock.wall.stream}.
"""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import (
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    DNSLookupError,
)
from twisted.internet.interfaces import IHandshakeListener, IProtocol, ISSLTransport
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides

from clock.wall import stream
from clock.wall.lines import Line
from clock.wall.stream import LAST_RETRY, PAUSE, PORTION, READ_SIZE, Stream

ADDRESS = IPv4Address("TCP", "127.0.0.1", 8080)


class Observer:
    """
    Notes what it is told.
    """

    def __init__(self) -> None:
        self.told: list[Any] = []

    def connecting(self) -> None:
        """
        Note an attempt.
        """
        self.told.append("connecting")

    def connected(self) -> None:
        """
        Note a connection.
        """
        self.told.append("connected")

    def lineReceived(self, line: Line) -> None:
        """
        Note a line.
        """
        self.told.append(line)

    def down(self, reason: str, retryIn: float) -> None:
        """
        Note a loss.
        """
        self.told.append((reason, retryIn))


class Connection:
    """
    A socket that notes its options.
    """

    def __init__(self, family: int) -> None:
        self.family = family
        self.options: list[tuple[int, int, int]] = []

    def setsockopt(self, *option: int) -> None:
        """
        Note an option.
        """
        self.options.append(option)  # type: ignore[arg-type]


class StreamTests(SynchronousTestCase):
    """
    One connection after another.
    """

    def setUp(self) -> None:
        """
        Start a stream, whose waits are the shortest.
        """
        self.patch(stream, "backoffPolicy", self.backoffPolicy)
        self.reactor = MemoryReactorClock()
        self.observer = Observer()
        endpoint = TCP4ClientEndpoint(self.reactor, "127.0.0.1", 8080)
        self.stream = Stream(endpoint, self.observer, self.reactor)
        self.stream.startService()

    def backoffPolicy(self, first: float, last: float) -> object:
        """
        Wait for as many seconds as attempts have failed.
        """
        self.assertLess(first, last)
        self.assertEqual(last, LAST_RETRY)
        return lambda attempts: attempts

    def told(self) -> list[Any]:
        """
        Give what the observer was told since the last time.
        """
        told, self.observer.told = self.observer.told, []
        return told

    def connect(self, transport: Any = None) -> IProtocol:
        """
        Let the latest attempt succeed.
        """
        self.transport: Any = transport or StringTransport()
        factory: Any = self.reactor.tcpClients[-1][2]
        protocol: IProtocol = factory.buildProtocol(ADDRESS)
        protocol.makeConnection(self.transport)
        return protocol

    def test_lines(self) -> None:
        """
        The observer is told of the attempt, the connection, and each line.
        """
        protocol = self.connect()
        protocol.dataReceived(b"19:03:13\n19:0")
        protocol.dataReceived(b"3:14\n")
        lines = [Line("19:03:13"), Line("19:03:14")]
        self.assertEqual(self.told(), ["connecting", "connected", *lines])

    def test_lostAndConnectedAgain(self) -> None:
        """
        A connection that is lost is made again after a while, and begins with a whole
        line.
        """
        protocol = self.connect()
        protocol.dataReceived(b"19:0")
        self.told()
        protocol.connectionLost(Failure(ConnectionDone()))
        told = [Line("19:0", cut=True), ("closed by the server", 1)]
        self.assertEqual(self.told(), told)
        self.reactor.advance(1)
        self.connect().dataReceived(b"19:03:14\n")
        self.assertEqual(self.told(), ["connecting", "connected", Line("19:03:14")])

    def test_refused(self) -> None:
        """
        An attempt that fails is told with its reason, in the system's words if it has
        any, and the next is made later each time.
        """
        refused = ConnectionRefusedError(errno.ECONNREFUSED, "x")
        for reason, words in [
            (refused, "Connection refused"),
            (
                ConnectionRefusedError("by\nhand"),
                "Connection was refused",
            ),
            (DNSLookupError("no host"), "DNS lookup failed: no host"),
        ]:
            factory: Any = self.reactor.tcpClients[-1][2]
            factory.clientConnectionFailed(None, Failure(reason))
            attempts = len(self.reactor.tcpClients)
            connecting, (why, retryIn) = self.told()
            self.assertEqual(connecting, "connecting")
            self.assertEqual(why[: len(words)], words)
            self.assertEqual(retryIn, attempts)
            self.reactor.advance(attempts)
            self.assertEqual(len(self.reactor.tcpClients), attempts + 1)

    def test_brokenConnection(self) -> None:
        """
        A connection that breaks is not said to have been closed.
        """
        protocol = self.connect()
        self.told()
        protocol.connectionLost(Failure(ConnectionLost()))
        ((why, _),) = self.told()
        self.assertIn("non-clean", why)

    def test_babble(self) -> None:
        """
        A server that fills a whole read is not read from for a while; all that has
        arrived is handed out even so.
        """
        protocol = self.connect()
        self.told()
        babble = b"x\n" * (READ_SIZE // 2)
        protocol.dataReceived(babble)
        protocol.dataReceived(babble)
        self.assertEqual(self.told(), [Line("x")] * READ_SIZE)
        self.assertEqual(self.transport.producerState, "paused")
        self.assertEqual(len(self.reactor.getDelayedCalls()), 1)
        self.reactor.advance(PAUSE)
        self.assertEqual(self.transport.producerState, "producing")
        protocol.dataReceived(babble * 4)
        self.reactor.advance(3 * PAUSE)
        self.assertEqual(self.transport.producerState, "paused")
        self.reactor.advance(PAUSE)
        self.assertEqual(self.transport.producerState, "producing")

    def test_babbleInSmallPortions(self) -> None:
        """
        Small portions add up, if they come within a while, as those of TLS do.
        """
        protocol = self.connect()
        for _ in range(READ_SIZE // PORTION - 1):
            protocol.dataReceived(b"x\n")
        self.assertEqual(self.transport.producerState, "producing")
        protocol.dataReceived(b"x\n")
        self.assertEqual(self.transport.producerState, "paused")
        self.reactor.advance(PAUSE)
        for _ in range(READ_SIZE // PORTION * 2):
            protocol.dataReceived(b"x\n")
            self.reactor.advance(PAUSE / 10)
        self.assertEqual(self.transport.producerState, "producing")

    def test_handshake(self) -> None:
        """
        With TLS there is no connection before the handshake, which may fail, with the
        reasons that OpenSSL gives.
        """
        transport: Any = StringTransport()
        directlyProvides(transport, ISSLTransport)
        protocol = self.connect(transport)
        self.assertTrue(IHandshakeListener.providedBy(protocol))
        self.assertEqual(self.told(), ["connecting"])
        failed = ValueError([("SSL routines", "", "no shared cipher"), "a mismatch"])
        protocol.connectionLost(Failure(failed))
        self.assertEqual(self.told(), [("no shared cipher, a mismatch", 1)])
        self.reactor.advance(1)
        self.connect(transport).handshakeCompleted()  # type: ignore[attr-defined]
        self.assertEqual(self.told(), ["connecting", "connected"])

    def test_backOff(self) -> None:
        """
        A server that lets one connect and then says nothing is tried more and more
        rarely, until it says something.
        """
        line, half = b"x\n", b"x"
        for expected, says in [(1, b""), (2, half), (1, line), (1, line), (2, b"")]:
            protocol = self.connect()
            protocol.dataReceived(says)
            self.told()
            protocol.connectionLost(Failure(ConnectionDone()))
            self.assertEqual(self.told()[-1], ("closed by the server", expected))
            self.reactor.advance(expected)

    def test_lostWhilePaused(self) -> None:
        """
        A connection that is lost while it is not read from is not read from later.
        """
        protocol = self.connect()
        protocol.dataReceived(b"x" * READ_SIZE)
        protocol.connectionLost(Failure(ConnectionDone()))
        (retry,) = self.reactor.getDelayedCalls()
        self.assertEqual(retry.getTime(), 1)

    def test_littleIsNoBabble(self) -> None:
        """
        A clock is read from all of the time, and in small portions.
        """
        protocol = self.connect()
        protocol.dataReceived(b"x" * (READ_SIZE - 1))
        self.assertEqual(self.transport.producerState, "producing")
        self.assertEqual(self.transport.bufferSize, READ_SIZE)

    def test_keepalive(self) -> None:
        """
        A TCP connection ends when its server has died, below TLS, too; other kinds
        have no such options.
        """
        for family, expected in [(socket.AF_INET6, True), (socket.AF_UNIX, False)]:
            for encrypted in (False, True):
                lower: Any = StringTransport()
                lower.socket = Connection(family)
                upper: Any = StringTransport()
                upper.transport = lower
                protocol = self.connect(upper if encrypted else lower)
                keepalive = (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                self.assertEqual(keepalive in lower.socket.options, expected)
                self.assertEqual(lower.bufferSize, READ_SIZE)
                protocol.connectionLost(Failure(ConnectionDone()))
                self.reactor.advance(LAST_RETRY)

    def test_stop(self) -> None:
        """
        A stream that is stopped leaves no timer behind.
        """
        protocol = self.connect()
        protocol.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(self.stream.stopService())
        self.assertEqual(self.reactor.getDelayedCalls(), [])
