"""
Streams that bring the same lines to all clients, on one path later than on another.
"""

from __future__ import annotations

import json

from tests.harness.streams.peer import PERIOD, Peer, beats, boundaries, iso, stream
from tests.harness.streams.whole import WORDS


async def _shared(peer: Peer, delay: float, kind: str) -> None:
    """
    Send what all clients get: by number, by time or by text.
    """
    await peer.head()
    first = None
    async for at in boundaries(PERIOD, delay):
        number = round(at / PERIOD)
        first = number if first is None else first
        if peer.path.startswith("missing") and number - first in (6, 7, 8):
            continue
        word = WORDS[number % len(WORDS)]
        await peer.send(
            {
                "number": f"id: {number % 1_000_000}\ndata: line\n\n",
                "time": f"data: {json.dumps({'time': iso(at)})}\n\n",
                "text": f"data: {word}\n\n",
            }[kind]
        )


@stream
async def direct_by_number(peer: Peer) -> None:
    """
    Ids that count.
    """
    await _shared(peer, 0, "number")


@stream
async def later_by_number(peer: Peer) -> None:
    """
    The same, 0.2 s later.
    """
    await _shared(peer, 0.2, "number")


@stream
async def missing_by_number(peer: Peer) -> None:
    """
    The same, but three lines are missing.
    """
    await _shared(peer, 0, "number")


@stream
async def direct_by_time(peer: Peer) -> None:
    """
    Times in milliseconds.
    """
    await _shared(peer, 0, "time")


@stream
async def later_by_time(peer: Peer) -> None:
    """
    The same, 0.2 s later.
    """
    await _shared(peer, 0.2, "time")


@stream
async def direct_by_text(peer: Peer) -> None:
    """
    Text that is different in each line.
    """
    await _shared(peer, 0, "text")


@stream
async def later_by_text(peer: Peer) -> None:
    """
    The same, 0.2 s later.
    """
    await _shared(peer, 0.2, "text")


@stream
async def missing_by_text(peer: Peer) -> None:
    """
    The same, but three lines are missing.
    """
    await _shared(peer, 0, "text")


@stream
async def constant_text(peer: Peer) -> None:
    """
    The same text in each line: it shows no line's place.
    """
    await peer.head()
    async for _ in beats(first=0.2):
        await peer.event("tick")
