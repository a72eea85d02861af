"""
An event stream of Starlette: one path for each setting. uvicorn and hypercorn can run
it. docs/symptoms.rst shows how, and what each setting does.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket


async def times(form: str) -> AsyncIterator[str]:
    """
    Make a text with the current time each second.
    """
    while True:
        yield form % datetime.now().astimezone().isoformat()
        await asyncio.sleep(1)


async def lines(request: Request) -> StreamingResponse:
    return StreamingResponse(times("%s\n"), media_type="text/plain")


async def events(request: Request) -> StreamingResponse:
    stream = times("data: %s\n\n")
    return StreamingResponse(stream, media_type="text/event-stream")


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    async for each in times("%s"):
        await websocket.send_text(each)


async def collect(request: Request, call_next: Any) -> Response:
    """
    Read the whole body before it is sent, as middleware that logs bodies does.
    """
    response = await call_next(request)
    body = b"".join([part async for part in response.body_iterator])
    return Response(body, response.status_code, media_type=response.media_type)


routes = [
    Route("/lines", lines),
    Route("/events", events),
    WebSocketRoute("/socket", socket),
]

gzip = Middleware(GZipMiddleware)
collecting = Middleware(BaseHTTPMiddleware, dispatch=collect)

app = Starlette(
    routes=[
        Mount("/default", routes=routes),
        Mount("/gzip", routes=routes, middleware=[gzip]),
        Mount("/collect", routes=routes, middleware=[collecting]),
    ]
)
