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
from clock.clients.reading.observer import Other

#: The name of the event in which this package's server numbers its clients.
CLIENT = "client"

#: The name of events without a name.
MESSAGE = "message"

_LINE_END = re.compile(rb"\r\n|\n|\r")


class EventSplitter:
    """
    Split what arrives on one connection into lines: the data of each event. What is not
    a line is reported as such, because it may be why no line comes.
    """

    def __init__(self, name: str | None = None) -> None:
        """
        Begin without an event.

        @param name: the name of the events that are lines; C{message} for those without
            a name. C{None} for all events but those named L{CLIENT}.
        """
        self._wanted = name
        self._endsInCR = False
        self._isFirstLine = True
        self._startLine()
        self._startEvent()

    def split(self, data: bytes) -> Iterator[Line | Other]:
        """
        Split the next chunk.

        @param data: the bytes that have arrived.

        @return: a line for each event that ends in this chunk, and everything else. If
            an event has several lines of data, they are joined with newlines. Data that
            is too long is truncated.
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

    def finish(self) -> Iterator[Line | Other]:
        """
        Drop the unfinished event, because the connection is lost.

        @return: whether it has data, and would be a line.
        """
        hasData = self._dataSize or self._buffer.startswith(b"data:")
        if hasData and self._isWanted():
            yield Other.UNFINISHED

    def _startLine(self) -> None:
        self._buffer, self._size = bytearray(), 0

    def _startEvent(self) -> None:
        # Each line of data adds a newline.
        self._data, self._dataSize = bytearray(), 0
        self._name = ""
        self._id: str | None = None
        self._isEvent = False

    def _append(self, part: bytes) -> None:
        length = MAX_LENGTH + len(b"data: ")
        self._buffer += part[: max(0, length - self._size)]
        self._size += len(part)

    def _lineEnded(self) -> Iterator[Line | Other]:
        line, missing = bytes(self._buffer), self._size - len(self._buffer)
        self._startLine()
        if self._isFirstLine:
            line = line.removeprefix(BOM_UTF8)
        self._isFirstLine = False
        if line:
            yield from self._fieldReceived(line, missing)
            return
        if self._dataSize:
            yield self._event()
        elif self._isEvent:
            yield Other.NO_DATA
        self._startEvent()

    def _event(self) -> Line | Other:
        if not self._isWanted():
            return Other.OTHER_EVENT
        size = self._dataSize - 1
        text = decode(bytes(self._data[: min(size, MAX_LENGTH)]))
        name = "" if self._name == MESSAGE else self._name
        return Line(text, size > MAX_LENGTH, self._id, name, size)

    def _isWanted(self) -> bool:
        name = self._name or MESSAGE
        return name != CLIENT if self._wanted is None else name == self._wanted

    def _fieldReceived(self, line: bytes, missing: int) -> Iterator[Other]:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            # An event that never ends must not fill the memory.
            room = max(0, MAX_LENGTH - self._dataSize)
            self._data += (value + b"\n")[:room]
            self._dataSize += len(value) + missing + 1
            yield Other.DATA
        elif field == b"event":
            self._name, self._isEvent = decode(value), True
        elif field == b"id":
            self._id, self._isEvent = decode(value), True
        elif not field:
            yield Other.COMMENT
        elif field != b"retry":
            yield Other.NO_FIELD
