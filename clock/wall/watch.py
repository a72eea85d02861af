"""
What there is to show of one clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from statistics import median_high
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime

from clock.wall.lines import Line
from clock.wall.reading import read
from clock.wording import printable

#: After how many intervals without a line a clock is stale.
STALE_AFTER = 2.5

#: How many of the latest gaps between two lines tell the interval of a clock. The
#: interval is their median, because the gap of an outage tells nothing. Of two medians
#: it is the higher, because lines that are held back come in pairs.
GAPS = 8

#: The shortest time between two lines that counts as a gap, in seconds. Lines that come
#: at once were held back, by a proxy or while this program was suspended.
SHORTEST_GAP = 0.005

#: The shortest time without a line after which a clock is stale; the time if it has not
#: sent a line yet, which servers do at once; and the shortest time if its interval is
#: not known yet. All are in seconds.
EARLIEST, FIRST, UNKNOWN = 1.0, 2.5, 10.0


class State(Enum):
    """
    How it is with a clock.
    """

    CONNECTING = "connecting"
    LIVE = "live"
    STALE = "stale"
    DOWN = "down"


class Look(NamedTuple):
    """
    One look at a clock.

    @ivar state: how it is with it.
    @ivar shown: its last line, fit for a terminal; empty where there is none, and
        while it is down.
    @ivar age: how long ago the line has come, or the connection, in seconds.
    @ivar reason: why it is down.
    @ivar retryIn: the time until the next attempt to connect, in seconds.
    """

    state: State
    shown: str = ""
    age: float | None = None
    reason: str = ""
    retryIn: float = 0.0

    def words(self) -> str:
        """
        Say how it is.

        @return: the state, and all there is to say of a clock that is down.
        """
        if self.state is State.DOWN:
            return f"down, next try in {self.retryIn:.0f} s: {self.reason}"
        return str(self.state.value)


class Watch:
    """
    An L{Observer<clock.wall.stream.Observer>} that knows what to show.

    @ivar name: the clock's, fit for a terminal.
    """

    def __init__(
        self,
        name: str,
        reactor: IReactorTime,
        interval: float | None,
        changed: Callable[[Watch], object],
    ) -> None:
        """
        @param name: the clock's.
        @param reactor: tells how time passes.
        @param interval: the time between two lines, in seconds; C{None} to learn it
            from the lines of each connection.
        @param changed: is called with this watch whenever anything has happened.
            Not called merely because time passes.
        """
        self.name = printable(name)
        self._reactor = reactor
        self._interval = interval
        self._gaps: deque[float] = deque(maxlen=GAPS)
        self._changed = changed
        self._since: float | None = None
        self._shown: str | None = None
        self._down: tuple[str, float] | None = None

    def connecting(self) -> None:
        """
        Note that an attempt has begun.
        """
        self._become()

    def connected(self) -> None:
        """
        Note that lines may come now.
        """
        self._gaps.clear()
        self._become(self._reactor.seconds())

    def lineReceived(self, line: Line) -> None:
        """
        Note the line; of one that is for programs, the time of day is shown.
        """
        reading = read(line.text, 0)
        shown = (reading and reading.timeOfDay) or printable(line.text)
        now = self._reactor.seconds()
        if self._shown is not None and self._since is not None:
            gap = now - self._since
            if gap >= SHORTEST_GAP:
                self._gaps.append(gap)
        self._become(now, f"{shown}…" if line.cut else shown)

    def down(self, reason: str, retryIn: float) -> None:
        """
        Note that there is no connection: nor is there a time to show, then.
        """
        self._become(down=(reason, self._reactor.seconds() + retryIn))

    def look(self) -> Look:
        """
        Look at the clock.

        @return: how it is now.
        """
        now = self._reactor.seconds()
        if self._down is not None:
            reason, retryAt = self._down
            return Look(
                State.DOWN, reason=printable(reason), retryIn=max(0.0, retryAt - now)
            )
        if self._since is None:
            return Look(State.CONNECTING)
        age = now - self._since
        if age >= self._staleAfter():
            state = State.STALE
        else:
            state = State.CONNECTING if self._shown is None else State.LIVE
        return Look(state, self._shown or "", age)

    def _staleAfter(self) -> float:
        """
        Tell after how long without a line the clock is stale, in seconds.
        """
        if self._interval is not None:
            return STALE_AFTER * self._interval
        if self._shown is None:
            return FIRST
        usual = STALE_AFTER * median_high(self._gaps or [0.0])
        # The first gap is only the rest of an interval.
        return max(usual, EARLIEST if len(self._gaps) > 1 else UNKNOWN)

    def _become(
        self,
        since: float | None = None,
        shown: str | None = None,
        down: tuple[str, float] | None = None,
    ) -> None:
        self._since, self._shown, self._down = since, shown, down
        self._changed(self)
