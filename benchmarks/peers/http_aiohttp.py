"""
An event stream on aiohttp, on uvloop, with a sleep for each client.
"""

import asyncio
import socket
import time
from itertools import count

import uvloop
from aiohttp import web


async def events(request: web.Request) -> web.StreamResponse:
    """
    Send the time to one client until it disconnects.
    """
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
    )
    await response.prepare(request)
    try:
        for number in count():
            now = time.strftime("%H:%M:%S")
            await response.write(f"id: {number}\ndata: {now}\n\n".encode())
            await asyncio.sleep(1)
    except ConnectionError:
        pass
    return response


app = web.Application()
app.router.add_get("/events", events)
listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
print(listening.getsockname()[1], flush=True)
web.run_app(
    app,
    sock=listening,
    backlog=4096,
    access_log=None,
    print=None,
    loop=uvloop.new_event_loop(),
)
