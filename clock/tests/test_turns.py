"""
Tests for L{clock.turns}, with real protocols.
"""

from __future__ import annotations

from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from clock.protocol import CLOSE_TIMEOUT
from clock.tests.fixture import ClockFixture


class SequentialTests(SynchronousTestCase):
    """
    One client at a time.
    """

    def test_silentWhileWaiting(self) -> None:
        """
        The second client gets nothing until the first one disconnects, and then the
        current time at once.
        """
        fixture = ClockFixture.new(sequential=True)
        first, second = fixture.connectMany(2)
        fixture.clock.advance(1)
        self.assertEqual(second.received, b"")
        first.disconnect()
        self.assertEqual(second.received, b"22:13:21\n")
        fixture.clock.advance(1)
        self.assertEqual(second.received, b"22:13:21\n22:13:22\n")

    def test_order(self) -> None:
        """
        Turns begin in the order in which clients connected, one at a time.
        """
        fixture = ClockFixture.new(sequential=True)
        fixture.connectMany(5)
        for served, client in enumerate(fixture.clients, 1):
            lines = [len(each.received.splitlines()) for each in fixture.clients]
            self.assertEqual(lines, [1] * served + [0] * (5 - served))
            client.disconnect()

    def test_disconnectsWhileWaiting(self) -> None:
        """
        A client that disconnects while it waits gets no turn, and the clients behind it
        get theirs.
        """
        fixture = ClockFixture.new(sequential=True)
        first, second, third = fixture.connectMany(3)
        second.disconnect()
        first.disconnect()
        self.assertEqual(second.received, b"")
        self.assertEqual(third.received, b"22:13:20\n")

    def test_manyDisconnectWhileWaiting(self) -> None:
        """
        If many clients disconnect while they wait, the others get their turns.
        """
        fixture = ClockFixture.new(sequential=True)
        active, *clients = fixture.connectMany(3001)
        for client in clients[:2000]:
            client.disconnect()
        for following in clients[2000:]:
            active.disconnect()
            self.assertEqual(following.received, b"22:13:20\n")
            active = following
        active.disconnect()
        self.assertEqual(fixture.delayedCalls(), 0)
        self.assertEqual([each.received for each in clients[:2000]], [b""] * 2000)

    def test_lostAsTheTurnBegins(self) -> None:
        """
        If many connections are lost when their first line is sent, the turns begin and
        end in a loop, not in nested calls.
        """
        fixture = ClockFixture.new(sequential=True)
        active, *clients, last = fixture.connectMany(3002)
        for client in clients:
            self.patch(
                client.transport, "write", lambda _, lost=client: lost.disconnect()
            )
        active.disconnect()
        self.assertEqual(last.received, b"22:13:20\n")

    def test_turnFailsToBegin(self) -> None:
        """
        If the start of a turn raises an error, the next clients get their turns.
        """
        fixture = ClockFixture.new(sequential=True)
        first, second, third = fixture.connectMany(3)
        with mock.patch.object(second.protocol, "serve", side_effect=RuntimeError):
            self.assertRaises(RuntimeError, first.disconnect)
        second.disconnect()
        self.assertEqual(third.received, b"22:13:20\n")


class HalfClosedTests(SynchronousTestCase):
    """
    Half-closed clients in sequential mode.
    """

    def test_alone(self) -> None:
        """
        A half-closed client keeps its turn while no other client waits.
        """
        fixture = ClockFixture.new(sequential=True)
        client = fixture.connect()
        client.halfClose()
        fixture.clock.advance(1)
        self.assertFalse(client.closed)
        self.assertEqual(client.received, b"22:13:20\n22:13:21\n")

    def test_beforeAnotherConnects(self) -> None:
        """
        A half-closed client is disconnected when another client connects.
        """
        fixture = ClockFixture.new(sequential=True)
        first = fixture.connect()
        first.halfClose()
        second = fixture.connect()
        self.assertTrue(first.closed)
        self.assertEqual(second.received, b"22:13:20\n")

    def test_whileAnotherWaits(self) -> None:
        """
        A client that half-closes while another one waits is disconnected.
        """
        fixture = ClockFixture.new(sequential=True)
        first, second = fixture.connectMany(2)
        first.halfClose()
        self.assertTrue(first.closed)
        self.assertFalse(second.closed)
        self.assertEqual(second.received, b"22:13:20\n")

    def test_waiting(self) -> None:
        """
        A waiting client that half-closes is disconnected if another one waits behind
        it.
        """
        fixture = ClockFixture.new(sequential=True)
        first, second, third = fixture.connectMany(3)
        second.halfClose()
        self.assertTrue(second.closed)
        self.assertFalse(first.closed)
        # Its turn would come before its connection is closed.
        first.disconnect()
        self.assertEqual(second.received, b"")
        self.assertEqual(third.received, b"22:13:20\n")

    def test_last(self) -> None:
        """
        A waiting client that half-closes keeps its place while it is the last one.
        """
        fixture = ClockFixture.new(sequential=True)
        first, second = fixture.connectMany(2)
        second.halfClose()
        self.assertFalse(second.closed)
        third = fixture.connect()
        self.assertTrue(second.closed)
        third.halfClose()
        self.assertFalse(third.closed)
        first.disconnect()
        self.assertEqual(third.received, b"22:13:20\n")

    def test_disconnectedOnce(self) -> None:
        """
        A client is disconnected once. If it does not acknowledge all lines, its
        connection is aborted.
        """
        fixture = ClockFixture.new(sequential=True)
        first, second = fixture.connectMany(2)
        first.halfClose()
        fixture.connect()
        fixture.factory.halfClosed(first.protocol)
        fixture.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(first.transport.aborted)
        self.assertFalse(second.closed)


class DisconnectAllTests(SynchronousTestCase):
    """
    Disconnecting all clients.
    """

    def test_noClients(self) -> None:
        """
        Without clients, the result fires at once.
        """
        fixture = ClockFixture.new()
        self.assertIsNone(self.successResultOf(fixture.factory.disconnectAll()))
        self.assertEqual(fixture.delayedCalls(), 0)

    def test_noMoreTurns(self) -> None:
        """
        Every client is disconnected, and no turn begins.
        """
        fixture = ClockFixture.new(sequential=True)
        clients = fixture.connectMany(3)
        done = fixture.factory.disconnectAll()
        self.assertEqual([each.closed for each in clients], [True] * 3)
        for client in clients:
            self.assertNoResult(done)
            client.disconnect()
        self.assertIsNone(self.successResultOf(done))
        received = [each.received for each in clients]
        self.assertEqual(received, [b"22:13:20\n", b"", b""])
        self.assertEqual(fixture.delayedCalls(), 0)

    def test_timeout(self) -> None:
        """
        A client that has not closed after the timeout is aborted.
        """
        fixture = ClockFixture.new(sequential=True)
        active, waiting = fixture.connectMany(2)
        done = fixture.factory.disconnectAll()
        fixture.clock.advance(CLOSE_TIMEOUT - 0.1)
        self.assertFalse(active.transport.aborted or waiting.transport.aborted)
        fixture.clock.advance(0.1)
        self.assertTrue(active.transport.aborted and waiting.transport.aborted)
        waiting.disconnect()
        active.disconnect()
        self.assertIsNone(self.successResultOf(done))

    def test_connectsAfterwards(self) -> None:
        """
        A client that connects afterwards is disconnected at once, without a line.
        """
        fixture = ClockFixture.new()
        fixture.factory.disconnectAll()
        late = fixture.connect()
        self.assertTrue(late.closed)
        self.assertEqual(late.received, b"")
        late.disconnect()

    def test_anotherPort(self) -> None:
        """
        A port that opens afterwards serves, even if an older one is still open.
        """
        fixture = ClockFixture.new()
        fixture.factory.doStart()
        fixture.factory.disconnectAll()
        fixture.factory.doStart()
        self.assertEqual(fixture.connect().received, b"22:13:20\n")
