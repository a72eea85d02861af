"""
The site, which serves the paths and keeps a list of the connections.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib.resources import files
from itertools import islice
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.server import Request, Site

from clock.factory import ClockFactory
from clock.shutdown import Shutdown
from clock.web.channel import REQUEST_TIMEOUT, SERVER, ClockChannel
from clock.web.metrics import MetricsResource
from clock.web.origins import OriginAccess
from clock.web.resources import MissingExtra, NotFound, PageFile, TextResource
from clock.web.status import HealthResource, StatusResource
from clock.web.streams import EventFrames, LineFrames, StreamResource
from twisted import version  # type: ignore[attr-defined]

#: The number of connections without a stream that do not count as clients, so that the
#: page, its status and a monitor are served at the limit. Together with the connections
#: accepted in one iteration of the reactor they need fewer than the
#: descriptors that the limit of clients leaves free.
FREE_CONNECTIONS = 16

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


class ClockRequest(Request):
    """
    A request whose cookies are not parsed: browsers send those of all ports of a host.
    """

    def parseCookies(self) -> None:
        """
        Do nothing.
        """


class ClockSite(Site):
    """
    Serve clocks over HTTP.

    @ivar limit: the limit of clients. It counts the connections without a stream above
        L{FREE_CONNECTIONS}; a stream's protocol counts itself.
    """

    _log = Logger()

    protocol = ClockChannel  # type: ignore[assignment]
    noisy = False

    def __init__(
        self, factories: Mapping[str, ClockFactory], origins: Collection[str] = ()
    ) -> None:
        """
        @param factories: the factories to serve, by the IANA name of their zone, and ""
            for local time; the first one is the default. They share a ticker and a
            limit.
        @param origins: the origins of other sites whose pages may read the streams and
            the status, such as C{https://example.org}; C{*} for all.
        """
        first = next(iter(factories.values()))
        self.limit = first.limit
        self._reactor = first.ticker.reactor
        self._channels: dict[ClockChannel, None] = {}
        self._requesting: dict[ClockChannel, None] = {}
        self._idle: dict[ClockChannel, None] = {}
        self._late: dict[ClockChannel, None] = {}
        self._shutdown = Shutdown(lambda: not self._channels)
        access = OriginAccess(origins)
        self._status = StatusResource(factories, access)
        root = NotFound()
        page = files("clock.web") / "page"
        for name, contentType in _PAGE.items():
            data = (page / name).read_bytes()
            path = "" if name == "index.html" else name
            root.putChild(path.encode(), PageFile(data, contentType))
        root.putChild(b"lines", StreamResource(factories, LineFrames, access))
        root.putChild(b"events", StreamResource(factories, EventFrames, access))
        root.putChild(b"socket", _socketResource(factories, access))
        root.putChild(b"status", self._status)
        root.putChild(b"healthz", HealthResource(first.ticker))
        root.putChild(b"metrics", MetricsResource(factories))
        super().__init__(
            root,
            requestFactory=ClockRequest,
            timeout=REQUEST_TIMEOUT,
            reactor=first.ticker.reactor,
        )

    def doStart(self) -> None:
        """
        Accept connections, also after L{disconnectAll}, because a port begins to
        listen.
        """
        self._shutdown.open()
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

    def getResourceFor(self, request: Any) -> Any:
        """
        Find the resource of a request, and set the header C{Server}.
        """
        request.setHeader(b"Server", SERVER)
        return super().getResourceFor(request)

    def admit(self) -> bool:
        """
        Decide whether to accept one more connection. L{FREE_CONNECTIONS} without a
        stream are accepted at the limit too. If there are as many, the one that has
        been idle longest is closed for the new one.

        @return: whether to accept it.
        """
        if len(self._requesting) < FREE_CONNECTIONS:
            return True
        if not self._idle:
            return self.limit.admit()
        channel = next(iter(self._idle))
        self._leave(channel)
        # Until it is closed, it must stay idle.
        channel.transport.pauseProducing()
        # If it were closed now, between two accepts, the next connection would get its
        # descriptor, and events for it.
        self._reactor.callLater(0, channel.evict)
        return True

    def connected(self, channel: ClockChannel) -> None:
        """
        Add a connection. Close it at once if the limit is exceeded, or after
        L{disconnectAll}.

        @param channel: the channel.
        """
        self._channels[channel] = None
        self._requesting[channel] = None
        counts = len(self._requesting) > FREE_CONNECTIONS
        isAbove = counts and not self.limit.add()
        if isAbove or not self._shutdown.isOpen:
            channel.close()

    def _leave(self, channel: ClockChannel) -> None:
        """
        Note that a connection is lost, or has no request any more.
        """
        self._idle.pop(channel, None)
        if channel in self._requesting:
            if len(self._requesting) > FREE_CONNECTIONS:
                self.limit.remove(channel)
            del self._requesting[channel]

    def beginStream(self, channel: ClockChannel) -> bool:
        """
        Decide whether a connection may begin a stream. The protocol of a stream counts
        as a client.

        @param channel: the channel.

        @return: whether the limit allows it.
        """
        if len(self._requesting) <= FREE_CONNECTIONS and not self.limit.admit():
            return False
        # Otherwise the connection counts already, and frees its place for the stream.
        self._leave(channel)
        return True

    def mayPersist(self) -> bool:
        """
        Return whether a connection may wait for another request. Idle connections never
        count as clients.
        """
        return self._shutdown.isOpen and len(self._requesting) <= FREE_CONNECTIONS

    def idle(self, channel: ClockChannel) -> None:
        """
        Note that a connection waits for another request.

        @param channel: the channel.
        """
        self._idle[channel] = None

    def isIdle(self, channel: ClockChannel) -> bool:
        """
        Return whether a connection waits for another request.

        @param channel: the channel.
        """
        return channel in self._idle

    def received(self, channel: ClockChannel) -> bool:
        """
        Note that data of a request has arrived.

        @param channel: the channel.

        @return: whether the connection was idle before.
        """
        self._late.pop(channel, None)
        wasIdle = self.isIdle(channel)
        self._idle.pop(channel, None)
        return wasIdle

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
        del self._channels[channel]
        self._late.pop(channel, None)
        self._leave(channel)
        self._shutdown.disconnected()

    def disconnectAll(self) -> Deferred[None]:
        """
        Close every connection without a stream of lines. The factories disconnect the
        clients that read a stream of lines.

        @return: fires when the last connection is lost.
        """
        self._shutdown.begin()
        self._status.events.finish()
        for channel in [*self._channels]:
            if channel.stream is None:
                channel.close()
        return self._shutdown.whenEmpty()


def _url(address: str) -> str:
    """
    Return the URL of an address from
    L{addressText<clock.console.text.addressText>}, where C{tls:} stands before an
    address with TLS. A UNIX socket has none.
    """
    if address.startswith("tls:"):
        return f"https://{address.removeprefix('tls:')}/"
    return address if address.startswith("unix:") else f"http://{address}/"


def _socketResource(
    factories: Mapping[str, ClockFactory], access: OriginAccess
) -> TextResource:
    try:
        from clock.web.websocket import SocketResource
    except ImportError:
        return MissingExtra("this needs wsproto: pip install 'txclock[websocket]'")
    return SocketResource(factories, access)
