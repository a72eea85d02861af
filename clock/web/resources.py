"""
The base of all resources: responses of one line, and arguments of the query.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from twisted.python.usage import UsageError
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from clock.factory import ClockFactory
from clock.web.messages import alternatives, streamHead
from clock.web.origins import SAME_ORIGIN, OriginAccess
from clock.web.shapes import PaddedStreams, Shape, requestedShape

#: The clocks of a site: pairs of the IANA name of a zone, "" for local time, and a
#: factory. The first one is the default. A zone has at most one clock of each mode.
Clocks = Sequence[tuple[str, ClockFactory]]

#: Headers that stop proxies from buffering the stream. C{no-cache} (RFC 9111) forbids
#: reusing a stored response, and C{no-transform} forbids compressing it.
#: C{X-Accel-Buffering: no} turns off the buffering of nginx.
UNBUFFERED = {
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}


#: Seconds after which a client that was refused may try again.
RETRY_AFTER = 5


def argument(request: Any, name: str) -> str | None:
    """
    Return an argument of the query.

    @param request: the request.
    @param name: the argument's name.

    @return: its first value; C{None} if there is none.
    """
    values = request.args.get(name.encode())
    return values[0].decode("utf-8", "replace") if values else None


class TextResource(Resource):
    """
    A resource whose errors are one line of text.
    """

    isLeaf = True
    methods: tuple[bytes, ...] = (b"GET", b"HEAD")

    def __init__(self, access: OriginAccess = SAME_ORIGIN) -> None:
        """
        @param access: the other sites whose pages may read the response; by default
            none.
        """
        super().__init__()
        self._access = access

    def render(self, request: Any) -> Any:
        """
        Respond to the methods of this resource, and to OPTIONS from a page of an
        allowed site. Any other method gets the status 405.
        """
        isAllowedPage = self._access.setHeaders(request)
        if isAllowedPage and request.method == b"OPTIONS":
            return self._allowRequest(request)
        if request.method not in self.methods:
            request.setHeader(b"Allow", b", ".join(self.methods))
            return self.respond(request, 405, f"use {alternatives(self.methods)}")
        if request.postpath:
            return self.respond(request, 404, "no such path")
        return self.render_GET(request)

    def render_GET(self, request: Any) -> Any:
        """
        Respond to GET or HEAD; by default with the status 404.

        @param request: the request.

        @return: what C{render} returns.
        """
        return self.respond(request, 404, "no such path")

    def getChild(self, path: bytes, request: Any) -> Resource:
        """
        Respond with the status 404 to a path that does not exist, and to every path
        below it.
        """
        return TextResource()

    def _allowRequest(self, request: Any) -> Any:
        """
        Respond to a preflight request, which a browser sends before a request with
        headers that the page has set.
        """
        request.setResponseCode(204, b"No Content")
        methods = b", ".join(self.methods)
        request.setHeader(b"Access-Control-Allow-Methods", methods)
        request.setHeader("Access-Control-Allow-Headers", "*")
        request.setHeader("Access-Control-Max-Age", "3600")
        request.finish()
        return NOT_DONE_YET

    def beginStream(
        self, request: Any, contentType: str, headers: Mapping[str, str]
    ) -> bytes:
        """
        Prepare a response whose body is a stream. Respond to HEAD without a body, and
        at the client limit with an error.

        @param request: the request.
        @param contentType: the media type of the stream.
        @param headers: further headers.

        @return: the head of the response, with which the channel must be handed over;
            nothing if there is no stream.
        """
        isHead = request.method == b"HEAD"
        if not isHead and not self.hasRoom(request):
            return b""
        # The stream ends with the connection.
        request.channel.persistent = False
        request.setHeader("Connection", "close")
        request.setHeader("Content-Type", contentType)
        for name, value in headers.items():
            request.setHeader(name, value)
        if not isHead:
            return streamHead(request)
        request.write(b"")
        request.finish()
        return b""

    def shapeOf(self, request: Any, streams: PaddedStreams) -> Shape | None:
        """
        Read the shape of the stream that a request asks for, or respond with an error:
        the status 400 if an argument is wrong, and 503 if too much is padded.

        @param request: the request.
        @param streams: the padded streams of the site.

        @return: the shape; C{None} after an error.
        """
        try:
            shape = requestedShape(request)
        except UsageError as error:
            self.respond(request, 400, str(error))
            return None
        if not shape.size or streams.hasRoom(shape.size):
            return shape
        self._respondBusy(request, "too many padded streams: ask for fewer bytes")
        return None

    def hasRoom(self, request: Any) -> bool:
        """
        Let the connection of a request begin a stream, or respond with the status 503.

        @param request: the request.

        @return: whether the client limit allows a stream.
        """
        if request.channel.site.connections.beginStream(request.channel):
            return True
        self._respondBusy(request, "the client limit is reached")
        return False

    def _respondBusy(self, request: Any, text: str) -> None:
        request.setHeader("Retry-After", str(RETRY_AFTER))
        self.respond(request, 503, text)

    def respond(
        self,
        request: Any,
        code: int,
        text: str,
        contentType: str = "text/plain; charset=utf-8",
    ) -> Any:
        """
        Respond with a text that must not be cached.

        @param request: the request.
        @param code: the status.
        @param text: the text, without its last newline.
        @param contentType: its media type.

        @return: what C{render} returns.
        """
        body = f"{text}\n".encode()
        request.setResponseCode(code, HTTPStatus(code).phrase.encode())
        request.setHeader("Content-Type", contentType)
        request.setHeader("Content-Length", str(len(body)))
        request.setHeader("Cache-Control", "no-store")
        request.setHeader("X-Content-Type-Options", "nosniff")
        request.write(body)
        request.finish()
        return NOT_DONE_YET


class NotFound(TextResource):
    """
    A path that does not exist, but has paths below it.
    """

    isLeaf = False


class MissingExtra(TextResource):
    """
    A path that needs a package that is not installed.
    """

    def __init__(self, hint: str) -> None:
        """
        @param hint: the missing package, and how to install it.
        """
        super().__init__()
        self._hint = hint

    def render_GET(self, request: Any) -> Any:
        """
        Respond with the status 404 and the hint.
        """
        return self.respond(request, 404, self._hint)


class PageFile(TextResource):
    """
    A file of the page. Browsers keep it, and ask each time whether it has changed.
    """

    def __init__(self, data: bytes, contentType: str) -> None:
        """
        @param data: the content of the file.
        @param contentType: its media type.
        """
        super().__init__()
        self._data = data
        self._contentType = contentType
        self._tag = b'"%s"' % sha256(data).hexdigest()[:16].encode()

    def render_GET(self, request: Any) -> Any:
        """
        Respond with the file, or with the status 304 if the browser has it.
        """
        request.setHeader("Cache-Control", "no-cache")
        # The page loads nothing from other servers, and has no inline code. It must not
        # be framed by other pages, which could make visitors click on it.
        policy = "default-src 'self'; frame-ancestors 'none'"
        request.setHeader("Content-Security-Policy", policy)
        request.setHeader("Referrer-Policy", "no-referrer")
        request.setHeader("X-Content-Type-Options", "nosniff")
        request.setHeader(b"ETag", self._tag)
        # A proxy that compresses marks the tag as weak.
        tags = b",".join(request.requestHeaders.getRawHeaders(b"If-None-Match", []))
        known = [tag.strip().removeprefix(b"W/") for tag in tags.split(b",")]
        if self._tag in known:
            request.setResponseCode(304, b"Not Modified")
            request.finish()
        else:
            request.setHeader("Content-Type", self._contentType)
            request.setHeader("Content-Length", str(len(self._data)))
            request.write(self._data)
            request.finish()
        return NOT_DONE_YET
