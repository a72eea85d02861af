"""
Tests for L{clock.ticker}.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from clock.loop import LeanLoopingCall
from clock.tests.fixture import START
from clock.ticker import SECOND, TickCall, Ticker


@dataclass
class TickerFixture:
    """
    A ticker, a reactor with steady time, and a wall clock that can be set.

    @ivar steady: the reactor's time.
    @ivar offset: nanoseconds by which the wall clock is ahead of steady time.
    @ivar rate: the speed of the wall clock, 1 being right.
    @ivar sent: the instants that the loops of L{connect} have sent, in nanoseconds.
    """

    steady: Clock
    offset: int
    rate: float = 1.0
    sent: list[int] = field(default_factory=list)
    ticker: Ticker = field(init=False)

    @classmethod
    def new(cls, after: float = 0, interval: float = 1.0) -> TickerFixture:
        """
        Make a ticker some seconds after L{START}.
        """
        fixture = cls(Clock(), START * SECOND + round(after * SECOND))
        fixture.ticker = Ticker(fixture.steady, interval, fixture.wallClock)
        return fixture

    def wallClock(self) -> int:
        """
        Return the time of the wall clock, in nanoseconds since 1970.
        """
        return self.offset + round(self.steady.seconds() * self.rate * SECOND)

    def connect(self) -> LeanLoopingCall:
        """
        Start a loop that gets the current time first and then each tick, as a client
        does.
        """

        def current() -> None:
            self.sent.append(self.ticker.beginTick())
            loop.f = lambda: self.sent.append(self.ticker.boundaryTime())

        loop = LeanLoopingCall(current)
        loop.clock = self.ticker  # type: ignore[assignment]
        loop.start(1)
        return loop

    def seconds(self) -> list[float]:
        """
        Return the instants recorded since the last call, in seconds after L{START}.
        """
        sent, self.sent[:] = (
            [(each - START * SECOND) / SECOND for each in self.sent],
            [],
        )
        return sent


class BoundaryTests(SynchronousTestCase):
    """
    When a tick begins, and which instant it stands for.
    """

    def test_onTheBoundary(self) -> None:
        """
        The first time is the current one. The others are the boundaries, on time.
        """
        fixture = TickerFixture.new(0.25)
        fixture.connect()
        self.assertEqual(fixture.seconds(), [0.25])
        fixture.steady.advance(0.7499)
        self.assertEqual(fixture.seconds(), [])
        fixture.steady.advance(0.0001)
        self.assertEqual(fixture.seconds(), [1])
        fixture.steady.pump([1, 1])
        self.assertEqual(fixture.seconds(), [2, 3])

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
            fixture = TickerFixture.new(0.21, interval)
            loop = fixture.connect()
            while len(fixture.sent) < 4:
                fixture.steady.advance(min(interval, 1) / 2)
            self.assertEqual(fixture.seconds(), [0.21, *boundaries])
            loop.stop()

    def test_badIntervals(self) -> None:
        """
        An interval that is not positive and finite raises an error at once.
        """
        for interval in (0, -1, 1e-10, float("nan"), float("inf")):
            with self.assertRaises(ValueError) as caught:
                Ticker(Clock(), interval)
            self.assertEqual(
                str(caught.exception),
                f"an interval of {interval} s is not positive and finite",
            )

    def test_noDrift(self) -> None:
        """
        After a year, ticks are as exact as in the first second.
        """
        for interval in (0.1, 60):
            fixture = TickerFixture.new(0, interval)
            fixture.connect()
            year = 365 * 86_400
            for _ in range(2):
                fixture.steady.advance(interval)
                fixture.steady.advance(year)
            fixture.seconds()
            fixture.steady.pump([interval / 4] * 50)
            period = round(interval * SECOND)
            self.assertGreater(len(fixture.sent), 10)
            self.assertEqual({each % period for each in fixture.sent}, {0})
            self.assertEqual({b - a for a, b in pairwise(fixture.sent)}, {period})

    def test_nowChangesNothing(self) -> None:
        """
        Reading the time begins no tick.
        """
        fixture = TickerFixture.new()
        fixture.offset += SECOND
        self.assertEqual(fixture.ticker.now(), (START + 1) * SECOND)
        self.assertEqual(fixture.ticker.tick, 0)
        self.assertEqual(fixture.ticker.boundaryTime(), START * SECOND)

    def test_afterTheBoundaryBeforeItsTick(self) -> None:
        """
        A client that connects after the boundary, before the ticker's delayed call,
        gets the new second, and does not get it again.
        """
        fixture = TickerFixture.new()
        fixture.connect()
        fixture.seconds()
        fixture.offset += SECOND
        fixture.connect()
        self.assertEqual(fixture.seconds(), [1])
        fixture.steady.advance(1)
        self.assertEqual(fixture.seconds(), [2, 2])

    def test_boundaryPassesDuringTheFirstCall(self) -> None:
        """
        If a boundary passes after a client's first line, but before the next one is
        scheduled, its tick is neither missed nor sent twice.
        """
        fixture = TickerFixture.new(0.9)
        loop = LeanLoopingCall(lambda: None)

        def current() -> None:
            fixture.sent.append(fixture.ticker.beginTick())
            fixture.offset += SECOND // 5
            loop.f = lambda: fixture.sent.append(fixture.ticker.boundaryTime())

        loop.f = current
        loop.clock = fixture.ticker  # type: ignore[assignment]
        loop.start(1)
        fixture.steady.advance(0)
        self.assertEqual(fixture.seconds(), [0.9, 1])
        fixture.steady.advance(0.9)
        self.assertEqual(fixture.seconds(), [2])

    def test_oneDelayedCall(self) -> None:
        """
        The reactor has one delayed call for any number of clients.
        """
        fixture = TickerFixture.new()
        for _ in range(100):
            fixture.connect()
        self.assertEqual(len(fixture.steady.getDelayedCalls()), 1)
        fixture.steady.advance(1)
        self.assertEqual(len(fixture.steady.getDelayedCalls()), 1)

    def test_idle(self) -> None:
        """
        Without clients there is no delayed call, and a client that connects later gets
        the current time.
        """
        fixture = TickerFixture.new()
        fixture.connect().stop()
        self.assertEqual(fixture.steady.getDelayedCalls(), [])
        fixture.steady.advance(100)
        fixture.seconds()
        fixture.connect()
        fixture.steady.advance(0)
        self.assertEqual(fixture.seconds(), [100])
        fixture.steady.advance(1)
        self.assertEqual(fixture.seconds(), [101])

    def test_almostOnTheBoundary(self) -> None:
        """
        If the wall clock is a few nanoseconds before a boundary, less than the
        resolution of the reactor's time, the ticker does not wait in an endless loop.
        """
        steady = Clock()
        steady.advance(START)
        ticker = Ticker(steady, 1, lambda: round(steady.seconds() * SECOND) - 10)
        made: list[int] = []
        ticker.callLater(1, lambda: made.append(ticker.boundaryTime()))
        steady.advance(0)
        steady.advance(0.001)
        self.assertEqual(made, [START * SECOND])


class WallClockTests(SynchronousTestCase):
    """
    A wall clock that is set or slewed, and a process that does not run.
    """

    def test_setBack(self) -> None:
        """
        If the wall clock is set back, the next tick shows the new time.
        """
        fixture = TickerFixture.new()
        fixture.connect()
        fixture.offset -= 3600 * SECOND
        fixture.steady.pump([1, 1])
        self.assertEqual(fixture.seconds(), [0, -3599, -3598])

    def test_setForward(self) -> None:
        """
        If it is set forward, the next tick shows the new time, and none in between.
        """
        fixture = TickerFixture.new()
        fixture.connect()
        fixture.offset += 2 * 3600 * SECOND
        fixture.steady.pump([1, 1])
        self.assertEqual(fixture.seconds(), [0, 7201, 7202])

    def test_setBackWithALongInterval(self) -> None:
        """
        If the wall clock is set back by less than a long interval, the ticker still
        begins a tick for the new time.
        """
        fixture = TickerFixture.new(65, 60)
        fixture.connect()
        fixture.offset -= 50 * SECOND
        fixture.steady.advance(1)
        fixture.connect()
        self.assertEqual(fixture.seconds(), [65, -20, 16])

    def test_setForwardWithALongInterval(self) -> None:
        """
        With a long interval, the ticker notices a change within a second.
        """
        fixture = TickerFixture.new(0, 86_400)
        fixture.connect()
        fixture.offset += 6_399 * SECOND
        fixture.steady.pump([1])
        self.assertEqual(fixture.seconds(), [0, 6_400])

    def test_fallsBackALittle(self) -> None:
        """
        If the wall clock is set back a little, to before a boundary, no second is sent
        twice.
        """
        fixture = TickerFixture.new()
        fixture.connect()
        fixture.steady.advance(1)
        fixture.offset -= SECOND // 2
        late = fixture.connect()
        self.assertEqual(fixture.seconds(), [0, 1, 1])
        late.stop()
        fixture.steady.pump([0.5, 0.5, 0.5])
        self.assertEqual(fixture.seconds(), [2])

    def test_slow(self) -> None:
        """
        If the wall clock is slow, the ticker waits for it, and no tick is early.
        """
        fixture = TickerFixture.new()
        fixture.rate = 0.999
        fixture.connect()
        fixture.steady.advance(1)
        self.assertEqual(fixture.seconds(), [0])
        fixture.steady.advance(0.0011)
        self.assertEqual(fixture.seconds(), [1])

    def test_stopped(self) -> None:
        """
        After a time in which the process did not run, the last boundary passed is sent
        at once, and then the following ones.
        """
        fixture = TickerFixture.new()
        fixture.connect()
        fixture.steady.advance(5.3)
        self.assertEqual(fixture.seconds(), [0, 5])
        fixture.steady.advance(0.7)
        self.assertEqual(fixture.seconds(), [6])

    def test_numbers(self) -> None:
        """
        Ticks are numbered one by one, whatever happens to the wall clock.
        """
        fixture = TickerFixture.new()
        fixture.connect()
        numbers = [fixture.ticker.seconds()]
        for change in (0, -3600, 0, 7200, 0):
            fixture.offset += change * SECOND
            fixture.steady.advance(1)
            numbers.append(fixture.ticker.seconds())
        self.assertEqual(numbers, [1, 2, 3, 4, 5, 6])


class LateTests(SynchronousTestCase):
    """
    By how much the next tick is late.
    """

    def test_processDoesNotRun(self) -> None:
        """
        If the process does not run, the next tick is late until it begins.
        """
        fixture = TickerFixture.new(0.25)
        fixture.connect()
        self.assertEqual(fixture.ticker.late(), 0)
        fixture.steady.rightNow += 5.5
        self.assertEqual(fixture.ticker.late(), 4.75)
        fixture.steady.advance(0)
        self.assertEqual(fixture.ticker.late(), 0)

    def test_callsTakeLong(self) -> None:
        """
        If the calls of a tick take longer than an interval, the next tick is late, even
        if the wall clock is set meanwhile.
        """
        for offset in (0, 3600 * SECOND):
            self.assertEqual(self.lateAfterSlowCall(offset), [2])

    def lateAfterSlowCall(self, offset: int) -> list[float]:
        """
        Let a call take 3 s, and set the wall clock meanwhile. Return by how much the
        next tick is late after it.
        """
        fixture = TickerFixture.new(0)
        loop = fixture.connect()
        late: list[float] = []

        def slow() -> None:
            fixture.steady.rightNow += 3
            fixture.offset += offset
            loop.f = lambda: None
            # Before the ticker's next call.
            fixture.steady.callLater(0, lambda: late.append(fixture.ticker.late()))

        loop.f = slow
        fixture.steady.advance(1)
        return late

    def test_clockIsSet(self) -> None:
        """
        If the wall clock is set, no tick is late, neither before the ticker reads it
        again nor afterwards.
        """
        for interval in (0.1, 1, 60):
            for seconds in (-3600, -0.9, -0.05, 0.05, 0.9, 3600):
                fixture = TickerFixture.new(0.25, interval)
                fixture.connect()
                fixture.steady.advance(0.1)
                fixture.offset += round(seconds * SECOND)
                for _ in range(50):
                    self.assertLess(fixture.ticker.late(), 1e-6)
                    fixture.steady.advance(0.05)

    def test_slewed(self) -> None:
        """
        If the wall clock is slow or fast, no tick is late.
        """
        for rate in (0.5, 2):
            fixture = TickerFixture.new(0.25, 60)
            fixture.rate = rate
            fixture.connect()
            for _ in range(1000):
                fixture.steady.advance(0.25)
                self.assertEqual(fixture.ticker.late(), 0)

    def test_noCalls(self) -> None:
        """
        Without calls to make, no tick is late.
        """
        fixture = TickerFixture.new()
        fixture.connect().stop()
        fixture.steady.advance(10)
        self.assertEqual(fixture.ticker.late(), 0)


class CallTests(SynchronousTestCase):
    """
    Calls at later ticks.
    """

    def setUp(self) -> None:
        """
        Begin at a boundary, and record the calls.
        """
        self.fixture = TickerFixture.new()
        self.ticker = self.fixture.ticker
        self.made: list[object] = []

    def call(self, delay: float = 1, what: object = "x") -> TickCall:
        """
        Schedule a call that records itself.
        """
        return self.ticker.callLater(delay, lambda: self.made.append(what))

    def test_delays(self) -> None:
        """
        Delays are numbers of ticks; calls of one tick are made in order.
        """
        for delay in (3, 1, 2, 1):
            self.call(delay, delay)
        made = []
        for _ in range(3):
            self.fixture.steady.advance(1)
            made.append(self.made[:])
        self.assertEqual(made, [[1, 1], [1, 1, 2], [1, 1, 2, 3]])

    def test_cancel(self) -> None:
        """
        A cancelled call is not made, and the ticker stops waiting for it.
        """
        call = self.call()
        call.cancel()
        call.cancel()
        self.assertEqual(self.fixture.steady.getDelayedCalls(), [])
        self.fixture.steady.advance(1)
        self.assertEqual(self.made, [])

    def test_cancelTooLate(self) -> None:
        """
        Cancelling a call that was made does nothing.
        """
        call = self.call()
        self.call(2)
        self.fixture.steady.advance(1)
        call.cancel()
        self.fixture.steady.advance(1)
        self.assertEqual(self.made, ["x", "x"])

    def test_cancelledByAnother(self) -> None:
        """
        A call may be cancelled by another one of the same tick.
        """
        self.ticker.callLater(1, lambda: second.cancel())
        second = self.call()
        self.fixture.steady.advance(1)
        self.assertEqual(self.made, [])
        self.assertEqual(self.fixture.steady.getDelayedCalls(), [])

    def test_raises(self) -> None:
        """
        An exception is logged, and the other calls are made.
        """
        self.ticker.callLater(1, lambda: 1 // 0)
        self.call()
        self.fixture.steady.advance(1)
        self.assertEqual(self.made, ["x"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_cancelledCallsAreRemoved(self) -> None:
        """
        Few calls are kept, even if many clients connect and disconnect within a tick.
        """
        self.call()
        for _ in range(1000):
            self.call().cancel()
        kept = sum(len(due) for due in self.ticker._due.values())
        self.assertLess(kept, 10)

    def test_nothingIsKeptWithoutClients(self) -> None:
        """
        No call is kept if all clients disconnect before their tick.
        """
        for _ in range(10):
            self.fixture.connect().stop()
            self.fixture.steady.advance(1)
        self.assertEqual(self.ticker._due, {})

    def test_tickBeginsDuringATick(self) -> None:
        """
        If a call of one tick begins the next one, the calls made before it miss
        nothing.
        """
        ticks: list[int] = []

        def again() -> None:
            ticks.append(self.ticker.tick)
            self.ticker.callLater(1, again)

        def begin() -> None:
            self.fixture.offset += SECOND
            self.ticker.beginTick()

        self.ticker.callLater(1, again)
        self.ticker.callLater(1, begin)
        self.fixture.steady.advance(1)
        self.fixture.steady.advance(0)
        self.fixture.steady.advance(1)
        self.assertEqual(ticks, [2, 3, 4])
