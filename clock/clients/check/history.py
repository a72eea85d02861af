"""
What happened on a stream, and when: the evidence for a diagnosis, and for a plot.

All times are of the steady clock, in seconds. The memory is limited: only the last
lines and connections are kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from clock.clients.check.sequence import Transition

#: The most lines and connections to keep. A line each second fills this in a day.
MAX_ARRIVALS, MAX_CONNECTIONS = 100_000, 1_000

#: What is found in a history: codes and sentences.
Findings = Iterator[tuple[str, str]]


class Arrival(NamedTuple):
    """
    The arrival of a line.

    @ivar at: the time.
    @ivar gap: seconds since the line before on this connection, or since the start of
        the connection.
    @ivar isFirst: whether this is the first line of its connection.
    @ivar transition: the step from the line before, or C{None} if the line cannot be
        read.
    """

    at: float
    gap: float
    isFirst: bool
    transition: Transition | None


@dataclass
class Connection:
    """
    A connection that was made.

    @ivar start: when the request was sent, or when the connection was made if there is
        no request.
    @ivar hasHeaders: whether a request was sent, and the headers of its response
        arrived.
    @ivar lastLine: when the last line arrived, or C{None} if none has.
    @ivar longestGap: the longest time from one line to the next, in seconds.
    @ivar isWithinLine: whether the last line is not complete.
    @ivar end: when the connection was lost, or C{None} if it still exists.
    @ivar reason: the reason why it was lost.
    """

    start: float
    hasHeaders: bool = False
    lastLine: float | None = None
    longestGap: float = 0.0
    isWithinLine: bool = False
    end: float | None = None
    reason: str = ""


class History:
    """
    The lines and connections of a stream.

    @ivar arrivals: the lines that arrived, in order.
    @ivar connections: the connections that were made, in order.
    @ivar failures: number of attempts to connect that failed.
    @ivar failureReason: why the last of them failed.
    @ivar requestSent: when a request was sent, until its response arrives; C{None} if
        there is no such request.
    @ivar headersAwaited: the longest wait for the headers of a response, in seconds.
    """

    def __init__(self) -> None:
        """
        Start empty.
        """
        self.arrivals: deque[Arrival] = deque(maxlen=MAX_ARRIVALS)
        self.connections: deque[Connection] = deque(maxlen=MAX_CONNECTIONS)
        self.failures = 0
        self.failureReason = ""
        self.requestSent: float | None = None
        self.headersAwaited = 0.0

    def waitingForHeaders(self, now: float) -> None:
        """
        Record that a request was sent.

        @param now: the time.
        """
        self.requestSent = now

    def connected(self, now: float) -> None:
        """
        Record a new connection.

        @param now: the time.
        """
        hasHeaders = self.requestSent is not None
        self.connections.append(Connection(self._endWait(now), hasHeaders))

    def lineReceived(
        self, now: float, transition: Transition | None, truncated: bool
    ) -> None:
        """
        Record a line.

        @param now: the time.
        @param transition: the step from the line before, or C{None} if the line cannot
            be read.
        @param truncated: whether the end of the line is missing.
        """
        connection = self.connections[-1]
        isFirst = connection.lastLine is None
        gap = now - (connection.lastLine or connection.start)
        if not isFirst:
            connection.longestGap = max(connection.longestGap, gap)
        connection.isWithinLine = truncated
        if truncated:
            # It arrives when the connection is cut, not when it was sent.
            return
        connection.lastLine = now
        self.arrivals.append(Arrival(now, gap, isFirst, transition))

    def disconnected(self, now: float, reason: str, wasConnected: bool) -> None:
        """
        Record a lost connection, or a failed attempt to connect.

        @param now: the time.
        @param reason: the reason, on one line.
        @param wasConnected: whether the connection had been made.
        """
        if wasConnected:
            connection = self.connections[-1]
            connection.end, connection.reason = now, reason
            return
        self.failures += 1
        self.failureReason = reason
        if reason[:3].isdecimal():
            # An error response has headers, so they were not held back.
            self.requestSent = None
        self._endWait(now)

    def _endWait(self, now: float) -> float:
        """
        Stop waiting for headers. Return when the wait began: now, if there was none.
        """
        start, self.requestSent = self.requestSent, None
        if start is None:
            return now
        self.headersAwaited = max(self.headersAwaited, now - start)
        return start
