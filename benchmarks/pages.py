"""
Open pages, which read the stream of the server's status as browsers do.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from http.client import HTTPException
from urllib.request import urlopen


class Pages:
    """
    Some pages, each read by a thread until the server closes the connection.

    @ivar events: number of events that all pages together have read.
    """

    def __init__(self, port: int, count: int) -> None:
        self.events = 0
        self._url = f"http://127.0.0.1:{port}/status/events"
        for _ in range(count):
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with suppress(OSError, HTTPException), urlopen(self._url) as response:
            for line in response:
                self.events += line.startswith(b"data:")
