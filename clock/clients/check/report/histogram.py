"""
Percentiles of a set of times.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

#: The precision of times: a limit in seconds, and the steps per second below it.
#: Rounding limits the memory, however many lines a server sends.
PRECISION = ((1, 100_000), (100, 1_000), (100_000, 1))


class Percentiles(NamedTuple):
    """
    Percentiles of a set of times, in seconds.

    @ivar p50: half of the times are at most this.
    @ivar p99: 99 % of the times are at most this.
    @ivar max: the longest time.
    """

    p50: float
    p99: float
    max: float


class Histogram:
    """
    A set of times, rounded and counted.
    """

    def __init__(self) -> None:
        """
        Start empty.
        """
        self._counts: Counter[float] = Counter()

    def add(self, seconds: float) -> None:
        """
        Add a time.

        @param seconds: the time, in seconds. More than 100,000 counts as 100,000.
        """
        self._counts[_rounded(seconds)] += 1

    def percentiles(self) -> Percentiles | None:
        """
        Return the percentiles, by the nearest rank; C{None} if there are no times.
        """
        if not self._counts:
            return None
        total = self._counts.total()
        ranks = iter([math.ceil(total * part) for part in (0.5, 0.99, 1)])
        found: list[float] = []
        rank, passed = next(ranks), 0
        for time in sorted(self._counts):
            passed += self._counts[time]
            while rank and rank <= passed:
                found.append(time)
                rank = next(ranks, 0)
        return Percentiles(*found)


def _rounded(seconds: float) -> float:
    for limit, parts in PRECISION:
        if abs(seconds) < limit:
            return round(seconds * parts) / parts
    return math.copysign(limit, seconds)
