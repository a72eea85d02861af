"""
How a connection ended, or why an attempt to connect failed.

The end is of one of a few kinds. A diagnosis depends on the kind and on its code, never
on the words, which are for people.
"""

from __future__ import annotations

from enum import Enum
from errno import EHOSTUNREACH
from typing import NamedTuple

from twisted.internet.error import (
    ConnectError,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    DNSLookupError,
    NoRouteError,
    TCPTimedOutError,
    TimeoutError,
    UnknownHostError,
    VerifyError,
)
from twisted.python.failure import Failure

from clock.console.text import connectionError

#: The text for a response that ended before its last chunk, or a WebSocket without a
#: close frame.
CUT = "cut within a response"

#: What the codes of the close frames of WebSockets mean (RFC 6455, and the registry of
#: IANA).
CLOSE_CODES = {
    1000: "normal closure",
    1001: "going away",
    1002: "protocol error",
    1003: "unsupported data",
    1007: "invalid data",
    1008: "policy violation",
    1009: "message too big",
    1010: "mandatory extension",
    1011: "internal error",
    1012: "service restart",
    1013: "try again later",
    1014: "bad gateway",
    3000: "unauthorized",
    3003: "forbidden",
    3008: "timeout",
}

#: The most characters of the text of an error.
MAX_TEXT = 300

#: The codes of a close in good order: normal, going away, and none.
GOOD_CODES = (1000, 1001, None)


class How(Enum):
    """
    The kind of an end. The first ones end a connection that was made, the others an
    attempt to connect or a request.

    @cvar COMPLETE: the last byte of a response came, and its length or its last chunk
        shows that it is the last one.
    @cvar CLOSE_FRAME: a WebSocket was closed with a close frame.
    @cvar CLOSED: the connection was closed in good order. Nothing shows whether the
        stream was complete: over TCP, or over HTTP without a length and without chunks.
    @cvar CLOSED_WITHIN_LINE: the same, in the middle of a line.
    @cvar CUT: the connection was closed before the end of the response, or without a
        close frame.
    @cvar TRUNCATED_TLS: TLS ended without its C{close_notify}.
    @cvar RESET: the connection was reset, or the other side no longer answered.
    @cvar HTTP2_ERROR: the server ended the stream or the connection with an error of
        HTTP/2.
    @cvar MALFORMED: what arrived cannot be decoded.
    @cvar DNS: the host name was not found.
    @cvar REFUSED: no process accepts connections there.
    @cvar UNREACHABLE: there is no route to the host.
    @cvar NO_ANSWER: the host did not answer in time.
    @cvar PROXY: the proxy that this client uses refused to connect, or failed.
    @cvar TLS: the TLS handshake failed, or the certificate was refused.
    @cvar NO_RESPONSE: the connection ended before a response.
    @cvar STATUS: the response has another status than 200.
    @cvar NOT_HTTP: the response is not HTTP/1.
    @cvar NOT_WEBSOCKET: the response does not begin a WebSocket.
    @cvar OTHER: any other reason.
    """

    COMPLETE = "complete"
    CLOSE_FRAME = "close-frame"
    CLOSED = "closed"
    CLOSED_WITHIN_LINE = "closed-within-line"
    CUT = "cut"
    TRUNCATED_TLS = "truncated-tls"
    RESET = "reset"
    HTTP2_ERROR = "http2-error"
    MALFORMED = "malformed"
    DNS = "dns"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    NO_ANSWER = "no-answer"
    PROXY = "proxy"
    TLS = "tls"
    NO_RESPONSE = "no-response"
    STATUS = "status"
    NOT_HTTP = "not-http"
    NOT_WEBSOCKET = "not-websocket"
    OTHER = "other"


class End(NamedTuple):
    """
    How a connection ended.

    @ivar how: the kind.
    @ivar text: the reason, on one line, for people.
    @ivar code: the status of a response or of a proxy's response, the code of a close
        frame, or the error code of HTTP/2; C{None} if there is none.
    @ivar reason: the reason in a close frame, as the server wrote it.
    @ivar retryAfter: seconds to wait before the next attempt, as the server asks in
        C{Retry-After}; C{None} if it does not ask.
    """

    how: How
    text: str
    code: int | None = None
    reason: str = ""
    retryAfter: float | None = None

    def isComplete(self) -> bool:
        """
        Return whether the other side ended the stream, and said that it is complete.
        """
        if self.how is How.CLOSE_FRAME:
            return self.code in GOOD_CODES
        return self.how is How.COMPLETE

    def isInOrder(self) -> bool:
        """
        Return whether the other side ended the stream, and nothing shows that a part of
        it is missing.
        """
        return self.isComplete() or self.how is How.CLOSED


class EndError(Exception):
    """
    An end, as an exception.

    @ivar end: the end.
    """

    def __init__(
        self,
        how: How,
        text: str,
        code: int | None = None,
        reason: str = "",
        retryAfter: float | None = None,
    ) -> None:
        """
        Take the fields of an L{End}.
        """
        # A server can send a status, or a location, of any length.
        text = text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}..."
        super().__init__(text)
        self.end = End(how, text, code, reason, retryAfter)


#: The kinds of Twisted's exceptions: the first that matches.
_KINDS: tuple[tuple[type[BaseException], How], ...] = (
    (ConnectionDone, How.CLOSED),
    (ConnectionLost, How.RESET),
    (ConnectionRefusedError, How.REFUSED),
    (DNSLookupError, How.DNS),
    (UnknownHostError, How.DNS),
    (NoRouteError, How.UNREACHABLE),
    (TCPTimedOutError, How.NO_ANSWER),
    (TimeoutError, How.NO_ANSWER),
    (VerifyError, How.TLS),
)


def endOf(reason: Failure) -> End:
    """
    Find out how a connection ended.

    @param reason: the reason why an attempt failed, or why the connection was lost.

    @return: the end.
    """
    error = reason.value
    if isinstance(error, EndError):
        return error.end
    text = connectionError(error)
    for kind, how in _KINDS:
        if isinstance(error, kind):
            return End(how, text)
    # OpenSSL's errors, and those of service_identity, are lists of details.
    isTLS = any(isinstance(each, list) for each in getattr(error, "args", ()))
    if isTLS:
        return End(How.TLS, text)
    # Twisted has no class for this one.
    isNoRoute = isinstance(error, ConnectError) and error.osError == EHOSTUNREACH
    return End(How.UNREACHABLE if isNoRoute else How.OTHER, text)
