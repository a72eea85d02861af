"""
The times and the numbers that the lines of a stream show.

Lines that show a time are for intervals. The interval is given by the user, or found
from the first lines. L{Boundaries<clock.clients.check.boundaries.Boundaries>} says
which intervals were skipped or repeated.

Numbers, and ids of events, count lines only if they rise by one from the start. A
number that the user asked for, or in the field C{tick}, always does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from clock.clients.check.boundaries import Arrival, Boundaries, hasTime, shownTime
from clock.clients.check.interval import Point, areRegular, findInterval
from clock.clients.check.report.histogram import Histogram
from clock.clients.reading.lines import Line
from clock.clients.reading.timestamps import (
    COUNTER_DIGITS,
    SECOND,
    Reading,
    findTime,
)

#: How many lines that show a time are enough to find the interval, and after how many
#: of them the lines have none.
ENOUGH, TOO_MANY = 6, 30

#: The most names of events that are told apart.
MAX_NAMES = 100

#: A busy machine may send a line so many nanoseconds late, and the next ones at once.
#: If the user did not say how often lines come, no interval is skipped by that.
HICCUP = SECOND // 10

# Longer ids are times, or hashes, and need not be consecutive.
_ID = re.compile(f"[0-9]{{1,{COUNTER_DIGITS}}}")


class Sequence:
    """
    The times and the numbers of a stream, over all its connections.

    @ivar interval: seconds between two lines, as given or as the lines show; C{None}
        if they do not show it.
    @ivar times: number of lines that show a time.
    @ivar repeats: number of lines for the same interval as the line before, or for an
        earlier one.
    @ivar skips: number of intervals without a line, between two lines.
    @ivar lateness: the times from the instant that a line shows to its arrival.
    @ivar lateBy: the latest line that is late for certain, in seconds.
    """

    def __init__(self, interval: float | None, field: str | None = None) -> None:
        """
        @param interval: seconds between two lines; C{None} to find it.
        @param field: the field of a JSON object that has the time or the number.
        """
        self.interval = interval
        self.times = self.repeats = self.skips = 0
        self.lateness = Histogram()
        self.lateBy = 0.0
        self._field = field
        # By the name of the event: lines that show something, and others.
        self._shown: Counter[str] = Counter()
        self._plain: Counter[str] = Counter()
        self._isSearching, self._isFound = interval is None, False
        # Lines that show a time, until the interval is known.
        self._pending: list[Arrival] = []
        self._connection = 0
        # The connection that the boundaries are of.
        self._boundaries: tuple[int, Boundaries] | None = None
        # The server's wall clock minus the steady time, as of the last line.
        self._offset: int | None = None
        self._number: int | None = None
        self._isNamedTick = False
        self._steps: list[int] = []
        self._ones = self._others = self._missing = self._backward = 0

    def connected(self) -> None:
        """
        Begin a connection. Its first line shows the current time, which the connection
        before may have shown already.
        """
        self._offset = self._number = None
        self._connection += 1

    def lineReceived(self, arrival: Arrival, line: Line, arrived: int) -> None:
        """
        Compare a line with the one before.

        @param arrival: the arrival of the line. What the line shows is added to it.
        @param line: the line.
        @param arrived: the wall clock, in nanoseconds since 1970.
        """
        # A time of day is compared with the expected time of the server's clock: the
        # local wall clock may have been set since the last line.
        now = round(arrival.at * SECOND)
        near = arrived if self._offset is None else now + self._offset
        reading = findTime(line.text, near, self._field)
        arrival.connection = self._connection
        arrival.arrived, arrival.digest = arrived, hash(line.text)
        arrival.reading = reading
        number = arrival.number = self._numberOf(line, reading)
        if reading is None and number is None:
            name = line.name if len(self._plain) < MAX_NAMES else ""
            isOther = arrival.isFirst or line.text.startswith("{")
            self._plain[name] += not isOther
            return
        self._shown[line.name if len(self._shown) < MAX_NAMES else ""] += 1
        self._count(arrival, number)
        if reading is None or reading.instant is None:
            return
        self.times += 1
        self._offset = reading.instant - now
        if self._isSearching:
            self._pending.append(arrival)
            self._search()
        else:
            self._add(arrival)

    def settle(self, arrivals: Iterable[Arrival]) -> None:
        """
        Find the interval as far as the lines show it, and say which lines are lost.
        No line may follow.

        @param arrivals: the lines.
        """
        if self._isSearching:
            self._addPending(self._found())
        if self._isFound and not self._areRegular(arrivals):
            # Only the first lines had it, such as the old lines of a log.
            self.interval = None
            self.repeats = self.skips = 0
            for each in arrivals:
                each.intervals = None
        for each in arrivals:
            if each.step is not None and self.isCounter():
                each.lost = max(0, each.step - 1)
                if each.intervals is None:
                    each.intervals = min(each.step, 1)

    def isCounter(self) -> bool:
        """
        Return whether the numbers count lines.
        """
        if self._isNamedTick:
            return True
        isFromStart = len(self._steps) > 1 and all(each == 1 for each in self._steps)
        return isFromStart and self._ones > 3 * self._others

    def countRepeats(self) -> int:
        """
        Return the number of lines that repeat an interval or, without a time, a number.
        """
        isCounted = self.isCounter() and not self.times
        return self.repeats + (self._backward if isCounted else 0)

    def countLost(self) -> int | None:
        """
        Return the number of lines whose numbers are missing; C{None} if the numbers do
        not count lines.
        """
        known = self.isCounter() and (self._ones or self._others)
        return self._missing if known else None

    def countUnreadable(self) -> int:
        """
        Return the number of lines that show neither a time nor a number, although most
        others of the same name do. A first line, and a JSON object, may be of another
        kind; so may all, as the lines of a traceback in a log, if no line is missing
        in their place.
        """
        if not self.skips and not self.countLost():
            return 0
        return sum(
            count for name, count in self._plain.items() if self._shown[name] > count
        )

    def _numberOf(self, line: Line, reading: Reading | None) -> int | None:
        if reading is not None and reading.tick is not None:
            isBare = self._field is None and not line.text.startswith("{")
            self._isNamedTick |= not isBare
            return reading.tick
        if self._field is None and line.id and _ID.fullmatch(line.id):
            return int(line.id)
        return None

    def _count(self, arrival: Arrival, number: int | None) -> None:
        previous, self._number = self._number, number
        if number is None or previous is None:
            return
        step = arrival.step = number - previous
        if len(self._steps) < 2:
            self._steps.append(step)
        self._ones += step == 1
        self._others += step != 1
        self._missing += max(0, step - 1)
        self._backward += step < 1

    def _search(self) -> None:
        if len(self._pending) < ENOUGH:
            return
        interval = self._found()
        if interval is not None or len(self._pending) >= TOO_MANY:
            self._addPending(interval)

    def _found(self) -> float | None:
        points = []
        for each in self._pending:
            instant, resolution = shownTime(each)
            points.append(Point(each.at, each.isFirst, instant, resolution))
        return findInterval(points)

    def _areRegular(self, arrivals: Iterable[Arrival]) -> bool:
        shown = [each for each in arrivals if hasTime(each)]
        steps = [
            (shownTime(after)[0] - shownTime(before)[0]) / SECOND
            for before, after in pairwise(shown)
            if before.connection == after.connection and not before.isFirst
        ]
        resolution = max((shownTime(each)[1] for each in shown), default=0) / SECOND
        assert self.interval is not None
        return areRegular(steps, self.interval, resolution)

    def _addPending(self, interval: float | None) -> None:
        self.interval, self._isSearching = interval, False
        self._isFound = interval is not None
        for each in self._pending:
            self._add(each)
        self._pending = []

    def _add(self, arrival: Arrival) -> None:
        instant, resolution = shownTime(arrival)
        if self.interval is None:
            arrival.lateness = arrival.arrived - instant
            arrival.uncertainty = 0 if resolution < SECOND else resolution
        else:
            number, boundaries = self._boundaries or (None, None)
            if boundaries is None or number != arrival.connection:
                tolerance = HICCUP if self._isFound else 0
                boundaries = Boundaries(round(self.interval * SECOND), tolerance)
                self._boundaries = arrival.connection, boundaries
            boundaries.add(arrival, instant, resolution)
            assert arrival.intervals is not None
            self.repeats += arrival.intervals < 1
            self.skips += max(0, arrival.intervals - 1)
        if arrival.lateness is not None:
            self.lateness.add(arrival.lateness / SECOND)
            late = (arrival.lateness - arrival.uncertainty) / SECOND
            self.lateBy = max(self.lateBy, late)
