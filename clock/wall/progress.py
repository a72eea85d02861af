"""
How the clock goes that is shown on one connection.

Boundaries are counted as the server counts them, in whole intervals since 1970. A line
stands for a boundary, but shows it no more finely than its format does: 1.5 s is C{1}
in whole seconds, and so is 1 s. So what is known is the first and the last boundary
that it may stand for. The next line may stand for one more than these, and for those
that it may show itself; what is in both is what is known then. Where nothing is, an
interval was skipped or shown again. The first line of a connection is of no boundary,
but of some instant since one.
"""

from __future__ import annotations

from typing import NamedTuple

from clock.ticker import SECOND
from clock.wall.reading import read


class Step(NamedTuple):
    """
    From one line to the next.

    @ivar intervals: by how many intervals the clock went on: 1 if all is well, and 0
        or less if it showed again what it had shown.
    @ivar lost: how many numbers of ticks were left out, where lines have them.
    @ivar late: how long after the instant that it stands for the line has arrived, in
        nanoseconds; C{None} if it does not tell that instant.
    """

    intervals: int
    lost: int | None
    late: int | None


class Progress:
    """
    The lines of one connection, one after another.
    """

    def __init__(self, interval: float) -> None:
        """
        @param interval: the time from one line to the next, in seconds.
        """
        self._period = round(interval * SECOND)
        self._tick: int | None = None
        self._ahead: int | None = None
        self._first = self._last = 0

    def step(self, text: str, arrived: int, now: int) -> Step | None:
        """
        Go on to the next line.

        @param text: what it says.
        @param arrived: when it arrived, in nanoseconds since 1970.
        @param now: the same by a clock that is not set, in nanoseconds.

        @return: what kind of step that was, or C{None} if the line does not tell the
            time.
        """
        begins = self._ahead is None
        # A time of day is taken to be the nearest to where the clock should be by now.
        reading = read(text, arrived if self._ahead is None else now + self._ahead)
        if reading is None:
            return None
        self._ahead = reading.instant - now
        tick, self._tick = self._tick, reading.tick
        lost = None
        if tick is not None and reading.tick is not None:
            lost = max(0, reading.tick - tick - 1)
        last = (reading.instant + reading.resolution - 1) // self._period
        if begins:
            self._first, self._last = reading.instant // self._period, last
            late = arrived - reading.instant
            return Step(1, lost, late if reading.resolution < SECOND else None)
        first = -(-reading.instant // self._period)
        intervals = self._goOn(min(first, last), last)
        known = intervals > 0 and first <= last and self._first == self._last
        late = arrived - self._first * self._period
        return Step(intervals, lost, late if known else None)

    def _goOn(self, first: int, last: int) -> int:
        """
        Go on to one of some boundaries: to the next, if that can be.
        """
        if first > self._last + 1:
            intervals = first - self._last
            last = first
        elif last < self._first + 1:
            intervals = last - self._first
            first = last
        else:
            intervals = 1
            first, last = max(first, self._first + 1), min(last, self._last + 1)
        self._first, self._last = first, last
        return intervals
