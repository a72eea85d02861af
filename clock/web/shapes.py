"""
The shape of a stream: what the arguments of its path change, so that it resembles a
stream that has failed elsewhere.

A stream without these arguments is served by a C{ClockProtocol}, and costs nothing
more. One with them is served by a L{ShapedProtocol}.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python import usage
from twisted.python.failure import Failure

from clock.console.options import seconds, whole
from clock.factory import ClockFactory
from clock.protocol import ClockProtocol

#: The most bytes of a line that is padded.
MAX_SIZE = 65_536

#: The most bytes of one line of all padded streams together. For each client that does
#: not read, the rest of a line is kept.
MAX_PADDED = 64 * 1024 * 1024

#: Seconds in which a client must take the end of a stream that is complete.
END_TIMEOUT = 10.0

#: A media type (RFC 9110, 8.3.1).
_MEDIA_TYPE = re.compile(
    r"[\w!#$&^.+-]{1,60}/[\w!#$&^.+-]{1,60}( ?; ?[\w-]{1,60}=[\w.+-]{1,60}){0,4}",
    re.ASCII,
)

#: The characters of padding: no digits and no colons, which a reader may take for a
#: time, and none that JSON or HTML escapes.
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$()*+-.;=@"
_TABLE = _LETTERS * 4


@dataclass(frozen=True)
class Shape:
    """
    The shape of a stream.

    @ivar lines: the number of lines after which the stream ends; C{None} for no end.
    @ivar every: the number of ticks from one line to the next.
    @ivar size: the least number of bytes of a line, an event or a message.
    @ivar delay: seconds from the start of the client's turn to its first line.
    @ivar isHeadLate: whether the header is sent together with the first line.
    @ivar contentType: the media type; C{None} for that of the path.
    """

    lines: int | None = None
    every: int = 1
    size: int = 0
    delay: float = 0.0
    isHeadLate: bool = False
    contentType: str | None = None


#: The shape of a stream without arguments.
PLAIN = Shape()


def _lateHead(value: str) -> bool:
    if value != "late":
        raise usage.UsageError(f"headers {value!r} is not late")
    return True


def _mediaType(value: str) -> str:
    if not _MEDIA_TYPE.fullmatch(value):
        raise usage.UsageError(
            f"type {value!r} is not a media type, such as application/x-ndjson"
        )
    return value


#: The arguments: what each is called in a L{Shape}, and how its value is read.
_ARGUMENTS: dict[str, tuple[str, Callable[[str], object]]] = {
    "lines": ("lines", whole("lines", 1, 999_999_999)),
    "every": ("every", whole("every", 1, 999_999_999)),
    "bytes": ("size", whole("bytes", 1, MAX_SIZE)),
    "delay": ("delay", seconds("delay", 0)),
    "headers": ("isHeadLate", _lateHead),
    "type": ("contentType", _mediaType),
}


def requestedShape(request: Any) -> Shape:
    """
    Read the shape that a request asks for.

    @param request: the request.

    @return: the shape; L{PLAIN} without arguments for it.

    @raise usage.UsageError: if a value is wrong, or is given twice. The message says
        what is allowed.
    """
    if not request.args:
        return PLAIN
    values: dict[str, Any] = {}
    for argument, (name, read) in _ARGUMENTS.items():
        given = request.args.get(argument.encode(), [])
        if len(given) > 1:
            raise usage.UsageError(f"{argument} is given {len(given)} times, not once")
        if given:
            values[name] = read(given[0].decode("utf-8", "replace"))
    return Shape(**values) if values else PLAIN


class Padding:
    """
    Text that compresses by a quarter at most: random letters and signs, other ones at
    each tick.
    """

    def __init__(self) -> None:
        """
        Begin without text.
        """
        self._tick = -1
        self._text = b""

    def text(self, size: int, tick: int) -> bytes:
        """
        Return the text of a tick. Making 64 KB takes 0.15 ms, so all streams share it.

        @param size: the number of bytes, up to L{MAX_SIZE}.
        @param tick: the number of the tick.
        """
        if tick != self._tick:
            self._tick = tick
            self._text = os.urandom(MAX_SIZE).translate(_TABLE)
        return self._text[:size]


class PaddedStreams:
    """
    The padded streams of a site, which together are limited by L{MAX_PADDED}.

    @ivar size: the bytes of one line of all of them.
    """

    def __init__(self) -> None:
        """
        Begin without streams.
        """
        self.size = 0

    def hasRoom(self, size: int) -> bool:
        """
        Return whether one more stream may begin.

        @param size: the bytes of one of its lines.
        """
        return self.size + size <= MAX_PADDED


class ShapedProtocol(ClockProtocol):
    """
    Send the time to one client, in a L{Shape}.
    """

    transport: Any
    _firstTick = 0
    _delayCall: IDelayedCall | None = None

    def __init__(self, shape: Shape, streams: PaddedStreams) -> None:
        """
        @param shape: the shape.
        @param streams: the padded streams, which count this one.
        """
        self._shape = shape
        self._streams = streams
        streams.size += shape.size

    def serve(self) -> None:
        """
        Begin this client's turn: send the current time after the delay.
        """
        if self._shape.delay:
            self._delayCall = self.factory.ticker.reactor.callLater(
                self._shape.delay, super().serve
            )
        else:
            super().serve()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Stop sending, and end the turn or the wait for it.
        """
        self._streams.size -= self._shape.size
        super().connectionLost(reason)

    def _cancelCalls(self) -> None:
        super()._cancelCalls()
        self._cancel(self._delayCall)

    def _sendTime(self) -> None:
        """
        Send the first line at once, and then one line in each period of the shape: at
        its first tick, or as soon as the client can take it. After its last line, end
        the stream: the client has L{END_TIMEOUT} to take it.
        """
        first, last, every = self._firstTick, self._lastTick, self._shape.every
        tick = self.factory.ticker.tick
        if last is not None and (tick - first) // every == (last - first) // every:
            return
        super()._sendTime()
        if last is None:
            self._firstTick = self._lastTick or 0
        if self.lines == self._shape.lines:
            self._end(END_TIMEOUT, self.transport.complete)


def shapedClient(
    factory: ClockFactory, shape: Shape, streams: PaddedStreams
) -> ClockProtocol:
    """
    Build the protocol of a stream.

    @param factory: the factory of its lines.
    @param shape: its shape.
    @param streams: the padded streams of the site.

    @return: the protocol. If the shape is L{PLAIN}, it is one like any other.
    """
    if shape is PLAIN:
        return factory.buildProtocol(None)
    return factory.buildProtocol(None, lambda: ShapedProtocol(shape, streams))
