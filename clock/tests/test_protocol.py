"""
Tests for L{clock.protocol}.
"""

from __future__ import annotations

import json
from unittest import mock

from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IProtocolFactory,
    IPushProducer,
)
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from clock import ClockFactory
from clock.protocol import GRACE, READ_EVERY
from clock.tests.fixture import START, House, caughtEvents


class ConcurrentTests(SynchronousTestCase):
    """
    The default: everybody is served.
    """

    def test_lines(self) -> None:
        """
        A client is told the time at once, and then every second.
        """
        house = House.new()
        client = house.connect()
        self.assertEqual(client.received, b"22:13:20\n")
        house.clock.advance(1)
        house.clock.advance(1)
        self.assertEqual(client.received, b"22:13:20\n22:13:21\n22:13:22\n")

    def test_interval(self) -> None:
        """
        The time between two lines may be another.
        """
        house = House.new(interval=5)
        client = house.connect()
        for _ in range(10):
            house.clock.advance(1)
        self.assertEqual(client.received, b"22:13:20\n22:13:25\n22:13:30\n")

    def test_everyone(self) -> None:
        """
        Clients are served side by side, each for as long as it stays.
        """
        house = House.new()
        first, second = house.connect(), house.connect()
        house.clock.advance(1)
        first.leave()
        house.clock.advance(1)
        self.assertEqual(first.received, b"22:13:20\n22:13:21\n")
        self.assertEqual(second.received, b"22:13:20\n22:13:21\n22:13:22\n")

    def test_ticksAreNumbered(self) -> None:
        """
        C{json} tells the number of the tick: one more each time, with no regard to
        how long it took, and the same for all, whenever they came.
        """
        house = House.new(format="json")
        first = house.connect()
        house.clock.advance(1)
        house.clock.advance(5.5)
        second = house.connect()
        house.clock.advance(0.5)
        for client, ticks in [(first, [1, 2, 3, 4]), (second, [3, 4])]:
            lines = [json.loads(line) for line in client.received.splitlines()]
            self.assertEqual([line["tick"] for line in lines], ticks)
        self.assertEqual(
            [line["unix"] - START for line in lines],
            [6.5, 7],
        )

    def test_noTimerLeft(self) -> None:
        """
        No timer is left when all have gone.
        """
        house = House.new()
        first, second = house.connect(), house.connect()
        house.clock.advance(1)
        first.leave()
        second.leave()
        self.assertEqual(house.timers(), 0)

    def test_halfClosed(self) -> None:
        """
        A client that sends no more is served on.
        """
        house = House.new()
        client, _ = house.connect(), house.connect()
        client.halfClose()
        house.clock.advance(1)
        self.assertEqual(client.received, b"22:13:20\n22:13:21\n")
        self.assertFalse(client.dropped)

    def test_inputIsIgnored(self) -> None:
        """
        What a client says changes nothing, and no more is read for a while.
        """
        house = House.new()
        client = house.connect()
        client.protocol.dataReceived(b"GET / HTTP/1.0\r\n\r\n")
        self.assertEqual(client.transport.producerState, "paused")
        house.clock.advance(READ_EVERY)
        self.assertEqual(client.transport.producerState, "producing")
        self.assertEqual(client.received, b"22:13:20\n22:13:21\n")

    def test_readFromWhileItIsLetGo(self) -> None:
        """
        A client that is let go is read from, since TLS ends with an answer, and
        what it says then is ignored, too.
        """
        house = House.new()
        client = house.connect()
        client.protocol.dataReceived(b"x")
        house.factory.disconnectAll()
        client.protocol.dataReceived(b"y")
        self.assertEqual(client.transport.producerState, "producing")

    def test_leavesWhileNotReadFrom(self) -> None:
        """
        A client that is lost while nothing is read from it leaves no timer.
        """
        house = House.new()
        client = house.connect()
        client.protocol.dataReceived(b"x")
        client.protocol.dataReceived(b"more that was read before")
        client.leave()
        self.assertEqual(house.timers(), 0)

    def test_stuck(self) -> None:
        """
        A client that takes nothing is told nothing, and the present time as soon
        as it has taken what there was.
        """
        house = House.new()
        client = house.connect()
        client.protocol.pauseProducing()
        for _ in range(10):
            house.clock.advance(1)
        self.assertEqual(client.received, b"22:13:20\n")
        client.protocol.resumeProducing()
        self.assertEqual(client.received, b"22:13:20\n22:13:30\n")
        house.clock.advance(1)
        self.assertEqual(client.received, b"22:13:20\n22:13:30\n22:13:31\n")

    def test_pausedBetweenTicks(self) -> None:
        """
        A pause in which no tick went by changes nothing.
        """
        house = House.new()
        client = house.connect()
        client.protocol.pauseProducing()
        client.protocol.resumeProducing()
        house.clock.advance(1)
        self.assertEqual(client.received, b"22:13:20\n22:13:21\n")

    def test_resumedBetweenBoundaryAndTick(self) -> None:
        """
        A client that is resumed after a newcomer has begun a tick, and before the
        ticker's timer has run, is told that tick once.
        """
        house = House.new()
        client = house.connect()
        client.protocol.pauseProducing()
        house.clock.advance(1)
        house.clock.rightNow += 1
        house.connect()
        client.protocol.resumeProducing()
        house.clock.advance(0)
        house.clock.advance(1)
        self.assertEqual(client.received, b"22:13:20\n22:13:22\n22:13:23\n")

    def test_stopped(self) -> None:
        """
        A transport that is being lost may stop its producer before it says so.
        """
        house = House.new()
        client = house.connect()
        client.protocol.stopProducing()
        client.leave()
        self.assertEqual(house.timers(), 0)

    def test_brokenLoop(self) -> None:
        """
        Where the time cannot be told, that is logged and the connection cut.
        """
        house = House.new()
        client = house.connect()

        def fail(instant: int, tick: int) -> bytes:
            raise ZeroDivisionError

        self.patch(house.factory.face, "line", fail)
        house.clock.advance(1)
        self.assertTrue(client.transport.aborted)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        client.leave()
        self.assertEqual(house.timers(), 0)

    def test_interfaces(self) -> None:
        """
        The protocol can be half-closed and paused, and the factory is a factory.
        """
        house = House.new()
        protocol = house.connect().protocol
        verifyObject(IHalfCloseableProtocol, protocol)
        verifyObject(IPushProducer, protocol)
        verifyObject(IProtocolFactory, house.factory)
        protocol.writeConnectionLost()


class LibraryTests(SynchronousTestCase):
    """
    The factory in somebody else's program.
    """

    def test_noArguments(self) -> None:
        """
        A factory needs no argument: it takes the global reactor and local time.
        """
        from twisted.internet import reactor

        factory = ClockFactory()
        self.assertIs(factory.ticker.reactor, reactor)
        self.assertRegex(factory.line(), rb"\A[0-2]\d:[0-5]\d:[0-6]\d\n\Z")

    def test_format(self) -> None:
        """
        A format is no face: that is said at once.
        """
        error = self.assertRaises(TypeError, ClockFactory, "%H")
        self.assertEqual(str(error), "face is '%H': it must be a Face, as Face('%H')")


class SequentialTests(SynchronousTestCase):
    """
    One client at a time.
    """

    def test_silentWhileWaiting(self) -> None:
        """
        The second client hears nothing until the first has gone, then at once.
        """
        house = House.new(sequential=True)
        first, second = house.connect(), house.connect()
        house.clock.advance(1)
        self.assertEqual(second.received, b"")
        first.leave()
        self.assertEqual(second.received, b"22:13:21\n")
        house.clock.advance(1)
        self.assertEqual(second.received, b"22:13:21\n22:13:22\n")

    def test_pausedWhileWaiting(self) -> None:
        """
        A client whose transport is paused and resumed while it waits is told nothing.
        """
        house = House.new(sequential=True)
        _, second = house.connect(), house.connect()
        second.protocol.pauseProducing()
        house.clock.advance(1)
        second.protocol.resumeProducing()
        self.assertEqual(second.received, b"")

    def test_order(self) -> None:
        """
        Turns come in the order of arrival, and never two at once.
        """
        house = House.new(sequential=True)
        for _ in range(5):
            house.connect()
        for served, client in enumerate(house.clients, 1):
            lines = [len(each.received.splitlines()) for each in house.clients]
            self.assertEqual(lines, [1] * served + [0] * (5 - served))
            client.leave()

    def test_leavesTheQueue(self) -> None:
        """
        Who leaves the queue gets no turn, and takes none from those behind.
        """
        house = House.new(sequential=True)
        first, second, third = (house.connect() for _ in range(3))
        second.leave()
        first.leave()
        self.assertEqual(second.received, b"")
        self.assertEqual(third.received, b"22:13:20\n")

    def test_crowdThatLeaves(self) -> None:
        """
        However many have left the queue, those who stayed get their turns.
        """
        house = House.new(sequential=True)
        active = house.connect()
        crowd = [house.connect() for _ in range(3000)]
        for client in crowd[:2000]:
            client.leave()
        for following in crowd[2000:]:
            active.leave()
            self.assertEqual(following.received, b"22:13:20\n")
            active = following
        active.leave()
        self.assertEqual(house.timers(), 0)
        self.assertEqual([each.received for each in crowd[:2000]], [b""] * 2000)

    def test_lostAsTheTurnBegins(self) -> None:
        """
        A crowd of clients each lost by its first line is got through, without
        a call inside a call for each.
        """
        house = House.new(sequential=True)
        active = house.connect()
        crowd = [house.connect() for _ in range(3000)]
        for client in crowd:
            self.patch(client.transport, "write", lambda _, gone=client: gone.leave())
        last = house.connect()
        active.leave()
        self.assertEqual(last.received, b"22:13:20\n")

    def test_turnThatFailsToBegin(self) -> None:
        """
        An error as a turn begins does not keep the others from theirs.
        """
        house = House.new(sequential=True)
        first, second, third = (house.connect() for _ in range(3))
        with mock.patch.object(second.protocol, "serve", side_effect=RuntimeError):
            self.assertRaises(RuntimeError, first.leave)
        second.leave()
        self.assertEqual(third.received, b"22:13:20\n")

    def test_halfClosedAlone(self) -> None:
        """
        A half-closed client keeps its turn while nobody waits.
        """
        house = House.new(sequential=True)
        client = house.connect()
        client.halfClose()
        house.clock.advance(1)
        self.assertFalse(client.dropped)
        self.assertEqual(client.received, b"22:13:20\n22:13:21\n")

    def test_halfClosedBeforeAnotherComes(self) -> None:
        """
        A half-closed client loses its turn to one who comes.
        """
        house = House.new(sequential=True)
        first = house.connect()
        first.halfClose()
        second = house.connect()
        self.assertTrue(first.dropped)
        self.assertEqual(second.received, b"22:13:20\n")

    def test_halfClosedWhileAnotherWaits(self) -> None:
        """
        A client that half-closes while somebody waits loses its turn.
        """
        house = House.new(sequential=True)
        first, second = house.connect(), house.connect()
        first.halfClose()
        self.assertTrue(first.dropped)
        self.assertFalse(second.dropped)
        self.assertEqual(second.received, b"22:13:20\n")

    def test_halfClosedWhileWaiting(self) -> None:
        """
        A client that half-closes while it waits is let go if another waits behind it.
        """
        house = House.new(sequential=True)
        first, second, third = (house.connect() for _ in range(3))
        second.halfClose()
        self.assertTrue(second.dropped)
        self.assertFalse(first.dropped)
        # Its turn would come before the connection is closed.
        first.leave()
        self.assertEqual(second.received, b"")
        self.assertEqual(third.received, b"22:13:20\n")

    def test_halfClosedAndLast(self) -> None:
        """
        A client that half-closes while it waits keeps its place while it is the last,
        and is let go when another comes.
        """
        house = House.new(sequential=True)
        first, second = house.connect(), house.connect()
        second.halfClose()
        self.assertFalse(second.dropped)
        third = house.connect()
        self.assertTrue(second.dropped)
        third.halfClose()
        self.assertFalse(third.dropped)
        first.leave()
        self.assertEqual(third.received, b"22:13:20\n")

    def test_letGoOnce(self) -> None:
        """
        A client is let go once, and cut off when it does not take what was sent.
        """
        house = House.new(sequential=True)
        first, second = house.connect(), house.connect()
        first.halfClose()
        house.connect()
        house.factory.halfClosed(first.protocol)
        house.clock.advance(GRACE)
        self.assertTrue(first.transport.aborted)
        self.assertFalse(second.dropped)


class DisconnectAllTests(SynchronousTestCase):
    """
    The end: L{clock.ClockFactory.disconnectAll}.
    """

    def test_anotherPort(self) -> None:
        """
        A port that is opened afterwards serves, though an older one is open still.
        """
        house = House.new()
        house.factory.doStart()
        house.factory.disconnectAll()
        house.factory.doStart()
        self.assertEqual(house.connect().received, b"22:13:20\n")

    def test_nobody(self) -> None:
        """
        Without clients there is nothing to wait for.
        """
        house = House.new()
        self.assertIsNone(self.successResultOf(house.factory.disconnectAll()))
        self.assertEqual(house.timers(), 0)

    def test_noTurnIsHandedOn(self) -> None:
        """
        Everyone is let go, and nobody who waited is sent a line.
        """
        house = House.new(sequential=True)
        clients = [house.connect() for _ in range(3)]
        gone = house.factory.disconnectAll()
        self.assertEqual([each.dropped for each in clients], [True] * 3)
        for client in clients:
            self.assertNoResult(gone)
            client.leave()
        self.assertIsNone(self.successResultOf(gone))
        received = [each.received for each in clients]
        self.assertEqual(received, [b"22:13:20\n", b"", b""])
        self.assertEqual(house.timers(), 0)

    def test_cutOff(self) -> None:
        """
        Who has not gone when the grace is over is cut off.
        """
        house = House.new(sequential=True)
        active, waiting = house.connect(), house.connect()
        gone = house.factory.disconnectAll()
        house.clock.advance(GRACE - 0.1)
        self.assertFalse(active.transport.aborted or waiting.transport.aborted)
        house.clock.advance(0.1)
        self.assertTrue(active.transport.aborted and waiting.transport.aborted)
        waiting.leave()
        active.leave()
        self.assertIsNone(self.successResultOf(gone))

    def test_comesTooLate(self) -> None:
        """
        Who connects after that is let go at once, in silence.
        """
        house = House.new()
        house.factory.disconnectAll()
        late = house.connect()
        self.assertTrue(late.dropped)
        self.assertEqual(late.received, b"")
        late.leave()


class LogTests(SynchronousTestCase):
    """
    What is logged of the clients.
    """

    def events(self, *, verbose: bool) -> list[dict[str, object]]:
        """
        Let two clients come and one leave in sequential mode, and pick out the
        fields that are ours.
        """
        observer = caughtEvents(self)
        house = House.new(sequential=True, verbose=verbose)
        first, _ = house.connect(), house.connect()
        house.clock.advance(1.5)
        first.leave()
        names = ["serving", "waiting", "peer", "seconds", "lines", "reason"]
        return [{n: each[n] for n in names if n in each} for each in observer]

    def test_quiet(self) -> None:
        """
        By default clients come and go without a word.
        """
        self.assertEqual(self.events(verbose=False), [])

    def test_verbose(self) -> None:
        """
        On request there is a line for each coming and each going, with fields.
        """
        came, waits, left = self.events(verbose=True)
        self.assertEqual(came, {"serving": 1, "waiting": 0})
        self.assertEqual(waits, {"serving": 1, "waiting": 1})
        expected = {
            "peer": "192.0.2.1:40000",
            "seconds": 1.5,
            "lines": 2,
            "reason": "Connection was closed cleanly.",
        }
        self.assertEqual(left, expected)
