"""
One client of a stream, and the paths of all streams.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import socket
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timezone

#: Seconds between two lines of most streams.
PERIOD = 0.5

#: What clients are told to put before the hash of their key (RFC 6455).
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

#: The opcodes of frames (RFC 6455).
TEXT, CLOSE, PING = 1, 8, 9

#: A function that serves a stream to one client.
Behavior = Callable[["Peer"], Awaitable[None]]

#: The streams by their paths.
STREAMS: dict[str, Behavior] = {}

#: The number of requests for each path.
REQUESTS: Counter[str] = Counter()


def stream(behavior: Behavior) -> Behavior:
    """
    Serve a stream, at a path that is its name.
    """
    name = getattr(behavior, "__name__", "")
    assert name not in STREAMS
    STREAMS[name] = behavior
    return behavior


def iso(at: float | None = None, places: str = "milliseconds") -> str:
    """
    Write a time in UTC: the current one by default.
    """
    moment = datetime.fromtimestamp(time.time() if at is None else at, timezone.utc)
    return moment.isoformat(timespec=places).replace("+00:00", "Z")


def clock(at: float) -> str:
    """
    Write a local time of day in whole seconds.
    """
    return time.strftime("%H:%M:%S", time.localtime(at))


def stamp(at: float | None = None, **fields: object) -> str:
    """
    Write an event in JSON with a time in milliseconds.
    """
    return f"data: {json.dumps({'time': iso(at), **fields})}\n\n"


async def beats(period: float = PERIOD, first: float = 0) -> AsyncIterator[int]:
    """
    Count from 0, once in each period, without drift.

    @param first: seconds to wait before the first one.
    """
    start = time.monotonic() + first
    number = 0
    while True:
        await asyncio.sleep(start + number * period - time.monotonic())
        yield number
        number += 1


async def boundaries(period: float = 1, shift: float = 0) -> AsyncIterator[float]:
    """
    Wait for each whole multiple of a period since 1970, and return it.

    @param shift: seconds to wait longer, or less if it is negative.
    """
    number = (time.time() - shift) // period
    while True:
        number += 1
        await asyncio.sleep(number * period + shift - time.time())
        yield number * period


class Peer:
    """
    One client of a stream over HTTP/1.1 or WebSocket.

    @ivar path: the path without the slash.
    @ivar number: the number of requests for this path before this one.
    @ivar method: the method.
    @ivar headers: the headers, by their names in lower case.
    @ivar body: the body of the request.
    """

    method = "GET"
    body = b""
    _is_chunked = False
    _version = "HTTP/1.1"

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.reader = reader
        self.writer = writer
        self.headers: dict[str, str] = {}

    async def request(self) -> None:
        """
        Read the request. Answer TLS as other servers of plain HTTP do.
        """
        first = await self.reader.readexactly(1)
        if first == b"\x16":
            await self.head("text/plain", "400 Bad Request", 0)
            raise ConnectionAbortedError
        lines = (first + await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        request, *rest = lines.split("\r\n")
        self.method, target, self._version = request.split(" ")
        for line in filter(None, rest):
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()
        self.body = await self.reader.readexactly(
            int(self.headers.get("content-length", "0"))
        )
        self.begin(target)

    def begin(self, target: str) -> None:
        """
        Note the path, and count the request. A client that takes this server for a
        proxy sends a whole URL, or only a host and a port.

        @param target: what is asked for.
        """
        self.path = re.sub("^http://[^/]*", "", target).partition("?")[0].strip("/")
        self.number = REQUESTS[self.path]
        REQUESTS[self.path] += 1

    async def head(
        self,
        kind: str = "text/event-stream",
        status: str = "200 OK",
        length: int | None = None,
        **headers: str,
    ) -> None:
        """
        Send the head of a response.

        @param kind: its type.
        @param length: length of the body; without it, chunks are sent, or over HTTP/1.0
            the end of the connection ends the body.
        @param headers: more headers, with C{_} for C{-}.
        """
        if length is None and self._version == "HTTP/1.0":
            headers["Connection"] = "close"
        self._is_chunked = length is None and headers.get("Connection") != "close"
        if self._is_chunked:
            headers["Transfer-Encoding"] = "chunked"
        if length is not None:
            headers["Content-Length"] = str(length)
        lines = [f"{name.replace('_', '-')}: {headers[name]}" for name in headers]
        text = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Type: {kind}", *lines])
        await self.raw(f"{text}\r\n\r\n".encode())

    async def send(self, data: str | bytes) -> None:
        """
        Send a part of the body.
        """
        data = data.encode() if isinstance(data, str) else data
        if data:
            await self.raw(
                b"%x\r\n%s\r\n" % (len(data), data) if self._is_chunked else data
            )

    async def event(self, data: object) -> None:
        """
        Send an event.
        """
        await self.send(f"data: {data}\n\n")

    async def end(self) -> None:
        """
        Send the last chunk, if chunks are sent.
        """
        await self.raw(b"0\r\n\r\n" if self._is_chunked else b"")

    async def raw(self, data: bytes) -> None:
        """
        Send bytes as they are.
        """
        self.writer.write(data)
        await self.writer.drain()

    async def forever(self) -> None:
        """
        Say nothing more, until the client disconnects.
        """
        await self.reader.read()

    async def upgrade(self) -> None:
        """
        Become a WebSocket.
        """
        key = f"{self.headers['sec-websocket-key']}{_GUID}".encode()
        accept = base64.b64encode(hashlib.sha1(key).digest()).decode()
        await self.raw(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n" % accept.encode()
        )

    async def frame(self, opcode: int, payload: str | bytes = b"") -> None:
        """
        Send a frame of a WebSocket.
        """
        data = payload.encode() if isinstance(payload, str) else payload
        length = len(data)
        size = bytes([length]) if length < 126 else b"\x7e" + struct.pack(">H", length)
        await self.raw(bytes([0x80 | opcode]) + size + data)

    async def close_frame(self, code: int | None = None, reason: str = "") -> None:
        """
        Send a close frame, and wait for that of the client.
        """
        number = b"" if code is None else struct.pack(">H", code)
        await self.frame(CLOSE, number + reason.encode())
        await self.reader.read(65536)

    async def message(self) -> str:
        """
        Wait for a text message of the client. A short one is enough here.
        """
        first, size = await self.reader.readexactly(2)
        assert (first, size >> 7) == (0x80 | TEXT, 1)
        mask = await self.reader.readexactly(4)
        data = await self.reader.readexactly(size & 0x7F)
        return bytes(b ^ mask[i % 4] for i, b in enumerate(data)).decode()

    def reset(self) -> None:
        """
        Reset the connection (SO_LINGER in socket(7)).
        """
        connection = self.writer.get_extra_info("socket")
        linger = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.abandon()

    def abandon(self) -> None:
        """
        Close the connection at once: over TLS, without C{close_notify}.
        """
        self.writer.transport.abort()
