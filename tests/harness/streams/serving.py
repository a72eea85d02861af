"""
What a client gets: the stream at the path that it asks for.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from tests.harness.streams.peer import REQUESTS, STREAMS, Peer, stream


async def not_found(peer: Peer) -> None:
    """
    404; but as a proxy, a tunnel to this host for a name that no server of names knows.
    """
    host, _, port = peer.path.partition(":")
    if peer.method != "CONNECT" or not host.endswith(".invalid"):
        await peer.head("text/plain", "404 Not Found", 0)
        return
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
    await peer.raw(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await asyncio.gather(_copy(reader, peer.writer), _copy(peer.reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """
    Serve the path that a client asks for, and close the connection.
    """
    peer = Peer(reader, writer)
    with suppress(OSError, asyncio.IncompleteReadError):
        await peer.request()
        await STREAMS.get(peer.path, not_found)(peer)
    with suppress(OSError):
        writer.close()
        await writer.wait_closed()


@stream
async def requests(peer: Peer) -> None:
    """
    The number of requests for each path, in JSON.
    """
    body = json.dumps(REQUESTS)
    await peer.head("application/json", length=len(body))
    await peer.send(body)
