"""
Split an event stream into the data of its events.

The format is that of the section I{Server-sent events} of the HTML standard
(U{https://html.spec.whatwg.org/multipage/server-sent-events.html}). A line ends in LF,
CRLF or CR. An event ends at an empty line; what comes after the last empty line is
dropped when the connection is lost, as browsers do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from clock.reading.lines import MAX_LENGTH, Line, decode

_LINE_END = re.compile(rb"\r\n|\n|\r")


class EventSplitter:
    """
    Split what arrives on one connection into lines: the data of each event. Comments,
    and events with a name other than C{message}, are no lines.
    """

    _truncated = False

    def __init__(self, maxLength: int = MAX_LENGTH) -> None:
        """
        @param maxLength: the length at which data is truncated, in bytes.
        """
        self._maxLength = maxLength
        self._buffer = b""
        self._endsInCR = False
        self._id: str | None = None
        self._startEvent()

    def split(self, data: bytes) -> Iterator[Line]:
        """
        Split the next chunk.

        @param data: the bytes that have arrived.

        @return: a line for each line of data of the events that end in this chunk. Data
            that is too long is truncated.
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
        self._data: list[Line] = []
        self._size = 0
        self._name = ""

    def _append(self, part: bytes) -> None:
        self._buffer += part
        length = self._maxLength + len(b"data: ")
        if len(self._buffer) > length:
            self._buffer, self._truncated = self._buffer[:length], True

    def _lineEnded(self) -> Iterator[Line]:
        line, truncated = self._buffer, self._truncated
        self._buffer, self._truncated = b"", False
        if line:
            self._fieldReceived(line, truncated)
            return
        if self._name in ("", "message"):
            for each in self._data:
                yield each._replace(id=self._id)
        self._startEvent()

    def _fieldReceived(self, line: bytes, truncated: bool) -> None:
        field, _, value = line.partition(b":")
        text = decode(value.removeprefix(b" "))
        if field == b"data":
            # An event that never ends must not fill the memory.
            if self._size <= self._maxLength:
                self._data.append(Line(text, truncated))
            self._size += len(line)
        elif field == b"event":
            self._name = text
        elif field == b"id":
            self._id = text
