"""
Compare the time that lines show with the time that passes.

The drift is how far the intervals that the lines show are ahead of the time that has
passed. A line that is held back has a low drift, and the next one that is on time
restores it. A clock that is set changes the drift for good, and a clock that runs at
another rate changes it steadily.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median_low
from typing import NamedTuple

from clock.clients.check.diagnosis.bursts import togetherWithin
from clock.clients.check.history import Arrival, Findings
from clock.clients.check.sequence import Transition


class Point(NamedTuple):
    """
    A line that can be read, but is not the first one of its connection.

    @ivar at: its arrival.
    @ivar gap: seconds since the line before.
    @ivar transition: the step from the line before.
    @ivar change: the change of the drift by this line, in seconds.
    @ivar drift: the drift since the first line, in seconds.
    """

    at: float
    gap: float
    transition: Transition
    change: float
    drift: float


def findDrifts(arrivals: Sequence[Arrival], interval: float) -> list[list[Point]]:
    """
    Measure the drift.

    @param arrivals: the lines that arrived.
    @param interval: seconds between two lines.

    @return: for each connection, its lines after the first that can be read.
    """
    found: list[list[Point]] = []
    drift = elapsed = 0.0
    isStarted = False
    for each in arrivals:
        if each.isFirst or not found:
            found.append([])
            drift = elapsed = 0.0
            isStarted = False
        elapsed += each.gap
        if each.transition is None:
            continue
        if isStarted:
            change = each.transition.intervals * interval - elapsed
            drift += change
            found[-1].append(Point(each.at, each.gap, each.transition, change, drift))
        isStarted, elapsed = True, 0.0
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
    if not isSteady or abs(change) < max(0.2 * interval, 0.2):
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
        intervals = point.transition.intervals
        following = points[number + 1 : number + 2]
        isForward = (
            intervals > 1 and not point.transition.lost and point.drift - best >= enough
        )
        # After a line that only repeats another, the next one jumps forward.
        isBack = (
            intervals < 1
            and point.change <= -enough
            and all(each.transition.intervals == 1 for each in following)
            and following
        )
        if point.gap > togetherWithin(interval) and (isForward or isBack):
            yield point.change
            best = point.drift
        else:
            best = max(best, point.drift) if number else point.drift


def _sign(number: float) -> int:
    return -1 if number < 0 else 1
