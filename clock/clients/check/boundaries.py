"""
The intervals that the lines of a connection are for.

Intervals are numbered as on this package's server: their boundaries are whole multiples
of the interval since 1970. The server sends a line at each boundary, but the format of
the line may be too coarse to show which boundary that is. With an interval of 0.5 s,
the line C{1} in whole seconds is for the boundary at 1.0 s or the one at 1.5 s.

So L{Boundaries} keeps the range of boundaries that the last line may be for. The next
line should be for the boundary after it. The old range is moved by one, and intersected
with the range of boundaries that the new line may be for. If the intersection is empty,
intervals were skipped or repeated. The first line of a connection is sent between two
boundaries. It counts as the line for the boundary before it.

Other servers send at any phase, and drift. So if times are finer than half an interval,
only the step from one to the next counts. If they are coarser, a step that seems to
skip or to repeat an interval does not if the lines arrived one interval apart, and the
times have moved as fast, but for their resolution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from clock.clients.reading.timestamps import SECOND, Reading

#: Two lines arrive one interval apart if the time between them differs by at most this
#: part of an interval.
EVEN = 0.1

#: A time that shows fractions may be early or late by at most this part of an interval.
TOLERATED = 0.75

#: How much of a deviation is taken for a drift.
DRIFT = 0.2

#: Two lines that arrive within so many seconds arrive at the same time. The second line
#: of a connection may follow the first soon, and show the same second.
CLOSE = 0.001


@dataclass(slots=True)
class Arrival:
    """
    The arrival of a line.

    @ivar at: the steady time, in seconds.
    @ivar gap: seconds since the line before on this connection, or since the start of
        the connection.
    @ivar isFirst: whether this is the first line of its connection.
    @ivar connection: the number of its connection.
    @ivar reading: what the line shows, or C{None}.
    @ivar digest: a hash of the text.
    @ivar arrived: the wall clock, in nanoseconds since 1970.
    @ivar number: the number that the line shows, or C{None}.
    @ivar step: the difference of its number to that of the line before; C{None} if one
        of them has none.
    @ivar lost: number of lines whose numbers are missing before this one; C{None} if
        the numbers do not count lines. Known after L{Sequence.settle}.
    @ivar intervals: number of intervals since the line before: 1 if none was skipped or
        repeated, more if intervals were skipped, and 0 or less if one was repeated;
        C{None} if this is not known.
    @ivar lateness: nanoseconds from the instant that the line is for to its arrival;
        C{None} if that instant is not known.
    @ivar uncertainty: by how many nanoseconds the lateness may be less, because the
        line shows no more.
    """

    at: float
    gap: float
    isFirst: bool
    connection: int = 0
    reading: Reading | None = None
    digest: int = 0
    arrived: int = 0
    number: int | None = None
    step: int | None = None
    lost: int | None = None
    intervals: int | None = None
    lateness: int | None = None
    uncertainty: int = 0


class Boundaries:
    """
    The boundaries that the lines of one connection are for.
    """

    def __init__(self, interval: int, tolerance: int = 0) -> None:
        """
        @param interval: nanoseconds between two lines.
        @param tolerance: by how many nanoseconds a time that shows fractions may be
            early or late in any case.
        """
        self._interval = interval
        self._tolerance = tolerance
        self._first = self._last = 0
        self._previous: Arrival | None = None
        # When the last line was due, if lines show fractions of an interval.
        self._expected = 0
        # The first line that is not the first of its connection, and the time it shows.
        self._origin: tuple[float, int] | None = None

    def add(self, arrival: Arrival, instant: int, resolution: int) -> None:
        """
        Compare a line with the one before, and set its intervals and its lateness.

        @param arrival: the arrival of the line.
        @param instant: the time that it shows, in nanoseconds since 1970.
        @param resolution: the smallest step that it can show, in nanoseconds.
        """
        previous, self._previous = self._previous, arrival
        isFine = 2 * resolution < self._interval
        late = arrival.arrived - instant
        isExact = isFine and resolution < SECOND
        arrival.uncertainty = 0 if isExact else resolution
        last = (instant + resolution - 1) // self._interval
        if previous is None:
            self._first, self._last = instant // self._interval, last
            arrival.intervals = 1
            arrival.lateness = late if resolution < SECOND else None
            return
        first = min(-(-instant // self._interval), last)
        if isFine:
            intervals = self._count(previous, instant)
        else:
            intervals = self._advance(first, last)
        if intervals != 1 and not isExact and self._isNext(previous, arrival, instant):
            self._first, self._last, intervals = first, last, 1
        if self._origin is None:
            self._origin = arrival.at, instant
        arrival.intervals = intervals
        if isFine or (self._tolerance and 2 * resolution < 3 * self._interval):
            # An interval that was found is rounded, so its boundaries are not known.
            arrival.lateness = late
        elif intervals > 0 and self._first == self._last:
            boundary = self._first * self._interval
            isAligned = instant <= boundary < instant + resolution
            arrival.lateness = arrival.arrived - boundary if isAligned else late

    def _count(self, previous: Arrival, instant: int) -> int:
        """
        Return how many intervals have passed since the line before, by the times alone.
        A time that is early or late does not move those that are expected after it, but
        a steady drift does. The first line of a connection may be sent at any time. The
        second line follows within an interval.
        """
        steps = (instant - shownTime(previous)[0]) / self._interval
        due = self._expected + self._interval
        self._expected = instant
        if previous.isFirst and steps > 0:
            late = max(EVEN, self._tolerance / self._interval - 1)
            return max(1, math.ceil(steps - late))
        tolerated = max(self._tolerance, TOLERATED * self._interval)
        if previous.isFirst or abs(instant - due) > tolerated:
            return round(steps)
        self._expected = due + round(DRIFT * (instant - due))
        return 1

    def _isNext(self, previous: Arrival, arrival: Arrival, instant: int) -> bool:
        """
        Return whether a line may follow the one before after one interval: if it came
        so, and its time has moved as fast, but for the resolution.
        """
        before, resolution = shownTime(previous)
        interval = self._interval / SECOND
        # Not the gap, for a line between the two may show no time.
        gap = arrival.at - previous.at
        if previous.isFirst:
            isEven = CLOSE < gap < (1 + EVEN) * interval
            moved = (instant - before) / SECOND - gap
        else:
            isEven = abs(gap - interval) <= EVEN * interval
            at, shown = self._origin or (arrival.at, instant)
            moved = (instant - shown) / SECOND - (arrival.at - at)
        return isEven and abs(moved) < resolution / SECOND + EVEN * interval

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


def hasTime(arrival: Arrival) -> bool:
    """
    Return whether a line shows a time.

    @param arrival: the line.
    """
    return arrival.reading is not None and arrival.reading.instant is not None


def shownTime(arrival: Arrival) -> tuple[int, int]:
    """
    Return the time that a line shows, in nanoseconds since 1970, and its resolution.

    @param arrival: a line that shows a time.
    """
    reading = arrival.reading
    assert reading is not None and reading.instant is not None
    return reading.instant, reading.resolution
