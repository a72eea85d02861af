"""
Streams that end, each in its own way.

Most end once, and their second connection does not, so that no end looks like a
timeout.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from tests.harness.streams.peer import PERIOD, Peer, beats, iso, stream
from tests.harness.streams.whole import WORDS


async def some(
    peer: Peer, count: int, send: Callable[[str], Awaitable[None]] | None = None
) -> None:
    """
    Send some lines; on a later connection, send lines forever.
    """
    async for n in beats():
        await (send or peer.event)(WORDS[n])
        if n + 1 == count and peer.number == 0:
            return


@stream
async def clean_end(peer: Peer) -> None:
    """
    Two to four lines, then the last chunk, always one period after the last line.
    """
    await peer.head()
    for n in range(2 + peer.number % 3):
        await peer.event(WORDS[n])
        await asyncio.sleep(PERIOD)
    await peer.end()


@stream
async def length_reached(peer: Peer) -> None:
    """
    A body of a known length.
    """
    events = [f"data: {WORDS[n]}\n\n" for n in range(3)]
    await peer.head(length=sum(map(len, events)))
    for event in events:
        await peer.send(event)
        await asyncio.sleep(PERIOD)


@stream
async def length_missed(peer: Peer) -> None:
    """
    The same, but the body ends before its length.
    """
    await peer.head(length=10_000)
    await some(peer, 3)


@stream
async def cut_at_tick(peer: Peer) -> None:
    """
    Two to four lines, and then FIN within the body, one period after the last line.
    """
    await peer.head()
    for n in range(2 + peer.number % 3):
        await peer.event(WORDS[n])
        await asyncio.sleep(PERIOD)


@stream
async def idle_timeout(peer: Peer) -> None:
    """
    Two to four lines, then FIN within the body 0.8 s after the last one.
    """
    await peer.head()
    async for n in beats():
        await peer.event(WORDS[n])
        if n > peer.number % 3:
            break
    await asyncio.sleep(0.8)


@stream
async def total_timeout(peer: Peer) -> None:
    """
    FIN within the body 1.75 s after the start, at any phase of the lines.
    """
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(_phased(peer), 1.75)


async def _phased(peer: Peer) -> None:
    await peer.head()
    async for n in beats(first=0.15 * (peer.number % 3)):
        await peer.event(WORDS[n])


@stream
async def cut_once_at_15(peer: Peer) -> None:
    """
    FIN within the body 15 s after the start, while lines come.
    """
    await peer.head()
    await some(peer, 30)
    await asyncio.sleep(0.5)


@stream
async def cut_within_chunk(peer: Peer) -> None:
    """
    FIN in the middle of a chunk.
    """
    await peer.head()
    await some(peer, 3)
    await peer.raw(b"80\r\ndata: ")


@stream
async def broken_chunk(peer: Peer) -> None:
    """
    What h2o sends when its own server times out: no chunk, on purpose.
    """
    await peer.head()
    await some(peer, 3)
    await asyncio.sleep(0.8)
    await peer.raw(b"\r\n1\r\n")


@stream
async def closed_between(peer: Peer) -> None:
    """
    FIN between two lines of a body without a length.
    """
    await peer.head("text/plain", Connection="close")
    await some(peer, 3, lambda word: peer.send(f"{word}\n"))


@stream
async def closed_within_line(peer: Peer) -> None:
    """
    FIN in the middle of a line of such a body.
    """
    await closed_between(peer)
    await peer.send("bab")


@stream
async def reset(peer: Peer) -> None:
    """
    A reset.
    """
    await peer.head()
    await some(peer, 3)
    peer.reset()


@stream
async def tls_closed(peer: Peer) -> None:
    """
    FIN between two lines of a body without a length, after the end of TLS.
    """
    await closed_between(peer)


@stream
async def tls_truncated(peer: Peer) -> None:
    """
    FIN without the end of TLS, in a body without a length.
    """
    await closed_between(peer)
    peer.abandon()


@stream
async def unfinished(peer: Peer) -> None:
    """
    Three events, then the last one without the empty line after it; a complete body.
    """
    await peer.head()
    await some(peer, 3)
    await peer.send("data: last\n")
    await peer.end()


@stream
async def only_unfinished(peer: Peer) -> None:
    """
    One event without the empty line after it; a complete body.
    """
    await peer.head()
    await peer.send("data: last\n")
    await peer.end()


@stream
async def idle_after_comment(peer: Peer) -> None:
    """
    Two to four events, a comment 1 s after the last one, and FIN 1 s after it.
    """
    await peer.head()
    async for n in beats():
        await peer.event(WORDS[n])
        if n > peer.number % 3:
            break
    await asyncio.sleep(1)
    await peer.send(": heartbeat\n\n")
    await asyncio.sleep(1)


@stream
async def timed_end(peer: Peer) -> None:
    """
    A time in each event, then the last chunk in the middle of a period.
    """
    await peer.head()
    await some(peer, 4, lambda _: peer.event(iso()))
    await asyncio.sleep(PERIOD / 2)
    await peer.end()
