"""
Which pages of other sites may read from this server.

A browser sends the origin of a page in the header C{Origin} (RFC 6454), with each
WebSocket and with each request to another site. A page may read the response to such a
request only if the server allows it (CORS, in the Fetch standard). The browser does not
check this for a WebSocket, so the server must refuse the handshake.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

#: An origin: a scheme, a host, and maybe a port.
ORIGIN = re.compile(r"(https?)://([^/?#@\s:\[\]]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")

#: The ports that URLs omit.
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def normalOrigin(text: str) -> str | None:
    """
    Return an origin as browsers send it.

    @param text: the origin.

    @return: the origin in small letters, without the default port of its scheme;
        C{None} if the text is not an origin of C{http} or C{https}.
    """
    if not text.isascii():
        # Browsers send such a host in the ASCII form that DNS uses.
        return None
    match = ORIGIN.fullmatch(text.lower().removesuffix("/"))
    return match and match[0].removesuffix(_DEFAULT_PORTS[match[1]])


class OriginAccess:
    """
    Which pages may read from this server.
    """

    def __init__(self, origins: Collection[str] = ()) -> None:
        """
        @param origins: the origins of the other sites whose pages may read; C{*} for
            all.
        """
        self._all = "*" in origins
        self._origins = {normalOrigin(origin) for origin in origins} - {None}

    def allowsSocket(self, request: Any) -> bool:
        """
        Return whether a WebSocket may be opened: by a program that sends no C{Origin},
        by a page of this server, or by one of a site that is allowed.

        @param request: the handshake.
        """
        origin = _header(request, b"Origin")
        if origin is None or self._allows(origin):
            return True
        normal = normalOrigin(origin)
        if normal is None:
            return False
        # A proxy may have added TLS, so the scheme may differ from that of the server.
        scheme, _, authority = normal.partition("://")
        host = (_header(request, b"Host") or "").lower()
        return authority == host.removesuffix(_DEFAULT_PORTS[scheme])

    def setHeaders(self, request: Any) -> bool:
        """
        Set the headers that let the page of an allowed site read the response.

        @param request: the request.

        @return: whether the request is from such a page.
        """
        origin = _header(request, b"Origin")
        if self._origins and not self._all:
            request.setHeader("Vary", "Origin")
        if origin is None or not self._allows(origin):
            return False
        allowed = "*" if self._all else origin
        request.setHeader("Access-Control-Allow-Origin", allowed)
        return True

    def _allows(self, origin: str) -> bool:
        return self._all or normalOrigin(origin) in self._origins


#: Only pages of this server may read.
SAME_ORIGIN = OriginAccess()


def _header(request: Any, name: bytes) -> str | None:
    value: bytes | None = request.getHeader(name)
    # The value may not be UTF-8. Twisted would decode it if the name were a string.
    return None if value is None else value.decode("latin-1")
