"""
Split an event stream into the data of its events.

The format is that of the section I{Server-sent events} of the HTML standard
(U{https://html.spec.whatwg.org/multipage/server-sent-events.html}). A line ends in LF,
CRLF or CR. An event ends at an empty line; what comes after the last empty line is
dropped when the connection is lost, as browsers do.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator

from clock.clients.reading.lines import MAX_LENGTH, Line, decode

#: The name of the event in which this package's server numbers its clients.
CLIENT = "client"

_LINE_END = re.compile(rb"\r\n|\n|\r")


class EventSplitter:
    """
    Split what arrives on one connection into lines: the data of each event. Comments
    are not lines.

    Some servers name all their events, such as C{ping}. Others name only events outside
    the series, such as a greeting. So named events are lines until an event arrives
    that has no name, or is named C{message}. Events named L{CLIENT} are never lines.
    """

    _truncated = False

    def __init__(self) -> None:
        """
        Begin without an event.
        """
        self._buffer = b""
        self._endsInCR = False
        self._isFirstLine = True
        self._isUnnamed = False
        self._id: str | None = None
        self._startEvent()

    def split(self, data: bytes) -> Iterator[Line]:
        """
        Split the next chunk.

        @param data: the bytes that have arrived.

        @return: a line for each event that ends in this chunk. If it has several lines
            of data, they are joined with newlines. Data that is too long is truncated.
        """
        if data:
            endedInCR, self._endsInCR = self._endsInCR, data.endswith(b"\r")
            if endedInCR:
                # The LF of a CRLF that was split. The line has ended with the CR.
                data = data.removeprefix(b"\n")
        *ends, rest = _LINE_END.split(data)
        for end in ends:
            self._append(end)
            yield from self._lineEnded()
        self._append(rest)

    def finish(self) -> Iterator[Line]:
        """
        Drop the unfinished event, because the connection is lost.

        @return: nothing.
        """
        return iter(())

    def _startEvent(self) -> None:
        self._data = bytearray()
        self._isDataTruncated = False
        self._name = ""

    def _append(self, part: bytes) -> None:
        self._buffer += part
        length = MAX_LENGTH + len(b"data: ")
        if len(self._buffer) > length:
            self._buffer, self._truncated = self._buffer[:length], True

    def _lineEnded(self) -> Iterator[Line]:
        line, truncated = self._buffer, self._truncated
        self._buffer, self._truncated = b"", False
        if self._isFirstLine:
            line = line.removeprefix(BOM_UTF8)
        self._isFirstLine = False
        if line:
            self._fieldReceived(line, truncated)
            return
        isNamed = self._name not in ("", "message")
        self._isUnnamed |= bool(self._data) and not isNamed
        isLine = not isNamed or not (self._isUnnamed or self._name == CLIENT)
        if self._data and isLine:
            # Each line of data has added a newline.
            text, most = self._data[:-1], MAX_LENGTH
            truncated = self._isDataTruncated or len(text) > most
            yield Line(decode(bytes(text[:most])), truncated, self._id, isNamed)
        self._startEvent()

    def _fieldReceived(self, line: bytes, truncated: bool) -> None:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            # An event that never ends must not fill the memory.
            if len(self._data) < MAX_LENGTH + 2:
                self._data += (value + b"\n")[: MAX_LENGTH + 2 - len(self._data)]
            self._isDataTruncated |= truncated
        elif field == b"event":
            self._name = decode(value)
        elif field == b"id":
            self._id = decode(value)
