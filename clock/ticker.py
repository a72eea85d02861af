"""
What the clients' loops run on: a clock that counts ticks.

A tick begins at a boundary of the wall clock: at every whole multiple of the
interval since 1970. The ticker counts the ticks, one more each time, and says
which instant each one stands for. It does so with a single call on the reactor,
however many clients there are, and with none while there are none.

The wall clock is asked where the next boundary is, and the reactor waits: the
reactor's time should be steady, or a clock that is set back freezes it
(U{https://github.com/twisted/twisted/issues/2424}). The wall clock is read anew
after each wait, and after a second at the latest, so whatever it does in between
is noticed then:

  - It is past the next boundary, or several, because it was set or because this
    process did not run: that is one tick, for where it is now. What was missed is
    left out.
  - It has not quite got there, because it is slewed or jitters: wait on. Nothing
    that was shown is shown again, so it may fall back behind the last boundary by
    an interval, or by a second if that is less.
  - It has fallen back further: it was set, and that is a tick, too.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

#: Nanoseconds in a second.
SECOND = 1_000_000_000

#: The longest wait before the wall clock is read again, in seconds.
LONGEST_WAIT = 1.0

#: How long before a boundary a long wait ends and a short one begins, in seconds.
#: Linux takes the liberty of a thousandth: a wait for a second is 1 ms late, one
#: for 10 ms is not.
LEAD = 0.01


@implementer(IDelayedCall)
class TickCall:
    """
    One call that a L{Ticker} is to make.
    """

    __slots__ = ("_ticker", "arguments", "callable", "cancelled", "keywords", "tick")

    def __init__(
        self,
        ticker: Ticker,
        tick: int,
        callable: Callable[..., object],
        arguments: tuple[object, ...],
        keywords: dict[str, object] | None,
    ) -> None:
        """
        @param ticker: who makes the call.
        @param tick: the number of the tick at which it is made.
        @param callable: what is called; C{None} when it was, or never will be.
        @param arguments: with these.
        @param keywords: and these, if any.
        """
        self._ticker = ticker
        self.tick = tick
        self.callable: Callable[..., object] | None = callable
        self.arguments = arguments
        self.keywords = keywords
        self.cancelled = False

    def getTime(self) -> float:
        """
        Tell when the call is made.

        @return: the number of the tick.
        """
        return self.tick

    def active(self) -> bool:
        """
        Tell whether the call is still to come.

        @return: C{False} once it was made or cancelled.
        """
        return self.callable is not None

    def cancel(self) -> None:
        """
        Do not make the call.

        @raise AlreadyCalled: if it was made.
        @raise AlreadyCancelled: if it was cancelled.
        """
        self._check()
        self.callable = None
        self.cancelled = True
        self._ticker.forget(self)

    def reset(self, secondsFromNow: float) -> None:
        """
        Make the call so much later than now.

        @param secondsFromNow: how many ticks from the current one.

        @raise AlreadyCalled: if it was made.
        @raise AlreadyCancelled: if it was cancelled.
        """
        self._move(self._ticker.tick + max(1, math.ceil(secondsFromNow)))

    def delay(self, secondsLater: float) -> None:
        """
        Make the call so much later than planned.

        @param secondsLater: how many ticks.

        @raise AlreadyCalled: if it was made.
        @raise AlreadyCancelled: if it was cancelled.
        """
        self._move(self.tick + math.ceil(secondsLater))

    def _move(self, tick: int) -> None:
        self._check()
        self._ticker.forget(self)
        self.tick = tick
        self._ticker.remember(self)

    def _check(self) -> None:
        if self.cancelled:
            raise AlreadyCancelled
        if self.callable is None:
            raise AlreadyCalled


@implementer(IReactorTime)
class Ticker:
    """
    Reactor time in units of ticks.

    @ivar reactor: what the ticker itself waits on, in seconds.
    @ivar interval: the time between two boundaries, in seconds.
    @ivar tick: the number of the current tick: 1 for the first that anybody is told,
        and 0 before.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        interval: float = 1.0,
        wallClock: Callable[[], int] = time.time_ns,
    ) -> None:
        """
        @param reactor: what to wait on.
        @param interval: the time between two boundaries, in seconds; it counts
            in whole nanoseconds, so that 0.1 is exact.
        @param wallClock: tells the time, in nanoseconds since 1970.

        @raise ValueError: if the interval is not a positive number of seconds.
        """
        if not SECOND * interval >= 1 or math.isinf(interval):
            raise ValueError(
                f"an interval of {interval} s: it must be more than 0, and end"
            )
        self.reactor = reactor
        self.interval = interval
        self.tick = 0
        self._period = round(interval * SECOND)
        self._wallClock = wallClock
        self._boundary = wallClock() // self._period
        self._due: dict[int, list[TickCall]] = {}
        self._coming = 0
        self._waiting: IDelayedCall | None = None
        self._calling = False

    def seconds(self) -> int:
        """
        Tell the time, as C{IReactorTime} names it.

        @return: the number of the current tick, as of the last look at the wall
            clock: L{now} takes one, and so does every tick.
        """
        return self.tick

    def instant(self) -> int:
        """
        Tell which boundary the current tick stands for.

        @return: nanoseconds since 1970.
        """
        return self._boundary * self._period

    def now(self) -> int:
        """
        Tell the present time, and count the boundary that it may have passed:
        who is told this time must not be told it again at the next tick.

        @return: nanoseconds since 1970, never less than L{instant}.
        """
        now = self._read()
        return max(now, self.instant())

    def callLater(
        self,
        delay: float,
        callable: Callable[..., object],
        *args: object,
        **kw: object,
    ) -> TickCall:
        """
        Call something at a tick to come.

        @param delay: how many ticks from the current one, 1 being the next;
            parts of a tick count as a whole, and 0 as 1.
        @param callable: what to call. What it raises is logged.

        @return: the call to come.
        """
        if not self.tick:
            self._read()
        tick = self.tick + (1 if delay == 1 else max(1, math.ceil(delay)))
        call = TickCall(self, tick, callable, args, kw or None)
        self.remember(call)
        return call

    def getDelayedCalls(self) -> list[TickCall]:
        """
        List the calls to come.

        @return: in no order.
        """
        return [
            call
            for tick, calls in self._due.items()
            for call in calls
            if call.callable is not None and call.tick == tick
        ]

    def remember(self, call: TickCall) -> None:
        """
        Take in a call to make.

        @param call: it says when.
        """
        due = self._due.get(call.tick)
        if due is None:
            due = self._due[call.tick] = []
        due.append(call)
        self._coming += 1
        if self._waiting is None and not self._calling:
            self._wait()

    def forget(self, call: TickCall) -> None:
        """
        Leave a call out that will not be made, and stop waiting if it was the
        last to come.

        @param call: it stays on its list until its tick, or until half of the
            list is of its kind.
        """
        self._coming -= 1
        due = self._due.get(call.tick, [])
        if self._coming < len(due) // 2:
            due[:] = [each for each in due if each.callable is not None]
        if not self._coming and self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
            self._due.clear()

    def _read(self) -> int:
        """
        Read the wall clock, and begin a tick if it is time for one.
        """
        now = self._wallClock()
        boundary = now // self._period
        back = self.instant() - now
        if (
            not self.tick
            or boundary > self._boundary
            or back >= min(self._period, SECOND)
        ):
            self._boundary = boundary
            self.tick += 1
        return now

    def _wait(self) -> None:
        """
        Wait for the next boundary, as far as it can be seen from here.
        """
        left = (self._boundary + 1) * self._period - self._wallClock()
        delay = min(max(left, 0) / SECOND, LONGEST_WAIT)
        if min(self._due) <= self.tick:
            # A call of the last tick has read the clock, and begun another.
            delay = 0
        elif delay > 2 * LEAD:
            delay -= LEAD
        self._waiting = self.reactor.callLater(delay, self._wake)

    def _wake(self) -> None:
        """
        Make the calls that are due, and wait on if there are more to come.
        """
        self._waiting = None
        self._read()
        self._calling = True
        try:
            for tick in sorted(tick for tick in self._due if tick <= self.tick):
                self._makeCalls(tick, self._due.pop(tick))
        finally:
            self._calling = False
        if self._coming:
            self._wait()
        else:
            self._due.clear()

    def _makeCalls(self, tick: int, calls: list[TickCall]) -> None:
        """
        Make the calls of one tick, in the order they were planned.

        Each is forgotten before it is made, so that the next one of its kind
        takes its room: a heap of new objects at every tick would set the garbage
        collector off.
        """
        calls.reverse()
        while calls:
            call = calls.pop()
            if call.callable is None or call.tick != tick:
                continue
            callable, call.callable = call.callable, None
            self._coming -= 1
            try:
                if call.keywords is None:
                    callable(*call.arguments)
                else:
                    callable(*call.arguments, **call.keywords)
            except Exception:
                self._log.failure("A call at a tick failed")
