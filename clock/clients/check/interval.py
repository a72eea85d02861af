"""
Find the interval of a stream from the times that its lines show.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple, TypeVar

from clock.clients.check.boundaries import Arrival
from clock.clients.reading.timestamps import SECOND

#: Two times are alike if they differ by at most this part.
ALIKE = 0.15

#: The part of all times that must be alike; and of coarse times whose lines do not
#: arrive regularly, because they round an interval of 1.2 s to one or two seconds.
MOST, NEARLY_ALL = 0.65, 0.9

#: The fewest steps from one line to the next that show an interval.
FEWEST = 2

#: The shortest interval that is looked for, in seconds. A busy machine delays a line by
#: more than a shorter one.
SHORTEST = 0.01

#: How much rounding to two digits may change an interval, as a part of it.
ROUNDED = 0.005


class Point(NamedTuple):
    """
    A line that shows a time.

    @ivar at: its arrival, in seconds.
    @ivar isFirst: whether it is the first line of its connection.
    @ivar instant: the time that it shows, in nanoseconds since 1970.
    @ivar resolution: the smallest step that it can show, in nanoseconds.
    """

    at: float
    isFirst: bool
    instant: int
    resolution: int


_Line = TypeVar("_Line", Arrival, Point)


def successive(lines: Iterable[_Line]) -> Iterator[tuple[_Line, _Line]]:
    """
    Return each line together with the one before it on its connection. The first line
    of a connection does not count, because many servers send it at once.

    @param lines: the lines.
    """
    for before, after in pairwise(lines):
        if not before.isFirst and not after.isFirst:
            yield before, after


def findInterval(points: Sequence[Point]) -> float | None:
    """
    Find the interval.

    @param points: the lines. The first line of a connection does not count.

    @return: seconds between two lines, rounded; C{None} if the lines are not regular.
    """
    pairs = [*successive(points)]
    if len(pairs) < FEWEST:
        return None
    shown = [(after.instant - before.instant) / SECOND for before, after in pairs]
    gaps = [after.at - before.at for before, after in pairs]
    resolution = max(each.resolution for each in points) / SECOND
    gap, step = median(gaps), median(shown)
    # The times may be too coarse to show the interval. The arrivals then do, if they
    # are regular, and the times go on as fast.
    isAsFast = abs(sum(shown) - sum(gaps)) < 2 * resolution
    isCoarse = resolution > step * ALIKE
    isEven = gap >= step / 4 and _areAlike(gaps, gap, MOST)
    if isCoarse and isEven and isAsFast:
        return _rounded(gap) if gap >= SHORTEST else None
    part = NEARLY_ALL if isCoarse and not isEven else MOST
    if step >= max(resolution, SHORTEST) and _areAlike(shown, step, part):
        return _rounded(step)
    return None


def areRegular(steps: Sequence[float], interval: float, resolution: float) -> bool:
    """
    Return whether most times follow one another by whole intervals, or are the same.

    @param steps: the differences from one time to the next, in seconds.
    @param interval: the interval, in seconds.
    @param resolution: the smallest step that the times can show, in seconds.
    """
    tolerance = ALIKE * interval + resolution
    regular = sum(
        step == 0 or abs(step - max(1, round(step / interval)) * interval) <= tolerance
        for step in steps
    )
    return regular >= MOST * len(steps)


def _areAlike(times: Sequence[float], middle: float, part: float) -> bool:
    alike = sum(abs(each - middle) <= ALIKE * middle for each in times)
    return middle > 0 and alike >= part * len(times)


def _rounded(seconds: float) -> float:
    """
    Round to two digits if that changes little, otherwise to three.
    """
    short = float(f"{seconds:.2g}")
    return (
        short if abs(short - seconds) < ROUNDED * seconds else float(f"{seconds:.3g}")
    )
