"""
What was seen on a stream, and when: the evidence for a verdict, a diagnosis, a report
and a plot.

All times are of the steady clock, in seconds. The memory is limited: only the last
lines and connections are kept, and the totals of all.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable

from clock.clients.check.boundaries import Arrival
from clock.clients.check.connection import Connection, recorded
from clock.clients.check.report.histogram import Histogram
from clock.clients.check.sequence import Sequence
from clock.clients.reading.ends import End, How
from clock.clients.reading.lines import MAX_LENGTH, Line
from clock.clients.reading.observer import Observer, Other, Response, Step
from clock.clients.reading.timestamps import SECOND

#: The most lines and connections to keep. A line each second fills this in a day.
MAX_ARRIVALS, MAX_CONNECTIONS = 100_000, 1_000

#: The shortest time that matters in which this client did not read, in seconds and as a
#: part of the time in which it did.
PAUSED, PAUSED_PART = 0.2, 0.05

#: The most characters of a line that are kept to be shown.
MAX_SHOWN = 256

#: A line of an event stream: a field, a comment, or an empty line.
_FIELD = re.compile(r"\A(?:(?:data|event|id|retry|):|\Z)")


class Evidence(Observer):
    """
    The lines and connections of a stream.

    @ivar name: the stream's name.
    @ivar arrivals: the lines that arrived, in order.
    @ivar connections: the attempts to connect, in order.
    @ivar gaps: the times from one line to the next.
    @ivar sequence: the times and the numbers that lines show.
    @ivar lines: number of lines that are complete.
    @ivar truncated: number of lines whose end is missing.
    @ivar disconnects: number of connections that were lost.
    @ivar failures: number of attempts that failed.
    @ivar reached: whether a stream has begun.
    @ivar silence: the longest time without a line up to the last line, in seconds.
    @ivar waitingSince: the start of the time without a line that is not over; C{None}
        before the first connection.
    @ivar firstLineAfter: seconds from the first attempt to connect to the first line;
        C{None} before it.
    @ivar firstWait: the time without a line up to the first line, or C{None}.
    @ivar outage: the longest time from the end of a connection to the next one, in
        seconds.
    @ivar lostAt: when the last connection was lost, until there is another.
    @ivar last: the last line, shortened.
    """

    def __init__(
        self,
        name: str,
        interval: float | None,
        seconds: Callable[[], float],
        wallClock: Callable[[], int],
        field: str | None = None,
    ) -> None:
        """
        @param name: the stream's name.
        @param interval: seconds between two lines; C{None} to find them from the lines.
        @param seconds: returns a steady time, in seconds.
        @param wallClock: returns the time, in nanoseconds since 1970.
        @param field: the field of lines in JSON that has the time or the number.
        """
        self.name = name
        self.arrivals: deque[Arrival] = deque(maxlen=MAX_ARRIVALS)
        self.connections: deque[Connection] = deque(maxlen=MAX_CONNECTIONS)
        self.gaps = Histogram()
        self.sequence = Sequence(interval, field)
        self.lines = self.truncated = self.disconnects = self.failures = 0
        self.reached = False
        self.silence = self.outage = 0.0
        self.waitingSince: float | None = None
        self.firstLineAfter: float | None = None
        self.firstWait: float | None = None
        self.lostAt: float | None = None
        self.last = ""
        self._begun: float | None = None
        self._unfinished: Line | None = None
        self._seconds = seconds
        self._wallClock = wallClock

    def connecting(self) -> None:
        """
        Begin a new record.
        """
        now = self._seconds()
        self._begun = now if self._begun is None else self._begun
        self.connections.append(Connection(now))

    def stepReached(self, step: Step, detail: str = "") -> None:
        """
        Record when a step was reached.
        """
        connection = self.connections[-1]
        connection.steps[step] = self._seconds()
        connection.details[step] = detail

    def redirected(self, url: str) -> None:
        """
        Record the address that is asked next. The steps are those of its request.
        """
        connection = self.connections[-1]
        connection.redirectedTo, connection.redirectedAt = url, self._seconds()
        connection.steps.clear()
        connection.details.clear()

    def responded(self, response: Response) -> None:
        """
        Record the head of a response. A server can send headers without end, so only
        those that tell the path are kept.
        """
        connection = self.connections[-1]
        connection.headersAt = self._seconds()
        connection.response = response._replace(
            phrase=response.phrase[:MAX_SHOWN], headers=(*recorded(response).items(),)
        )

    def connected(self) -> None:
        """
        Record that the stream has begun.
        """
        now, connection = self._seconds(), self.connections[-1]
        connection.isMade = self.reached = True
        connection.start = connection.steps.get(Step.REQUESTED, now)
        if self.waitingSince is None:
            self.waitingSince = connection.start
        self.outage, self.lostAt = self.longestOutage(now), None
        self.sequence.connected()

    def bytesReceived(self, count: int) -> None:
        """
        Count bytes.
        """
        now, connection = self._seconds(), self.connections[-1]
        connection.bytes += count
        if connection.firstByte is None:
            connection.firstByte = now
        before = connection.lastByte
        if before is not None:
            connection.longestPause = max(connection.longestPause, now - before)
        connection.lastByte = now

    def lineReceived(self, line: Line) -> None:
        """
        Record a line.
        """
        connection = self.connections[-1]
        connection.longestLine = max(connection.longestLine, line.size)
        self.last = line.text[:MAX_SHOWN]
        if line.truncated and line.size <= MAX_LENGTH:
            # It arrives when the connection is cut, not when it was sent.
            self.truncated += 1
            self._unfinished = line
        else:
            self._add(line, self._seconds())

    def _add(self, line: Line, now: float) -> None:
        connection = self.connections[-1]
        isFirst = connection.lastLine is None
        assert connection.start is not None and self.waitingSince is not None
        gap = now - (connection.start if isFirst else connection.lastLine or 0)
        if isFirst:
            connection.firstLine = now
        else:
            connection.longestGap = max(connection.longestGap, gap)
        isText = connection.response is not None and not connection.isWebSocket()
        if isText and not connection.isEventStream():
            connection.fields.update(_FIELD.findall(line.text))
        connection.tooLong += line.truncated
        connection.lines += 1
        connection.sinceLine.clear()
        connection.lastLine = now
        waited = now - self.waitingSince
        self.silence = max(self.silence, waited)
        if self.lines:
            self.gaps.add(waited)
        else:
            self.firstWait, self.firstLineAfter = waited, now - (self._begun or 0)
        self.waitingSince = now
        self.lines += 1
        arrival = Arrival(now, gap, isFirst)
        self.arrivals.append(arrival)
        # The last line of a response may have come before this is known.
        arrived = self._wallClock() - round((self._seconds() - now) * SECOND)
        self.sequence.lineReceived(arrival, line, arrived)

    def otherReceived(self, what: Other) -> None:
        """
        Count what is not a line.
        """
        connection = self.connections[-1]
        connection.others[what] += 1
        connection.sinceLine[what] += 1

    def paused(self, seconds: float) -> None:
        """
        Count a pause of this client.
        """
        self.connections[-1].paused += seconds

    def disconnected(self, end: End, retryIn: float | None) -> None:
        """
        Record the end of a connection, or a failed attempt.
        """
        now, connection = self._seconds(), self.connections[-1]
        connection.end, connection.how = now, end
        unfinished, self._unfinished = self._unfinished, None
        if unfinished and connection.lines and end.how is How.COMPLETE:
            # Many servers write a newline between two lines, and none after the last.
            self.truncated -= 1
            self._add(unfinished._replace(truncated=False), connection.lastByte or now)
        if connection.isMade:
            self.disconnects += 1
            self.lostAt = now
        else:
            self.failures += 1

    def made(self) -> list[Connection]:
        """
        Return the connections whose streams have begun.
        """
        return [each for each in self.connections if each.isMade]

    def hasStream(self) -> bool:
        """
        Return whether a response brought lines, and was no document.
        """
        return any(each.lines and not each.isDocument() for each in self.connections)

    def hasWrongType(self) -> bool:
        """
        Return whether events came as another type than C{text/event-stream}.
        """
        return any(each.looksLikeEvents() for each in self.connections)

    def hasPaused(self) -> bool:
        """
        Return whether this client stopped reading for a time that matters, because more
        came than it can read.
        """
        made = self.made()
        paused = sum(each.paused for each in made)
        read = sum(each.readFor() for each in made)
        return paused >= max(PAUSED, PAUSED_PART * read)

    def awaitingHeaders(self) -> float | None:
        """
        Return when the request was sent whose response has not begun, or C{None}. A
        server that has responded with an error before is not awaited.
        """
        ends = [each.how for each in self.connections]
        errors = (How.STATUS, How.NOT_WEBSOCKET)
        if not ends or any(end is not None and end.how in errors for end in ends):
            return None
        last = self.connections[-1]
        isOver = last.isMade or last.end is not None
        return None if isOver else last.steps.get(Step.REQUESTED)

    def longestSilence(self, now: float) -> float:
        """
        Return the longest time without a line, in seconds.

        @param now: the steady time.
        """
        if self.waitingSince is None:
            return 0.0
        return max(self.silence, now - self.waitingSince)

    def longestOutage(self, now: float) -> float:
        """
        Return the longest time between two connections, in seconds.

        @param now: the steady time.
        """
        return max(self.outage, 0.0 if self.lostAt is None else now - self.lostAt)
