"""
Compare each line with the one before: at which interval they come, and what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from clock.clients.check.boundaries import Arrival, hasTime, shownTime
from clock.clients.check.diagnosis.words import Findings
from clock.clients.reading.timestamps import SECOND

#: The shortest interval that C{--interval} takes, in seconds.
LEAST_INTERVAL = 0.01


def showTime(arrivals: Sequence[Arrival]) -> bool:
    """
    Tell whether the lines show a time, and not only a number, or neither.

    @param arrivals: the lines that arrived.
    """
    return any(each.lateness is not None for each in arrivals)


def diagnoseInterval(arrivals: Sequence[Arrival], interval: float) -> Findings:
    """
    Say at which interval the lines come, if it is not the expected one.

    @param arrivals: the lines that arrived.
    @param interval: the expected seconds between two lines.

    @return: a code and a sentence, if it is not.
    """
    gap = _otherGap(arrivals, interval)
    if gap:
        other = float(f"{gap:.2g}")
        hint = f"; try --interval {other:g}" if other >= LEAST_INTERVAL else ""
        yield (
            "other-interval",
            f"Lines come every {gap:.3g} s, not every {interval:g} s: the server has "
            f"another interval{hint}.",
        )


def diagnoseMissing(arrivals: Sequence[Arrival], interval: float | None) -> Findings:
    """
    Say which intervals and tick numbers are missing.

    @param arrivals: the lines that arrived.
    @param interval: seconds between two lines; C{None} if the lines show none.

    @return: codes and sentences, if there are any.
    """
    slept = unknown = 0
    lost = sum(map(_lost, arrivals))
    for each in arrivals:
        steps = each.intervals
        if interval is None or steps is None:
            continue
        if each.gap < (steps - 0.75) * interval:
            continue
        skipped = max(0, steps - 1)
        if each.lost is None:
            unknown += skipped
        else:
            slept += max(0, skipped - each.lost)
    if lost:
        yield (
            "lines-lost",
            f"{_numbers(lost)} missing: lost on the way, or left out by the server "
            "because the path was full.",
        )
    if slept:
        yield (
            "server-slept",
            f"{_intervals(slept)} without a line, and no line's number is missing: "
            "the server did not run; it was stopped, or its machine was busy or "
            "asleep.",
        )
    if unknown:
        yield (
            "lines-missing",
            f"{_intervals(unknown)} without a line: lines were lost, or the server "
            "did not run; --format json on the server numbers lines, which tells "
            "these apart.",
        )


def _otherGap(arrivals: Sequence[Arrival], interval: float) -> float:
    """
    Return the time between two lines, if it differs from the expected interval;
    otherwise 0.
    """
    later = [each for each in arrivals if not each.isFirst]
    # The second line of a connection comes when it happens to be due.
    gaps = [
        after.gap
        for before, after in pairwise(arrivals)
        if not before.isFirst and not after.isFirst
    ]
    if len(gaps) < 4:
        return 0
    gap = median(gaps)
    alike = sum(abs(each - gap) < 0.15 * gap + 0.02 for each in gaps)
    isOther = abs(gap - interval) > 0.2 * interval
    if not isOther or alike < 0.8 * len(gaps) or any(map(_lost, later)):
        return 0
    if not showTime(arrivals):
        return gap
    # A clock that has another rate shows each interval, but at another gap.
    pairs = [
        (before, after)
        for before, after in pairwise(arrivals)
        if not after.isFirst and hasTime(before) and hasTime(after)
    ]
    shown = sum(shownTime(b)[0] - shownTime(a)[0] for a, b in pairs) / SECOND
    passed = sum(after.gap for _, after in pairs)
    return gap if 0.8 * passed < shown < 1.25 * passed else 0


def _lost(arrival: Arrival) -> int:
    return arrival.lost or 0


def _numbers(count: int) -> str:
    return (
        "The number of one line is"
        if count == 1
        else f"The numbers of {count} lines are"
    )


def _intervals(count: int) -> str:
    return "One interval was" if count == 1 else f"{count} intervals were"
