"""
The verdict on a stream, as the judge gives it and the reports show it.
"""

from __future__ import annotations

from typing import NamedTuple

from clock.clients.check.diagnosis.diagnose import Diagnosis
from clock.clients.check.report.histogram import Percentiles


class Verdict(NamedTuple):
    """
    The result of checking one stream.

    @ivar name: the clock's name.
    @ivar reached: whether a connection was made.
    @ivar lines: number of lines.
    @ivar repeats: number of lines for the same interval as the line before, or for an
        earlier one.
    @ivar skips: number of intervals without a line, between two lines.
    @ivar lost: number of ticks whose numbers are missing; C{None} if lines have no
        numbers.
    @ivar unreadable: number of lines that are truncated, or show neither the second nor
        a number although others do. Named events, such as a greeting, may show neither.
    @ivar bursts: number of lines that arrived together with the line before; C{None} if
        lines show times or numbers, which say more.
    @ivar gaps: the times from one line to the next.
    @ivar lateness: the times from the instant that a line shows to its arrival, by the
        local wall clock. The first line of a connection counts only if it shows
        fractions of a second.
    @ivar silence: the longest time without a line, from the first connection to the
        end, in seconds.
    @ivar disconnects: number of connections that were lost.
    @ivar outage: the longest time from the end of a connection to the start of the
        next one, or to the end of the check, in seconds.
    @ivar failures: number of attempts to connect that failed.
    @ivar redirectedTo: the address that a request was redirected to, or C{None}.
    @ivar trouble: the reasons why the stream is not whole; empty if it is.
    @ivar diagnosis: what was seen, and what usually causes it.
    """

    name: str
    reached: bool
    lines: int
    repeats: int
    skips: int
    lost: int | None
    unreadable: int
    bursts: int | None
    gaps: Percentiles | None
    lateness: Percentiles | None
    silence: float
    disconnects: int
    outage: float
    failures: int
    redirectedTo: str | None
    trouble: list[str]
    diagnosis: list[Diagnosis]
