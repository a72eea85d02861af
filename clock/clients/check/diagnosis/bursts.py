"""
Find lines that arrived together: after a silence in which they were due, or at the
start of a connection that is younger than they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import median_low
from typing import NamedTuple

from clock.clients.check.boundaries import Arrival
from clock.clients.check.diagnosis.words import Findings, countText, rangeText
from clock.clients.check.evidence import Evidence
from clock.clients.check.interval import successive
from clock.clients.reading.timestamps import SECOND

#: Lines arrive together if the gap is at most this many seconds, or a quarter of an
#: interval if that is longer, but never more than half an interval.
TOGETHER = 0.12

#: The fewest lines from before a connection that are worth mentioning. This machine may
#: notice late that it is connected, so a few lines may look older than the connection.
MIN_OLD = 3

#: Without an interval, lines arrive together if there are at least so many, after so
#: many seconds without a line, each within a few milliseconds of the one before.
MIN_LINES, MIN_SILENCE, CLOSE = 3, 0.5, 0.05


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
    arrivals: Sequence[Arrival], interval: float | None, maxGap: float
) -> list[Burst]:
    """
    Find the bursts that are worth mentioning. If no silence is longer than allowed,
    they are worth it only if most lines come in bursts.

    @param arrivals: the lines that arrived.
    @param interval: seconds between two lines; C{None} if the lines show none.
    @param maxGap: the longest time without a line that is allowed, in seconds.

    @return: the bursts, in order.
    """
    if interval is None:
        return _findWithoutInterval(arrivals)
    found: list[Burst] = []
    for group in _groups(arrivals, togetherWithin(interval)):
        silence, lines = group[0].gap, 1 + _count(group)
        due = max(1.5, 0.6 * (lines - 1)) * interval
        if silence >= due and lines >= 2 + group[0].isFirst:
            found.append(Burst(silence, lines))
    if any(burst.silence > maxGap for burst in found):
        return found
    return found if len(found) > 1 and _areMost(found, arrivals) else []


def countTogether(evidence: Evidence, maxGap: float, showsNothing: bool) -> int:
    """
    Count the lines that arrived together with the line before, if most lines do, and
    this client read all the time. With an interval, each line counts that shows neither
    a time nor a number.

    @param evidence: what was seen.
    @param maxGap: the longest time without a line that is allowed, in seconds.
    @param showsNothing: whether the lines show neither times nor numbers.
    """
    interval = evidence.sequence.interval
    _, arrivals = splitHistory([*evidence.arrivals], interval)
    if evidence.hasPaused():
        return 0
    if interval is None or not showsNothing:
        found = findBursts(arrivals, interval, maxGap)
        return sum(each.lines - 1 for each in found) * _areMost(found, arrivals)
    return sum(after.gap < interval / 10 for _, after in successive(arrivals))


def _findWithoutInterval(arrivals: Sequence[Arrival]) -> list[Burst]:
    found: list[Burst] = []
    for group in _groups(arrivals, CLOSE):
        silence, lines = group[0].gap, len(group)
        span = group[-1].at - group[0].at
        isAtOnce = span <= max(0.01 + 0.001 * lines, 0.02 * silence)
        isBurst = lines >= MIN_LINES and silence >= MIN_SILENCE and isAtOnce
        if isBurst and not _isMadeAtOnce(group, silence):
            found.append(Burst(silence, lines))
    return found if _areMost(found, arrivals) else []


def _isMadeAtOnce(group: Sequence[Arrival], silence: float) -> bool:
    """
    Return whether the lines show that they were made at the same time.
    """
    instants = [each.reading.instant for each in group if each.reading]
    known = [each for each in instants if each is not None]
    spread = (max(known) - min(known)) / SECOND if known else silence
    return len(known) == len(group) and spread < 0.1 * silence


def splitHistory(
    arrivals: Sequence[Arrival], interval: float | None
) -> tuple[list[int], list[Arrival]]:
    """
    Find connections that begin with lines from before them. A server sends one line on
    connecting, and each later line when it is due.

    @param arrivals: the lines that arrived.
    @param interval: seconds between two lines; C{None} if the lines show none.

    @return: for each of these connections, the number of the old lines; and all
        arrivals without the old lines.
    """
    if interval is None:
        return [], [*arrivals]
    old: list[int] = []
    others: list[Arrival] = []
    for group in _groups(arrivals, togetherWithin(interval)):
        first, count = group[0], _count(group)
        isTooMuch = count >= MIN_OLD and 2 * first.gap < (count - 1) * interval
        isKnown = all(each.intervals is not None for each in group)
        if first.isFirst and isTooMuch and isKnown:
            old.append(count)
            others.append(replace(group[-1], gap=first.gap, isFirst=True))
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


def diagnoseBursts(
    bursts: Sequence[Burst],
    arrivals: Sequence[Arrival],
    showsNothing: bool,
    encoding: str,
) -> Findings:
    """
    Say how lines were held back.

    @param bursts: the bursts: one at least.
    @param arrivals: the lines that arrived.
    @param showsNothing: whether the lines show neither times nor numbers.
    @param encoding: the content encoding of the response; empty if there is none.

    @return: a code and a sentence.
    """
    compressed = (
        f" The response is compressed ({encoding}): --header 'Accept-Encoding: "
        "identity' tells whether the compressor does this."
    )
    hint = compressed if encoding else ""
    silence = rangeText([burst.silence for burst in bursts])
    seen = (
        f"Nothing came for {silence}, then "
        f"{median_low(burst.lines for burst in bursts)} lines at once, "
        f"{countText(len(bursts))}"
    )
    if not _areMost(bursts, arrivals):
        yield (
            "stalled",
            f"{seen}, and most other lines came one by one: the path, a proxy or "
            "this machine paused for a moment; lost packets do that.",
        )
    elif showsNothing:
        yield (
            "held-back",
            f"{seen}: a buffer in the server or on the way holds lines back, such as "
            "nginx's proxy_buffering or a compressor, or the server makes them "
            f"together. Read the server directly in the same run to tell which.{hint}",
        )
    else:
        yield (
            "held-back",
            f"{seen}: a buffer in the server or on the way holds lines back until it "
            "is full, such as nginx's proxy_buffering, or a compressor that waits for "
            f"a block.{hint}",
        )


def _areMost(bursts: Sequence[Burst], arrivals: Sequence[Arrival]) -> bool:
    return 2 * sum(burst.lines for burst in bursts) >= len(arrivals)


def _count(group: Sequence[Arrival]) -> int:
    """
    Count the lines after the first one. A line that repeats another does not count: it
    was not held back.
    """
    later = (each.intervals for each in group[1:])
    return sum(each is None or each > 0 for each in later)


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
