"""
Streams that are whole.
"""

from __future__ import annotations

import asyncio
import json
import time
import zlib
from datetime import datetime

from tests.harness.streams.peer import (
    PERIOD,
    PING,
    TEXT,
    Peer,
    beats,
    boundaries,
    clock,
    iso,
    stamp,
    stream,
)

#: Text without a number, each one different.
WORDS = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in "lmnrst"]


@stream
async def words(peer: Peer) -> None:
    """
    Lines without a time and without a number, which no other stream has.
    """
    await peer.head("text/plain")
    async for n in beats():
        await peer.send(f"{WORDS[n].upper()}\n")


@stream
async def long_chunks(peer: Peer) -> None:
    """
    JSON of 300 bytes, as a language model's server sends it.
    """
    await peer.head()
    async for n in beats():
        choice = {"index": 0, "delta": {"content": WORDS[n]}, "finish_reason": None}
        chunk = {"object": "chat.completion.chunk", "choices": [choice]}
        await peer.event(json.dumps({**chunk, "system_fingerprint": "f" * 190}))


@stream
async def long_lines(peer: Peer) -> None:
    """
    A line of 60 KB each period.
    """
    await peer.head()
    async for n in beats():
        await peer.event(json.dumps({"name": WORDS[n], "pad": "x" * 60_000}))


@stream
async def greeting_then_named(peer: Peer) -> None:
    """
    An event without a name, then events with a name.
    """
    await peer.head()
    await peer.event('{"type": "connected"}')
    async for _ in beats(first=PERIOD):
        await peer.send(f"event: tick\n{stamp()}")


@stream
async def time_then_tokens(peer: Peer) -> None:
    """
    Only the first event shows a time.
    """
    await peer.head()
    await peer.event(f"connected at {iso()[11:23]}")
    async for n in beats(first=PERIOD):
        await peer.event(WORDS[n])


@stream
async def crlf(peer: Peer) -> None:
    """
    Events of several lines of data that end with CRLF.
    """
    await peer.head()
    async for n in beats():
        await peer.send(f"data: {WORDS[n]}\r\ndata: {WORDS[n]}\r\n\r\n")


@stream
async def heartbeats_between(peer: Peer) -> None:
    """
    Comments between events.
    """
    await peer.head()
    async for n in beats():
        await peer.send(": heartbeat\n\n" if n % 2 else f"data: {WORDS[n]}\n\n")


@stream
async def padded_gzip(peer: Peer) -> None:
    """
    8 KB of blanks in a comment, against buffers; then events, each flushed.
    """
    await peer.head(Content_Encoding="gzip")
    encoder = zlib.compressobj(wbits=31)
    padding = encoder.compress(b":%s\n\n" % (b" " * 8192))
    await peer.send(padding + encoder.flush(zlib.Z_SYNC_FLUSH))
    async for _ in beats():
        data = encoder.compress(stamp().encode())
        await peer.send(data + encoder.flush(zlib.Z_SYNC_FLUSH))


async def _deflate(peer: Peer, bits: int) -> None:
    await peer.head(Content_Encoding="deflate")
    encoder = zlib.compressobj(wbits=bits)
    async for _ in beats():
        data = encoder.compress(stamp().encode())
        await peer.send(data + encoder.flush(zlib.Z_SYNC_FLUSH))


@stream
async def deflate(peer: Peer) -> None:
    """
    The encoding C{deflate}, as the standard has it.
    """
    await _deflate(peer, 15)


@stream
async def raw_deflate(peer: Peer) -> None:
    """
    The encoding C{deflate}, as some servers have it: without zlib's header.
    """
    await _deflate(peer, -15)


async def _fast(peer: Peer, lines: int, size: int) -> None:
    await peer.head()
    async for n in beats(0.02):
        await peer.send(
            "".join(stamp(n=n * lines + i, pad="z" * size) for i in range(lines))
        )


@stream
async def fast(peer: Peer) -> None:
    """
    100 KB/s, in lines of 2 KB.
    """
    await _fast(peer, 1, 1950)


@stream
async def faster(peer: Peer) -> None:
    """
    2 MB/s, in lines of 20 KB.
    """
    await _fast(peer, 2, 19_900)


@stream
async def flood(peer: Peer) -> None:
    """
    As much as the client takes.
    """
    await peer.head("text/plain")
    data = b"x" * 99 + b"\n"
    while True:
        await peer.send(data * 1000)
        await asyncio.sleep(0)


@stream
async def book(peer: Peer) -> None:
    """
    The loop of the book's clock: the time in whole seconds, from the middle of a second
    on.
    """
    await peer.head("text/plain")
    async for second in boundaries(shift=0.5):
        await peer.send(f"{clock(second)}\n")


@stream
async def book_early(peer: Peer) -> None:
    """
    The same, but each other sleep ends 1 ms early, just before the second.
    """
    await peer.head("text/plain")
    async for second in boundaries(shift=-0.001):
        early = int(second) % 2
        await asyncio.sleep(0 if early else 0.002)
        await peer.send(f"{clock(second - early)}\n")


@stream
async def summer_time_offset(peer: Peer) -> None:
    """
    The offset from UTC changes by an hour, and so does the time of day: no jump.
    """
    await peer.head()
    async for n in beats():
        hours = 1 + (n > 4)
        moment = iso(time.time() + 3600 * hours)[:-1]
        await peer.event(f"{moment}+0{hours}:00")


@stream
async def without_offset(peer: Peer) -> None:
    """
    Local time in ISO 8601, in milliseconds, without an offset.
    """
    await peer.head()
    async for _ in beats():
        moment = datetime.now().isoformat(timespec="milliseconds")
        await peer.event(json.dumps({"time": moment}))


@stream
async def numeric_time(peer: Peer) -> None:
    """
    The field C{time} is a number of seconds, with a fraction.
    """
    await peer.head()
    async for _ in beats():
        await peer.event(json.dumps({"time": round(time.time(), 3)}))


@stream
async def numeric_milliseconds(peer: Peer) -> None:
    """
    The field C{time} is a number of milliseconds.
    """
    await peer.head()
    async for _ in beats():
        await peer.event(json.dumps({"time": time.time_ns() // 1_000_000}))


@stream
async def ndjson(peer: Peer) -> None:
    """
    JSON, a text a line, as another type than an event stream.
    """
    await peer.head("application/x-ndjson")
    async for n in beats():
        await peer.send(json.dumps({"time": iso(), "name": WORDS[n]}) + "\n")


@stream
async def ws_pretty(peer: Peer) -> None:
    """
    A JSON text over several lines in each message.
    """
    await peer.upgrade()
    async for n in beats():
        await peer.frame(TEXT, json.dumps({"time": iso(), "tick": n + 1}, indent=1))


@stream
async def ws_pings_between(peer: Peer) -> None:
    """
    Pings between messages.
    """
    await peer.upgrade()
    async for n in beats():
        await (peer.frame(PING) if n % 2 else peer.frame(TEXT, WORDS[n]))
