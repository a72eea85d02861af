"""
Words that the sentences have in common.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

#: What is found in the evidence: codes and sentences.
Findings = Iterator[tuple[str, str]]


def countText(count: int) -> str:
    """
    Say how often something happened.

    @param count: the number of times.
    """
    return "once" if count == 1 else f"{count} times"


def numberText(count: int, noun: str) -> str:
    """
    Say how many there are of something.

    @param count: the number.
    @param noun: what it is, in the singular.
    """
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"


def rangeText(times: Sequence[float]) -> str:
    """
    Say how long something took.

    @param times: the times, in seconds: one at least.

    @return: their median, or the shortest and the longest if the longest is much longer
        than the median.
    """
    middle, longest = median(times), max(times)
    if longest <= 1.25 * middle + 0.05:
        return f"{middle:.3g} s"
    return f"{min(times):.3g} to {longest:.3g} s"
