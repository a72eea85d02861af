"""
Tests for L{clock.clients.reading.stream}.
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

from clock.clients.reading import stream
from clock.clients.reading.lines import Line
from clock.clients.reading.stream import (
    BYTES,
    LINE_COST,
    MAX_RETRY,
    MIN_READ,
    READ_LIMIT,
    READ_PAUSE,
    READ_SIZE,
    RETURN_WITHIN,
    STEADY_AFTER,
    Stream,
)
from clock.tests.clients.fixture import Observer

ADDRESS = IPv4Address("TCP", "127.0.0.1", 8080)


class Connection:
    """
    A socket that records its options.
    """

    def __init__(self, family: int) -> None:
        self.family = family
        self.options: list[tuple[int, int, int]] = []

    def setsockopt(self, *option: int) -> None:
        """
        Record an option.
        """
        self.options.append(option)  # type: ignore[arg-type]


class StreamTests(SynchronousTestCase):
    """
    One connection after another.
    """

    def setUp(self) -> None:
        """
        Start a stream whose retry delay is the number of failures, in seconds.
        """
        self.patch(stream, "backoffPolicy", self.backoffPolicy)
        self.reactor = MemoryReactorClock()
        self.observer = Observer()
        self.takeEvents = self.observer.takeEvents
        endpoint = TCP4ClientEndpoint(self.reactor, "127.0.0.1", 8080)
        self.stream = Stream(endpoint, self.observer, self.reactor)
        self.stream.startService()

    def backoffPolicy(self, first: float, last: float) -> object:
        """
        Make a policy without randomness.
        """
        self.assertLess(first, last)
        self.assertEqual(last, MAX_RETRY)
        return lambda attempts: attempts

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
        The attempt, the connection and each line are reported.
        """
        protocol = self.connect()
        protocol.dataReceived(b"19:03:13\n19:0")
        protocol.dataReceived(b"3:14\n")
        lines = [Line("19:03:13"), Line("19:03:14")]
        self.assertEqual(self.takeEvents(), ["connecting", "connected", *lines])

    def test_reconnect(self) -> None:
        """
        After a connection is lost, the stream reconnects. The unfinished line is not
        continued on the new connection.
        """
        protocol = self.connect()
        protocol.dataReceived(b"19:0")
        self.takeEvents()
        protocol.connectionLost(Failure(ConnectionDone()))
        expected = [Line("19:0", truncated=True), ("closed by the server", 1)]
        self.assertEqual(self.takeEvents(), expected)
        self.reactor.advance(1)
        self.connect().dataReceived(b"19:03:14\n")
        self.assertEqual(
            self.takeEvents(), ["connecting", "connected", Line("19:03:14")]
        )

    def test_refused(self) -> None:
        """
        A failed attempt is reported with its reason, in the system's words if there are
        any. The delay grows with each failure.
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
            connecting, (why, retryIn) = self.takeEvents()
            self.assertEqual(connecting, "connecting")
            self.assertEqual(why[: len(words)], words)
            self.assertEqual(retryIn, attempts)
            self.reactor.advance(attempts)
            self.assertEqual(len(self.reactor.tcpClients), attempts + 1)

    def test_connectionLost(self) -> None:
        """
        A connection that is reset is not reported as closed.
        """
        protocol = self.connect()
        self.takeEvents()
        protocol.connectionLost(Failure(ConnectionLost()))
        ((why, _),) = self.takeEvents()
        self.assertEqual(why, "reset by the server")

    def test_flood(self) -> None:
        """
        After many lines, the transport is paused for a while, in proportion to their
        number. All of them are reported.
        """
        protocol = self.connect()
        self.takeEvents()
        count = READ_LIMIT // LINE_COST + 1
        flood = b"x\n" * count
        protocol.dataReceived(flood)
        protocol.dataReceived(flood)
        self.assertEqual(self.takeEvents(), [Line("x")] * 2 * count)
        self.assertEqual(self.transport.producerState, "paused")
        self.assertEqual(len(self.reactor.getDelayedCalls()), 1)
        self.reactor.advance(READ_PAUSE * 1.01)
        self.assertEqual(self.transport.producerState, "producing")
        protocol.dataReceived(flood * 4)
        self.reactor.advance(3.9 * READ_PAUSE)
        self.assertEqual(self.transport.producerState, "paused")
        self.reactor.advance(0.2 * READ_PAUSE)
        self.assertEqual(self.transport.producerState, "producing")

    def test_floodOfComments(self) -> None:
        """
        Lines of an event stream that are no events are counted too.
        """
        for line in (b"\n", b":\r", b"id:\r\n"):
            protocol = self.connect()
            protocol.dataReceived(line * READ_LIMIT)
            self.assertEqual(self.transport.producerState, "paused")
            self.reactor.advance(8 * READ_PAUSE)
            self.assertEqual(self.transport.producerState, "paused")
            self.reactor.advance(2 * READ_PAUSE)
            protocol.connectionLost(Failure(ConnectionDone()))
            self.reactor.advance(60)

    def test_longLines(self) -> None:
        """
        A long line is read without a pause. Many of them are not.
        """
        protocol = self.connect()
        for count in range(2 * READ_LIMIT * BYTES // READ_SIZE):
            state = "producing" if count < READ_LIMIT * BYTES // READ_SIZE else "paused"
            self.assertEqual(self.transport.producerState, state)
            protocol.dataReceived(b"x" * READ_SIZE)

    def test_floodInSmallReads(self) -> None:
        """
        Small reads within one pause are added up. TLS delivers such reads.
        """
        protocol = self.connect()
        for _ in range(READ_SIZE // MIN_READ - 1):
            protocol.dataReceived(b"x\n")
        self.assertEqual(self.transport.producerState, "producing")
        protocol.dataReceived(b"x\n")
        self.assertEqual(self.transport.producerState, "paused")
        self.reactor.advance(READ_PAUSE)
        for _ in range(READ_SIZE // MIN_READ * 2):
            protocol.dataReceived(b"x\n")
            self.reactor.advance(READ_PAUSE / 10)
        self.assertEqual(self.transport.producerState, "producing")

    def test_handshake(self) -> None:
        """
        Over TLS, the connection is reported after the handshake. A failed handshake is
        reported with OpenSSL's reasons.
        """
        transport: Any = StringTransport()
        directlyProvides(transport, ISSLTransport)
        protocol = self.connect(transport)
        self.assertTrue(IHandshakeListener.providedBy(protocol))
        self.assertEqual(self.takeEvents(), ["connecting"])
        failed = ValueError([("SSL routines", "", "no shared cipher"), "a mismatch"])
        protocol.connectionLost(Failure(failed))
        self.assertEqual(self.takeEvents(), [("no shared cipher, a mismatch", 1)])
        self.reactor.advance(1)
        self.connect(transport).handshakeCompleted()  # type: ignore[attr-defined]
        self.assertEqual(self.takeEvents(), ["connecting", "connected"])

    def test_backoff(self) -> None:
        """
        The delay grows if the server accepts the connection but sends no whole line. A
        whole line resets it.
        """
        line, half = b"x\n", b"x"
        for expected, data in [(1, b""), (2, half), (1, line), (1, line), (2, b"")]:
            protocol = self.connect()
            protocol.dataReceived(data)
            self.takeEvents()
            protocol.connectionLost(Failure(ConnectionDone()))
            self.assertEqual(self.takeEvents()[-1], ("closed by the server", expected))
            self.reactor.advance(expected)

    def test_steady(self) -> None:
        """
        A stream that has delivered lines for a while reconnects soon after it is lost.
        If that attempt fails, the delay grows as usual.
        """
        self.patch(stream, "random", lambda: 0.5)
        protocol = self.connect()
        protocol.dataReceived(b"x\n")
        self.reactor.advance(STEADY_AFTER)
        protocol.dataReceived(b"x\n")
        self.takeEvents()
        protocol.connectionLost(Failure(ConnectionDone()))
        soon = RETURN_WITHIN / 2
        self.assertEqual(self.takeEvents(), [("closed by the server", soon)])
        self.reactor.advance(soon)
        self.assertEqual(self.takeEvents(), ["connecting"])
        factory: Any = self.reactor.tcpClients[-1][2]
        factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        self.assertEqual(self.takeEvents()[-1][1], 2)

    def test_unsteady(self) -> None:
        """
        A server that disconnects a client soon after its first line is not tried again
        at once, however long it waited before that line.
        """
        protocol = self.connect()
        self.reactor.advance(STEADY_AFTER)
        protocol.dataReceived(b"x\n")
        self.reactor.advance(STEADY_AFTER / 2)
        self.takeEvents()
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.takeEvents(), [("closed by the server", 1)])

    def test_lostWhilePaused(self) -> None:
        """
        The loss of a paused connection cancels the call that would resume it.
        """
        protocol = self.connect()
        protocol.dataReceived(b"x\n" * READ_LIMIT)
        protocol.connectionLost(Failure(ConnectionDone()))
        (retry,) = self.reactor.getDelayedCalls()
        self.assertEqual(retry.getTime(), 1)

    def test_clockIsNotPaused(self) -> None:
        """
        A server that sends little is never paused.
        """
        protocol = self.connect()
        protocol.dataReceived(b"x" * (READ_SIZE - 1))
        self.assertEqual(self.transport.producerState, "producing")
        self.assertEqual(self.transport.bufferSize, READ_SIZE)

    def test_keepalive(self) -> None:
        """
        A TCP connection gets keepalive options, over TLS as well. Other connections
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
                self.reactor.advance(MAX_RETRY)

    def test_stop(self) -> None:
        """
        A stopped stream leaves no delayed call.
        """
        protocol = self.connect()
        protocol.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(self.stream.stopService())
        self.assertEqual(self.reactor.getDelayedCalls(), [])
