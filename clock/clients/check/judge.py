"""
Judge whether a stream is whole.

The time that a line shows says which interval the line is for
(L{SequenceChecker<clock.clients.check.sequence.SequenceChecker>}). A second line for
the same interval is a repeat. An interval without a line is skipped. Lines in JSON also
have the number of their tick. If a number is missing, its line was lost, or the server
did not send it because this client was not reading. If intervals are skipped and no
number is missing, the server did not run.

Lines that have a number and no time are judged by their numbers. If no line has either,
the stream is judged by arrivals alone: by the time without a line, and by lines that
arrive together.

Each connection is judged independently: the first line of a new connection shows the
current time, which the previous connection may have shown already. The time without a
line is measured across connections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from clock.clients.check.diagnosis.cuts import countText
from clock.clients.check.diagnosis.diagnose import diagnose
from clock.clients.check.history import History
from clock.clients.check.report.histogram import Histogram
from clock.clients.check.sequence import SequenceChecker
from clock.clients.check.verdict import Verdict
from clock.clients.reading.lines import Line
from clock.clients.reading.timestamps import SECOND

#: The shortest gap, in intervals, between two lines that were not held back.
BURST_GAP = 0.1


class Judge:
    """
    An L{Observer<clock.clients.reading.observer.Observer>} that counts the faults of a
    stream.

    @ivar history: what happened, and when.
    """

    def __init__(
        self,
        name: str,
        interval: float,
        maxGap: float,
        seconds: Callable[[], float],
        wallClock: Callable[[], int],
        field: str | None = None,
    ) -> None:
        """
        @param name: the clock's name.
        @param interval: seconds between two lines.
        @param maxGap: the longest time without a line that is allowed, in seconds.
        @param seconds: returns a steady time, in seconds.
        @param wallClock: returns the time, in nanoseconds since 1970.
        @param field: the field of lines in JSON that has the time or the number.
        """
        self.name = name
        self.history = History()
        self._interval = interval
        self._maxGap = maxGap
        self._seconds = seconds
        self._wallClock = wallClock
        self._field = field
        self._redirectedTo: str | None = None
        self._isConnected = self._reached = False
        self._lines = self._repeats = self._skips = self._bursts = 0
        # Lines that are truncated, and others that show neither time nor number.
        self._truncated = self._plain = 0
        # Events with a name that show neither.
        self._plainNamed = 0
        # Lines of this connection.
        self._linesHere = 0
        self._lost: int | None = None
        self._disconnects = 0
        self._disconnectReason = ""
        self._sequence = SequenceChecker(interval, field)
        # The arrival of the last line, or the first connection, or the first attempt.
        self._lastLine = self._silence = 0.0
        # When the last connection was lost, until there is another.
        self._lostAt: float | None = None
        self._outage = 0.0
        self._hasBegun = False
        self._gaps = Histogram()
        self._lateness = Histogram()

    def connecting(self) -> None:
        """
        Measure the time without a line from the first attempt, until one succeeds.
        """
        if not self._hasBegun:
            self._lastLine = self._seconds()
        self._hasBegun = True

    def waitingForHeaders(self) -> None:
        """
        Start to measure the wait for the headers of a response.
        """
        self.history.waitingForHeaders(self._seconds())

    def redirected(self, url: str) -> None:
        """
        Note the address that has answered.
        """
        self._redirectedTo = url

    def connected(self) -> None:
        """
        Start a new sequence. Measure the time without a line from the first connection.
        """
        now = self._seconds()
        self.history.connected(now)
        if not self._reached:
            self._lastLine = now
        self._outage, self._lostAt = self._longestOutage(now), None
        self._isConnected = self._reached = True
        self._sequence = SequenceChecker(self._interval, self._field)
        self._linesHere = 0

    def lineReceived(self, line: Line) -> None:
        """
        Compare a line with the one before.
        """
        now, arrived = self._seconds(), self._wallClock()
        self._silence = self._longestSilence(now)
        if self._lines:
            self._gaps.add(now - self._lastLine)
        # The second line may follow the first at once, which is sent on connecting.
        if self._linesHere > 1 and now - self._lastLine < BURST_GAP * self._interval:
            self._bursts += 1
        self._lastLine = now
        self._lines += 1
        self._linesHere += 1
        transition = None
        if not line.truncated:
            transition = self._sequence.check(
                line.text, arrived, round(now * SECOND), line.id
            )
        self.history.lineReceived(now, transition, line.truncated)
        if line.truncated:
            self._truncated += 1
            return
        if transition is None:
            self._plain += not line.isNamed
            self._plainNamed += line.isNamed
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
        now = self._seconds()
        self.history.disconnected(now, reason, self._isConnected)
        if self._isConnected:
            self._lostAt = now
            self._disconnects += 1
            self._disconnectReason = reason
        self._isConnected = False

    def verdict(self) -> Verdict:
        """
        Judge the stream up to now.

        @return: the verdict.
        """
        now = self._seconds()
        silence = self._longestSilence(now)
        trouble = [*self._trouble(silence)]
        return Verdict(
            name=self.name,
            reached=self._reached,
            lines=self._lines,
            repeats=self._repeats,
            skips=self._skips,
            lost=self._lost,
            unreadable=self._countUnreadable(),
            bursts=self._bursts if self._showsNothing() else None,
            gaps=self._gaps.percentiles(),
            lateness=self._lateness.percentiles(),
            silence=silence,
            disconnects=self._disconnects,
            outage=self._longestOutage(now),
            failures=self.history.failures,
            redirectedTo=self._redirectedTo,
            trouble=trouble,
            diagnosis=diagnose(
                self.history, self._interval, self._maxGap, now, trouble
            ),
        )

    def isBroken(self) -> bool:
        """
        Tell whether the stream can no longer become whole. A stream is not broken while
        the server still has time to answer or to send the first line.
        """
        bursts = self._bursts if self._showsNothing() else 0
        counts = self._countUnreadable(), bursts, self._repeats, self._skips, self._lost
        return (
            any((*counts, self._disconnects, self.history.failures))
            or self._silence > self._maxGap
            or self._seconds() - self._lastLine > self._maxGap
        )

    def _showsNothing(self) -> bool:
        """
        Return whether no whole line shows a time or a number.
        """
        return self._plain + self._plainNamed + self._truncated == self._lines

    def _countUnreadable(self) -> int:
        return self._truncated + (0 if self._showsNothing() else self._plain)

    def _longestSilence(self, now: float) -> float:
        return max(self._silence, now - self._lastLine) if self._reached else 0.0

    def _longestOutage(self, now: float) -> float:
        return max(self._outage, 0.0 if self._lostAt is None else now - self._lostAt)

    def _trouble(self, silence: float) -> Iterable[str]:
        if not self._reached:
            yield f"not reached: {self.history.failureReason or 'no answer'}"
            return
        if not self._lines:
            yield "no lines"
        for count, what in (
            (self._countUnreadable(), "unreadable"),
            (self._repeats, "repeated"),
            (self._skips, "skipped"),
            (self._lost, "lost"),
            (self._bursts if self._showsNothing() else 0, "in bursts"),
        ):
            if count:
                yield f"{count} {what}"
        if silence > self._maxGap:
            yield f"no line for {silence:.3g} s"
        if self._disconnects:
            often = countText(self._disconnects)
            yield f"disconnected {often} ({self._disconnectReason})"
        if self.history.failures:
            often = countText(self.history.failures)
            yield f"failed to connect {often} ({self.history.failureReason})"
