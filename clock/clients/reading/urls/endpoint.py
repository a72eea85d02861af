"""
Endpoints for C{http:}, C{https:}, C{ws:} and C{wss:}.

Such an endpoint connects, sends the request, and waits for the headers of the response.
Then its protocol is connected, and receives the decoded body, or each message of a
WebSocket with a newline, as if they were the bytes of a TCP connection.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from twisted.internet.interfaces import IStreamClientEndpoint

import clock
from clock.clients.reading.addresses import clientEndpoint
from clock.clients.reading.observer import RequestObserver

_WEB = re.compile("(?:http|ws)s?://", re.IGNORECASE)

#: The beginning of a Twisted endpoint that compares the names in a certificate with the
#: host. C{ssl:} does so only with C{hostname}.
_COMPARES_NAMES = re.compile(r"tls:|ssl:(?:(?:[^:\\]|\\.)*:)*hostname=", re.I | re.S)

#: The names of headers are tokens, and values are printable ASCII here (RFC 9110).
_HEADER = re.compile(r"([!#$%&'*+.^_`|~\w-]+):[ \t]*([\t -~]*)", re.ASCII)


class WebOptions(NamedTuple):
    """
    The user's settings for requests.

    @ivar headers: names and values. They replace default headers of the same name.
    @ivar verify: whether the certificates of servers are verified.
    """

    headers: Sequence[tuple[str, str]] = ()
    verify: bool = True

    def allHeaders(self) -> list[tuple[str, str]]:
        """
        Return the headers to send: the user's, and the defaults that they do not
        replace.
        """
        replaced = {name.lower() for name, _ in self.headers}
        defaults = (
            ("Accept", "*/*"),
            ("Accept-Encoding", "gzip"),
            ("User-Agent", f"txclock/{clock.__version__}"),
        )
        kept = (each for each in defaults if each[0].lower() not in replaced)
        return [*kept, *self.headers]


#: The settings for requests by default.
DEFAULTS = WebOptions()


def parseHeader(text: str) -> tuple[str, str]:
    """
    Parse a header.

    @param text: C{Name: value}.

    @return: the name and the value.

    @raise ValueError: if the text is not a header.
    """
    header = _HEADER.fullmatch(text)
    if header is None:
        raise ValueError("is not a header: try 'Name: value'")
    return header[1], header[2].rstrip()


def addressEndpoint(
    reactor: Any, text: str, options: WebOptions, observer: RequestObserver
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
    connector = Connector(reactor, options.verify, observer)
    if url.scheme in ("http", "https"):
        from clock.clients.reading.urls.body import HTTPEndpoint

        return HTTPEndpoint(reactor, connector, url, options.allHeaders())
    try:
        from clock.clients.reading.urls.messages import WebSocketEndpoint
    except ImportError:
        raise ValueError(
            "a WebSocket needs wsproto: pip install 'txclock[websocket]'"
        ) from None
    return WebSocketEndpoint(connector, url, options.allHeaders())


def _requireTLS() -> None:
    try:
        import OpenSSL  # noqa: F401
        import service_identity  # noqa: F401
    except ImportError:
        raise ValueError("TLS needs OpenSSL: pip install 'txclock[tls]'") from None
