"""
The requests, responses and errors of HTTP/2, as those of C{twisted.web} for HTTP/1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from h2.errors import ErrorCodes
from h2.exceptions import DenialOfServiceError, InvalidBodyLengthError, ProtocolError
from twisted.internet.interfaces import IProtocol
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IClientRequest, IResponse
from zope.interface import implementer

from clock.clients.reading.ends import CUT, EndError, How
from clock.console.text import oneLine

#: The name of a header, in lower case (RFC 9110, section 5.6.2).
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")

#: The most characters of a server's explanation to show.
MAX_EXPLANATION = 100


def requestHeaders(request: Any) -> list[tuple[bytes, bytes]]:
    """
    Translate the headers of a request.

    @param request: the request, for HTTP/1.

    @return: the names and values for HTTP/2. C{h2} drops those that it does not have.
    """
    names = (b"host", b"content-length")
    headers = [
        (b":method", request.method),
        (b":scheme", b"https"),
        (b":authority", request.headers.getRawHeaders(b"Host")[-1]),
        (b":path", request.uri),
        *(
            (name.lower(), value)
            for name, values in request.headers.getAllRawHeaders()
            for value in values
            if name.lower() not in names
        ),
    ]
    body = request.bodyProducer
    length = body.length if body is not None else 0
    if length is not UNKNOWN_LENGTH and (body or request.method in (b"PUT", b"POST")):
        headers.append((b"content-length", b"%d" % length))
    return headers


def responseHeaders(
    fields: Iterable[tuple[bytes, bytes]],
) -> tuple[int, Headers]:
    """
    Translate the headers of a response.

    @param fields: the names and values.

    @return: the status and the headers, as for HTTP/1.

    @raise ProtocolError: if they are not valid.
    """
    headers = Headers()
    status = b""
    for name, value in fields:
        if name == b":status":
            status = value
        elif _TOKEN.fullmatch(name):
            headers.addRawHeader(name, value)
        else:
            raise ProtocolError(f"{name!r} is not the name of a header")
    # Python refuses to read a number of thousands of digits.
    if not re.fullmatch(rb"[0-9]{3}", status):
        raise ProtocolError("the status is not a number of three digits")
    return int(status), headers


@implementer(IResponse)
class HTTP2Response:
    """
    The head of a response, and its body as it arrives.
    """

    version = (b"HTTP", 2, 0)
    phrase = b""
    previousResponse: IResponse | None = None
    _protocol: IProtocol | None = None
    _end: Failure | None = None

    def __init__(
        self, code: int, headers: Headers, request: IClientRequest, transport: Any
    ) -> None:
        """
        @param code: the status.
        @param headers: the headers.
        @param request: the request.
        @param transport: the transport of the connection. It is paused until the body
            is delivered.
        """
        self.code = code
        self.headers = headers
        self.request = request
        length = headers.getRawHeaders(b"Content-Length", [b""])
        # h2 does not check the length in a response to HEAD.
        isKnown = re.fullmatch(rb"[0-9]{1,19}", length[0])
        self.length = int(length[0]) if isKnown else UNKNOWN_LENGTH
        self._transport = transport
        self._transport.pauseProducing()
        self._buffer: list[bytes] = []

    def setPreviousResponse(self, response: IResponse) -> None:
        """
        Note the response that has led to this one.

        @param response: the response with the redirect.
        """
        self.previousResponse = response

    def deliverBody(self, protocol: IProtocol) -> None:
        """
        Deliver the body, as far as it has arrived and from now on.

        @param protocol: the receiver.
        """
        protocol.makeConnection(self._transport)
        if self._end is None:
            self._transport.resumeProducing()
        self._protocol = protocol
        buffer, self._buffer = self._buffer, []
        for data in buffer:
            protocol.dataReceived(data)
        if self._end is not None:
            protocol.connectionLost(self._end)

    def dataReceived(self, data: bytes) -> None:
        """
        Deliver a part of the body, or keep it.

        @param data: the part. It is empty for a frame of another kind.
        """
        if self._protocol is not None:
            self._protocol.dataReceived(data)
        else:
            self._buffer.append(data)

    def connectionLost(self, reason: Failure) -> None:
        """
        Report the end of the body, or keep it.

        @param reason: C{ResponseDone} if the body is complete.
        """
        self._end = reason
        if self._protocol is not None:
            self._protocol.connectionLost(reason)


def violation(error: ProtocolError) -> EndError:
    """
    Say what it means that the server does not keep to the protocol.
    """
    if isinstance(error, DenialOfServiceError):
        return EndError(How.MALFORMED, "the headers are too long")
    isShort = isinstance(error, InvalidBodyLengthError) and (
        error.actual_length < error.expected_length
    )
    if isShort:
        return closedError(isWithin=True)
    text = f"the server violates HTTP/2: {error.error_code.name}"
    return EndError(How.MALFORMED, text, error.error_code, oneLine(error))


def closedError(isWithin: bool) -> EndError:
    """
    Say what it means that the server has closed the connection.

    @param isWithin: whether a response had begun.
    """
    if isWithin:
        return EndError(How.CUT, CUT)
    return EndError(How.NO_RESPONSE, "closed by the server without a response")


def serverError(
    what: str, code: ErrorCodes | int | None, explanation: bytes = b""
) -> Failure:
    """
    Name an error of the server.

    @param what: what the server did.
    @param code: the error code.
    @param explanation: more about it, as the server wrote it.
    """
    name = code.name if isinstance(code, ErrorCodes) else f"error {code}"
    # The escapes of bytes that are not UTF-8 are not printable.
    reason = explanation.decode("utf-8", "surrogateescape")[:MAX_EXPLANATION]
    reason = reason if reason.isprintable() else ""
    text = f"the server {what} with {name}" + (f": {reason}" if reason else "")
    return Failure(EndError(How.HTTP2_ERROR, text, code and int(code), reason))
