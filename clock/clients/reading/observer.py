"""
The receiver of what happens to a stream.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from clock.clients.reading.ends import End
from clock.clients.reading.lines import Line


class Step(Enum):
    """
    A step on the way to a stream.

    @cvar PROXY: the connection to the proxy is made. The detail is the address.
    @cvar CONNECTED: the connection to the server is made. The detail is the address.
    @cvar TUNNEL: the proxy has connected to the server. The detail is the proxy's URL.
    @cvar SECURED: the TLS handshake is done. The detail is the version of TLS.
    @cvar REQUESTED: the request is sent. The detail is its method.
    """

    PROXY = "proxy"
    CONNECTED = "connected"
    TUNNEL = "tunnel"
    SECURED = "secured"
    REQUESTED = "requested"


class Other(Enum):
    """
    What arrives on a stream and is not a line.

    @cvar COMMENT: a comment of an event stream.
    @cvar PING: a ping or a pong of a WebSocket.
    @cvar DATA: a line of data in an event stream. An empty line must follow until it is
        a line of the stream.
    @cvar NO_DATA: an event without data: browsers ignore it.
    @cvar NO_FIELD: a line in an event stream that is no field of an event: browsers
        ignore it.
    @cvar OTHER_EVENT: an event with another name than the one to read.
    @cvar UNFINISHED: data at the end of a connection, without the empty line after it:
        browsers ignore it.
    """

    COMMENT = "comments"
    PING = "pings"
    DATA = "dataFields"
    NO_DATA = "eventsWithoutData"
    NO_FIELD = "linesWithoutField"
    OTHER_EVENT = "otherEvents"
    UNFINISHED = "unfinishedEvents"


class Response(NamedTuple):
    """
    The head of a response over HTTP, also of one with an error status.

    @ivar protocol: C{HTTP/1.0}, C{HTTP/1.1} or C{HTTP/2}.
    @ivar status: the status.
    @ivar phrase: the server's words for the status; empty over HTTP/2.
    @ivar headers: names and values of the headers, in order. The names are as sent, or
        capitalized. Bytes that are not UTF-8 are escaped.
    """

    protocol: str
    status: int
    phrase: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    def header(self, name: str) -> str:
        """
        Return the values of a header, joined with commas; empty if there is none.

        @param name: the name, in any case.
        """
        lower = name.lower()
        return ", ".join(value for each, value in self.headers if each.lower() == lower)


class Observer:
    """
    The receiver of a stream's events. Each method does nothing here.
    """

    def connecting(self) -> None:
        """
        Called when an attempt to connect begins.
        """

    def stepReached(self, step: Step, detail: str = "") -> None:
        """
        Called at each step of an attempt.

        @param step: the step.
        @param detail: more about it, as L{Step} says.
        """

    def redirected(self, url: str) -> None:
        """
        Called over HTTP when a redirect is followed. The steps of another request come
        next.

        @param url: the address that is asked next.
        """

    def responded(self, response: Response) -> None:
        """
        Called over HTTP when the headers of a response have arrived, whatever its
        status, but not for a redirect that is followed.

        @param response: the response.
        """

    def connected(self) -> None:
        """
        Called when the attempt has succeeded: over TLS, after the handshake; over HTTP,
        when the headers of the response have arrived.
        """

    def bytesReceived(self, count: int) -> None:
        """
        Called when bytes of the stream have arrived, before what they contain is
        reported.

        @param count: number of bytes: over HTTP, of the body before it is decoded; on a
            WebSocket, of its frames.
        """

    def lineReceived(self, line: Line) -> None:
        """
        Called when a line has arrived.

        @param line: the line.
        """

    def otherReceived(self, what: Other) -> None:
        """
        Called when something has arrived that is not a line.

        @param what: what it was.
        """

    def paused(self, seconds: float) -> None:
        """
        Called when this client stops reading for a while, because too much has arrived.

        @param seconds: seconds until it reads again.
        """

    def disconnected(self, end: End, retryIn: float | None) -> None:
        """
        Called when the attempt has failed, or the connection is lost.

        @param end: how it ended.
        @param retryIn: seconds until the next attempt; C{None} if there is none.
        """
