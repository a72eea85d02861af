"""
The user's settings for requests.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from typing import NamedTuple

import clock


def basicAuthorization(credentials: bytes) -> str:
    """
    Return the header's value for Basic authentication (RFC 7617).

    @param credentials: the name and the password, with a colon between them.
    """
    return f"Basic {b64encode(credentials).decode('ascii')}"


class WebOptions(NamedTuple):
    """
    The user's settings for requests.

    @ivar headers: names and values. They replace default headers of the same name.
    @ivar verify: whether the certificates of servers are verified.
    @ivar method: the method of a request; C{None} for GET, or POST with data.
    @ivar data: the body of a request, or the first message of a WebSocket; C{None} for
        none.
    @ivar proxy: the URL of the proxy; empty for none; C{None} if the environment
        decides.
    @ivar connectTo: C{HOST:PORT} to connect to, instead of the URL's; C{None} for the
        URL's. C{Host}, and the name in TLS, stay the URL's.
    @ivar http1: whether HTTP/2 is not offered.
    """

    headers: Sequence[tuple[str, str]] = ()
    verify: bool = True
    method: str | None = None
    data: bytes | None = None
    proxy: str | None = None
    connectTo: str | None = None
    http1: bool = False

    @property
    def requestMethod(self) -> str:
        """
        The method of a request.
        """
        if self.method is not None:
            return self.method
        return "GET" if self.data is None else "POST"

    def allHeaders(self) -> list[tuple[str, str]]:
        """
        Return the headers to send: the user's, and the defaults that they do not
        replace.
        """
        from clock.clients.reading.urls.decoders import ACCEPTED

        defaults = [
            ("Accept", "text/event-stream, */*"),
            ("Accept-Encoding", ACCEPTED),
            ("User-Agent", f"txclock/{clock.__version__}"),
        ]
        # Twisted sends these itself. Servers may refuse a second one.
        sent = {"connection"}
        if self.data is not None or self.method in ("POST", "PUT"):
            sent.add("content-length")
        if self.data is not None:
            defaults.append(("Content-Type", _contentType(self.data)))
        headers = [each for each in self.headers if each[0].lower() not in sent]
        replaced = {name.lower() for name, _ in headers}
        kept = (each for each in defaults if each[0].lower() not in replaced)
        return [*kept, *headers]


def _contentType(data: bytes) -> str:
    """
    Return the type of a request's body: that of JSON for an object or an array, else
    that of curl.
    """
    try:
        isJSON = isinstance(json.loads(data), dict | list)
    except (ValueError, RecursionError):
        isJSON = False
    return "application/json" if isJSON else "application/x-www-form-urlencoded"


#: The settings for requests by default.
DEFAULTS = WebOptions()
