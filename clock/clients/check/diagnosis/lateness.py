"""
Say why lines are late, or early, if all of them are, by the same time.

A time in whole seconds may be up to a second old when it is sent. So nothing is claimed
that such a time does not show.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from clock.clients.check.boundaries import Arrival
from clock.clients.check.diagnosis.words import Findings
from clock.clients.reading.timestamps import SECOND

#: The shortest constant delay that is worth mentioning, and how much it may vary, in
#: seconds. HAProxy's is 0.2 s.
DELAY, DELAY_SPREAD = 0.15, 0.1

#: The smallest difference of two clocks that is worth mentioning, in seconds.
DIFFERENCE = 0.5


def diagnoseLateness(arrivals: Sequence[Arrival], interval: float | None) -> Findings:
    """
    Say why lines are late, or early.

    @param arrivals: the lines that arrived.
    @param interval: seconds between two lines; C{None} if the lines show none.

    @return: a code and a sentence, if they are.
    """
    known = [each for each in arrivals if each.lateness is not None]
    known = [each for each in known if not each.isFirst]
    lateness = sorted((each.lateness or 0) / SECOND for each in known)
    if len(lateness) < 3:
        return
    middle = median(lateness)
    least = middle - max(each.uncertainty for each in known) / SECOND
    spread = lateness[len(lateness) * 9 // 10] - lateness[len(lateness) // 10]
    if spread > 0.4 * max(min(interval or 0, 1), abs(middle)):
        return
    found = _compareFirst(arrivals, interval, middle, spread, least < middle)
    if interval is not None and found:
        yield found
    elif middle <= -DIFFERENCE or (least >= DIFFERENCE and _isPrompt(arrivals, middle)):
        side = "behind" if middle > 0 else "ahead of"
        yield (
            "clock-differs",
            f"The server's clock is {abs(middle):.2f} s {side} this machine's; lines "
            "are not held back.",
        )
    elif least >= DIFFERENCE:
        yield (
            "late",
            f"Each line came {middle:.2f} s late: the server's clock is behind "
            "this machine's, or each line is held back by this time.",
        )


def _isPrompt(arrivals: Sequence[Arrival], middle: float) -> bool:
    """
    Return whether a first line did not wait.
    """
    return any(each.isFirst and each.gap < 0.1 * middle for each in arrivals)


def _compareFirst(
    arrivals: Sequence[Arrival],
    interval: float | None,
    middle: float,
    spread: float,
    isCoarse: bool,
) -> tuple[str, str] | None:
    """
    Tell from the first lines of connections whether each line waits for the next one,
    or for a fixed time.
    """
    if interval is None:
        return None
    firsts = [(a, b) for a, b in pairwise(arrivals) if a.isFirst and not b.isFirst]
    isOneInterval = 0.75 < middle / interval < 1.25
    # A time in whole seconds may be one second old when it is sent, but no more.
    isOneInterval = isOneInterval and (not isCoarse or middle >= interval)
    # A line that waits for the next one comes when that one is due, and not later.
    waited = any(
        0.1 * interval < a.gap < 1.5 * interval and b.gap > 0.85 * interval
        for a, b in firsts
    )
    isPrompt = any(
        a.gap < 0.1 * middle and (b.gap < 0.75 * interval or not isOneInterval)
        for a, b in firsts
    )
    if isOneInterval and waited and not isPrompt:
        other = ", or the server shows a time that is one interval old" * isCoarse
        return "one-behind", (
            f"Each line came {middle:.2f} s late, when the next one was sent: the "
            "server, a compressor or a proxy on the way does not flush what it has"
            f"{other}."
        )
    # If the clocks differ, the first line does not wait. If it is sent at the start of
    # an interval, it may wait as long by chance.
    isDelayed = any(b.gap < 0.9 * interval for _, b in firsts) and all(
        abs(a.gap - middle) <= DELAY_SPREAD / 2 for a, _ in firsts
    )
    if middle >= DELAY and spread <= DELAY_SPREAD and isDelayed:
        return "delayed", (
            f"Each line came {middle:.2f} s late, and so did the first line of each "
            "connection: something on the way waits for more data before it sends, as "
            "HAProxy does without option http-no-delay."
        )
    return None
