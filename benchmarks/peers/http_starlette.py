"""
An event stream on starlette and uvicorn, on uvloop and httptools, with a sleep for each
client.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from itertools import count

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route


async def tell() -> AsyncIterator[str]:
    """
    Yield the events for one client.
    """
    for number in count():
        now = time.strftime("%H:%M:%S")
        yield f"id: {number}\ndata: {now}\n\n"
        await asyncio.sleep(1)


async def events(request: Request) -> StreamingResponse:
    """
    Send the time to one client until it disconnects.
    """
    return StreamingResponse(
        tell(),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache"},
    )


listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
print(listening.getsockname()[1], flush=True)
config = uvicorn.Config(
    Starlette(routes=[Route("/events", events)]),
    loop="uvloop",
    http="httptools",
    backlog=4096,
    access_log=False,
    log_level="warning",
)
uvicorn.Server(config).run(sockets=[listening])
