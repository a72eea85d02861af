"""
Bytes in, lines out, whatever the bytes are.

A chunk of TCP is no line: a line may come in pieces, and several at once. Nor need
there ever be a newline, so a line that grows too long is cut, and marked as cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

#: The longest line that is read whole, in bytes.
LONGEST = 256


class Line(NamedTuple):
    """
    A line that has arrived.

    @ivar text: without its newline; bytes that are no UTF-8 are escaped.
    @ivar cut: whether there is more of it, or should have been.
    """

    text: str
    cut: bool = False


class LineSplitter:
    """
    The lines of one connection.
    """

    def __init__(self) -> None:
        """
        Begin with a line of which nothing has come yet.
        """
        self._held = b""
        self._cut = False

    def split(self, data: bytes) -> Iterator[Line]:
        """
        Take what has arrived.

        @param data: any bytes.

        @return: the lines that end in it, and one that has become too long, which
            is handed out there and then; its end is passed over.
        """
        *ends, rest = data.split(b"\n")
        for end in ends:
            yield from self._take(end)
            if not self._cut:
                yield Line(_text(self._held.removesuffix(b"\r")))
            self._held, self._cut = b"", False
        yield from self._take(rest)

    def rest(self) -> Iterator[Line]:
        """
        End.

        @return: what has come of a line that will not be finished, if anything.
        """
        if self._held and not self._cut:
            yield Line(_text(self._held), cut=True)

    def _take(self, part: bytes) -> Iterator[Line]:
        if self._cut:
            return
        self._held += part
        if len(self._held) > LONGEST:
            self._cut = True
            yield Line(_text(self._held[:LONGEST]), cut=True)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace")
