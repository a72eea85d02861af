"""
An event stream of Django: one path for each setting. gunicorn runs it with WSGI, and
uvicorn with ASGI. docs/symptoms.rst shows how, and what each setting does.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import datetime

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import path
from django.views.decorators.gzip import gzip_page

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="none")


def event() -> str:
    return f"data: {datetime.now().astimezone().isoformat()}\n\n"


def sync_events() -> Iterator[str]:
    while True:
        yield event()
        time.sleep(1)


async def async_events() -> AsyncIterator[str]:
    while True:
        yield event()
        await asyncio.sleep(1)


def sync_stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(sync_events(), content_type="text/event-stream")


def async_stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(async_events(), content_type="text/event-stream")


urlpatterns = [
    path("sync/events", sync_stream),
    path("sync-gzip/events", gzip_page(sync_stream)),
    path("async/events", async_stream),
    path("async-gzip/events", gzip_page(async_stream)),
]

wsgi = get_wsgi_application()
asgi = get_asgi_application()
