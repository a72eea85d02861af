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
    @ivar id: the last id of the event stream, or C{None}.
    @ivar isNamed: whether the line is an event with a name.
    """

    text: str
    truncated: bool = False
    id: str | None = None
    isNamed: bool = False


class LineSplitter:
    """
    Split the bytes of one connection into lines.
    """

    def __init__(self) -> None:
        """
        Begin with an empty buffer.
        """
        self._buffer = b""
        self._truncated = False

    def split(self, data: bytes) -> Iterator[Line]:
        """
        Split the next chunk.

        @param data: the bytes that have arrived.

        @return: the lines that end in this chunk. A line that is too long is
            returned at once, truncated, and the rest of it is dropped.
        """
        *ends, rest = data.split(b"\n")
        for end in ends:
            yield from self._append(end)
            if not self._truncated:
                yield Line(decode(self._buffer.removesuffix(b"\r")))
            self._buffer, self._truncated = b"", False
        yield from self._append(rest)

    def finish(self) -> Iterator[Line]:
        """
        Flush the buffer after the connection is lost.

        @return: the unfinished last line, truncated; nothing if there is none.
        """
        if self._buffer and not self._truncated:
            yield Line(decode(self._buffer), truncated=True)

    def _append(self, part: bytes) -> Iterator[Line]:
        if self._truncated:
            return
        self._buffer += part
        if len(self._buffer) > MAX_LENGTH:
            self._truncated = True
            yield Line(decode(self._buffer[:MAX_LENGTH]), truncated=True)


def decode(line: bytes) -> str:
    """
    Decode a line as UTF-8.

    @param line: the line.

    @return: its text. Bytes that are not UTF-8 are escaped.
    """
    return line.decode("utf-8", "backslashreplace")
