"""
Judge whether a stream is whole, by the evidence.

The time that a line shows says which interval the line is for. A second line for the
same interval is a repeat. An interval without a line is skipped. If a number is
missing, its line was lost, or the server did not send it because this client was not
reading. If intervals are skipped and no number is missing, the server did not run.

If lines show neither a time nor a number, the stream is judged by arrivals alone: by
the time to the first line, by the longest time without a line, and by lines that arrive
together.

Each connection is judged independently: the first line of a new connection shows the
current time, which the previous connection may have shown already. The time without a
line is measured across connections.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from clock.clients.check.connection import Connection
from clock.clients.check.diagnosis.bursts import countTogether
from clock.clients.check.diagnosis.diagnose import diagnose
from clock.clients.check.diagnosis.words import countText
from clock.clients.check.evidence import Evidence
from clock.clients.check.verdict import Verdict
from clock.clients.reading.observer import Other

#: The longest time without a line that is allowed by default, in intervals, and in
#: seconds if there is no interval.
MAX_GAP = 2.5

#: The least that this default is, in seconds. With short intervals, a busy machine
#: delays several lines.
LEAST_GAP = 1.0


class Limits(NamedTuple):
    """
    What is allowed.

    @ivar maxGap: the longest time without a line, in seconds; C{None} for the default.
    @ivar maxLate: the longest time from the instant that a line shows to its arrival,
        in seconds; C{None} for any.
    @ivar once: whether the stream is read once, to its end.
    """

    maxGap: float | None = None
    maxLate: float | None = None
    once: bool = False

    def gap(self, interval: float | None) -> float:
        """
        Return the longest time without a line that is allowed, in seconds.

        @param interval: seconds between two lines; C{None} if that is not known.
        """
        if self.maxGap is not None:
            return self.maxGap
        return max(LEAST_GAP, MAX_GAP * (interval or 1))


def judge(evidence: Evidence, limits: Limits, now: float) -> Verdict:
    """
    Judge a stream.

    @param evidence: what was seen. No more may be added to it.
    @param limits: what is allowed.
    @param now: the steady time, in seconds.

    @return: the verdict.
    """
    sequence = evidence.sequence
    sequence.settle(evidence.arrivals)
    interval = sequence.interval
    end = _end(evidence, limits, now)
    silence = evidence.longestSilence(end)
    awaited = evidence.awaitingHeaders()
    if awaited is not None:
        silence = max(silence, now - awaited)
    maxGap = limits.gap(interval)
    bursts = countTogether(evidence, maxGap, _showsNothing(evidence))
    reached = evidence.reached or awaited is not None
    trouble = [*_trouble(evidence, limits, reached, silence, bursts)]
    ends = [each.endedInOrder() for each in evidence.made()]
    redirects = [each.redirectedTo for each in evidence.connections]
    return Verdict(
        name=evidence.name,
        reached=reached,
        lines=evidence.lines + evidence.truncated,
        repeats=sequence.countRepeats(),
        skips=sequence.skips,
        lost=sequence.countLost(),
        unreadable=evidence.truncated + sequence.countUnreadable(),
        bursts=bursts,
        interval=interval,
        firstLine=evidence.firstLineAfter,
        gaps=evidence.gaps.percentiles(),
        lateness=sequence.lateness.percentiles(),
        silence=silence,
        disconnects=evidence.disconnects - (limits.once and sum(ends)),
        outage=evidence.longestOutage(end),
        failures=evidence.failures,
        redirectedTo=next((each for each in reversed(redirects) if each), None),
        trouble=trouble,
        diagnosis=diagnose(evidence, maxGap, end, trouble, limits.once),
    )


def isBroken(evidence: Evidence, limits: Limits, now: float) -> bool:
    """
    Tell whether a stream can no longer become whole. A stream is not broken while the
    server still has time to answer or to send the first line.

    @param evidence: what was seen so far.
    @param limits: what is allowed.
    @param now: the steady time, in seconds.
    """
    sequence, connections = evidence.sequence, evidence.connections
    since = evidence.waitingSince
    if since is None:
        # An attempt may never end, as a TLS handshake.
        since = connections[0].begun if connections else now
    maxGap = limits.gap(sequence.interval)
    return (
        any((sequence.countRepeats(), sequence.skips, sequence.countLost()))
        or any((evidence.truncated, evidence.failures))
        or any(_isBadEnd(each, limits) for each in connections)
        or any(map(Connection.isDocument, connections))
        or any(each.others[Other.UNFINISHED] for each in connections)
        or evidence.hasWrongType()
        or sequence.countUnreadable() > 0
        or max(evidence.silence, _end(evidence, limits, now) - since) > maxGap
        or (limits.maxLate is not None and sequence.lateBy > limits.maxLate)
    )


def _end(evidence: Evidence, limits: Limits, now: float) -> float:
    """
    Return the end of a stream that is read once, or else the end of the check.
    """
    last = evidence.connections[-1].end if evidence.connections else None
    return last if limits.once and last is not None else now


def _isBadEnd(connection: Connection, limits: Limits) -> bool:
    """
    Return whether a stream has ended as it should not.
    """
    isEnded = connection.how is not None and connection.isMade
    return isEnded and not (limits.once and connection.endedInOrder())


def _showsNothing(evidence: Evidence) -> bool:
    sequence = evidence.sequence
    return not sequence.isCounter() and 2 * sequence.times < evidence.lines


def _trouble(
    evidence: Evidence, limits: Limits, reached: bool, silence: float, bursts: int
) -> Iterator[str]:
    sequence, connections = evidence.sequence, evidence.connections
    failures = [each.how for each in connections if each.how and not each.isMade]
    if not reached:
        yield f"not reached: {failures[-1].text if failures else 'no answer'}"
        return
    if any(map(Connection.isDocument, connections)) and not evidence.hasStream():
        # Its lines, and when it came and ended, say nothing more.
        yield "not a stream"
        return
    if not evidence.reached:
        yield f"no headers for {silence:.3g} s"
    elif not evidence.lines:
        yield "no lines"
    if evidence.hasWrongType():
        yield "not sent as text/event-stream"
    else:
        yield from _lineTrouble(evidence, bursts)
    maxGap = limits.gap(sequence.interval)
    if evidence.reached and silence > maxGap:
        if silence == evidence.firstWait and evidence.firstLineAfter is not None:
            yield f"first line after {evidence.firstLineAfter:.3g} s"
        else:
            yield f"no line for {silence:.3g} s"
    if limits.maxLate is not None and sequence.lateBy > limits.maxLate:
        yield f"late by {sequence.lateBy:.3g} s"
    bad = [each for each in connections if _isBadEnd(each, limits)]
    if bad:
        often = countText(evidence.disconnects)
        assert bad[-1].how is not None
        yield f"disconnected {often} ({bad[-1].how.text})"
    if failures:
        often = countText(evidence.failures)
        yield f"failed to connect {often} ({failures[-1].text})"


def _lineTrouble(evidence: Evidence, bursts: int) -> Iterator[str]:
    sequence, connections = evidence.sequence, evidence.connections
    unfinished = sum(each.others[Other.UNFINISHED] for each in connections)
    for count, what in (
        (evidence.truncated + sequence.countUnreadable(), "unreadable"),
        (unfinished, "unfinished"),
        (sequence.countRepeats(), "repeated"),
        (sequence.skips, "skipped"),
        (sequence.countLost(), "lost"),
        (bursts, "in bursts"),
    ):
        if count:
            yield f"{count} {what}"
