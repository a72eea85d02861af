"""
The ticker, which is the clock for the C{LoopingCall} of each client.

A tick begins at each boundary of the wall clock, that is at each whole multiple of the
interval since 1970. Ticks are numbered one by one. L{Ticker.seconds} is the number of
the current tick, and C{callLater(1, f)} means "at the next tick", so a C{LoopingCall}
with an interval of 1 calls its function once a tick. The ticker keeps a single delayed
call on the reactor for any number of calls, and none while there are no calls to make.

The ticker computes the delay to the next boundary from the wall clock, and waits on the
reactor. The reactor's time should be steady. If its C{seconds} is C{time.time}, and the
system clock is set back by an hour, no delayed call is made for an hour
(U{https://github.com/twisted/twisted/issues/2424}). The ticker reads the wall clock
again after each wait, and at least once a second. There are three cases:

  - The wall clock has passed the next boundary, or several, because it was set forward
    or because this process did not run. One tick begins, for the last boundary passed.
    The others are skipped.
  - The wall clock has not reached the next boundary, because it is slewed. The ticker
    waits again. This includes a wall clock that is behind the current boundary by less
    than an interval and less than a second, so no second is sent twice.
  - The wall clock is further behind, because it was set back. A tick begins for the new
    time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

#: Nanoseconds in a second.
SECOND = 1_000_000_000

#: The longest wait before the wall clock is read again, in seconds.
MAX_WAIT = 1.0

#: The shortest wait for a future boundary, in nanoseconds. The reactor's time is a
#: float. If it is large, adding a shorter wait does not change it, and the wait would
#: never end.
MIN_WAIT = 1_000

#: Seconds before a boundary at which a long wait ends and a short one begins. Linux
#: timers may be late by 0.1 %: a wait of 1 s ends up to 1 ms late, and a wait of 10 ms
#: only 0.01 ms.
WAKE_EARLY = 0.01


class TickCall:
    """
    A call that a L{Ticker} makes at a later tick.

    @ivar tick: the number of the tick at which it is made.
    @ivar function: the function to call; C{None} after the call or its cancellation.
    """

    __slots__ = ("_ticker", "function", "tick")

    def __init__(
        self, ticker: Ticker, tick: int, function: Callable[[], object]
    ) -> None:
        """
        @param ticker: the ticker that makes the call.
        @param tick: the number of the tick at which it is made.
        @param function: the function to call.
        """
        self._ticker = ticker
        self.tick = tick
        self.function: Callable[[], object] | None = function

    def cancel(self) -> None:
        """
        Cancel the call. This does nothing if it was made or cancelled already.
        """
        if self.function is not None:
            self.function = None
            self._ticker.unschedule(self)


class Ticker:
    """
    The part of C{IReactorTime} that a C{LoopingCall} needs, in units of ticks.

    @ivar reactor: the reactor time that the ticker itself waits on, in seconds.
    @ivar interval: seconds between two boundaries.
    @ivar tick: the number of the current tick: 1 for the first tick, and 0 before it.
    @ivar missed: the number of boundaries passed without a tick while there were calls
        to make.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        interval: float = 1.0,
        wallClock: Callable[[], int] = time.time_ns,
    ) -> None:
        """
        @param reactor: the reactor time to wait on; it should be steady.
        @param interval: seconds between two boundaries, rounded to nanoseconds.
        @param wallClock: a function that returns the time, in nanoseconds since 1970.

        @raise ValueError: if the interval is not a positive, finite number.
        """
        if not SECOND * interval >= 1 or math.isinf(interval):
            raise ValueError(f"an interval of {interval} s is not positive and finite")
        self.reactor = reactor
        self.interval = interval
        self.tick = 0
        self.missed = 0
        self._period = round(interval * SECOND)
        self._wallClock = wallClock
        self._boundary = wallClock() // self._period
        # The reactor's time at the next boundary, in seconds.
        self._nextAt = 0.0
        self._due: dict[int, list[TickCall]] = {}
        self._scheduled = 0
        self._wakeUp: IDelayedCall | None = None
        self._calling = False

    def now(self) -> int:
        """
        Read the wall clock.

        @return: nanoseconds since 1970.
        """
        return self._wallClock()

    def boundaryTime(self) -> int:
        """
        Return the boundary that the current tick stands for.

        @return: nanoseconds since 1970.
        """
        return self._boundary * self._period

    def beginTick(self) -> int:
        """
        Read the wall clock, and begin a tick if its time is not in the current one.
        Functions that are due are called in a later iteration of the reactor.

        @return: the time, in nanoseconds since 1970. It is never before the boundary of
            the current tick, even if the wall clock was set back to shortly before it.
        """
        now = self._wallClock()
        boundary = now // self._period
        if boundary == self._boundary and self.tick:
            return now
        start = self.boundaryTime()
        if (
            not self.tick
            or boundary > self._boundary
            or start - now >= min(self._period, SECOND)
        ):
            if self._scheduled:
                self.missed += max(0, boundary - self._boundary - 1)
            self._boundary = boundary
            self.tick += 1
            self._expectNext(self.boundaryTime() + self._period - now)
            return now
        return start

    def late(self) -> float:
        """
        Return the seconds by which the next tick is late; 0 if there are no calls to
        make. They are measured on the reactor's time: after the wall clock is set, no
        tick is late.
        """
        if not self._scheduled:
            return 0.0
        return max(0.0, self.reactor.seconds() - self._nextAt)

    def seconds(self) -> int:
        """
        Return the number of the current tick. C{LoopingCall} calls this.
        """
        return self.tick

    def callLater(self, delay: float, function: Callable[[], object]) -> TickCall:
        """
        Call a function at a later tick. An exception that it raises is logged.

        @param delay: number of ticks from the current one, at least 1.
        @param function: the function to call.

        @return: the call, which can be cancelled.
        """
        if not self.tick:
            self.beginTick()
        call = TickCall(self, self.tick + int(delay), function)
        due = self._due.get(call.tick)
        if due is None:
            due = self._due[call.tick] = []
        due.append(call)
        self._scheduled += 1
        if self._wakeUp is None and not self._calling:
            self._wait()
        return call

    def unschedule(self, call: TickCall) -> None:
        """
        Note that a call was cancelled, and stop waiting if it was the last one.

        @param call: the call. It stays in its list until its tick begins, or until half
            of the list is cancelled.
        """
        self._scheduled -= 1
        due = self._due.get(call.tick, [])
        if self._scheduled < len(due) // 2:
            due[:] = [each for each in due if each.function is not None]
        if not self._scheduled and self._wakeUp is not None:
            self._wakeUp.cancel()
            self._wakeUp = None
            self._due.clear()

    def _expectNext(self, left: int) -> None:
        """
        Note when the next boundary is due.

        @param left: nanoseconds of the wall clock until then.
        """
        self._nextAt = self.reactor.seconds() + left / SECOND

    def _wait(self) -> None:
        """
        Wait for the next boundary, but no longer than L{MAX_WAIT}.
        """
        left = (self._boundary + 1) * self._period - self.now()
        if left > 0:
            # The wall clock may have been slewed or set. If it has passed the boundary,
            # the calls of the last tick took long, and the tick is late.
            self._expectNext(left)
        delay = min(max(left, MIN_WAIT) / SECOND, MAX_WAIT) if left > 0 else 0.0
        if min(self._due) <= self.tick:
            # A function called at the last tick has begun another tick.
            delay = 0
        elif delay > 2 * WAKE_EARLY:
            delay -= WAKE_EARLY
        self._wakeUp = self.reactor.callLater(delay, self._wake)

    def _wake(self) -> None:
        """
        Make the calls that are due. If there are more, wait again.
        """
        self._wakeUp = None
        self.beginTick()
        self._calling = True
        try:
            for tick in sorted(tick for tick in self._due if tick <= self.tick):
                self._makeCalls(self._due.pop(tick))
        finally:
            self._calling = False
        if self._scheduled:
            self._wait()
        else:
            self._due.clear()

    def _makeCalls(self, calls: list[TickCall]) -> None:
        """
        Make the calls of one tick, in the order in which they were scheduled.

        Each call is removed from the list before it is made. The client's next call can
        then reuse its memory. Otherwise 10,000 new objects a tick would start the
        garbage collector.
        """
        calls.reverse()
        while calls:
            call = calls.pop()
            function = call.function
            if function is None:
                continue
            call.function = None
            self._scheduled -= 1
            try:
                function()
            except Exception:
                self._log.failure("A call at a tick failed")
