"""
The site, which serves the paths and keeps a list of the connections.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from itertools import islice
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.web.server import Site

from clock.factory import ClockFactory
from clock.web.channel import REQUEST_TIMEOUT, ClockChannel
from clock.web.metrics import MetricsResource
from clock.web.resources import MissingExtra, NotFound, PageFile
from clock.web.status import HealthResource, StatusResource
from clock.web.streams import EventFrames, LineFrames, StreamResource
from twisted import version  # type: ignore[attr-defined]

#: The most connections whose request is late that are refused in one turn of the
#: reactor. Refusing 10,000 takes 0.8 s, and delayed a tick by 0.45 s.
MAX_REFUSALS = 20

#: The files of the page, and their media types.
_PAGE = {
    "index.html": "text/html; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


class ClockSite(Site):
    """
    Serve clocks over HTTP.

    @ivar limit: the limit of clients, which counts each connection.
    """

    _log = Logger()

    protocol = ClockChannel  # type: ignore[assignment]
    noisy = False

    def __init__(self, factories: Mapping[str, ClockFactory]) -> None:
        """
        @param factories: the factories to serve, by the IANA name of their zone, and ""
            for local time; the first one is the default. They share a ticker and a
            limit.
        """
        first = next(iter(factories.values()))
        self.limit = first.limit
        self._reactor = first.ticker.reactor
        self._channels: dict[ClockChannel, None] = {}
        self._late: dict[ClockChannel, None] = {}
        self._isOpen = True
        self._whenEmpty: list[Deferred[None]] = []
        self._health = HealthResource(first.ticker)
        self._status = StatusResource(factories)
        root = NotFound()
        page = files("clock.web") / "page"
        for name, contentType in _PAGE.items():
            data = (page / name).read_bytes()
            path = "" if name == "index.html" else name
            root.putChild(path.encode(), PageFile(data, contentType))
        root.putChild(b"lines", StreamResource(factories, LineFrames))
        root.putChild(b"events", StreamResource(factories, EventFrames))
        root.putChild(b"socket", _socketResource(factories))
        root.putChild(b"status", self._status)
        root.putChild(b"healthz", self._health)
        root.putChild(b"metrics", MetricsResource(factories))
        super().__init__(root, timeout=REQUEST_TIMEOUT, reactor=first.ticker.reactor)

    def doStart(self) -> None:
        """
        Accept connections, also after L{disconnectAll}, because a port begins to
        listen.
        """
        self._isOpen = True
        self._health.stopping = False
        super().doStart()

    def startFactory(self) -> None:
        """
        Keep no access log.
        """

    def stopFactory(self) -> None:
        """
        Keep no access log.
        """

    def acceptableProtocols(self) -> list[bytes]:
        """
        Return the protocols to negotiate over TLS: HTTP/1.1, without the HTTP/2 that
        C{Site} adds if the package C{h2} is installed. Before version 26.4, Twisted
        negotiates in a way that new versions of pyOpenSSL refuse, so nothing is
        negotiated.
        """
        return [b"http/1.1"] if (version.major, version.minor) >= (26, 4) else []

    def log(self, request: Any) -> None:
        """
        Keep no access log: C{--verbose} logs the clients.
        """

    def logStart(self, addresses: list[str]) -> None:
        """
        Log the addresses of the page.

        @param addresses: the addresses that the server listens on.
        """
        self._log.info(
            "Serving the same over HTTP on {addresses}",
            addresses=", ".join(map(_url, addresses)),
        )

    def connected(self, channel: ClockChannel) -> None:
        """
        Add a connection. After L{disconnectAll} it is closed at once.

        @param channel: the channel.
        """
        self._channels[channel] = None
        if not self._isOpen:
            channel.close()

    def timedOut(self, channel: ClockChannel) -> None:
        """
        Refuse a connection whose request has not arrived in time, as soon as there are
        not too many others.

        @param channel: the channel.
        """
        if not self._late:
            self._reactor.callLater(0, self._refuseLate)
        self._late[channel] = None

    def _refuseLate(self) -> None:
        for channel in [*islice(self._late, MAX_REFUSALS)]:
            del self._late[channel]
            channel.refuseLate()
        if self._late:
            self._reactor.callLater(0, self._refuseLate)

    def disconnected(self, channel: ClockChannel) -> None:
        """
        Remove a connection that is lost.

        @param channel: the channel.
        """
        self._channels.pop(channel, None)
        self._late.pop(channel, None)
        if not self._channels:
            whenEmpty, self._whenEmpty = self._whenEmpty, []
            for empty in whenEmpty:
                empty.callback(None)

    def disconnectAll(self) -> Deferred[None]:
        """
        Close every connection without a stream of lines. The factories disconnect the
        clients that read a stream of lines.

        @return: fires when the last connection is lost.
        """
        self._isOpen = False
        self._health.stopping = True
        self._status.events.finish()
        for channel in [*self._channels]:
            if channel.stream is None:
                channel.close()
        if not self._channels:
            return succeed(None)
        empty: Deferred[None] = Deferred()
        self._whenEmpty.append(empty)
        return empty


def _url(address: str) -> str:
    """
    Return the URL of an address from L{addressText<clock.addresses.addressText>}, where
    C{tls:} stands before an address with TLS. A UNIX socket has none.
    """
    if address.startswith("tls:"):
        return f"https://{address.removeprefix('tls:')}/"
    return address if address.startswith("unix:") else f"http://{address}/"


def _socketResource(factories: Mapping[str, ClockFactory]) -> Any:
    try:
        from clock.web.websocket import SocketResource
    except ImportError:
        return MissingExtra(
            "this needs Twisted 25.5 or later and wsproto: "
            "pip install 'txclock[websocket]'"
        )
    return SocketResource(factories)
