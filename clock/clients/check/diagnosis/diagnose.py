"""
Say what happened to a stream, what usually causes it, and how to tell.

The counts of a verdict say what is wrong. A diagnosis looks at when it happened. Each
module of this package looks at one side of the evidence, and none depends on the words
of a reason.

Where two causes look the same, the diagnosis says so, or names both.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from clock.clients.check.boundaries import Arrival
from clock.clients.check.diagnosis.bursts import (
    diagnoseBursts,
    diagnoseHistory,
    findBursts,
    splitHistory,
)
from clock.clients.check.diagnosis.content import diagnoseContent, diagnosePause
from clock.clients.check.diagnosis.cuts import diagnoseCuts
from clock.clients.check.diagnosis.drift import (
    diagnoseClockSet,
    diagnoseHourJump,
    diagnoseRate,
    findDrifts,
)
from clock.clients.check.diagnosis.lateness import diagnoseLateness
from clock.clients.check.diagnosis.silence import diagnoseConnecting, diagnoseSilence
from clock.clients.check.diagnosis.steps import (
    diagnoseInterval,
    diagnoseMissing,
    showTime,
)
from clock.clients.check.diagnosis.words import Findings
from clock.clients.check.evidence import Evidence
from clock.clients.check.interval import successive
from clock.clients.check.verdict import Diagnosis


def diagnose(
    evidence: Evidence, maxGap: float, now: float, trouble: Sequence[str], once: bool
) -> list[Diagnosis]:
    """
    Say what happened to a stream.

    @param evidence: what was seen.
    @param maxGap: the longest time without a line that is allowed, in seconds.
    @param now: the steady time, in seconds.
    @param trouble: the reasons why the stream is not whole.
    @param once: whether the stream is read once, to its end.

    @return: the diagnoses; none for a stream that is whole and on time.
    """
    interval = evidence.sequence.interval
    old, arrivals = splitHistory([*evidence.arrivals], interval)
    bursts = findBursts(arrivals, interval, maxGap)
    found = [
        *diagnoseConnecting(evidence, maxGap, now),
        *diagnoseContent(evidence, maxGap, bursts),
        *diagnoseHistory(old),
    ]
    codes = {code for code, _ in found}
    if "reader-paused" in codes:
        bursts = []
    isStream = "not-a-stream" not in codes or evidence.hasStream()
    if isStream and "wrong-type" not in codes:
        if bursts:
            showsNothing = not evidence.sequence.times and interval is None
            encoding = evidence.made()[-1].encoding()
            found += diagnoseBursts(bursts, arrivals, showsNothing, encoding)
        else:
            found += diagnoseSilence(evidence, maxGap, now)
        pace = _pace(arrivals) if interval is None else interval
        found += diagnoseCuts(evidence.made(), pace, once)
        if bursts and interval is not None:
            found += diagnoseMissing(arrivals, interval)
        elif "reader-paused" not in codes and not bursts:
            found += _onTime(arrivals, interval)
        found += diagnoseHourJump(arrivals)
    if len(trouble) == 1 and not found:
        found += diagnosePause(evidence, maxGap)
    if trouble and not found:
        seen = "; ".join(trouble)
        found = [("unclear", f"Seen: {seen}. This check does not show why.")]
    return [Diagnosis(*each) for each in found]


def _pace(arrivals: Sequence[Arrival]) -> float | None:
    """
    Return the usual time from one line to the next on a connection, in seconds, or
    C{None}. The first line does not count.
    """
    gaps = [after.gap for _, after in successive(arrivals)]
    return median(gaps) if gaps else None


def _onTime(arrivals: Sequence[Arrival], interval: float | None) -> Findings:
    """
    Say what is wrong with lines that are not held back.
    """
    if interval is None:
        yield from diagnoseMissing(arrivals, interval)
        yield from diagnoseLateness(arrivals, interval)
        return
    other = [*diagnoseInterval(arrivals, interval)]
    if other:
        yield from other
        return
    drifts = findDrifts(arrivals) if showTime(arrivals) else []
    jumps = [*diagnoseClockSet(drifts, interval)]
    yield from jumps
    yield from diagnoseMissing(arrivals, interval)
    if not jumps:
        rate = [*diagnoseRate(drifts, interval)]
        yield from rate or diagnoseLateness(arrivals, interval)
