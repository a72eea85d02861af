"""
Parts of HTTP messages that Twisted leaves to the caller.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from twisted.web.http import datetimeToString

#: The value of the header C{Server}. It shows no versions.
SERVER = b"clock"

#: The value of C{Host} (RFC 9110, 7.2): a name or an address, and an optional port.
_HOST = re.compile(
    rb"([\w.~!$&'()*+,;=%-]{0,255}|\[[0-9a-f:.]{2,45}(%[\w.~-]{1,30})?\])(:\d{0,5})?",
    re.IGNORECASE,
)


def isHost(value: bytes) -> bool:
    """
    Return whether the value of a header C{Host} is valid.

    @param value: the value.
    """
    return _HOST.fullmatch(value) is not None


def responseHead(code: int, *headers: bytes) -> bytes:
    """
    Return the head of a response that is written without a C{Request}.

    @param code: the status.
    @param headers: the lines of the header, without C{Date} and C{Server}.

    @return: the lines of the head, and the empty line after them.
    """
    status = b"HTTP/1.1 %d %s" % (code, HTTPStatus(code).phrase.encode())
    date, server = b"Date: " + datetimeToString(), b"Server: " + SERVER
    return b"\r\n".join([status, server, date, *headers, b"", b""])


def streamHead(request: Any) -> bytes:
    """
    Return the head of a response whose body is a stream. C{Request.write} would send it
    in a later iteration of the reactor.

    @param request: the request. Its attribute C{chunked} is set if the body must have
        the chunked transfer encoding.

    @return: the lines of the head, and the empty line after them.
    """
    headers = request.responseHeaders
    if request.clientproto == b"HTTP/1.1":
        request.chunked = 1
        headers.setRawHeaders(b"Transfer-Encoding", [b"chunked"])
    lines = [b"%s: %s" % (k, v) for k, vs in headers.getAllRawHeaders() for v in vs]
    return b"\r\n".join([request.clientproto + b" 200 OK", *lines, b"", b""])


def alternatives(methods: Sequence[bytes]) -> str:
    """
    Return a list of methods as text, such as C{GET, HEAD or POST}.

    @param methods: the methods, at least two.
    """
    *others, last = [method.decode() for method in methods]
    return f"{', '.join(others)} or {last}"


def elements(request: Any, name: bytes) -> list[str]:
    """
    Return the elements of a header whose value is a list (RFC 9110, 5.6.1).

    @param request: the request.
    @param name: the name of the header, which may have several lines.

    @return: the elements in lower case.
    """
    values = request.requestHeaders.getRawHeaders(name, [])
    text = b",".join(values).decode("latin-1").lower()
    return [each.strip() for each in text.split(",")]


def chunk(body: bytes) -> bytes:
    """
    Return a chunk of the chunked transfer encoding (RFC 9112, 7.1).

    @param body: the data. If there is none, the chunk is the last one.
    """
    return b"%x\r\n%s\r\n" % (len(body), body)
