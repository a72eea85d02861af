"""
Say what is wrong with what came: its type, its lines, and the pace of this client.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from clock.clients.check.diagnosis.bursts import Burst
from clock.clients.check.diagnosis.words import Findings, countText, rangeText
from clock.clients.check.evidence import Evidence
from clock.clients.reading.lines import MAX_LENGTH
from clock.clients.reading.observer import Other

#: What a browser makes of an event stream without events.
BROWSER = "A browser shows no event"

#: What comes on an event stream that is no event, and how to mend that. C{{s}} is for
#: the plural.
NO_EVENTS = {
    Other.OTHER_EVENT: "event{s} with another name than those that are read (see "
    "--event).",
    Other.DATA: "data field{s}, without the empty line that must follow each event. "
    f"{BROWSER}. In the server, end each event with two newlines.",
    Other.NO_FIELD: f"line{{s}} without the name of a field. {BROWSER}. In the server, "
    "begin each line with 'data: ', and end each event with an empty line.",
    Other.NO_DATA: f"event{{s}} without data. {BROWSER}. In the server, add a data "
    "field to each.",
    Other.COMMENT: "comment{s}. The connection works, and the server has no events to "
    f"send. {BROWSER}.",
}


def diagnoseContent(
    evidence: Evidence, maxGap: float, bursts: Sequence[Burst]
) -> Findings:
    """
    Say what is wrong with what came.

    @param evidence: what was seen.
    @param maxGap: the longest time without a line that is allowed, in seconds.
    @param bursts: the lines that arrived together.

    @return: codes and sentences.
    """
    noStream = [*_noStream(evidence)]
    yield from noStream
    if noStream and not evidence.hasStream():
        return
    if evidence.hasWrongType():
        made = evidence.made()
        (other,) = [each for each in made if each.looksLikeEvents()][-1:]
        yield (
            "wrong-type",
            f"Events came as {other.contentType() or 'no type'}: browsers refuse an "
            "event stream that is not sent as text/event-stream.",
        )
        return
    yield from _lines(evidence)
    yield from _lateToBegin(evidence, maxGap, bursts)


def _noStream(evidence: Evidence) -> Findings:
    """
    Say that what came is a document, or nothing.
    """
    made = evidence.made()
    documents = [each for each in made if each.isDocument()]
    if documents:
        which = "A" if evidence.hasStream() else "The"
        yield (
            "not-a-stream",
            f"{which} response is a complete {documents[-1].contentType()} of "
            f"{documents[-1].bytes} bytes, {countText(len(documents))}, and no stream: "
            "an error, a page to log in, or another path.",
        )
    empty = [each for each in made if each.isEmpty()]
    if empty and not evidence.lines:
        yield (
            "not-a-stream",
            f"The response is complete and empty, {countText(len(empty))}: the server "
            "had nothing to send, or serves no stream at this path, or not for this "
            "host.",
        )


def _lines(evidence: Evidence) -> Findings:
    """
    Say that too much came, or that a part of it was lost.
    """
    made = evidence.made()
    if evidence.hasPaused():
        paused = sum(each.paused for each in made)
        yield (
            "reader-paused",
            f"More came than this client can read, so it stopped reading for "
            f"{paused:.1f} s in all. Lines that are late may be late because of that.",
        )
    tooLong = sum(each.tooLong for each in made)
    if tooLong:
        longest = max(each.longestLine for each in made)
        yield (
            "too-long",
            f"{'One line was' if tooLong == 1 else f'{tooLong} lines were'} longer "
            f"than {MAX_LENGTH} bytes: {longest} bytes at most. Such a line is "
            "counted, and its end is not read.",
        )
    ordered = [each for each in made if each.endedInOrder()]
    unfinished = sum(each.others[Other.UNFINISHED] for each in ordered)
    if unfinished and evidence.lines:
        yield (
            "unfinished-event",
            f"The stream ended within an event, {countText(unfinished)}: the empty "
            "line after its data did not come, so a browser drops it.",
        )


def diagnosePause(evidence: Evidence, maxGap: float) -> Findings:
    """
    Say that no line came for a while, on a stream whose lines do not show when the next
    one is due.

    @param evidence: what was seen.
    @param maxGap: the longest time without a line that is allowed, in seconds.

    @return: a code and a sentence, if this happened.
    """
    longest = max((each.longestGap for each in evidence.made()), default=0)
    if evidence.sequence.interval is None and longest > maxGap:
        yield (
            "silent",
            f"No line came for {longest:.3g} s, with lines before and after: the "
            "server had nothing to send, or was busy, or the path paused. --max-gap "
            "allows longer pauses.",
        )


def _lateToBegin(
    evidence: Evidence, maxGap: float, bursts: Sequence[Burst]
) -> Findings:
    """
    Say that the first line came late, and alone. If others came with it, it was held
    back with them.
    """
    wait = evidence.firstWait
    if wait is None or wait <= maxGap or any(each.silence == wait for each in bursts):
        return
    heads = [
        each.headersAt - each.start
        for each in evidence.made()
        if each.headersAt is not None and each.start is not None
    ]
    if max(heads, default=0) <= maxGap:
        before = ", and the headers before" if heads else ""
        yield (
            "late-to-begin",
            f"The first line came after {rangeText([wait])}{before}: the server took "
            "long to begin, or a buffer held back what came first.",
        )


def noEventsText(counts: Counter[Other]) -> str:
    """
    Say what came on an event stream that is no event: the first of L{NO_EVENTS}.

    @param counts: what came, and how often.
    """
    for what, text in NO_EVENTS.items():
        if counts[what]:
            plural = "" if counts[what] == 1 else "s"
            return f"{counts[what]} {text.format(s=plural)}"
    return "an event that has not ended yet."
