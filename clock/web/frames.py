"""
The frames of lines in HTTP responses: what is sent for a line.
"""

from __future__ import annotations

from weakref import WeakValueDictionary

from clock.factory import ClockFactory
from clock.ticker import Ticker
from clock.web.messages import chunk
from clock.web.shapes import Padding


class LineFrames:
    """
    The frames of C{/lines}: a chunk for each line.
    """

    contentType = "text/plain; charset=utf-8"
    opening = b""

    def __init__(
        self, ticker: Ticker, chunked: bool, size: int, padding: Padding
    ) -> None:
        """
        @param ticker: the ticker of the lines.
        @param chunked: whether the response has the chunked transfer encoding.
        @param size: the number of bytes to which a shorter line is padded.
        @param padding: what it is padded with.
        """
        self._ticker = ticker
        self._chunked = chunked
        self._size = size
        self._padding = padding
        self._line = self._frame = b""

    def frame(self, line: bytes) -> bytes:
        """
        Frame a line. A line that is the same object as the last one is framed once.

        @param line: the line, with its newline.

        @return: the bytes to send.
        """
        if line is not self._line:
            self._line = line
            body = self.body(line)
            missing = self._size - len(body)
            self._frame = self.chunk(self.pad(body, missing) if missing > 0 else body)
        return self._frame

    def body(self, line: bytes) -> bytes:
        """
        Return a line in the format of the stream.
        """
        return line

    def pad(self, body: bytes, missing: int) -> bytes:
        """
        Pad a line after its text; in JSON, with one more member, or with blanks if
        there is no room for one.

        @param body: the line, in the format of the stream.
        @param missing: the number of bytes to add.
        """
        line = body.rstrip(b"\n")
        end = body[len(line) :]
        if not (line.startswith(b"{") and line.endswith(b"}")):
            return line + b" " + self.padding(missing - 1) + end
        member = len(b', "padding": ""')
        if missing < member:
            return line + b" " * missing + end
        text = self.padding(missing - member)
        return b'%s, "padding": "%s"}%s' % (line[:-1], text, end)

    def padding(self, size: int) -> bytes:
        """
        Return padding for the current tick.

        @param size: the number of bytes.
        """
        return self._padding.text(size, self._ticker.tick)

    def greeting(self, number: int) -> bytes:
        """
        Return a message with the client's number; nothing if the format has none.
        """
        return b""

    def chunk(self, body: bytes) -> bytes:
        """
        Make a chunk of some bytes, if the response is chunked.
        """
        return chunk(body) if self._chunked else body


class EventFrames(LineFrames):
    """
    The frames of C{/events}: a server-sent event for each line, with the number of its
    tick.
    """

    contentType = "text/event-stream"
    opening = b": connected\n\n"

    def body(self, line: bytes) -> bytes:
        """
        Return a line as an event.
        """
        return b"id: %d\ndata: %s\n" % (self._ticker.tick, line)

    def pad(self, body: bytes, missing: int) -> bytes:
        """
        Pad an event with a comment. A single byte is an empty line after it.
        """
        if missing == 1:
            return body + b"\n"
        return b":%s\n%s" % (self.padding(missing - 2), body)

    def greeting(self, number: int) -> bytes:
        """
        Return an event named C{client} with the client's number.
        """
        return b"event: client\ndata: %d\n\n" % number


class SharedFrames:
    """
    The frames that the streams of one path share. They are kept while there is a stream
    that uses them.
    """

    def __init__(self, frames: type[LineFrames]) -> None:
        """
        @param frames: the class of the frames.
        """
        self._frames = frames
        self._padding = Padding()
        self._shared: WeakValueDictionary[object, LineFrames] = WeakValueDictionary()

    def of(self, factory: ClockFactory, chunked: bool, size: int) -> LineFrames:
        """
        Return the frames of a stream.

        @param factory: the factory of its lines.
        @param chunked: whether it has the chunked transfer encoding.
        @param size: the number of bytes to which a shorter line is padded.
        """
        key = factory, chunked, size
        frames = self._shared.get(key)
        if frames is None:
            frames = self._frames(factory.ticker, chunked, size, self._padding)
            self._shared[key] = frames
        return frames
