"""
Tests for L{clock.protocol}.
"""

from __future__ import annotations

from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IHandshakeListener,
    IPushProducer,
)
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from clock.protocol import CLOSE_TIMEOUT, HANDSHAKE_TIMEOUT, READ_PAUSE, WAITING_READS
from clock.tests.fixture import ClockFixture


class ServingTests(SynchronousTestCase):
    """
    A client that is served.
    """

    def test_lines(self) -> None:
        """
        A client gets the current time at once, and then each second.
        """
        fixture = ClockFixture.new()
        client = fixture.connect()
        self.assertEqual(client.received, b"22:13:20\n")
        fixture.clock.pump([1, 1])
        self.assertEqual(client.received, b"22:13:20\n22:13:21\n22:13:22\n")

    def test_interval(self) -> None:
        """
        With another interval, lines come at its multiples.
        """
        fixture = ClockFixture.new(interval=5)
        client = fixture.connect()
        fixture.clock.pump([1] * 10)
        self.assertEqual(client.received, b"22:13:20\n22:13:25\n22:13:30\n")

    def test_everyone(self) -> None:
        """
        In concurrent mode all clients are served at the same time, each until it
        disconnects.
        """
        fixture = ClockFixture.new()
        first, second = fixture.connectMany(2)
        fixture.clock.advance(1)
        first.disconnect()
        fixture.clock.advance(1)
        self.assertEqual(first.received, b"22:13:20\n22:13:21\n")
        self.assertEqual(second.received, b"22:13:20\n22:13:21\n22:13:22\n")

    def test_noDelayedCallLeft(self) -> None:
        """
        No delayed call is left when every client has disconnected.
        """
        fixture = ClockFixture.new()
        first, second = fixture.connectMany(2)
        fixture.clock.advance(1)
        first.disconnect()
        second.disconnect()
        self.assertEqual(fixture.delayedCalls(), 0)

    def test_loopFails(self) -> None:
        """
        If a line cannot be rendered, the error is logged and the connection aborted.
        """
        fixture = ClockFixture.new()
        client = fixture.connect()

        def fail(instant: int, tick: int) -> bytes:
            raise ZeroDivisionError

        self.patch(fixture.factory.timeFormat, "line", fail)
        fixture.clock.advance(1)
        self.assertTrue(client.transport.aborted)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        client.disconnect()
        self.assertEqual(fixture.delayedCalls(), 0)

    def test_interfaces(self) -> None:
        """
        The protocol provides the interfaces with which the transport notifies it.
        """
        protocol = ClockFixture.new().connect().protocol
        verifyObject(IHalfCloseableProtocol, protocol)
        verifyObject(IHandshakeListener, protocol)
        verifyObject(IPushProducer, protocol)
        protocol.writeConnectionLost()


class InputTests(SynchronousTestCase):
    """
    The data that a client sends, and the end of it.
    """

    def test_ignored(self) -> None:
        """
        Input is ignored, and the transport is paused for a while after it.
        """
        fixture = ClockFixture.new()
        client = fixture.connect()
        client.protocol.dataReceived(b"GET / HTTP/1.0\r\n\r\n")
        self.assertEqual(client.transport.producerState, "paused")
        fixture.clock.advance(READ_PAUSE)
        self.assertEqual(client.transport.producerState, "producing")
        self.assertEqual(client.received, b"22:13:20\n22:13:21\n")

    def test_waits(self) -> None:
        """
        A client that waits is read more often before each pause, so that its end is
        noticed even if it has sent much.
        """
        fixture = ClockFixture.new(sequential=True)
        active, client = fixture.connectMany(2)
        for _ in range(2):
            for _ in range(WAITING_READS):
                self.assertEqual(client.transport.producerState, "producing")
                client.protocol.dataReceived(b"x" * 65536)
            self.assertEqual(client.transport.producerState, "paused")
            fixture.clock.advance(READ_PAUSE)
        client.protocol.dataReceived(b"x")
        active.disconnect()
        self.assertEqual(client.transport.producerState, "producing")
        client.protocol.dataReceived(b"x")
        self.assertEqual(client.transport.producerState, "paused")
        client.disconnect()
        self.assertEqual(fixture.delayedCalls(), 0)

    def test_disconnectsWhilePaused(self) -> None:
        """
        A client that disconnects while the transport is paused leaves no delayed call.
        """
        fixture = ClockFixture.new()
        client = fixture.connect()
        client.protocol.dataReceived(b"x")
        client.transport.producerState = "as it was"
        client.protocol.dataReceived(b"delivered by TLS though it is paused")
        self.assertEqual(client.transport.producerState, "as it was")
        client.disconnect()
        self.assertEqual(fixture.delayedCalls(), 0)

    def test_readWhileClosing(self) -> None:
        """
        A client that is being disconnected is read from, because TLS needs its answer.
        Its data is ignored.
        """
        fixture = ClockFixture.new()
        client = fixture.connect()
        client.protocol.dataReceived(b"x")
        fixture.factory.disconnectAll()
        client.protocol.dataReceived(b"y")
        self.assertEqual(client.transport.producerState, "producing")

    def test_halfClosed(self) -> None:
        """
        A client that closes its sending half is still served.
        """
        fixture = ClockFixture.new()
        client, _ = fixture.connectMany(2)
        client.halfClose()
        fixture.clock.advance(1)
        self.assertEqual(client.received, b"22:13:20\n22:13:21\n")
        self.assertFalse(client.closed)


class ProducerTests(SynchronousTestCase):
    """
    A transport that pauses the protocol, and resumes it.
    """

    def test_skips(self) -> None:
        """
        While it is paused, ticks are skipped. When it resumes, the current tick is sent
        at once.
        """
        fixture = ClockFixture.new()
        client = fixture.connect()
        client.protocol.pauseProducing()
        fixture.clock.pump([1] * 10)
        self.assertEqual(client.received, b"22:13:20\n")
        client.protocol.resumeProducing()
        self.assertEqual(client.received, b"22:13:20\n22:13:30\n")
        fixture.clock.advance(1)
        self.assertEqual(client.received, b"22:13:20\n22:13:30\n22:13:31\n")

    def test_betweenTicks(self) -> None:
        """
        A pause in which no tick was skipped changes nothing.
        """
        fixture = ClockFixture.new()
        client = fixture.connect()
        client.protocol.pauseProducing()
        client.protocol.resumeProducing()
        fixture.clock.advance(1)
        self.assertEqual(client.received, b"22:13:20\n22:13:21\n")

    def test_betweenBoundaryAndTick(self) -> None:
        """
        If a client resumes after a new client has begun a tick, but before the ticker's
        delayed call, it gets that tick once.
        """
        fixture = ClockFixture.new()
        client = fixture.connect()
        client.protocol.pauseProducing()
        fixture.clock.advance(1)
        fixture.clock.rightNow += 1
        fixture.connect()
        client.protocol.resumeProducing()
        fixture.clock.advance(0)
        fixture.clock.advance(1)
        self.assertEqual(client.received, b"22:13:20\n22:13:22\n22:13:23\n")

    def test_whileWaiting(self) -> None:
        """
        A client that is paused and resumed while it waits gets nothing.
        """
        fixture = ClockFixture.new(sequential=True)
        _, second = fixture.connectMany(2)
        second.protocol.pauseProducing()
        fixture.clock.advance(1)
        second.protocol.resumeProducing()
        self.assertEqual(second.received, b"")

    def test_stop(self) -> None:
        """
        A transport may stop its producer before it reports the lost connection.
        """
        fixture = ClockFixture.new()
        client = fixture.connect()
        client.protocol.stopProducing()
        client.disconnect()
        self.assertEqual(fixture.delayedCalls(), 0)


class HandshakeTests(SynchronousTestCase):
    """
    A client whose transport is not ready when it connects.
    """

    def test_turn(self) -> None:
        """
        The turn begins after the handshake, in the order in which handshakes end.
        """
        fixture = ClockFixture.new(sequential=True)
        slow, quick, last = (fixture.connect(tls=True) for _ in range(3))
        quick.protocol.handshakeCompleted()
        slow.protocol.handshakeCompleted()
        self.assertEqual(quick.received, b"22:13:20\n")
        self.assertEqual(slow.received + last.received, b"")
        quick.disconnect()
        self.assertEqual(slow.received, b"22:13:20\n")

    def test_timeout(self) -> None:
        """
        A client that does not finish its handshake in time is aborted.
        """
        fixture = ClockFixture.new(sequential=True)
        silent = fixture.connect(tls=True)
        fixture.clock.advance(HANDSHAKE_TIMEOUT - 0.1)
        self.assertFalse(silent.closed)
        fixture.clock.advance(0.1)
        self.assertTrue(silent.transport.aborted)
        silent.disconnect()
        self.assertEqual(silent.received, b"")
        self.assertEqual(fixture.delayedCalls(), 0)

    def test_inTime(self) -> None:
        """
        After the handshake, the client is served until it disconnects.
        """
        fixture = ClockFixture.new()
        client = fixture.connect(tls=True)
        client.protocol.handshakeCompleted()
        fixture.clock.pump([1] * 20)
        self.assertFalse(client.closed)
        self.assertEqual(client.received.count(b"\n"), 21)

    def test_dataWithHeader(self) -> None:
        """
        The wrapper for the PROXY protocol delivers data that arrives with the header
        before the handshake ends. The client is read again after a pause.
        """
        fixture = ClockFixture.new()
        client = fixture.connect(tls=True)
        for _ in range(WAITING_READS):
            client.protocol.dataReceived(b"x")
        client.protocol.handshakeCompleted()
        self.assertEqual(client.transport.producerState, "paused")
        fixture.clock.advance(READ_PAUSE)
        self.assertEqual(client.transport.producerState, "producing")
        fixture.clock.advance(HANDSHAKE_TIMEOUT)
        self.assertFalse(client.closed)

    def test_disconnects(self) -> None:
        """
        A client that disconnects before its handshake ends leaves no delayed call.
        """
        fixture = ClockFixture.new()
        fixture.connect(tls=True).disconnect()
        self.assertEqual(fixture.delayedCalls(), 0)
        self.assertEqual(fixture.factory.limit.count, 0)

    def test_disconnectAll(self) -> None:
        """
        A client in its handshake is disconnected with the others, and is not served if
        the handshake ends afterwards.
        """
        fixture = ClockFixture.new()
        client = fixture.connect(tls=True)
        done = fixture.factory.disconnectAll()
        client.protocol.handshakeCompleted()
        self.assertTrue(client.transport.disconnecting)
        fixture.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(client.transport.aborted)
        self.assertNoResult(done)
        client.disconnect()
        self.assertIsNone(self.successResultOf(done))
        self.assertEqual(client.received, b"")
        self.assertEqual(fixture.delayedCalls(), 0)

    def test_limit(self) -> None:
        """
        A client above the limit is closed before its handshake, and only once.
        """
        fixture = ClockFixture.new()
        fixture.factory.limit.maxClients = 1
        fixture.connect()
        second = fixture.connect(tls=True)
        self.assertTrue(second.closed)
        second.disconnect()
        fixture.clock.advance(HANDSHAKE_TIMEOUT)
        self.assertFalse(second.transport.aborted)
