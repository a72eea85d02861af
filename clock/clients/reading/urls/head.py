"""
The heads of responses over HTTP: their headers as they were sent, and what an error
status means.

Twisted's parser drops the order of the headers, and keeps some of them for itself. So
they are taken from the bytes that have arrived.
"""

from __future__ import annotations

import re
from email.utils import mktime_tz, parsedate_tz
from http import HTTPStatus

from clock.clients.reading.ends import EndError, How
from clock.clients.reading.observer import Response
from clock.console.text import oneLine, printable

#: Where a head ends. Twisted takes lines without a carriage return as well.
_END = re.compile(rb"\r?\n\r?\n")

#: The status line of a response that another one follows (RFC 9110, section 15.2).
_INTERIM = re.compile(rb"\S+ 1(?!01)\d\d\b")

#: The status line of a response.
_STATUS = re.compile(rb"(HTTP/\d\.\d) (\d{3})(?: ([^\r\n]*))?")

#: The status of a proxy that asks for a password.
PROXY_AUTHENTICATION_REQUIRED = 407

#: The most bytes to read until the headers are complete.
MAX_HEADERS = 262_144


def finalHead(data: bytes) -> tuple[bytes, bytes]:
    """
    Split what has arrived after the head of the final response.

    @param data: all that has arrived. The head is complete.

    @return: the head, and what comes after it.
    """
    head, *rest = _END.split(data, 1)
    while rest and _INTERIM.match(head):
        head, *rest = _END.split(rest[0], 1)
    return head, b"".join(rest)


def parseHead(data: bytes) -> tuple[Response, bytes]:
    """
    Parse what has arrived of a response.

    @param data: all that has arrived. The head is complete.

    @return: the head of the final response, and what comes after it.

    @raise ValueError: if it is not HTTP/1.
    """
    head, rest = finalHead(data)
    status = _STATUS.match(head)
    if status is None:
        raise ValueError("not HTTP")
    protocol, phrase = status[1].decode(), (status[3] or b"").decode("ascii", "replace")
    return Response(protocol, int(status[2]), phrase, headersIn(head)), rest


def headersIn(head: bytes) -> tuple[tuple[str, str], ...]:
    """
    Return the headers in a head.

    @param head: the status line and the headers.

    @return: names and values, in order. Bytes that are not UTF-8, and unprintable
        characters, are escaped.
    """
    # A line that begins with a blank continues the one before (RFC 9112, section 5.2).
    lines = re.sub(rb"\r?\n[ \t]+", b" ", head).split(b"\n")[1:]
    fields = (_text(line).partition(":") for line in lines)
    return tuple((name.strip(), value.strip()) for name, _, value in fields)


def _text(data: bytes) -> str:
    return printable(data.strip().decode("utf-8", "backslashreplace"))


def statusText(code: int, phrase: bytes = b"") -> str:
    """
    Return a status in words.

    @param code: the status.
    @param phrase: the server's own words for it. If there are none, the standard words
        are used.

    @return: the text: C{502 Bad Gateway}.
    """
    words = phrase.decode("ascii", "replace")
    # twisted.web.http.RESPONSES has no words for 426, which refuses a WebSocket.
    if not words and code in [*HTTPStatus]:
        words = HTTPStatus(code).phrase
    return oneLine(f"{code} {words}")


def statusError(response: Response) -> EndError:
    """
    Make the error for a response whose status is not the expected one.

    @param response: the head of the response.

    @return: the error. Its text is that of L{statusText}.
    """
    text = statusText(response.status, response.phrase.encode("ascii", "replace"))
    how = How.STATUS
    if response.status == PROXY_AUTHENTICATION_REQUIRED:
        how = How.PROXY
    return EndError(how, text, response.status, retryAfter=_retryAfter(response))


def _retryAfter(response: Response) -> float | None:
    """
    Return how many seconds a server asks to wait (RFC 9110, section 10.2.3). A date is
    compared with the date of the response: this machine's clock may differ.
    """
    value = response.header("Retry-After")
    if re.fullmatch("[0-9]{1,9}", value):
        return float(value)
    until, now = (_instant(each) for each in (value, response.header("Date")))
    if until is None or now is None:
        return None
    return max(0.0, until - now)


def _instant(text: str) -> float | None:
    fields = parsedate_tz(text)
    try:
        return None if fields is None else float(mktime_tz(fields))
    except (ValueError, OverflowError):
        return None
