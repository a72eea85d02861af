"""
What a client of a WebSocket sends at the start: the request, and a first message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from h11 import LocalProtocolError
from hyperlink import URL
from twisted.web.client import URI
from wsproto import ConnectionType, WSConnection
from wsproto.events import BytesMessage, Message, Request, TextMessage

from clock.clients.reading.urls.settings import WebOptions
from clock.console.text import oneLine

#: The headers that are made for each handshake. A request that was copied from a
#: browser has those of its own.
_HANDSHAKE = (
    *("connection", "upgrade", "sec-websocket-key", "sec-websocket-version"),
    *("sec-websocket-extensions", "sec-websocket-protocol", "host"),
)


class Opening(NamedTuple):
    """
    What is sent at the start.

    @ivar request: the request that begins the handshake.
    @ivar message: the first message; C{None} for none.
    """

    request: Request
    message: Message[Any] | None = None

    @classmethod
    def of(cls, url: URL, options: WebOptions) -> Opening:
        """
        Return what is sent to a URL.

        @param url: the URL, in ASCII.
        @param options: the user's settings.

        @raise ValueError: if they cannot be sent.
        """
        if options.method not in (None, "GET"):
            raise ValueError("--request: a WebSocket is asked for with GET")
        request = _request(url, options._replace(data=None).allHeaders())
        # Nothing would report an error when the request is sent.
        try:
            WSConnection(ConnectionType.CLIENT).send(request)
        except (LocalProtocolError, UnicodeError) as error:
            raise ValueError(f"--header: {oneLine(error)}") from None
        return cls(request, _firstMessage(options.data))


def _request(url: URL, headers: Sequence[tuple[str, str]]) -> Request:
    """
    Return the request that begins the handshake.
    """
    hosts = [value for name, value in headers if name.lower() == "host"]
    # wsproto refuses a server that chooses a subprotocol it did not offer itself.
    offers = [
        each.strip()
        for name, value in headers
        if name.lower() == "sec-websocket-protocol"
        for each in value.split(",")
    ]
    others = [
        (name.encode(), value.encode())
        for name, value in headers
        if name.lower() not in _HANDSHAKE
    ]
    return Request(
        host=hosts[-1] if hosts else url.authority(),
        target=URI.fromBytes(url.to_text().encode("ascii")).originForm.decode("ascii"),
        subprotocols=offers,
        extra_headers=others,
    )


def _firstMessage(data: bytes | None) -> Message[Any] | None:
    if data is None:
        return None
    try:
        return TextMessage(data.decode())
    except UnicodeDecodeError:
        return BytesMessage(data)
