"""
Tests for L{clock.ticker}.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from clock.loop import LeanLoopingCall
from clock.tests.fixture import House
from clock.ticker import SECOND, Ticker

#: 2023-11-14, 22:13:20 UTC, in seconds: a multiple of 0.1, 1 and 5, not of 60.
START = 1_700_000_000


@dataclass
class World:
    """
    A ticker, steady time to wait on, and a wall clock that goes its own ways.

    @ivar steady: the reactor's time.
    @ivar offset: how far the wall clock is ahead of steady time, in nanoseconds.
    @ivar rate: how fast the wall clock goes, 1 being right.
    """

    steady: Clock
    offset: int
    rate: float = 1.0
    told: list[int] = field(default_factory=list)
    ticker: Ticker = field(init=False)

    @classmethod
    def new(cls, after: float = 0, interval: float = 1.0) -> World:
        """
        Begin so many seconds after L{START}.
        """
        world = cls(Clock(), START * SECOND + round(after * SECOND))
        world.ticker = Ticker(world.steady, interval, world.wall)
        return world

    def wall(self) -> int:
        """
        Read the wall clock, in nanoseconds since 1970.
        """
        return self.offset + round(self.steady.seconds() * self.rate * SECOND)

    def connect(self) -> LeanLoopingCall:
        """
        Tell one more client the time, as the protocol does.
        """
        present = [self.ticker.now]

        def tell() -> None:
            tell = present.pop() if present else self.ticker.instant
            self.told.append(tell())

        loop = LeanLoopingCall(tell)
        loop.clock = self.ticker
        loop.start(1)
        return loop

    def seconds(self) -> list[float]:
        """
        Give the instants told so far, in seconds after L{START}, and forget them.
        """
        told, self.told[:] = (
            [(each - START * SECOND) / SECOND for each in self.told],
            [],
        )
        return told


class BoundaryTests(SynchronousTestCase):
    """
    When a tick begins, and what it stands for.
    """

    def test_onTheBoundary(self) -> None:
        """
        The first line is of now, the following ones of the boundaries, on them.
        """
        world = World.new(0.25)
        world.connect()
        self.assertEqual(world.seconds(), [0.25])
        world.steady.advance(0.7499)
        self.assertEqual(world.seconds(), [])
        world.steady.advance(0.0001)
        self.assertEqual(world.seconds(), [1])
        world.steady.pump([1, 1])
        self.assertEqual(world.seconds(), [2, 3])

    def test_intervals(self) -> None:
        """
        Boundaries are the whole multiples of the interval since 1970.
        """
        cases: list[tuple[float, list[float]]] = [
            (0.1, [0.3, 0.4, 0.5]),
            (5, [5, 10, 15]),
            (60, [40, 100, 160]),
            (86_400, [6_400, 92_800, 179_200]),
        ]
        for interval, boundaries in cases:
            world = World.new(0.21, interval)
            loop = world.connect()
            while len(world.told) < 4:
                world.steady.advance(min(interval, 1) / 2)
            self.assertEqual(world.seconds(), [0.21, *boundaries])
            loop.stop()

    def test_noDrift(self) -> None:
        """
        A year of ticks on is as exact as the first second.
        """
        for interval in (0.1, 60):
            world = World.new(0, interval)
            world.connect()
            year = 365 * 86_400
            for _ in range(2):
                world.steady.advance(interval)
                world.steady.advance(year)
            world.seconds()
            world.steady.pump([interval / 4] * 50)
            period = round(interval * SECOND)
            self.assertGreater(len(world.told), 10)
            self.assertEqual({each % period for each in world.told}, {0})
            self.assertEqual({b - a for a, b in pairwise(world.told)}, {period})

    def test_afterTheBoundaryBeforeItsTick(self) -> None:
        """
        A client that comes when the boundary has passed but its tick has not
        begun is told the new second, and not once more when the tick begins.
        """
        world = World.new()
        world.connect()
        world.seconds()
        # The wall clock has moved; no timer has run yet.
        world.offset += SECOND
        world.connect()
        self.assertEqual(world.seconds(), [1])
        world.steady.advance(1)
        self.assertEqual(world.seconds(), [2, 2])

    def test_boundaryPassesWhileAClientIsTold(self) -> None:
        """
        A boundary that passes between a client's first line and the planning of
        its next is neither missed nor told twice.
        """
        world = World.new(0.9)
        loop = LeanLoopingCall(lambda: None)

        def tell() -> None:
            world.told.append(world.ticker.now())
            world.offset += SECOND // 5
            loop.f = lambda: world.told.append(world.ticker.instant())

        loop.f, loop.clock = tell, world.ticker
        loop.start(1)
        world.steady.advance(0)
        self.assertEqual(world.seconds(), [0.9, 1])
        world.steady.advance(0.9)
        self.assertEqual(world.seconds(), [2])

    def test_manyClientsOneTimer(self) -> None:
        """
        However many clients there are, the reactor has one call to make.
        """
        world = World.new()
        for _ in range(100):
            world.connect()
        self.assertEqual(len(world.steady.getDelayedCalls()), 1)
        world.steady.advance(1)
        self.assertEqual(len(world.steady.getDelayedCalls()), 1)

    def test_idle(self) -> None:
        """
        With nobody to tell there is no timer, and whoever comes after a while is
        told the time of then.
        """
        world = World.new()
        world.connect().stop()
        self.assertEqual(world.steady.getDelayedCalls(), [])
        world.steady.advance(100)
        world.seconds()
        world.connect()
        world.steady.advance(0)
        self.assertEqual(world.seconds(), [100])
        world.steady.advance(1)
        self.assertEqual(world.seconds(), [101])


class WallClockTests(SynchronousTestCase):
    """
    What the wall clock may do, and the process.
    """

    def test_setBack(self) -> None:
        """
        A wall clock that is set back is followed: a line a second, and the new
        time at once.
        """
        world = World.new()
        world.connect()
        world.offset -= 3600 * SECOND
        world.steady.pump([1, 1])
        self.assertEqual(world.seconds(), [0, -3599, -3598])

    def test_setForward(self) -> None:
        """
        So is one that is set forward, and none of the hours between is told.
        """
        world = World.new()
        world.connect()
        world.offset += 2 * 3600 * SECOND
        world.steady.pump([1, 1])
        self.assertEqual(world.seconds(), [0, 7201, 7202])

    def test_setBackWithALongInterval(self) -> None:
        """
        One that is set back by less than a long interval is followed, too.
        """
        world = World.new(65, 60)
        world.connect()
        world.offset -= 50 * SECOND
        world.steady.advance(1)
        world.connect()
        self.assertEqual(world.seconds(), [65, -20, 16])

    def test_setWithALongInterval(self) -> None:
        """
        With a long interval, too, it is noticed within a second.
        """
        world = World.new(0, 86_400)
        world.connect()
        world.offset += 6_399 * SECOND
        world.steady.pump([1])
        self.assertEqual(world.seconds(), [0, 6_400])

    def test_fallsBackALittle(self) -> None:
        """
        One that falls back over a boundary makes no second be told twice.
        """
        world = World.new()
        world.connect()
        world.steady.advance(1)
        world.offset -= SECOND // 2
        late = world.connect()
        self.assertEqual(world.seconds(), [0, 1, 1])
        late.stop()
        world.steady.pump([0.5, 0.5, 0.5])
        self.assertEqual(world.seconds(), [2])

    def test_slow(self) -> None:
        """
        Where the wall clock is slow, a tick waits for it, and is never early.
        """
        world = World.new()
        world.rate = 0.999
        world.connect()
        world.steady.advance(1)
        self.assertEqual(world.seconds(), [0])
        world.steady.advance(0.0011)
        self.assertEqual(world.seconds(), [1])

    def test_stopped(self) -> None:
        """
        After a time in which the process did not run, one line is told at once,
        of where the clock is now, and then the boundaries.
        """
        world = World.new()
        world.connect()
        world.steady.advance(5.3)
        self.assertEqual(world.seconds(), [0, 5])
        world.steady.advance(0.7)
        self.assertEqual(world.seconds(), [6])

    def test_ticksAreCounted(self) -> None:
        """
        Ticks are numbered one by one, whatever the wall clock does.
        """
        world = World.new()
        world.connect()
        numbers = [world.ticker.seconds()]
        for change in (0, -3600, 0, 7200, 0):
            world.offset += change * SECOND
            world.steady.advance(1)
            numbers.append(world.ticker.seconds())
        self.assertEqual(numbers, [1, 2, 3, 4, 5, 6])


class IntervalTests(SynchronousTestCase):
    """
    What is no interval.
    """

    def test_bad(self) -> None:
        """
        It must be longer than nothing, and end.
        """
        for interval in (0, -1, 1e-10, float("nan"), float("inf")):
            with self.assertRaises(ValueError) as caught:
                Ticker(Clock(), interval)
            self.assertEqual(
                str(caught.exception),
                f"an interval of {interval} s: it must be more than 0, and end",
            )


class CallTests(SynchronousTestCase):
    """
    The ticker as reactor time.
    """

    def setUp(self) -> None:
        """
        Begin at a boundary, and note what is called.
        """
        self.world = World.new()
        self.ticker = self.world.ticker
        self.made: list[object] = []

    def call(self, delay: float = 1, what: object = "x") -> IDelayedCall:
        """
        Plan a call.
        """
        return self.ticker.callLater(delay, self.made.append, what)

    def test_interfaces(self) -> None:
        """
        It is reactor time, and its calls are delayed calls.
        """
        verifyObject(IReactorTime, self.ticker)
        verifyObject(IDelayedCall, self.call())

    def test_delays(self) -> None:
        """
        Delays are ticks; parts of one count as a whole, and 0 as 1.
        """
        for delay in (0, 0.5, 1, 1.5, 2, 3):
            self.call(delay, delay)
        made = []
        for _ in range(3):
            self.world.steady.advance(1)
            made.append(self.made[:])
        expected = [[0, 0.5, 1], [0, 0.5, 1, 1.5, 2], [0, 0.5, 1, 1.5, 2, 3]]
        self.assertEqual(made, expected)

    def test_arguments(self) -> None:
        """
        Arguments of both kinds are passed on.
        """
        self.ticker.callLater(1, lambda *a, **kw: self.made.append((a, kw)), 1, two=2)
        self.world.steady.advance(1)
        self.assertEqual(self.made, [((1,), {"two": 2})])

    def test_active(self) -> None:
        """
        A call is active until it is made.
        """
        call = self.call()
        self.assertTrue(call.active())
        self.assertEqual(call.getTime(), 2)
        self.world.steady.advance(1)
        self.assertFalse(call.active())
        self.assertRaises(AlreadyCalled, call.cancel)

    def test_cancel(self) -> None:
        """
        A call that is cancelled is not made, and waited for no longer.
        """
        call = self.call()
        call.cancel()
        self.assertFalse(call.active())
        self.assertRaises(AlreadyCancelled, call.cancel)
        self.assertEqual(self.world.steady.getDelayedCalls(), [])
        self.world.steady.advance(1)
        self.assertEqual(self.made, [])

    def test_cancelledByAnother(self) -> None:
        """
        A call may be cancelled by one of the same tick.
        """
        self.ticker.callLater(1, lambda: second.cancel())
        second = self.call()
        self.world.steady.advance(1)
        self.assertEqual(self.made, [])
        self.assertEqual(self.world.steady.getDelayedCalls(), [])

    def test_reset(self) -> None:
        """
        A call may be planned anew, counted from now.
        """
        call = self.call(1)
        self.world.steady.advance(0.5)
        call.reset(3)
        self.world.steady.pump([1, 1])
        self.assertEqual(self.made, [])
        self.world.steady.advance(1)
        self.assertEqual(self.made, ["x"])

    def test_delay(self) -> None:
        """
        A call may be put off, counted from when it was planned for.
        """
        call = self.call(2)
        call.delay(1)
        self.assertEqual(call.getTime(), 4)
        self.world.steady.pump([1, 1])
        self.assertEqual(self.made, [])
        self.world.steady.advance(1)
        self.assertEqual(self.made, ["x"])

    def test_raises(self) -> None:
        """
        A call that raises is logged, and the others are made.
        """
        self.ticker.callLater(1, lambda: 1 // 0)
        self.call()
        self.world.steady.advance(1)
        self.assertEqual(self.made, ["x"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_getDelayedCalls(self) -> None:
        """
        All calls to come are listed, those that were cancelled are not.
        """
        first, second, third = self.call(1), self.call(2), self.call(2)
        second.cancel()
        self.assertEqual(self.ticker.getDelayedCalls(), [first, third])

    def test_cancelledCallsAreForgotten(self) -> None:
        """
        However many come and go within one tick, few are remembered.
        """
        self.call()
        for _ in range(1000):
            self.call().cancel()
        remembered = sum(len(due) for due in self.ticker._due.values())
        self.assertLess(remembered, 10)

    def test_nothingIsRememberedWhenAllHaveGone(self) -> None:
        """
        Nothing is left of visitors who came alone and went before their tick.
        """
        for _ in range(10):
            self.world.connect().stop()
            self.world.steady.advance(1)
        self.assertEqual(self.ticker._due, {})

    def test_clockReadDuringATick(self) -> None:
        """
        When a call of one tick finds that the next has begun, those who were
        called before it miss nothing.
        """
        ticks: list[int] = []

        def again() -> None:
            ticks.append(self.ticker.tick)
            self.ticker.callLater(1, again)

        self.ticker.callLater(1, again)

        def read() -> None:
            self.world.offset += SECOND
            self.ticker.now()

        self.ticker.callLater(1, read)
        self.world.steady.advance(1)
        self.world.steady.advance(0)
        self.world.steady.advance(1)
        self.assertEqual(ticks, [2, 3, 4])


class FactoryTests(SynchronousTestCase):
    """
    The ticker in its place.
    """

    def test_lineIsRenderedOnce(self) -> None:
        """
        All clients of a tick share one rendered line.
        """
        house = House.new()
        clients = [house.connect() for _ in range(10)]
        rendered = []
        line = house.factory.face.line

        def render(instant: int, tick: int) -> bytes:
            rendered.append(instant)
            return line(instant, tick)

        self.patch(house.factory.face, "line", render)
        house.clock.advance(1)
        self.assertEqual(len(rendered), 1)
        received = {client.received for client in clients}
        self.assertEqual(received, {b"22:13:20\n22:13:21\n"})

    def test_minutes(self) -> None:
        """
        With an interval of a minute, the first line shows the second.
        """
        house = House.new(interval=60)
        client = house.connect()
        for _ in range(120):
            house.clock.advance(1)
        self.assertEqual(client.received, b"22:13:20\n22:14:00\n22:15:00\n")
