"""
The record of one connection, or of an attempt to connect.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from clock.clients.reading.ends import End, How
from clock.clients.reading.observer import Other, Response, Step

#: Media types that are documents rather than streams, if all of one arrives at once.
DOCUMENTS = ("text/html", "application/json", "application/problem+json")

#: The headers of a response that tell the path it took.
PATH_HEADERS = ("Server", "Via", "X-Cache", "Age", "CF-Ray")

#: The headers of a response that are recorded.
RECORDED = (
    *("Content-Type", "Content-Encoding", "Transfer-Encoding", "Content-Length"),
    *(*PATH_HEADERS, "Cache-Control", "X-Accel-Buffering", "Retry-After"),
)

#: The most characters of a header to record.
MAX_VALUE = 256


@dataclass
class Connection:
    """
    An attempt to connect, and what arrived on its connection.

    @ivar begun: when the attempt began.
    @ivar steps: when each step was reached, of the last request after redirects.
    @ivar details: more about a step, as L{Step} says.
    @ivar redirectedTo: the address that the request was redirected to, or C{None}.
    @ivar redirectedAt: when the last redirect was followed, or C{None}.
    @ivar response: the head of the response, or C{None}.
    @ivar headersAt: when it arrived.
    @ivar isMade: whether the stream has begun.
    @ivar start: when the request was sent, or when the connection was made if there is
        no request; C{None} before that.
    @ivar bytes: number of bytes, before they are decoded.
    @ivar firstByte: when the first byte of the stream arrived, or C{None}.
    @ivar lastByte: when the last one arrived.
    @ivar longestPause: the longest time between two arrivals of bytes.
    @ivar lines: number of lines that are complete.
    @ivar firstLine: when the first of them arrived, or C{None}.
    @ivar lastLine: when the last of them arrived.
    @ivar longestGap: the longest time from one line to the next.
    @ivar fields: number of lines as an event stream has them, although the response is
        none, by their beginning, such as C{data:}; empty for empty lines.
    @ivar tooLong: number of lines that were too long to be read whole.
    @ivar longestLine: the length of the longest line, in bytes.
    @ivar others: number of comments, pings, and so on.
    @ivar sinceLine: the same since the last line.
    @ivar paused: seconds in which this client did not read, because too much came.
    @ivar end: when the connection was lost, or the attempt failed; C{None} before that.
    @ivar how: how it ended.
    """

    begun: float
    steps: dict[Step, float] = field(default_factory=dict)
    details: dict[Step, str] = field(default_factory=dict)
    redirectedTo: str | None = None
    redirectedAt: float | None = None
    response: Response | None = None
    headersAt: float | None = None
    isMade: bool = False
    start: float | None = None
    bytes: int = 0
    firstByte: float | None = None
    lastByte: float | None = None
    longestPause: float = 0.0
    lines: int = 0
    firstLine: float | None = None
    lastLine: float | None = None
    longestGap: float = 0.0
    fields: Counter[str] = field(default_factory=Counter)
    tooLong: int = 0
    longestLine: int = 0
    others: Counter[Other] = field(default_factory=Counter)
    sinceLine: Counter[Other] = field(default_factory=Counter)
    paused: float = 0.0
    end: float | None = None
    how: End | None = None

    def isEventStream(self) -> bool:
        """
        Return whether the response is an event stream.
        """
        return self.contentType() == "text/event-stream"

    def contentType(self) -> str:
        """
        Return the media type of the response, the first one if it has several; empty if
        there is none.
        """
        value = self.response.header("Content-Type") if self.response else ""
        return re.split("[;,]", value)[0].strip().lower()

    def encoding(self) -> str:
        """
        Return the content encoding of the response; empty if there is none.
        """
        return self.response.header("Content-Encoding") if self.response else ""

    def looksLikeEvents(self) -> bool:
        """
        Return whether the lines look like events, although the response is no event
        stream. A line in a log may look like a field by chance.
        """
        isEvent = self.fields["data:"] > 0 and self.fields[""] > 0
        return isEvent and 2 * self.fields.total() >= self.lines

    def isWebSocket(self) -> bool:
        """
        Return whether the response begins a WebSocket.
        """
        return self.response is not None and self.response.status == 101

    def readFor(self) -> float:
        """
        Return the time from the request to the last byte, in seconds; 0 without a byte.
        """
        if self.lastByte is None or self.start is None:
            return 0.0
        return self.lastByte - self.start

    def endedInOrder(self) -> bool:
        """
        Return whether the other side ended the stream, and nothing shows that a part of
        it is missing.
        """
        return self.how is not None and self.how.isInOrder()

    def isDocument(self) -> bool:
        """
        Return whether the response was a document, which arrived at once, and no
        stream.
        """
        return (
            self._isComplete()
            and not self.isEmpty()
            and self.contentType() in DOCUMENTS
            and self.longestPause < 0.1
        )

    def isEmpty(self) -> bool:
        """
        Return whether the response was complete, and nothing came.
        """
        return self._isComplete() and self.bytes == 0

    def _isComplete(self) -> bool:
        return self.how is not None and self.how.how is How.COMPLETE


def recorded(response: Response) -> dict[str, str]:
    """
    Return the headers of a response that tell its path.

    @param response: the response.

    @return: values by name, shortened. Other headers, such as cookies, are left out.
    """
    values = ((name, response.header(name)[:MAX_VALUE]) for name in RECORDED)
    return {name: value for name, value in values if value}
