"""
Streams over WebSocket and HTTP/2 that end, each in its own way.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from tests.harness.streams.ends import some
from tests.harness.streams.peer import PERIOD, PING, TEXT, Peer, beats, stream
from tests.harness.streams.whole import WORDS

if TYPE_CHECKING:
    from tests.harness.streams.http2 import Http2Peer


async def _close(peer: Peer, code: int | None, reason: str = "") -> None:
    await peer.upgrade()
    await some(peer, 3, lambda word: peer.frame(TEXT, word))
    await peer.close_frame(code, reason)


@stream
async def ws_1000(peer: Peer) -> None:
    """
    A normal end.
    """
    await _close(peer, 1000, "done")


@stream
async def ws_1001(peer: Peer) -> None:
    """
    The server goes away.
    """
    await _close(peer, 1001)


@stream
async def ws_1005(peer: Peer) -> None:
    """
    A close frame without a code.
    """
    await _close(peer, None)


@stream
async def ws_1008(peer: Peer) -> None:
    """
    A violation of a policy.
    """
    await _close(peer, 1008, "unauthorized")


@stream
async def ws_1011(peer: Peer) -> None:
    """
    An error of the server.
    """
    await _close(peer, 1011, "upstream failed")


@stream
async def ws_4408(peer: Peer) -> None:
    """
    A code of an application.
    """
    await _close(peer, 4408, "Connection initialisation timeout")


@stream
async def ws_no_close(peer: Peer) -> None:
    """
    FIN without a close frame.
    """
    await peer.upgrade()
    await some(peer, 3, lambda word: peer.frame(TEXT, word))


@stream
async def ws_idle_after_ping(peer: Peer) -> None:
    """
    Two to four messages, a ping 1 s after the last one, and FIN 1 s after the ping.
    """
    await peer.upgrade()
    async for n in beats():
        await peer.frame(TEXT, WORDS[n])
        if n > peer.number % 3:
            break
    await asyncio.sleep(1)
    await peer.frame(PING)
    await asyncio.sleep(1)


@stream
async def h2_ping(peer: Peer) -> None:
    """
    Over HTTP/2, pings between the events.
    """
    await peer.head()
    async for n in beats():
        await peer.event(WORDS[n])
        await cast("Http2Peer", peer).ping()


@stream
async def h2_end(peer: Peer) -> None:
    """
    Over HTTP/2, the end of the stream.
    """
    await peer.head()
    await some(peer, 3)
    await peer.end()


@stream
async def h2_internal_error(peer: Peer) -> None:
    """
    Over HTTP/2, the stream is reset.
    """
    from h2.errors import ErrorCodes

    await peer.head()
    await some(peer, 3)
    await cast("Http2Peer", peer).fail(ErrorCodes.INTERNAL_ERROR)
    await peer.forever()


@stream
async def h2_calm(peer: Peer) -> None:
    """
    Over HTTP/2, the connection is ended with an error.
    """
    from h2.errors import ErrorCodes

    await peer.head()
    await some(peer, 3)
    await cast("Http2Peer", peer).go_away(ErrorCodes.ENHANCE_YOUR_CALM)


@stream
async def h2_fin(peer: Peer) -> None:
    """
    Over HTTP/2, the connection ends, but the stream does not.
    """
    await peer.head()
    await some(peer, 3)


@stream
async def h2_silent(peer: Peer) -> None:
    """
    Over HTTP/2, the stream stays open, and no line comes any more.
    """
    await peer.head()
    for n in range(3):
        await peer.event(WORDS[n])
        await asyncio.sleep(PERIOD)
    await peer.forever()
