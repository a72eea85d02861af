"""
Compare the time that lines show with the time that passes.

The drift is how far the times that the lines show are ahead of the time that has
passed. Intervals would not do: if a server sleeps for a second after each line, its
intervals are a little longer, and its clock is right. A line that is held back has a
low drift, and the next one that is on time restores it. A clock that is set changes the
drift for good, and a clock that runs at another rate changes it steadily.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median_low
from typing import NamedTuple, cast

from clock.clients.check.boundaries import Arrival, hasTime, shownTime
from clock.clients.check.diagnosis.bursts import togetherWithin
from clock.clients.check.diagnosis.words import Findings
from clock.clients.reading.timestamps import SECOND

#: Half a day, in nanoseconds.
HALF_DAY = 43_200 * SECOND


class Point(NamedTuple):
    """
    A line that shows a time, but is not the first one of its connection.

    @ivar at: its arrival.
    @ivar gap: seconds since the line before.
    @ivar intervals: number of intervals since the line before.
    @ivar lost: number of lines missing before this one, or C{None}.
    @ivar change: the change of the drift by this line, in seconds.
    @ivar drift: the drift since the first line, in seconds.
    @ivar resolution: the smallest step that the line can show, in seconds.
    """

    at: float
    gap: float
    intervals: int
    lost: int | None
    change: float
    drift: float
    resolution: float


def findDrifts(arrivals: Sequence[Arrival]) -> list[list[Point]]:
    """
    Measure the drift.

    @param arrivals: the lines that arrived.

    @return: for each connection, its lines after the first that show a time.
    """
    found: list[list[Point]] = []
    start: float | None = None
    drift = 0.0
    for each in arrivals:
        if each.isFirst or not found:
            found.append([])
            start, drift = None, 0.0
        if not hasTime(each):
            continue
        instant, resolution = shownTime(each)
        ahead = instant / SECOND - each.at
        if start is None:
            start = ahead
            continue
        change = ahead - start - drift
        drift += change
        assert each.intervals is not None
        step = each.gap, each.intervals, each.lost
        found[-1].append(Point(each.at, *step, change, drift, resolution / SECOND))
    return found


def diagnoseClockSet(drifts: Sequence[Sequence[Point]], interval: float) -> Findings:
    """
    Say how the drift jumped, if it jumped for good.

    @param drifts: the lines of each connection.
    @param interval: seconds between two lines.

    @return: a code and a sentence, if it did.
    """
    jumps = [jump for points in drifts for jump in _jumps(points, interval)]
    if jumps:
        first = f"{'forward' if jumps[0] > 0 else 'back'} by {abs(jumps[0]):.1f} s"
        more = f" (the first of {len(jumps)} jumps)" if len(jumps) > 1 else ""
        yield (
            "clock-set",
            f"The time jumped {first}{more}, while lines came on time: the "
            "server's clock was set, by NTP or by hand.",
        )


def diagnoseHourJump(arrivals: Sequence[Arrival]) -> Findings:
    """
    Say that the time of day jumped by whole quarters of an hour within a connection.

    @param arrivals: the lines that arrived.

    @return: a code and a sentence, if it did.
    """
    for before, after in pairwise(arrivals):
        one, two = before.reading, after.reading
        if one is None or two is None or before.connection != after.connection:
            continue
        if one.timeOfDay is None or two.timeOfDay is None:
            continue
        shown = two.timeOfDay - one.timeOfDay
        passed = cast(int, two.instant) - cast(int, one.instant)
        jump = (shown - passed + HALF_DAY) % (2 * HALF_DAY) - HALF_DAY
        if jump:
            yield (
                "hour-jump",
                f"The time of day jumped {'forward' if jump > 0 else 'back'} by "
                f"{abs(jump) / HALF_DAY * 12:g} h within a connection, while lines "
                "came on time: the zone of the server changed, as at a change of "
                "summer time.",
            )
            return


def diagnoseRate(drifts: Sequence[Sequence[Point]], interval: float) -> Findings:
    """
    Say how fast the drift grew, if it grew steadily.

    @param drifts: the lines of each connection. Only the longest connection counts.
    @param interval: seconds between two lines.

    @return: a code and a sentence, if it did.
    """
    points = max(drifts, key=len, default=[])
    third = len(points) // 3
    if third < 2:
        return
    parts = points[:third], points[third:-third], points[-third:]
    start, middle, end = (median_low(p.drift for p in part) for part in parts)
    first, _, last = (median_low(p.at for p in part) for part in parts)
    change = end - start
    isSteady = 0.3 * abs(change) <= (middle - start) * _sign(change)
    isSteady = isSteady and 0.3 * abs(change) <= (end - middle) * _sign(change)
    least = max(0.2 * interval, 0.2) + max(each.resolution for each in points)
    if not isSteady or abs(change) < least:
        return
    rate = 1 + change / (last - first)
    seen = f"The lines show {rate:.3f} s for each second that passes here"
    if rate > 1:
        yield (
            "other-rate",
            f"{seen}: the server's clock runs too fast, as in a virtual machine.",
        )
    else:
        yield (
            "other-rate",
            f"{seen}: the server's clock runs too slowly, as in a virtual machine, "
            "or each line waits longer on its way than the one before.",
        )


def _jumps(points: Sequence[Point], interval: float) -> Iterator[float]:
    # A server that sends too early shows the interval before, and then skips one.
    enough = 1.5 * interval
    # The first line may show an interval that is almost over.
    best = interval
    for number, point in enumerate(points):
        intervals = point.intervals
        following = points[number + 1 : number + 2]
        isForward = intervals > 1 and not point.lost and point.drift - best >= enough
        # After a line that only repeats another, the next one jumps forward.
        isBack = (
            intervals < 1
            and point.change <= -enough
            and all(each.intervals == 1 for each in following)
            and following
        )
        if point.gap > togetherWithin(interval) and (isForward or isBack):
            yield point.change
            best = point.drift
        else:
            best = max(best, point.drift) if number else point.drift


def _sign(number: float) -> int:
    return -1 if number < 0 else 1
