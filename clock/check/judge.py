"""
Judge whether a stream is whole.

The time that a line shows says which interval the line is for
(L{SequenceChecker<clock.check.sequence.SequenceChecker>}). A second line for the same
interval is a repeat. An interval without a line is skipped. Lines in JSON also have the
number of their tick. If a number is missing, its line was lost, or the server did not
send it because this client was not reading. If intervals are skipped and no number is
missing, the server did not run.

Each connection is judged independently: the first line of a new connection shows the
current time, which the previous connection may have shown already. The time without a
line is measured across connections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from clock.check.histogram import Histogram, Percentiles
from clock.check.sequence import SequenceChecker
from clock.reading.lines import Line
from clock.reading.timestamps import SECOND


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
    @ivar unreadable: number of lines that do not show the second, or are truncated.
    @ivar gaps: the times from one line to the next.
    @ivar lateness: the times from the instant that a line shows to its arrival, by the
        local wall clock. The first line of a connection counts only if it shows
        fractions of a second.
    @ivar silence: the longest time without a line, from the first connection to the
        end, in seconds.
    @ivar disconnects: number of connections that were lost.
    @ivar failures: number of attempts to connect that failed.
    @ivar trouble: the reasons why the stream is not whole; empty if it is.
    """

    name: str
    reached: bool
    lines: int
    repeats: int
    skips: int
    lost: int | None
    unreadable: int
    gaps: Percentiles | None
    lateness: Percentiles | None
    silence: float
    disconnects: int
    failures: int
    trouble: list[str]


class Judge:
    """
    An L{Observer<clock.reading.stream.Observer>} that counts the faults of a stream.
    """

    def __init__(
        self,
        name: str,
        interval: float,
        maxGap: float,
        seconds: Callable[[], float],
        wallClock: Callable[[], int],
    ) -> None:
        """
        @param name: the clock's name.
        @param interval: seconds between two lines.
        @param maxGap: the longest time without a line that is allowed, in seconds.
        @param seconds: returns a steady time, in seconds.
        @param wallClock: returns the time, in nanoseconds since 1970.
        """
        self.name = name
        self._interval = interval
        self._maxGap = maxGap
        self._seconds = seconds
        self._wallClock = wallClock
        self._isConnected = self._reached = False
        self._lines = self._repeats = self._skips = self._unreadable = 0
        self._lost: int | None = None
        self._disconnects = self._failures = 0
        self._disconnectReason = self._failureReason = ""
        self._sequence = SequenceChecker(interval)
        # The arrival of the last line, or the first connection.
        self._lastLine = self._silence = 0.0
        self._gaps = Histogram()
        self._lateness = Histogram()

    def connecting(self) -> None:
        """
        Do nothing: only the result of the attempt counts.
        """

    def connected(self) -> None:
        """
        Start a new sequence. Measure the time without a line from the first connection.
        """
        if not self._reached:
            self._lastLine = self._seconds()
        self._isConnected = self._reached = True
        self._sequence = SequenceChecker(self._interval)

    def lineReceived(self, line: Line) -> None:
        """
        Compare a line with the one before.
        """
        now, arrived = self._seconds(), self._wallClock()
        self._silence = self._longestSilence(now)
        if self._lines:
            self._gaps.add(now - self._lastLine)
        self._lastLine = now
        self._lines += 1
        transition = None
        if not line.truncated:
            transition = self._sequence.check(line.text, arrived, round(now * SECOND))
        if transition is None:
            self._unreadable += 1
            return
        self._repeats += transition.intervals < 1
        self._skips += max(0, transition.intervals - 1)
        if transition.lost is not None:
            self._lost = (self._lost or 0) + transition.lost
        if transition.lateness is not None:
            self._lateness.add(transition.lateness / SECOND)

    def disconnected(self, reason: str, retryIn: float) -> None:
        """
        Count a lost connection, or a failed attempt to connect.
        """
        if self._isConnected:
            self._disconnects += 1
            self._disconnectReason = reason
        else:
            self._failures += 1
            self._failureReason = reason
        self._isConnected = False

    def verdict(self) -> Verdict:
        """
        Judge the stream up to now.

        @return: the verdict.
        """
        silence = self._longestSilence(self._seconds())
        return Verdict(
            name=self.name,
            reached=self._reached,
            lines=self._lines,
            repeats=self._repeats,
            skips=self._skips,
            lost=self._lost,
            unreadable=self._unreadable,
            gaps=self._gaps.percentiles(),
            lateness=self._lateness.percentiles(),
            silence=silence,
            disconnects=self._disconnects,
            failures=self._failures,
            trouble=[*self._trouble(silence)],
        )

    def _longestSilence(self, now: float) -> float:
        return max(self._silence, now - self._lastLine) if self._reached else 0.0

    def _trouble(self, silence: float) -> Iterable[str]:
        if not self._reached:
            yield f"not reached: {self._failureReason or 'no answer'}"
            return
        if not self._lines:
            yield "no lines"
        for count, what in (
            (self._unreadable, "unreadable"),
            (self._repeats, "repeated"),
            (self._skips, "skipped"),
            (self._lost, "lost"),
        ):
            if count:
                yield f"{count} {what}"
        if silence > self._maxGap:
            yield f"no line for {silence:.3g} s"
        if self._disconnects:
            times = _times(self._disconnects)
            yield f"disconnected {times} ({self._disconnectReason})"
        if self._failures:
            yield f"failed to connect {_times(self._failures)} ({self._failureReason})"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
