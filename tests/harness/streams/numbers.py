"""
Streams with ids and numbers, which count or do not.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.harness.streams.peer import Peer, beats, stream
from tests.harness.streams.whole import WORDS


async def _ids(peer: Peer, ids: Iterable[int | None]) -> None:
    await peer.head()
    numbers = iter(ids)
    async for n in beats():
        id = next(numbers)
        await peer.send(f"id: {id}\n" * (id is not None) + f"data: {WORDS[n]}\n\n")


async def _numbers(peer: Peer, numbers: Iterable[int]) -> None:
    await peer.head("text/plain")
    found = iter(numbers)
    async for _ in beats():
        await peer.send(f"{next(found)}\n")


@stream
async def sparse_ids(peer: Peer) -> None:
    """
    The ids are 1000, 1010, 1020 ...
    """
    await _ids(peer, range(1000, 5000, 10))


@stream
async def shared_ids(peer: Peer) -> None:
    """
    The ids count the events of all streams of the server.
    """
    await _ids(peer, (118 + 5 * n + n * n % 4 for n in range(500)))


@stream
async def one_id(peer: Peer) -> None:
    """
    Only the first event has an id.
    """
    await _ids(peer, (7 if n == 0 else None for n in range(500)))


@stream
async def same_id(peer: Peer) -> None:
    """
    Each event has the same id.
    """
    await _ids(peer, (7 for _ in range(500)))


@stream
async def counting_ids(peer: Peer) -> None:
    """
    The ids step by one.
    """
    await _ids(peer, range(40, 500))


@stream
async def missing_ids(peer: Peer) -> None:
    """
    The ids step by one, but two are missing, and so are their events.
    """
    await _ids(peer, (n for n in range(40, 500) if n not in (46, 47)))


@stream
async def prices(peer: Peer) -> None:
    """
    Each line is a price.
    """
    await _numbers(peer, (101 + 7 * n * n % 12 for n in range(500)))


@stream
async def rising_prices(peer: Peer) -> None:
    """
    Each line is a price, and each is higher than the one before.
    """
    await _numbers(peer, (101 + 2 * n + n * n % 3 for n in range(500)))


@stream
async def counting(peer: Peer) -> None:
    """
    Each line is a number, one more than the one before.
    """
    await _numbers(peer, range(1, 500))


@stream
async def missing_numbers(peer: Peer) -> None:
    """
    The same, but two numbers are missing.
    """
    await _numbers(peer, (n for n in range(1, 500) if n not in (7, 8)))
