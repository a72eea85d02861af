"""
Streams whose lines come late, together, or with times that do not fit.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from itertools import count

from tests.harness.streams.peer import (
    Peer,
    beats,
    boundaries,
    clock,
    stamp,
    stream,
)
from tests.harness.streams.whole import WORDS


@stream
async def late_by_700ms(peer: Peer) -> None:
    """
    A time in milliseconds, 0.7 s before the event is sent, once a second.
    """
    await peer.head()
    async for _ in beats(1, first=1):
        await peer.send(stamp(time.time() - 0.7))


@stream
async def prompt(peer: Peer) -> None:
    """
    The same without the delay.
    """
    await peer.head()
    async for _ in beats(1, first=0.3):
        await peer.send(stamp())


@stream
async def behind_by_3s(peer: Peer) -> None:
    """
    A clock that is 3 s behind: the first event comes at once.
    """
    await peer.head()
    async for _ in beats():
        await peer.send(stamp(time.time() - 3))


@stream
async def ahead_by_3s(peer: Peer) -> None:
    """
    A clock that is 3 s ahead.
    """
    await peer.head()
    async for _ in beats():
        await peer.send(stamp(time.time() + 3))


@stream
async def one_behind(peer: Peer) -> None:
    """
    Each event is sent when the next one is made, once a second.
    """
    await peer.head()
    before = stamp()
    async for _ in beats(1, first=1):
        await peer.send(before)
        before = stamp()


@stream
async def in_pairs(peer: Peer) -> None:
    """
    Two events together, each other second, with times in whole seconds.
    """
    await peer.head()
    held = ""
    async for second in boundaries():
        held += f"data: {clock(second)}\n\n"
        if int(second) % 2:
            await peer.send(held)
            held = ""


@stream
async def batches(peer: Peer) -> None:
    """
    Five tokens together every 2 s.
    """
    await peer.head()
    async for n in beats(2):
        for word in WORDS[5 * n : 5 * n + 5]:
            await peer.event(word)


@stream
async def held_with_times(peer: Peer) -> None:
    """
    Six events together, each with the time when it was made.
    """
    await _hold(peer, 6)


@stream
async def held_over_http2(peer: Peer) -> None:
    """
    The same over HTTP/2; over HTTP/1.1 one event at a time.
    """
    await _hold(peer, 6 if ":path" in peer.headers else 1)


async def _hold(peer: Peer, count: int) -> None:
    await peer.head()
    held = []
    async for _ in beats():
        held.append(stamp())
        if len(held) == count:
            await peer.send("".join(held))
            held = []


@stream
async def rarely_flushed(peer: Peer) -> None:
    """
    A compressor that is flushed at each fourth event; for a client that asks for no
    encoding, each event at once.
    """
    if "gzip" not in peer.headers.get("accept-encoding", ""):
        await peer.head()
        async for n in beats():
            await peer.event(WORDS[n])
    await peer.head(Content_Encoding="gzip")
    encoder = zlib.compressobj(wbits=31)
    async for n in beats():
        data = encoder.compress(f"data: {WORDS[n]}\n\n".encode())
        if n % 4 == 3:
            data += encoder.flush(zlib.Z_SYNC_FLUSH)
        await peer.send(data)


@stream
async def stalled(peer: Peer) -> None:
    """
    Events with times, one a period; six of them are held back once.
    """
    await peer.head()
    held = ""
    async for n in beats():
        held += stamp()
        if n not in range(6, 11):
            await peer.send(held)
            held = ""


@stream
async def pausing(peer: Peer) -> None:
    """
    An event on connecting, one to three others, then nothing.
    """
    await peer.head()
    await peer.send(stamp())
    async for n in beats(first=0.3):
        await peer.send(stamp())
        if n == peer.number % 3:
            break
    await peer.forever()


@stream
async def pausing_too(peer: Peer) -> None:
    """
    The same, counted apart: each of two readers gets every number of events.
    """
    await pausing(peer)


@stream
async def skipping(peer: Peer) -> None:
    """
    Times in whole seconds. After four lines, three seconds are left out.
    """
    await peer.head("text/plain")
    numbers = count()
    async for second in boundaries():
        if next(numbers) not in (4, 5, 6):
            await peer.send(f"{clock(second)}\n")


@stream
async def hour_jump(peer: Peer) -> None:
    """
    A time of day that jumps by an hour after five lines.
    """
    await peer.head("text/plain")
    numbers = count()
    async for second in boundaries():
        await peer.send(f"{clock(second + 3600 * (next(numbers) > 4))}\n")


@stream
async def minute_jump(peer: Peer) -> None:
    """
    A time that jumps by a minute after five lines.
    """
    await peer.head()
    async for n in beats():
        await peer.send(stamp(time.time() + 60 * (n > 4)))


@stream
async def delayed(peer: Peer) -> None:
    """
    Each event 0.2 s late, the first one too. That one is made on connecting, so its
    delay does not look like another clock's.
    """
    await peer.head()
    await _send_later(peer)
    async for _ in beats(first=0.05):
        await _send_later(peer)


async def _send_later(peer: Peer) -> None:
    event = stamp()
    await asyncio.sleep(0.2)
    await peer.send(event)
