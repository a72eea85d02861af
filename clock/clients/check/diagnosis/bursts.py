"""
Find lines that arrived together: after a silence in which they were due, or at the
start of a connection that is younger than they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median, median_low
from typing import NamedTuple

from clock.clients.check.diagnosis.cuts import countText
from clock.clients.check.history import Arrival, Findings

#: Lines arrive together if the gap is at most this many seconds, or a quarter of an
#: interval if that is longer, but never more than half an interval.
TOGETHER = 0.12

#: The fewest lines from before a connection that are worth mentioning. This machine may
#: notice late that it is connected, so a few lines may look older than the connection.
MIN_OLD = 3


class Burst(NamedTuple):
    """
    Lines that arrived together, after a time without a line in which they were due.

    @ivar silence: the time without a line, in seconds.
    @ivar lines: number of lines.
    """

    silence: float
    lines: int


def togetherWithin(interval: float) -> float:
    """
    Return the longest gap between two lines that arrive together, in seconds.

    @param interval: seconds between two lines.
    """
    return min(max(interval / 4, TOGETHER), interval / 2)


def findBursts(
    arrivals: Sequence[Arrival], interval: float, maxGap: float
) -> list[Burst]:
    """
    Find the bursts that are worth mentioning. If no silence is longer than allowed,
    they are worth it only if most lines come in bursts.

    @param arrivals: the lines that arrived.
    @param interval: seconds between two lines.
    @param maxGap: the longest time without a line that is allowed, in seconds.

    @return: the bursts, in order.
    """
    found: list[Burst] = []
    for group in _groups(arrivals, togetherWithin(interval)):
        silence, lines = group[0].gap, 1 + _count(group)
        due = max(1.5, 0.6 * (lines - 1)) * interval
        if silence >= due and lines >= 2 + group[0].isFirst:
            found.append(Burst(silence, lines))
    if any(burst.silence > maxGap for burst in found):
        return found
    return found if len(found) > 1 and _areMost(found, arrivals) else []


def splitHistory(
    arrivals: Sequence[Arrival], interval: float
) -> tuple[list[int], list[Arrival]]:
    """
    Find connections that begin with lines from before them. A server sends one line on
    connecting, and each later line when it is due.

    @param arrivals: the lines that arrived.
    @param interval: seconds between two lines.

    @return: for each of these connections, the number of the old lines; and all
        arrivals without the old lines.
    """
    old: list[int] = []
    others: list[Arrival] = []
    for group in _groups(arrivals, togetherWithin(interval)):
        first, count = group[0], _count(group)
        isTooMuch = count >= MIN_OLD and 2 * first.gap < (count - 1) * interval
        if first.isFirst and isTooMuch and all(each.transition for each in group):
            old.append(count)
            others.append(group[-1]._replace(gap=first.gap, isFirst=True))
        else:
            others += group
    return old, others


def diagnoseHistory(old: Sequence[int]) -> Findings:
    """
    Say that connections began with lines from before them.

    @param old: the numbers of these lines, by connection.

    @return: a code and a sentence, if there were any.
    """
    if old:
        yield (
            "history-first",
            f"{median_low(old)} lines from before the connection came at once at its "
            f"start, {countText(len(old))}: a cache on the way, such as Varnish, "
            "stored the stream, or the server sends its last lines again.",
        )


def diagnoseBursts(bursts: Sequence[Burst], arrivals: Sequence[Arrival]) -> Findings:
    """
    Say how lines were held back.

    @param bursts: the bursts: one at least.
    @param arrivals: the lines that arrived.

    @return: a code and a sentence.
    """
    silence = median(burst.silence for burst in bursts)
    seen = (
        f"Nothing came for {silence:.3g} s, then "
        f"{median_low(burst.lines for burst in bursts)} lines at once, "
        f"{countText(len(bursts))}"
    )
    if _areMost(bursts, arrivals):
        yield (
            "held-back",
            f"{seen}: a buffer on the way holds lines back until it is full, such "
            "as nginx's proxy_buffering, or a compressor that waits for a block.",
        )
    else:
        yield (
            "stalled",
            f"{seen}, and most other lines came one by one: the path, a proxy or "
            "this machine paused for a moment; lost packets do that.",
        )


def _areMost(bursts: Sequence[Burst], arrivals: Sequence[Arrival]) -> bool:
    return 2 * sum(burst.lines for burst in bursts) >= len(arrivals)


def _count(group: Sequence[Arrival]) -> int:
    """
    Count the lines after the first one. A line that repeats another does not count: it
    was not held back.
    """
    later = (each.transition for each in group[1:])
    return sum(step is None or step.intervals > 0 for step in later)


def _groups(arrivals: Sequence[Arrival], together: float) -> Iterator[list[Arrival]]:
    """
    Group the lines that arrived together.
    """
    group: list[Arrival] = []
    for each in arrivals:
        if group and (each.isFirst or each.gap > together):
            yield group
            group = []
        group.append(each)
    if group:
        yield group
