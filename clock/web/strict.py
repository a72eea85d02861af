"""
The part of a channel that accepts valid requests, and refuses everything else.
"""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.interfaces import ISSLTransport
from twisted.web.http import HTTPChannel

from clock.protocol import CLOSE_TIMEOUT
from clock.web.messages import alternatives, isHost, responseHead

#: The part of a target in absolute form (RFC 9112, 3.2.2) that precedes its path.
_ORIGIN = re.compile(rb"\Ahttps?://[^/?]*", re.IGNORECASE)

#: Characters that no line may contain (RFC 9110, 5.5).
_CONTROL = re.compile(rb"[\0\r\n]")

#: The first line of a request (RFC 9112, 3).
_REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~\w-]+ [!-~]+ HTTP/1\.[01]")

#: The most bytes in the body of a POST.
MAX_BODY = 65_536

#: The most parts in which a body in the chunked transfer coding may arrive: its chunks,
#: and the pieces of a chunk that does not arrive at once. Each takes 2 microseconds of
#: CPU time, even if it has one byte.
MAX_CHUNKS = 1000

_TOO_LARGE = f"the body has more than {MAX_BODY} bytes"


class BodyRefusedError(Exception):
    """
    The rest of a body is not decoded, because the request is refused.
    """


class StrictChannel(HTTPChannel):
    """
    Accept requests without a body, and a POST with a small one where the site takes it.
    Refuse everything else with one line that says why, and close the connection.
    """

    # Like Apache, accept lines of 8 KB, and 100 of them.
    MAX_LENGTH = 8192
    maxHeaders = 100

    site: Any
    transport: Any
    _refused = False
    _bodyLeft = _chunksLeft = 0

    def allHeadersReceived(self) -> None:
        """
        Accept a request without a body, and a POST of a stream with one. Remove the
        origin from a target that is a whole URI, because C{Request} finds no path in
        it. Refuse the target C{*}, because C{Request} would respond to it by itself.
        """
        self._path = _ORIGIN.sub(b"", self._path)
        allowed = self.site.methods(self._path)
        hasBody = self.length != 0
        hosts = self.requests[-1].requestHeaders.getRawHeaders(b"Host", [])
        if len(hosts) != 1 and (hosts or self._version != b"HTTP/1.0"):
            self.refuse(400, "a request needs one Host")
        elif hosts and not isHost(hosts[0]):
            self.refuse(400, "the Host is not valid")
        elif self._path == b"*" or (hasBody and self._command not in allowed):
            allow = b"Allow: " + b", ".join(allowed)
            self.refuse(405, f"use {alternatives(allowed)}", allow)
        elif hasBody and self._command != b"POST":
            self.refuse(413, "only a POST of a stream may have a body")
        elif (self.length or 0) > MAX_BODY:
            self.refuse(413, _TOO_LARGE)
        else:
            self._bodyLeft, self._chunksLeft = MAX_BODY, MAX_CHUNKS
            super().allHeadersReceived()

    def rawDataReceived(self, data: bytes) -> None:
        """
        Discard the body of a request, and what follows an error.
        """
        if not self._refused and self._transferDecoder is not None:
            try:
                super().rawDataReceived(data)
            except BodyRefusedError:
                # It keeps what it has not decoded.
                self._transferDecoder = None

    def bodyReceived(self, size: int) -> None:
        """
        Refuse a request whose body is too large, or arrives in too many parts.

        @param size: the number of bytes of a part of the body.

        @raise BodyRefusedError: if it is refused.
        """
        self._bodyLeft -= size
        self._chunksLeft -= self.length is None
        if self._bodyLeft < 0:
            self.refuse(413, _TOO_LARGE)
        elif self._chunksLeft < 0:
            self.refuse(413, f"the body came in more than {MAX_CHUNKS} parts")
        if self._refused:
            raise BodyRefusedError

    def _finishRequestBody(self, data: bytes) -> None:
        """
        Respond to a request with a body, the last one of its connection. By default,
        C{HTTPChannel} would keep what follows.
        """
        self.allContentReceived()

    def headerReceived(self, line: bytes) -> bool:
        """
        Accept one header. Refuse one that contains a number with more digits than
        Python converts.

        @return: whether the header is valid.
        """
        try:
            return bool(super().headerReceived(line))
        except ValueError:
            self._respondToBadRequestAndDisconnect()
            return False

    def lineReceived(self, line: bytes) -> None:
        """
        Parse a line of a request. Refuse one that continues a header (RFC 9112, 5.2):
        joining 16,000 of them took 35 ms. Also refuse what old versions of Twisted
        accept but a proxy may interpret differently: control characters, and a first
        line that is not exactly a request line.
        """
        isFirst = not self.requests
        if (
            line[:1] in (b" ", b"\t")
            or _CONTROL.search(line)
            or (isFirst and line and not _REQUEST_LINE.fullmatch(line))
        ):
            self._respondToBadRequestAndDisconnect()
        else:
            super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        """
        Refuse a request with a line that is too long.
        """
        self.refuse(431, "the header is too long")

    def _respondToBadRequestAndDisconnect(self) -> None:
        """
        Refuse a request that C{HTTPChannel} cannot parse.
        """
        if (
            self._receivedHeaderSize > self.totalHeadersSize
            or self._receivedHeaderCount > self.maxHeaders
        ):
            self.refuse(431, "the header is too long")
        else:
            self.refuse(400, "not an HTTP request")

    def refuse(self, code: int, reason: str, *headers: bytes) -> None:
        """
        Respond with an error, and close.

        @param code: the status.
        @param reason: one line for the body.
        @param headers: more lines for the header.
        """
        if self._refused:
            return
        self._refused = True
        body = f"{reason}\n".encode()
        head = responseHead(
            code,
            b"Content-Type: text/plain; charset=utf-8",
            b"Content-Length: %d" % len(body),
            b"Connection: close",
            *headers,
        )
        self.transport.write(head + body)
        self.close()

    def close(self) -> None:
        """
        Close the connection after the client has read the response, or abort it after
        L{CLOSE_TIMEOUT}. Meanwhile, read and discard what the client sends: if a
        connection is closed with unread input, the kernel resets it, and the response
        may be lost.
        """
        if self._refused and self._abortingCall is not None:
            return
        self._refused = True
        # Splitting 32,000 empty lines from a buffer of 64 KB took 50 ms.
        self.setRawMode()
        self.setTimeout(None)
        self._abortAfter(CLOSE_TIMEOUT)
        if self.transport.disconnecting:
            return
        self._networkProducer.resumeProducing()
        self.transport.unregisterProducer()
        if ISSLTransport.providedBy(self.transport):
            self.transport.loseConnection()
        else:
            self.transport.loseWriteConnection()

    def _abortAfter(self, seconds: float) -> None:
        if self._abortingCall is not None:
            self._abortingCall.cancel()
        self._abortingCall = self.callLater(seconds, self._abort)

    def _abort(self) -> None:
        self._abortingCall = None
        self.transport.abortConnection()
