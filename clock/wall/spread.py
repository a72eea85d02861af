"""
How a set of times is spread.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

#: How finely times are told apart: to so many parts of a second, below so many seconds.
#: What is kept is how often each came, so that a server that sends without end, and
#: whatever it likes, does not fill the memory.
PARTS = ((1, 100_000), (100, 1_000), (100_000, 1))


class Spread(NamedTuple):
    """
    How a set of times is spread, each in seconds.

    @ivar p50: half of them are this or less.
    @ivar p99: all but one in a hundred are this or less.
    @ivar max: all are.
    """

    p50: float
    p99: float
    max: float


class Tally:
    """
    A set of times.
    """

    def __init__(self) -> None:
        """
        Begin with none.
        """
        self._counts: Counter[float] = Counter()

    def add(self, seconds: float) -> None:
        """
        Take one more time in.

        @param seconds: the time; what is more than a day is taken for about one.
        """
        self._counts[_rounded(seconds)] += 1

    def spread(self) -> Spread | None:
        """
        Measure, by the nearest rank.

        @return: the spread, or C{None} if there are no times.
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
        return Spread(*found)


def _rounded(seconds: float) -> float:
    for limit, parts in PARTS:
        if abs(seconds) < limit:
            return round(seconds * parts) / parts
    return math.copysign(limit, seconds)
