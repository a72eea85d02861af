"""
Streams in which bytes come, but no lines, or no more of them.
"""

from __future__ import annotations

import asyncio
import zlib

from tests.harness.streams.peer import PERIOD, PING, TEXT, Peer, beats, stamp, stream
from tests.harness.streams.whole import WORDS


async def _repeat(peer: Peer, text: str) -> None:
    await peer.head()
    async for n in beats():
        await peer.send(text.format(WORDS[n]))


@stream
async def no_blank_line(peer: Peer) -> None:
    """
    Data without the empty line after it.
    """
    await _repeat(peer, "data: {}\n")


@stream
async def bare_lines(peer: Peer) -> None:
    """
    Lines that are no fields of an event.
    """
    await _repeat(peer, "{}\n")


@stream
async def bare_json(peer: Peer) -> None:
    """
    JSON, a text a line, as an event stream: a line with a colon, but no field.
    """
    await _repeat(peer, '{{"name": "{}"}}\n')


@stream
async def comments(peer: Peer) -> None:
    """
    Comments alone.
    """
    await _repeat(peer, ": heartbeat\n\n")


@stream
async def without_data(peer: Peer) -> None:
    """
    Events with a name and without data.
    """
    await _repeat(peer, "event: tick\n\n")


@stream
async def text_plain(peer: Peer) -> None:
    """
    Events as another type.
    """
    await peer.head("text/plain; charset=utf-8")
    async for n in beats():
        await peer.event(WORDS[n])


@stream
async def text_html(peer: Peer) -> None:
    """
    Events as the type that PHP has by default.
    """
    await peer.head("text/html; charset=UTF-8")
    async for n in beats():
        await peer.event(WORDS[n])


@stream
async def endpoint(peer: Peer) -> None:
    """
    One event, then comments: an idle server of MCP.
    """
    await peer.head()
    await peer.send("event: endpoint\ndata: /messages?session=a\n\n")
    async for _ in beats(first=PERIOD):
        await peer.send(": ping\n\n")


@stream
async def endpoint_only(peer: Peer) -> None:
    """
    One event, then nothing.
    """
    await peer.head()
    await peer.send("event: endpoint\ndata: /messages?session=a\n\n")
    await peer.forever()


@stream
async def ws_pings(peer: Peer) -> None:
    """
    Pings alone.
    """
    await peer.upgrade()
    async for _ in beats():
        await peer.frame(PING)


@stream
async def ws_silent(peer: Peer) -> None:
    """
    A WebSocket without a frame.
    """
    await peer.upgrade()
    await peer.forever()


@stream
async def ws_one_then_pings(peer: Peer) -> None:
    """
    One message, then pings.
    """
    await peer.upgrade()
    await peer.frame(TEXT, '{"type": "connection_ack"}')
    async for _ in beats(first=PERIOD):
        await peer.frame(PING)


@stream
async def silence(peer: Peer) -> None:
    """
    The headers, then nothing.
    """
    await peer.head()
    await peer.forever()


@stream
async def never_flushed(peer: Peer) -> None:
    """
    A compressor that is not flushed.
    """
    await peer.head(Content_Encoding="gzip")
    encoder = zlib.compressobj(wbits=31)
    async for _ in beats():
        await peer.send(encoder.compress(stamp().encode()))


@stream
async def snapshot(peer: Peer) -> None:
    """
    A line of 750 KB, then short ones.
    """
    await peer.head()
    await peer.event(f'{{"snapshot": "{"s" * 750_000}"}}')
    async for n in beats(first=PERIOD):
        await peer.event(WORDS[n])


@stream
async def growing(peer: Peer) -> None:
    """
    A line that never ends.
    """
    await peer.head("text/plain")
    async for _ in beats():
        await peer.send("x" * 1000)


@stream
async def headers_held(peer: Peer) -> None:
    """
    No headers.
    """
    await peer.forever()


async def _begin_late(peer: Peer, headers: float, first: float) -> None:
    await asyncio.sleep(headers)
    await peer.head()
    async for n in beats(first=first):
        await peer.event(WORDS[n])


@stream
async def late_headers(peer: Peer) -> None:
    """
    The headers after 4 s, then all is well.
    """
    await _begin_late(peer, 4, 0)


@stream
async def late_line(peer: Peer) -> None:
    """
    The headers at once, and the first line after 4 s.
    """
    await _begin_late(peer, 0, 4)


@stream
async def soon(peer: Peer) -> None:
    """
    The headers after one period, and the first line after another: not late.
    """
    await _begin_late(peer, PERIOD, PERIOD)
