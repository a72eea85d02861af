"""
The site, which serves the paths.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib.resources import files
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.server import Request, Site

from clock.web.channel import REQUEST_TIMEOUT, ClockChannel
from clock.web.connections import Connections
from clock.web.frames import EventFrames, LineFrames
from clock.web.messages import SERVER
from clock.web.origins import OriginAccess
from clock.web.resources import (
    Clocks,
    MissingExtra,
    NotFound,
    PageFile,
    TextResource,
)
from clock.web.shapes import PaddedStreams
from clock.web.status import HealthResource, StatusResource
from clock.web.streams import StreamResource
from twisted import version  # type: ignore[attr-defined]

#: The files of the page, and their media types.
_PAGE = {
    "index.html": "text/html; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "strings.js": "text/javascript; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


class ClockRequest(Request):
    """
    A request whose cookies are not parsed, because browsers send a host's cookies to
    all its ports. Its body is discarded as it arrives.
    """

    def parseCookies(self) -> None:
        """
        Do nothing.
        """

    def gotLength(self, length: int | None) -> None:
        """
        Keep no body, and parse none.
        """
        super().gotLength(0)
        self.requestHeaders.removeHeader(b"Content-Type")

    def handleContentChunk(self, data: bytes) -> None:
        """
        Discard a part of the body.
        """
        channel: Any = self.channel
        channel.bodyReceived(len(data))


class ClockSite(Site):
    """
    Serve clocks over HTTP.

    @ivar connections: the open connections.
    """

    _log = Logger()

    protocol = ClockChannel  # type: ignore[assignment]
    noisy = False

    def __init__(self, clocks: Clocks, origins: Collection[str] = ()) -> None:
        """
        @param clocks: the clocks to serve: pairs of the IANA name of a zone, "" for
            local time, and a factory. The first one is the default. A zone may have a
            factory of each mode. All factories share a ticker and a limit.
        @param origins: the origins of other sites whose pages may read the streams and
            the status, such as C{https://example.org}; C{*} for all.
        """
        _, first = clocks[0]
        self.connections = Connections(first.limit, first.ticker.reactor)
        access = OriginAccess(origins)
        self._status = StatusResource(clocks, access)
        root = NotFound()
        page = files("clock.web") / "page"
        for name, contentType in _PAGE.items():
            data = (page / name).read_bytes()
            path = "" if name == "index.html" else name
            root.putChild(path.encode(), PageFile(data, contentType))
        padded = PaddedStreams()
        for path, frames in (("lines", LineFrames), ("events", EventFrames)):
            stream = StreamResource(clocks, frames, access, padded)
            root.putChild(path.encode(), stream)
        root.putChild(b"socket", _socketResource(clocks, access, padded))
        root.putChild(b"metrics", _metricsResource(clocks))
        root.putChild(b"status", self._status)
        root.putChild(b"healthz", HealthResource(first.ticker))
        super().__init__(
            root,
            requestFactory=ClockRequest,
            timeout=REQUEST_TIMEOUT,
            reactor=first.ticker.reactor,
        )

    def doStart(self) -> None:
        """
        Accept connections, even after L{disconnectAll}, because a port begins to
        listen.
        """
        self.connections.open()
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

    def methods(self, target: bytes) -> tuple[bytes, ...]:
        """
        Return the methods of a path, also of one that does not exist.

        @param target: the path, and the arguments after it.
        """
        slash, name = target[:1], target[1:].partition(b"?")[0]
        resource: Any = self.resource.children.get(name) if slash == b"/" else None
        methods: tuple[bytes, ...] = (resource or TextResource).methods
        return methods

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

    def getResourceFor(self, request: Any) -> Any:
        """
        Find the resource of a request, and set the header C{Server}.
        """
        request.setHeader(b"Server", SERVER)
        return super().getResourceFor(request)

    def disconnectAll(self) -> Deferred[None]:
        """
        Close every connection without a stream of lines. The factories disconnect the
        clients that read a stream of lines.

        @return: fires when the last connection is lost.
        """
        self._status.events.finish()
        return self.connections.close()


def _url(address: str) -> str:
    """
    Return the URL of an address from L{addressText<clock.console.text.addressText>},
    which puts C{tls:} before an address with TLS. A UNIX socket has no URL, so its
    address is returned.
    """
    if address.startswith("tls:"):
        return f"https://{address.removeprefix('tls:')}/"
    return address if address.startswith("unix:") else f"http://{address}/"


def _socketResource(
    clocks: Clocks, access: OriginAccess, padded: PaddedStreams
) -> TextResource:
    try:
        from clock.web.websocket import SocketResource
    except ImportError:
        return MissingExtra("this needs wsproto: pip install 'txclock[websocket]'")
    return SocketResource(clocks, access, padded)


def _metricsResource(clocks: Clocks) -> TextResource:
    try:
        # Imported now, because the user that the process changes to may not be able to
        # read the files of the package.
        from clock.web.metrics import MetricsResource
    except ImportError:
        hint = "this needs prometheus_client: pip install 'txclock[metrics]'"
        return MissingExtra(hint)
    return MetricsResource(clocks)
