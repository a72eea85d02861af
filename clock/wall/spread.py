"""
How a set of times is spread.
"""

from __future__ import annotations

from collections import Counter
from math import ceil
from typing import NamedTuple

#: How finely times are told apart, in parts of a second. What is kept is how often
#: each came, so that a server that sends without end does not fill the memory.
PARTS = 100_000


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
        self._counts: Counter[int] = Counter()

    def add(self, seconds: float) -> None:
        """
        Take one more time in.

        @param seconds: the time; L{PARTS} of a second are told apart.
        """
        self._counts[round(seconds * PARTS)] += 1

    def spread(self) -> Spread | None:
        """
        Measure, by the nearest rank.

        @return: the spread, or C{None} if there are no times.
        """
        if not self._counts:
            return None
        total = self._counts.total()
        ranks = iter([ceil(total * part) for part in (0.5, 0.99, 1)])
        found: list[float] = []
        rank, passed = next(ranks), 0
        for time in sorted(self._counts):
            passed += self._counts[time]
            while rank and rank <= passed:
                found.append(time / PARTS)
                rank = next(ranks, 0)
        return Spread(*found)
