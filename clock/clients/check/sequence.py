"""
Check that each line of a connection is for the interval after that of the last line.

Intervals are numbered as on the server: their boundaries are whole multiples of the
interval since 1970. The server sends a line at each boundary, but the format of the
line may be too coarse to show which boundary that is. With an interval of 0.5 s, the
line C{1} in whole seconds is for the boundary at 1.0 s or the one at 1.5 s.

The checker therefore keeps the range of boundaries that the last line may be for. The
next line should be for the boundary after it. So the checker moves the old range by
one, and intersects it with the range of boundaries that the new line may be for. If the
intersection is empty, intervals were skipped or repeated.

The first line of a connection is sent between two boundaries. It counts as the line for
the boundary before it.

Lines that have a number and no time are for the intervals that they count.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from clock.clients.reading.timestamps import COUNTER_DIGITS, SECOND, Reading, findTime

# Longer ids are times, or hashes, and need not be consecutive.
_ID = re.compile(f"[0-9]{{1,{COUNTER_DIGITS}}}")


class Transition(NamedTuple):
    """
    The step from one line to the next.

    @ivar intervals: number of intervals from one line to the next: 1 if no interval was
        skipped or repeated, more if intervals were skipped, and 0 or less if an
        interval or a number was repeated.
    @ivar lost: number of ticks whose numbers are missing between the two lines; C{None}
        if they have no numbers.
    @ivar lateness: nanoseconds from the instant that the line is for to its arrival;
        C{None} if that instant is not known.
    """

    intervals: int
    lost: int | None
    lateness: int | None


class SequenceChecker:
    """
    Check the lines of one connection.
    """

    def __init__(self, interval: float, field: str | None = None) -> None:
        """
        @param interval: seconds between two lines.
        @param field: the field of a JSON object that has the time or the number.
        """
        self._field = field
        self._interval = round(interval * SECOND)
        self._tick: int | None = None
        # The server's wall clock minus the steady time, as of the last line.
        self._offset: int | None = None
        # The boundaries that the last line may be for.
        self._first = self._last = 0

    def check(
        self, text: str, arrived: int, now: int, id: str | None = None
    ) -> Transition | None:
        """
        Check the next line.

        @param text: the line.
        @param arrived: the wall clock at its arrival, in nanoseconds since 1970.
        @param now: the steady time at its arrival, in nanoseconds.
        @param id: the last id of the event stream. If it is a number, and the line has
            none, it is used as the line's, unless a field was asked for.

        @return: the step from the line before, or C{None} if the line shows neither the
            second nor a number.
        """
        isFirstLine = self._offset is None
        # A time of day is compared with the expected time of the server's clock: the
        # local wall clock may have been set since the last line.
        near = arrived if self._offset is None else now + self._offset
        reading = findTime(text, near, self._field) or Reading(None)
        tick = reading.tick
        if tick is None and self._field is None and id and _ID.fullmatch(id):
            tick = int(id)
        if reading.instant is None:
            return None if tick is None else self._count(tick)
        self._offset = reading.instant - now
        lost = self._missingTicks(tick)
        last = (reading.instant + reading.resolution - 1) // self._interval
        if isFirstLine:
            self._first, self._last = reading.instant // self._interval, last
            lateness = arrived - reading.instant
            return Transition(
                1, lost, lateness if reading.resolution < SECOND else None
            )
        first = -(-reading.instant // self._interval)
        intervals = self._advance(min(first, last), last)
        isKnown = intervals > 0 and first <= last and self._first == self._last
        lateness = arrived - self._first * self._interval
        return Transition(intervals, lost, lateness if isKnown else None)

    def _count(self, tick: int) -> Transition:
        """
        Return the step to a line that has only a number.
        """
        previous = self._tick
        lost = self._missingTicks(tick)
        return Transition(
            1 if previous is None else min(tick - previous, 1), lost, None
        )

    def _missingTicks(self, tick: int | None) -> int | None:
        previous, self._tick = self._tick, tick
        if previous is None or tick is None:
            return None
        return max(0, tick - previous - 1)

    def _advance(self, first: int, last: int) -> int:
        """
        Advance by one interval if possible, to a line that may be for any boundary from
        C{first} to C{last}. Return the number of intervals.
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
