"""
Whether a stream is whole: what C{--check} counts.

The time that a line shows tells in which interval it belongs
(L{Progress<clock.wall.progress.Progress>}). Two lines of one interval are a repeat, and
an interval without a line is skipped. Where lines carry the number of their tick as
well, a number that is missing is a line that was lost (or that the server did not send
to a client that took nothing); intervals which were skipped though no number is missing
are the server's own: it did not run.

Each connection is judged by itself, since the first line of a new one shows the
present time, which may have been shown before. Silence is measured across all of
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from clock.ticker import SECOND
from clock.wall.lines import Line
from clock.wall.progress import Progress
from clock.wall.spread import Spread, Tally


class Verdict(NamedTuple):
    """
    What was found of one stream.

    @ivar name: the clock's.
    @ivar reached: whether there was a connection at all.
    @ivar lines: how many lines came.
    @ivar repeats: how many of them showed no later interval than the one before.
    @ivar skips: how many intervals were not shown in between.
    @ivar lost: how many ticks are missing by their numbers, where lines have them.
    @ivar unreadable: how many lines did not tell the time, or were cut off.
    @ivar gaps: the times between one line and the next.
    @ivar lateness: the times from what a line shows to its arrival, by this
        machine's clock; first lines count if they show fractions of a second.
    @ivar silence: the longest time without a line, from the first connection to the
        end, in seconds.
    @ivar disconnects: how many connections were lost.
    @ivar failures: how many attempts to connect failed.
    @ivar trouble: why it is not whole, in words; none if it is.
    """

    name: str
    reached: bool
    lines: int
    repeats: int
    skips: int
    lost: int | None
    unreadable: int
    gaps: Spread | None
    lateness: Spread | None
    silence: float
    disconnects: int
    failures: int
    trouble: list[str]


class Judge:
    """
    An L{Observer<clock.wall.stream.Observer>} that counts.
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
        @param name: the clock's.
        @param interval: the time from one line to the next, in seconds.
        @param maxGap: the longest time that may pass without a line, in seconds.
        @param seconds: tells how time passes, in seconds.
        @param wallClock: tells the time, in nanoseconds since 1970.
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
        self._cutBy = self._failedBy = ""
        self._progress = Progress(interval)
        # Since the last line, or the first connection.
        self._silentSince = self._silence = 0.0
        self._gaps = Tally()
        self._lateness = Tally()

    def connecting(self) -> None:
        """
        Do nothing: how the attempt ends is what counts.
        """

    def connected(self) -> None:
        """
        Begin with a connection.
        """
        if not self._reached:
            self._silentSince = self._seconds()
        self._isConnected = self._reached = True
        self._progress = Progress(self._interval)

    def lineReceived(self, line: Line) -> None:
        """
        Compare a line with the one before.
        """
        now, arrived = self._seconds(), self._wallClock()
        self._silence = self._silenceUntil(now)
        if self._lines:
            self._gaps.add(now - self._silentSince)
        self._silentSince = now
        self._lines += 1
        steady = round(now * SECOND)
        step = None if line.cut else self._progress.step(line.text, arrived, steady)
        if step is None:
            self._unreadable += 1
            return
        self._repeats += step.intervals < 1
        self._skips += max(0, step.intervals - 1)
        if step.lost is not None:
            self._lost = (self._lost or 0) + step.lost
        if step.late is not None:
            self._lateness.add(step.late / SECOND)

    def down(self, reason: str, retryIn: float) -> None:
        """
        Count the connection that is lost, or the attempt that has failed.
        """
        if self._isConnected:
            self._disconnects += 1
            self._cutBy = reason
        else:
            self._failures += 1
            self._failedBy = reason
        self._isConnected = False

    def verdict(self) -> Verdict:
        """
        Judge the stream as of now.

        @return: what was found.
        """
        silence = self._silenceUntil(self._seconds())
        return Verdict(
            name=self.name,
            reached=self._reached,
            lines=self._lines,
            repeats=self._repeats,
            skips=self._skips,
            lost=self._lost,
            unreadable=self._unreadable,
            gaps=self._gaps.spread(),
            lateness=self._lateness.spread(),
            silence=silence,
            disconnects=self._disconnects,
            failures=self._failures,
            trouble=[*self._trouble(silence)],
        )

    def _silenceUntil(self, now: float) -> float:
        return max(self._silence, now - self._silentSince) if self._reached else 0.0

    def _trouble(self, silence: float) -> Iterable[str]:
        if not self._reached:
            yield f"never reached: {self._failedBy or 'no answer'}"
            return
        if not self._lines:
            yield "no line"
        for count, what in (
            (self._unreadable, "unreadable"),
            (self._repeats, "repeated"),
            (self._skips, "skipped"),
            (self._lost, "lost"),
        ):
            if count:
                yield f"{count} {what}"
        if silence > self._maxGap:
            yield f"nothing for {silence:.3g} s"
        if self._disconnects:
            yield f"cut off {_times(self._disconnects)} ({self._cutBy})"
        if self._failures:
            yield f"no connection {_times(self._failures)} ({self._failedBy})"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
