"""
The verdict on a stream, as the judge gives it and the reports show it.
"""

from __future__ import annotations

from typing import NamedTuple

from clock.clients.check.report.histogram import Percentiles


class Diagnosis(NamedTuple):
    """
    What was seen on a stream.

    @ivar code: one of the codes in C{docs/diagnoses.rst}.
    @ivar text: a sentence: what was seen, what usually causes it, and how to tell.
    """

    code: str
    text: str


class Comparison(NamedTuple):
    """
    A stream beside the first one.

    @ivar name: the name of the first stream.
    @ivar matched: number of lines that both have.
    @ivar missing: number of lines of the first stream that this one lacks, between two
        lines that it has.
    @ivar later: by how much later each line came than on the first stream, in seconds.
    """

    name: str
    matched: int
    missing: int
    later: Percentiles


class Verdict(NamedTuple):
    """
    The result of checking one stream.

    @ivar name: the stream's name.
    @ivar reached: whether a stream began, or a request was sent and no response came.
    @ivar lines: number of lines.
    @ivar repeats: number of lines for the same interval as the line before, or for an
        earlier one.
    @ivar skips: number of intervals without a line, between two lines.
    @ivar lost: number of lines whose numbers are missing; C{None} if lines have no
        numbers that count them.
    @ivar unreadable: number of lines that are truncated, or show neither a time nor a
        number although most others do.
    @ivar bursts: number of lines that arrived together with the line before, if most
        lines do, or if there is an interval and lines show neither times nor numbers.
    @ivar interval: seconds between two lines, as given, or as the lines show; C{None}
        if they show none.
    @ivar firstLine: seconds from the first attempt to connect to the first line;
        C{None} if there is none.
    @ivar gaps: the times from one line to the next.
    @ivar lateness: the times from the instant that a line shows to its arrival, by the
        local wall clock.
    @ivar silence: the longest time without a line, from the first request to the end of
        the check, or of a stream that is read once, in seconds.
    @ivar disconnects: number of connections that were lost. The end of a stream that is
        read once, and is complete, does not count.
    @ivar outage: the longest time from the end of a connection to the start of the
        next one, or to the end of the check, in seconds.
    @ivar failures: number of attempts to connect that failed.
    @ivar redirectedTo: the address that a request was redirected to, or C{None}.
    @ivar trouble: the reasons why the stream is not whole; empty if it is.
    @ivar diagnosis: what was seen, and what usually causes it.
    @ivar comparison: the stream beside the first one, or C{None}.
    """

    name: str
    reached: bool
    lines: int
    repeats: int
    skips: int
    lost: int | None
    unreadable: int
    bursts: int
    interval: float | None
    firstLine: float | None
    gaps: Percentiles | None
    lateness: Percentiles | None
    silence: float
    disconnects: int
    outage: float
    failures: int
    redirectedTo: str | None
    trouble: list[str]
    diagnosis: list[Diagnosis]
    comparison: Comparison | None = None
