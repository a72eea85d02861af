"""
Say what happened to a stream, and what usually causes it.

The counts of a L{Judge<clock.clients.check.judge.Judge>} say what is wrong. A diagnosis
looks at when it happened. Failed attempts to connect, and silence, are diagnosed here,
and the rest in L{clock.clients.check.diagnosis.bursts},
L{clock.clients.check.diagnosis.cuts}, L{clock.clients.check.diagnosis.drift} and
L{clock.clients.check.diagnosis.steps}.

Where two causes look the same, the diagnosis says so, and names none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from clock.clients.check.diagnosis.bursts import (
    diagnoseBursts,
    diagnoseHistory,
    findBursts,
    splitHistory,
)
from clock.clients.check.diagnosis.cuts import countText, diagnoseCuts
from clock.clients.check.diagnosis.drift import (
    diagnoseClockSet,
    diagnoseRate,
    findDrifts,
)
from clock.clients.check.diagnosis.steps import (
    diagnoseInterval,
    diagnoseLateness,
    diagnoseMissing,
    showTime,
)
from clock.clients.check.history import Arrival, Findings, History

#: By a regular expression for the reason: what usually makes an attempt to connect
#: fail.
FAILURES = {
    "refused": "no process listens there, or a firewall rejects connections",
    "426": "a proxy on the way does not pass on Upgrade, which a WebSocket needs",
    "50[234]": "a proxy answers, but not the server behind it",
    "timed out|no answer": "the host is down, or a firewall drops its packets",
}


class Diagnosis(NamedTuple):
    """
    What was seen on a stream.

    @ivar code: one of the codes in C{docs/proxies.rst}.
    @ivar text: a sentence: what was seen, and what usually causes it.
    """

    code: str
    text: str


def diagnose(
    history: History, interval: float, maxGap: float, now: float, trouble: Sequence[str]
) -> list[Diagnosis]:
    """
    Say what happened to a stream.

    @param history: what happened, and when.
    @param interval: seconds between two lines.
    @param maxGap: the longest time without a line that is allowed, in seconds.
    @param now: the steady time, in seconds.
    @param trouble: the reasons why the stream is not whole.

    @return: the diagnoses; none for a stream that is whole and on time.
    """
    old, arrivals = splitHistory(history.arrivals, interval)
    bursts = findBursts(arrivals, interval, maxGap)
    found = [*_connecting(history, maxGap, now), *diagnoseHistory(old)]
    if bursts:
        found += diagnoseBursts(bursts, arrivals)
        found += diagnoseCuts(history.connections)
        found += diagnoseMissing(arrivals, interval)
    else:
        found += _silence(history, maxGap, now)
        found += diagnoseCuts(history.connections)
        found += _onTime(arrivals, interval)
    if trouble and not found:
        seen = "; ".join(trouble)
        found = [("unclear", f"Seen: {seen}. This check does not show why.")]
    return [Diagnosis(*each) for each in found]


def _connecting(history: History, maxGap: float, now: float) -> Findings:
    """
    Say why attempts to connect failed, or how long a response is awaited.
    """
    awaited = history.headersAwaited
    if history.requestSent is not None:
        awaited = max(awaited, now - history.requestSent)
    if awaited > maxGap:
        yield (
            "headers-held-back",
            f"Not even the headers of the response came in the first {awaited:.1f} s "
            "after the request: a proxy holds them back until its buffer is full, or "
            "the server does not answer.",
        )
    if history.failures:
        reason = history.failureReason
        usual = [
            f": {cause}"
            for pattern, cause in FAILURES.items()
            if re.search(pattern, reason)
        ]
        yield (
            "not-reached",
            f"Connecting failed {countText(history.failures)} ({reason})"
            f"{''.join(usual[:1])}.",
        )


def _silence(history: History, maxGap: float, now: float) -> Findings:
    """
    Say that the open connection delivers no lines, or no longer delivers any.
    """
    connections = history.connections
    if not connections or connections[-1].end is not None:
        return
    last = connections[-1].lastLine
    silence = now - (connections[-1].start if last is None else last)
    if silence <= maxGap:
        return
    if last is None and connections[-1].hasHeaders:
        yield (
            "silent",
            f"The headers of the response came, but no line came for {silence:.1f} s: "
            "a buffer on the way, such as a compressor's, is not full yet, or the "
            "server sends nothing, for example because another client has its turn.",
        )
    elif last is None:
        yield (
            "silent",
            f"The connection was made, but no line came for {silence:.1f} s: the "
            "server sends nothing, for example because another client has its turn, "
            "or a buffer on the way is not full yet.",
        )
    else:
        yield (
            "silent",
            f"No line came in the last {silence:.1f} s, though the connection is "
            "still open: the server or the path hangs, or a buffer on the way is not "
            "full yet.",
        )


def _onTime(arrivals: Sequence[Arrival], interval: float) -> Findings:
    """
    Say what is wrong with lines that are not held back.
    """
    other = [*diagnoseInterval(arrivals, interval)]
    if other:
        yield from other
        return
    drifts = findDrifts(arrivals, interval) if showTime(arrivals) else []
    jumps = [*diagnoseClockSet(drifts, interval)]
    yield from jumps
    yield from diagnoseMissing(arrivals, interval)
    if not jumps:
        rate = [*diagnoseRate(drifts, interval)]
        yield from rate or diagnoseLateness(arrivals, interval)
