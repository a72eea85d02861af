"""
Streams that end, to read with C{--once}: answers.
"""

from __future__ import annotations

import asyncio
import json
import time

from tests.harness.streams.peer import TEXT, Peer, beats, iso, stream
from tests.harness.streams.whole import WORDS

#: A chunk of an answer of a language model: 247 bytes with "data: " and its empty line.
CHUNK_SIZE = 247


def chunk(number: int) -> str:
    """
    Make a chunk of an answer.
    """
    text = {"object": "chat.completion.chunk", "content": WORDS[number % len(WORDS)]}
    missing = CHUNK_SIZE - len(f"data: {json.dumps({**text, 'pad': ''})}\n\n")
    return f"data: {json.dumps({**text, 'pad': 'x' * missing})}\n\n"


async def _answer(peer: Peer, count: int, period: float, done: bool = True) -> None:
    await peer.head()
    async for n in beats(period):
        if n == count:
            break
        await peer.send(chunk(n))
    if done:
        await peer.event("[DONE]")
    await peer.end()


@stream
async def answer(peer: Peer) -> None:
    """
    40 tokens in 2 s, and a last event.
    """
    await _answer(peer, 40, 0.05)


@stream
async def answer_without_done(peer: Peer) -> None:
    """
    The same without the last event.
    """
    await _answer(peer, 40, 0.05, done=False)


@stream
async def answer_200(peer: Peer) -> None:
    """
    200 tokens in 5 s.
    """
    await _answer(peer, 200, 0.025)


@stream
async def answer_at_end(peer: Peer) -> None:
    """
    The headers at once, and the whole answer when it is complete.
    """
    await peer.head()
    await asyncio.sleep(2)
    await peer.send("".join(map(chunk, range(40))))
    await peer.end()


@stream
async def answer_at_once(peer: Peer) -> None:
    """
    The whole answer at once: it was ready.
    """
    await peer.head()
    await peer.send("".join(map(chunk, range(40))))
    await peer.end()


@stream
async def answer_irregular(peer: Peer) -> None:
    """
    Tokens at irregular times, some of them together.
    """
    await peer.head()
    for n, pause in enumerate((0.3, 0, 0.4, 0.1, 0.2, 0.7, 0, 0.1, 0.5, 0.2, 0.3, 0.1)):
        await asyncio.sleep(pause)
        await peer.send(chunk(n))
    await peer.end()


@stream
async def answer_with_gap(peer: Peer) -> None:
    """
    Tokens, nothing for 4 s, and tokens.
    """
    await peer.head()
    for pause in (0, 4):
        await asyncio.sleep(pause)
        for n in range(10):
            await peer.send(chunk(n + 10 * bool(pause)))
            await asyncio.sleep(0.1)
    await peer.end()


@stream
async def answer_cut(peer: Peer) -> None:
    """
    FIN within the body.
    """
    await peer.head()
    async for n in beats(0.05):
        if n == 20:
            return
        await peer.send(chunk(n))


@stream
async def answer_times(peer: Peer) -> None:
    """
    Five times, one a second.
    """
    await peer.head()
    async for n in beats(1):
        if n == 5:
            break
        await peer.event(iso())
    await peer.end()


@stream
async def plain_answer(peer: Peer) -> None:
    """
    Three lines of plain text, with a length. No other stream has them.
    """
    lines = [f"{word.upper()}\n" for word in WORDS[:3]]
    await peer.head("text/plain", length=sum(map(len, lines)))
    for each in lines:
        await peer.send(each)
        await asyncio.sleep(0.2)


@stream
async def ws_answer(peer: Peer) -> None:
    """
    Ten messages, and a normal end.
    """
    await peer.upgrade()
    await _messages(peer)


@stream
async def ws_asked(peer: Peer) -> None:
    """
    The same, after a first message of the client; without it, nothing.
    """
    await peer.upgrade()
    assert json.loads(await peer.message()) == {"stream": True}
    await _messages(peer)


async def _messages(peer: Peer) -> None:
    async for n in beats(0.1):
        if n == 10:
            break
        await peer.frame(TEXT, WORDS[n])
    await peer.close_frame(1000)


@stream
async def ws_answer_1011(peer: Peer) -> None:
    """
    Three messages, and an error of the server.
    """
    await peer.upgrade()
    for n in range(3):
        await peer.frame(TEXT, WORDS[n])
        await asyncio.sleep(0.1)
    await peer.close_frame(1011, "upstream failed")


@stream
async def post_only(peer: Peer) -> None:
    """
    405 for GET; for POST with JSON, an answer.
    """
    if peer.method != "POST":
        await peer.head("text/plain", "405 Method Not Allowed", 0, Allow="POST")
        return
    is_json = peer.headers.get("content-type") == "application/json"
    if not is_json or json.loads(peer.body) != {"stream": True}:
        await peer.head("text/plain", "400 Bad Request", 0)
        return
    await _answer(peer, 40, 0.05)


@stream
async def answer_late(peer: Peer) -> None:
    """
    The first token after 4 s.
    """
    await peer.head()
    await asyncio.sleep(4)
    start = time.monotonic()
    for n in range(10):
        await peer.send(chunk(n))
        await asyncio.sleep(start + 0.1 * (n + 1) - time.monotonic())
    await peer.end()
