"""
Split a stream of any bytes into lines.

TCP preserves no boundaries: one chunk may hold a part of a line, or several lines. A
server may never send a newline, so a line that grows too long is truncated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

#: The length at which a line is truncated, in bytes.
MAX_LENGTH = 65_536


class Line(NamedTuple):
    """
    A line that has arrived.

    @ivar text: the line without its newline. Bytes that are not UTF-8 are escaped. The
        data of an event may have newlines within.
    @ivar truncated: whether the end of the line is missing, because the line was too
        long or the connection was lost.
    @ivar id: the id of the event that is the line; C{None} if the event has none of its
        own.
    @ivar name: the name of the event, if it has one other than C{message}.
    @ivar size: the whole length of the line in bytes, also if its text is truncated.
    """

    text: str
    truncated: bool = False
    id: str | None = None
    name: str = ""
    size: int = 0


class LineSplitter:
    """
    Split the bytes of one connection into lines.

    @ivar isWithin: whether the newline of the last line is missing.
    """

    def __init__(self) -> None:
        """
        Begin with an empty buffer.
        """
        self._startLine()

    @property
    def isWithin(self) -> bool:
        """
        Return whether the newline of the last line is missing.
        """
        return self._size > 0

    def split(self, data: bytes) -> Iterator[Line]:
        """
        Split the next chunk.

        @param data: the bytes that have arrived.

        @return: the lines that end in this chunk. A line that is too long is truncated:
            the rest of it is counted, and dropped.
        """
        *ends, rest = data.split(b"\n")
        for end in ends:
            self._append(end)
            if self._last == b"\r":
                self._size -= 1
                del self._buffer[self._size :]
            yield self._line(truncated=self._size > MAX_LENGTH)
            self._startLine()
        self._append(rest)

    def finish(self) -> Iterator[Line]:
        """
        Flush the buffer after the connection is lost.

        @return: the unfinished last line, truncated; nothing if there is none.
        """
        if self.isWithin:
            yield self._line(truncated=True)

    def _startLine(self) -> None:
        self._buffer = bytearray()
        self._size = 0
        self._last = b""

    def _append(self, part: bytes) -> None:
        if part:
            # One more byte, because a carriage return at the end does not count.
            self._buffer += part[: max(0, MAX_LENGTH + 1 - self._size)]
            self._size += len(part)
            self._last = part[-1:]

    def _line(self, truncated: bool) -> Line:
        text = decode(bytes(self._buffer[:MAX_LENGTH]))
        return Line(text, truncated, size=self._size)


def messageLine(message: bytes, size: int) -> Line:
    """
    Return a message as one line, whatever it contains.

    @param message: the message, or the beginning of one that is longer than a line. One
        newline at its end is removed.
    @param size: the whole length of the message in bytes.

    @return: the line, truncated if it is too long.
    """
    data = message.removesuffix(b"\n")
    isTooLong = len(data) > MAX_LENGTH
    size -= len(message) - len(data)
    return Line(decode(data[:MAX_LENGTH]), isTooLong, size=size)


def decode(line: bytes) -> str:
    """
    Decode a line as UTF-8.

    @param line: the line.

    @return: its text. Bytes that are not UTF-8 are escaped.
    """
    return line.decode("utf-8", "backslashreplace")
