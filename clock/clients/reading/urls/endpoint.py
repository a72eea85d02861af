"""
Endpoints for C{http:}, C{https:}, C{ws:} and C{wss:}.

Such an endpoint connects, sends the request, and waits for the headers of the response.
Then its protocol is connected, and receives the decoded body, or the messages of a
WebSocket, as if they were the bytes of a TCP connection.
"""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.interfaces import IStreamClientEndpoint

from clock.clients.reading.addresses import clientEndpoint
from clock.clients.reading.observer import Observer
from clock.clients.reading.urls.settings import DEFAULTS as DEFAULTS
from clock.clients.reading.urls.settings import WebOptions as WebOptions

_WEB = re.compile("(?:http|ws)s?://", re.IGNORECASE)

#: The beginning of a Twisted endpoint that compares the names in a certificate with the
#: host. C{ssl:} does so only with C{hostname}.
_COMPARES_NAMES = re.compile(r"tls:|ssl:(?:(?:[^:\\]|\\.)*:)*hostname=", re.I | re.S)

#: The names of headers are tokens, and values are printable ASCII here (RFC 9110).
_HEADER = re.compile(r"([!#$%&'*+.^_`|~\w-]+)(?:;|:[ \t]*([\t -~]*))", re.ASCII)


def parseHeader(text: str) -> tuple[str, str]:
    """
    Parse a header.

    @param text: C{Name: value}; C{Name;} if the value is empty, as for curl.

    @return: the name and the value.

    @raise ValueError: if the text is not a header.
    """
    header = _HEADER.fullmatch(text)
    if header is None:
        raise ValueError("is not a header in printable ASCII: try 'Name: value'")
    return header[1], (header[2] or "").rstrip()


def addressEndpoint(
    reactor: Any, text: str, options: WebOptions, observer: Observer
) -> IStreamClientEndpoint:
    """
    Make an endpoint to connect with.

    @param reactor: the reactor that will connect.
    @param text: a URL, or an address as L{clientEndpoint} takes it.
    @param options: what to send and to verify, if it is a URL.
    @param observer: the receiver of what happens on a request.

    @return: the endpoint. The transports of requests have C{isEventStream}, which says
        whether the body is an event stream.

    @raise ValueError: if the address is not valid, or needs a package that is not
        installed.
    """
    if not _WEB.match(text):
        endpoint = clientEndpoint(reactor, text)
        if not _COMPARES_NAMES.match(text):
            return endpoint
        _requireTLS()
        from clock.clients.reading.certificates import NamesEndpoint

        return NamesEndpoint(endpoint)
    # Only these addresses need twisted.web, which takes a while to import.
    from clock.clients.reading.urls.connector import Connector, httpURL

    url = httpURL(text)
    if url.scheme in ("https", "wss"):
        _requireTLS()
    connector = Connector(reactor, url, options, observer)
    if url.scheme in ("http", "https"):
        from clock.clients.reading.urls.body import HTTPEndpoint

        return HTTPEndpoint(connector, url, options)
    try:
        from clock.clients.reading.urls.messages import WebSocketEndpoint
    except ImportError:
        raise ValueError(
            "a WebSocket needs wsproto: pip install 'txclock[websocket]'"
        ) from None
    return WebSocketEndpoint(connector, url, options)


def _requireTLS() -> None:
    try:
        import OpenSSL  # noqa: F401
        import service_identity  # noqa: F401
    except ImportError:
        raise ValueError("TLS needs OpenSSL: pip install 'txclock[tls]'") from None
