"""
The requests for a stream over HTTP: the first one, and those that follow redirects.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import urljoin

from hyperlink import URL
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer
from twisted.web._newclient import Request
from twisted.web.client import URI
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from clock.clients.reading.ends import EndError, How
from clock.clients.reading.observer import Response
from clock.clients.reading.urls.connector import httpURL
from clock.clients.reading.urls.proxy.selection import Proxy
from clock.clients.reading.urls.settings import WebOptions

#: The statuses of redirects.
REDIRECTS = (301, 302, 303, 307, 308)

#: The headers that only the server of the first URL gets, as with curl.
_SECRET = ("authorization", "proxy-authorization", "cookie", "host")


@implementer(IBodyProducer)
class _Data:
    """
    The body of a request.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.length = len(data)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        consumer.write(self._data)
        return succeed(None)

    def pauseProducing(self) -> None:
        """
        Do nothing: all of it is written.
        """

    resumeProducing = stopProducing = pauseProducing


class WebRequest(NamedTuple):
    """
    A request.

    @ivar url: the URL, in ASCII.
    @ivar method: the method.
    @ivar headers: the names and values of the headers.
    @ivar data: the body; C{None} if it has none.
    """

    url: URL
    method: str
    headers: tuple[tuple[str, str], ...]
    data: bytes | None

    @classmethod
    def first(cls, url: URL, options: WebOptions) -> WebRequest:
        """
        Make the first request.

        @param url: the URL, in ASCII.
        @param options: the user's settings.
        """
        headers = tuple(options.allHeaders())
        return cls(url, options.requestMethod, headers, options.data)

    def build(self, proxy: Proxy | None) -> Any:
        """
        Build the request that is sent.

        @param proxy: the proxy that forwards it; C{None} if it is sent to the server.

        @return: the request, as C{twisted.web} takes it.
        """
        uri = self.url.replace(fragment="").to_text().encode("ascii")
        headers = Headers()
        for name, value in self.headers:
            headers.addRawHeader(name, value)
        if not headers.hasHeader("Host"):
            headers.addRawHeader("Host", self.url.authority())
        if proxy is None:
            uri = URI.fromBytes(uri).originForm
        elif proxy.authorization is not None:
            headers.setRawHeaders("Proxy-Authorization", [proxy.authorization])
        body = None if self.data is None else _Data(self.data)
        return Request(self.method.encode("ascii"), uri, headers, body)

    def redirected(self, response: Response) -> WebRequest:
        """
        Return the request that follows a redirect. As with browsers and curl, a POST
        becomes a GET without a body unless the status is 307 or 308.

        @param response: the redirect.

        @return: the next request. Another server gets none of the user's secrets.

        @raise EndError: if the redirect cannot be followed.
        """
        url = self._location(response)
        method, data, headers = self.method, self.data, self.headers
        becomesGET = response.status == 303 and method != "HEAD"
        if becomesGET or (response.status in (301, 302) and method == "POST"):
            method, data = "GET", None
            headers = _without(headers, "content-type")
        if _server(url) != _server(self.url):
            headers = _without(headers, *_SECRET)
        return WebRequest(url, method, headers, data)

    def _location(self, response: Response) -> URL:
        location, status = response.header("Location"), response.status
        if not location:
            raise EndError(How.STATUS, "redirected without a location", status)
        try:
            url = URL.from_text(urljoin(self.url.to_text(), location))
            if url.scheme.lower() in ("http", "https"):
                return httpURL(url.to_text())
        except ValueError:
            text = f"redirected to an address that is not valid: {location}"
            raise EndError(How.STATUS, text, status) from None
        raise EndError(How.STATUS, f"redirected to {url.scheme}", status)


def _server(url: URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _without(
    headers: tuple[tuple[str, str], ...], *names: str
) -> tuple[tuple[str, str], ...]:
    return tuple(each for each in headers if each[0].lower() not in names)
