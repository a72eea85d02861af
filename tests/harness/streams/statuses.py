"""
Responses that are no streams.
"""

from __future__ import annotations

import asyncio
import json

from tests.harness.streams.peer import PERIOD, Peer, beats, stream
from tests.harness.streams.whole import WORDS

#: A page of 500 bytes.
PAGE = "<html>\n<title>Log in</title>\n<body>\n{}\n</body>\n</html>\n"
PAGE = PAGE.format("x" * (502 - len(PAGE)))


async def _status(peer: Peer, status: str, **headers: str) -> None:
    await peer.head("text/plain", status, 0, **headers)


@stream
async def login_page(peer: Peer) -> None:
    """
    A page with status 200.
    """
    await peer.head("text/html", length=len(PAGE))
    await peer.send(PAGE)


@stream
async def json_error(peer: Peer) -> None:
    """
    An error in JSON with status 200, in chunks.
    """
    await peer.head("application/json")
    await peer.send(json.dumps({"error": {"message": "quota exceeded"}}))
    await peer.end()


@stream
async def late_504(peer: Peer) -> None:
    """
    504 after 2 s.
    """
    await asyncio.sleep(2)
    await _status(peer, "504 Gateway Timeout")


@stream
async def prompt_502(peer: Peer) -> None:
    """
    502 at once.
    """
    await _status(peer, "502 Bad Gateway")


@stream
async def busy(peer: Peer) -> None:
    """
    429, to ask again after half a minute.
    """
    await _status(peer, "429 Too Many Requests", Retry_After="30")


@stream
async def busy_for_now(peer: Peer) -> None:
    """
    429 once, to ask again after a second; then all is well.
    """
    if peer.number == 0:
        await _status(peer, "429 Too Many Requests", Retry_After="1")
        return
    await peer.head()
    async for n in beats():
        await peer.event(WORDS[n])


@stream
async def busy_without_words(peer: Peer) -> None:
    """
    429 without a time.
    """
    await _status(peer, "429 Too Many Requests")


@stream
async def unauthorized(peer: Peer) -> None:
    """
    401, unless the request has a token.
    """
    if peer.headers.get("authorization") != "Bearer secret":
        await _status(peer, "401 Unauthorized", WWW_Authenticate="Bearer")
        return
    await peer.head()
    async for n in beats():
        await peer.event(WORDS[n])


@stream
async def forbidden(peer: Peer) -> None:
    """
    403.
    """
    await _status(peer, "403 Forbidden")


@stream
async def acceptable(peer: Peer) -> None:
    """
    406, unless the request accepts an event stream by name.
    """
    if "text/event-stream" not in peer.headers.get("accept", ""):
        await _status(peer, "406 Not Acceptable")
        return
    await peer.head()
    async for n in beats():
        await peer.event(WORDS[n])


@stream
async def no_response(peer: Peer) -> None:
    """
    FIN instead of a response.
    """
    await asyncio.sleep(PERIOD)


@stream
async def not_http(peer: Peer) -> None:
    """
    A greeting of another protocol.
    """
    await peer.raw(b"220 mail.example ESMTP\r\n")
