"""
The status of one clock, as the wall shows it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from statistics import median_high
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime

from clock.clients.reading.ends import End
from clock.clients.reading.lines import Line
from clock.clients.reading.observer import Observer
from clock.clients.reading.timestamps import findTime
from clock.console.text import printable

#: Intervals without a line after which a clock is stale.
STALE_INTERVALS = 2.5

#: The number of latest gaps between lines from which the interval is estimated. The
#: estimate is their median, so one outage does not change it. For an even number of
#: gaps it is the higher median, because lines that a proxy held back arrive in pairs.
MAX_GAPS = 8

#: The most characters of a line that are shown.
MAX_SHOWN = 256

#: The shortest gap that counts, in seconds. Lines that arrive together were held back
#: by a proxy, or while this process was suspended.
MIN_GAP = 0.005

#: The minimum time without a line after which a clock is stale, in seconds.
MIN_STALE = 1.0

#: Seconds without a first line after which a clock is stale. Servers send it at once.
FIRST_LINE_STALE = 2.5

#: Seconds without a line after which a clock is stale, while fewer than two gaps are
#: known.
UNKNOWN_INTERVAL_STALE = 10.0


class State(Enum):
    """
    The state of a clock.
    """

    CONNECTING = "connecting"
    LIVE = "live"
    STALE = "stale"
    DOWN = "down"


class ClockStatus(NamedTuple):
    """
    The status of a clock at one time.

    @ivar state: the state.
    @ivar text: the last line, printable; empty if there is none, or the clock is down.
    @ivar age: seconds since the last line, or since the connection was made if there is
        no line yet; C{None} without a connection.
    @ivar reason: the reason why the clock is down, printable.
    @ivar retryIn: seconds until the next attempt to connect.
    @ivar redirectedTo: the address that the request was redirected to, printable.
    """

    state: State
    text: str = ""
    age: float | None = None
    reason: str = ""
    retryIn: float = 0.0
    redirectedTo: str = ""

    def describe(self) -> str:
        """
        Return the state in words, with the reason if the clock is down.
        """
        if self.state is State.DOWN:
            return f"down, next try in {self.retryIn:.0f} s: {self.reason}"
        if self.redirectedTo:
            return f"{self.state.value}, redirected to {self.redirectedTo}"
        return str(self.state.value)


class ClockMonitor(Observer):
    """
    An observer that keeps the status of a clock.

    @ivar name: the clock's name, printable.
    """

    def __init__(
        self,
        name: str,
        reactor: IReactorTime,
        interval: float | None,
        changed: Callable[[ClockMonitor], object],
        field: str | None = None,
    ) -> None:
        """
        @param name: the clock's name.
        @param reactor: the reactor's time.
        @param interval: seconds between two lines; C{None} to estimate them for each
            connection.
        @param changed: called with this monitor after each event. Not called merely
            because time passes.
        @param field: the field of lines in JSON that has the time.
        """
        self.name = printable(name)
        self._reactor = reactor
        self._interval = interval
        self._field = field
        self._redirectedTo = ""
        self._gaps: deque[float] = deque(maxlen=MAX_GAPS)
        self._changed = changed
        self._since: float | None = None
        self._text: str | None = None
        self._down: tuple[str, float] | None = None

    def connecting(self) -> None:
        """
        Note that an attempt to connect has begun.
        """
        self._redirectedTo = ""
        self._update()

    def redirected(self, url: str) -> None:
        """
        Note the address that has answered.
        """
        self._redirectedTo = url

    def connected(self) -> None:
        """
        Note that the clock is connected.
        """
        self._gaps.clear()
        self._update(self._reactor.seconds())

    def lineReceived(self, line: Line) -> None:
        """
        Note a line. A line in JSON shows only its time of day, or the field that was
        asked for.
        """
        reading = findTime(line.text, 0, self._field)
        shown = (reading and reading.shown) or line.text
        isCut = line.truncated or len(shown) > MAX_SHOWN
        text = printable(shown[:MAX_SHOWN])
        now = self._reactor.seconds()
        if self._text is not None and self._since is not None:
            gap = now - self._since
            if gap >= MIN_GAP:
                self._gaps.append(gap)
        self._update(now, f"{text}…" if isCut else text)

    def disconnected(self, end: End, retryIn: float | None) -> None:
        """
        Note that the clock is down.
        """
        self._update(down=(end.text, self._reactor.seconds() + (retryIn or 0.0)))

    def status(self) -> ClockStatus:
        """
        Return the current status.
        """
        now = self._reactor.seconds()
        if self._down is not None:
            reason, retryAt = self._down
            return ClockStatus(
                State.DOWN, reason=printable(reason), retryIn=max(0.0, retryAt - now)
            )
        if self._since is None:
            return ClockStatus(State.CONNECTING)
        age = now - self._since
        if age >= self._staleAfter():
            state = State.STALE
        else:
            state = State.CONNECTING if self._text is None else State.LIVE
        return ClockStatus(
            state, self._text or "", age, redirectedTo=printable(self._redirectedTo)
        )

    def _staleAfter(self) -> float:
        """
        Return the seconds without a line after which the clock is stale.
        """
        if self._interval is not None:
            return STALE_INTERVALS * self._interval
        if self._text is None:
            return FIRST_LINE_STALE
        estimate = STALE_INTERVALS * median_high(self._gaps or [0.0])
        # The first line is sent within an interval, so the first gap is too short.
        return max(
            estimate, MIN_STALE if len(self._gaps) > 1 else UNKNOWN_INTERVAL_STALE
        )

    def _update(
        self,
        since: float | None = None,
        text: str | None = None,
        down: tuple[str, float] | None = None,
    ) -> None:
        self._since, self._text, self._down = since, text, down
        self._changed(self)
