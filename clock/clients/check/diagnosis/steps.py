"""
Compare each line with the one before: what is missing, and what is late.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from clock.clients.check.history import Arrival, Findings
from clock.clients.reading.timestamps import SECOND

#: The shortest constant delay that is worth mentioning, and how much it may vary, in
#: seconds. HAProxy's is 0.2 s.
DELAY, DELAY_SPREAD = 0.15, 0.1


def showTime(arrivals: Sequence[Arrival]) -> bool:
    """
    Tell whether the lines show a time, and not only a number, or neither.

    @param arrivals: the lines that arrived.
    """
    return any(
        each.transition is not None and each.transition.lateness is not None
        for each in arrivals
    )


def diagnoseInterval(arrivals: Sequence[Arrival], interval: float) -> Findings:
    """
    Say at which interval the lines come, if it is not the expected one.

    @param arrivals: the lines that arrived.
    @param interval: the expected seconds between two lines.

    @return: a code and a sentence, if it is not.
    """
    gap = _otherGap(arrivals, interval)
    if gap:
        yield (
            "other-interval",
            f"Lines come every {gap:.3g} s, not every {interval:g} s: the server has "
            f"another interval; try --interval {gap:.2g}.",
        )


def diagnoseMissing(arrivals: Sequence[Arrival], interval: float) -> Findings:
    """
    Say which intervals and tick numbers are missing.

    @param arrivals: the lines that arrived.
    @param interval: seconds between two lines.

    @return: codes and sentences, if there are any.
    """
    slept = unknown = 0
    lost = sum(map(_lost, arrivals))
    for each in arrivals:
        step = each.transition
        if step is None or each.gap < (step.intervals - 0.75) * interval:
            continue
        skipped = max(0, step.intervals - 1)
        if step.lost is None:
            unknown += skipped
        else:
            slept += max(0, skipped - step.lost)
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


def diagnoseLateness(arrivals: Sequence[Arrival], interval: float) -> Findings:
    """
    Say why lines are late, or early, if all of them are, by the same time.

    @param arrivals: the lines that arrived.
    @param interval: seconds between two lines.

    @return: a code and a sentence, if they are.
    """
    lateness = sorted(
        each.transition.lateness / SECOND
        for each in arrivals
        if each.transition and each.transition.lateness is not None and not each.isFirst
    )
    if len(lateness) < 3:
        return
    middle = median(lateness)
    spread = lateness[len(lateness) * 9 // 10] - lateness[len(lateness) // 10]
    if spread > 0.4 * max(interval, abs(middle)):
        return
    firsts = [(a, b) for a, b in pairwise(arrivals) if a.isFirst and not b.isFirst]
    isOneInterval = 0.75 < middle / interval < 1.25
    # A line that waits for the next one comes when that one is due, and not later.
    waited = any(
        0.1 * interval < a.gap < 1.5 * interval and b.gap > 0.85 * interval
        for a, b in firsts
    )
    isPrompt = any(
        a.gap < 0.1 * middle and (b.gap < 0.75 * interval or not isOneInterval)
        for a, b in firsts
    )
    # If the clocks differ, the first line does not wait. If it is sent at the start of
    # an interval, it may wait as long by chance.
    isDelayed = any(b.gap < 0.9 * interval for _, b in firsts) and all(
        abs(a.gap - middle) <= DELAY_SPREAD / 2 for a, _ in firsts
    )
    if isOneInterval and waited and not isPrompt:
        yield (
            "one-behind",
            f"Each line came {middle:.2f} s late, when the next one was sent: a "
            "compressor or a proxy on the way does not flush what it has.",
        )
    elif middle >= DELAY and spread <= DELAY_SPREAD and isDelayed:
        yield (
            "delayed",
            f"Each line came {middle:.2f} s late, and so did the first line of each "
            "connection: something on the way waits for more data before it sends, as "
            "HAProxy does without option http-no-delay.",
        )
    elif middle <= -0.5 or (middle >= 0.5 and isPrompt):
        yield (
            "clock-differs",
            f"The server's clock is {abs(middle):.2f} s "
            f"{'behind' if middle > 0 else 'ahead of'} this machine's; lines are "
            "not held back.",
        )
    elif middle >= 0.5:
        yield (
            "late",
            f"Each line came {middle:.2f} s late: the server's clock is behind "
            "this machine's, or each line is held back by this time.",
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
    shown = sum(each.transition.intervals for each in later if each.transition)
    passed = sum(each.gap for each in later if each.transition)
    return gap if 0.8 < shown * interval / passed < 1.25 else 0


def _lost(arrival: Arrival) -> int:
    return (arrival.transition and arrival.transition.lost) or 0


def _numbers(count: int) -> str:
    return (
        "The number of one line is"
        if count == 1
        else f"The numbers of {count} lines are"
    )


def _intervals(count: int) -> str:
    return "One interval was" if count == 1 else f"{count} intervals were"
