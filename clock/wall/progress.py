"""
How the clock goes that is shown on one connection.

Boundaries are counted as the server counts them, in whole intervals since 1970. A line
stands for a boundary, but shows it no more finely than its format does: 1.5 s is C{1}
in whole seconds, and so is 1 s. The one that a line stands for is taken to be the first
that it may, and that is later than the line before's. The first line of a connection
is of no boundary, but of some instant since one.
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
    @ivar late: how long after the instant that it shows the line has arrived, in
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
        self._lag = 0
        self._tick: int | None = None
        self._position: tuple[int, int] | None = None

    def step(self, text: str, arrived: int) -> Step | None:
        """
        Go on to the next line.

        @param text: what it says.
        @param arrived: when it arrived, in nanoseconds since 1970.

        @return: what kind of step that was, or C{None} if the line does not tell the
            time.
        """
        # A time of day is that nearest to where the clock should be by now.
        reading = read(text, arrived - self._lag)
        if reading is None:
            return None
        self._lag = arrived - reading.instant
        tick, self._tick = self._tick, reading.tick
        lost = None
        if tick is not None and reading.tick is not None:
            lost = max(0, reading.tick - tick - 1)
        last = (reading.instant + reading.resolution - 1) // self._period
        if self._position is None:
            self._position = reading.instant // self._period, last
            return Step(1, lost, self._lag if reading.resolution < SECOND else None)
        first = -(-reading.instant // self._period)
        intervals, late = self._goOn(min(first, last), last), self._lag
        if intervals > 0 and first <= last:
            late = arrived - self._position[1] * self._period
        return Step(intervals, lost, late)

    def _goOn(self, first: int, last: int) -> int:
        """
        Go on to the first of some boundaries that is later than where the clock was,
        or else back to the last of them.
        """
        assert self._position is not None
        before = min(max(first - 1, self._position[0]), self._position[1])
        now = min(max(first, before + 1), last)
        self._position = now, now
        return now - before
