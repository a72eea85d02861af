"""
The decoded body of a response, as a stream of bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

from hyperlink import URL
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web._newclient import ParseError
from twisted.web.client import Agent, RedirectAgent, ResponseDone
from twisted.web.error import InfiniteRedirection, RedirectWithNoLocation
from twisted.web.http import OK, PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse
from zope.interface import implementer

from clock.clients.reading.stream import READ_SIZE
from clock.clients.reading.urls.connector import (
    CUT,
    NO_RESPONSE,
    Connector,
    RequestError,
    closedWithout,
    connectReceiver,
    statusError,
)

#: The most redirects to follow.
MAX_REDIRECTS = 5

#: The most bytes to read until the headers are complete.
MAX_HEADERS = 262_144

#: The window size for C{zlib} that means a gzip header.
GZIP = 16 + zlib.MAX_WBITS

#: The most bytes that one byte of gzip may stand for, besides the first L{READ_SIZE} of
#: each chunk. Text needs a tenth of this, but a hostile server could send a thousand.
MAX_RATIO = 64


class GzipDecoder:
    """
    Decode what arrives of a gzip body.

    @ivar isWithin: whether the end of the gzip is missing.
    """

    isWithin = False

    def __init__(self) -> None:
        """
        Start at the header.
        """
        self._member = zlib.decompressobj(GZIP)

    def __call__(self, data: bytes) -> bytes:
        """
        Decode the next chunk.

        @param data: the bytes that have arrived.

        @return: all the text that can be decoded so far.

        @raise RequestError: if this is not gzip, or grows too much.
        """
        text = b""
        limit = READ_SIZE + MAX_RATIO * len(data)
        while data:
            try:
                text += self._member.decompress(data, limit)
            except zlib.error:
                raise RequestError("the body is not gzip, as its header says") from None
            if len(text) >= limit:
                raise RequestError("the body grows too much when it is decoded")
            data = self._member.unused_data
            self.isWithin = not self._member.eof
            if self._member.eof:
                self._member = zlib.decompressobj(GZIP)
        return text


def bodyDecoder(headers: Headers) -> Callable[[bytes], bytes]:
    """
    Return a decoder for the body of a response.

    @param headers: the headers of the response.

    @return: a function that decodes one chunk after the other.

    @raise RequestError: if the encoding is not supported.
    """
    # As bytes, because they need not be UTF-8.
    values = headers.getRawHeaders(b"Content-Encoding", [])
    encoding = b", ".join(values).decode("ascii", "backslashreplace").lower()
    if encoding in ("gzip", "x-gzip"):
        return GzipDecoder()
    if encoding in ("", "identity"):
        return bytes
    raise RequestError(f"the encoding {encoding} is not supported: only gzip is")


class BodyProtocol(Protocol):
    """
    Deliver the decoded body to another protocol.
    """

    def __init__(
        self,
        protocol: IProtocol,
        decode: Callable[[bytes], bytes],
        abort: Callable[[], object],
    ) -> None:
        """
        @param protocol: the receiver.
        @param decode: decodes one chunk after the other.
        @param abort: aborts the connection.
        """
        self._protocol = protocol
        self._decode = decode
        self._abort = abort
        self._error: RequestError | None = None

    def dataReceived(self, data: bytes) -> None:
        """
        Deliver what can be decoded so far. Abort the connection if the body cannot be
        decoded.
        """
        if self._error is not None:
            return
        try:
            text = self._decode(data)
        except RequestError as error:
            self._error = error
            self._abort()
            return
        # Empty text is delivered too: the receiver counts each read, to limit them.
        self._protocol.dataReceived(text)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Report the end. Without a length and without chunks, the end of the connection
        is the end of the body, unless the end of its gzip is missing.
        """
        isWithin = isinstance(self._decode, GzipDecoder) and self._decode.isWithin
        if self._error is not None:
            reason = Failure(self._error)
        elif isWithin and reason.check(PotentialDataLoss):
            reason = Failure(RequestError(CUT))
        elif reason.check(ResponseDone, PotentialDataLoss):
            reason = Failure(ConnectionDone())
        else:
            reason = _requestFailure(reason, CUT)
        self._protocol.connectionLost(reason)


@implementer(IStreamClientEndpoint)
class HTTPEndpoint:
    """
    An endpoint whose connections are the bodies of responses.
    """

    def __init__(
        self,
        reactor: Any,
        connector: Connector,
        url: URL,
        headers: Sequence[tuple[str, str]],
    ) -> None:
        """
        @param reactor: the reactor that connects.
        @param connector: the factory of connections.
        @param url: the URL, in ASCII.
        @param headers: the names and values of the headers to send.
        """
        self._connector = connector
        self._connector.prepare = self._limitHeaders
        self._hasHeaders = self._isTooLong = False
        self._url = url.to_text().encode("ascii")
        self._headers = Headers()
        for name, value in headers:
            self._headers.addRawHeader(name, value)
        agent = Agent.usingEndpointFactory(reactor, connector)
        # Another server does not get the user's C{Host}, as with curl.
        self._agent = RedirectAgent(agent, MAX_REDIRECTS, [b"Host"])

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        Send the request.

        @param protocolFactory: the factory of the protocol that receives the body.

        @return: fires with the protocol when the headers have arrived; otherwise with
            the error.
        """
        attempt: Deferred[IResponse]
        attempt = self._agent.request(b"GET", self._url, self._headers)
        connected: Deferred[IProtocol] = Deferred(lambda _: attempt.cancel())

        def deliver(found: tuple[IResponse, Callable[[bytes], bytes]]) -> None:
            response, decode = found
            self._hasHeaders = True
            transport = self._connector.transport
            contentType = response.headers.getRawHeaders(b"Content-Type", [b""])[0]
            isEventStream = contentType.lower().startswith(b"text/event-stream")
            protocol = connectReceiver(protocolFactory, transport, isEventStream)
            # The body may be complete already, and its end must not come before.
            connected.callback(protocol)
            abort = transport.abortConnection
            response.deliverBody(BodyProtocol(protocol, decode, abort))

        def fail(reason: Failure) -> None:
            self._connector.abort()
            if self._isTooLong:
                reason = Failure(RequestError("the headers are too long"))
            connected.errback(_requestFailure(reason, NO_RESPONSE))

        attempt.addCallback(self._responded).addCallbacks(deliver, fail)
        return connected

    def _limitHeaders(self, protocol: Any) -> None:
        """
        Abort a new connection if its headers never end. Twisted would store all of
        them.
        """
        receive, room = protocol.dataReceived, MAX_HEADERS
        self._hasHeaders = self._isTooLong = False

        def dataReceived(data: bytes) -> None:
            nonlocal room
            room -= len(data)
            if room < 0 and not self._hasHeaders:
                self._isTooLong = True
                self._connector.abort()
            else:
                receive(data)

        protocol.dataReceived = dataReceived

    def _responded(self, response: Any) -> tuple[IResponse, Callable[[bytes], bytes]]:
        """
        Check the head of a response.
        """
        if response.previousResponse is not None:
            url = response.request.absoluteURI.decode("ascii", "backslashreplace")
            self._connector.observer.redirected(url)
        if response.code != OK:
            raise statusError(response.code, response.phrase)
        return response, bodyDecoder(response.headers)


def _requestFailure(reason: Failure, closed: str) -> Failure:
    """
    Find the reason why a request or a response failed.
    """
    while reasons := getattr(reason.value, "reasons", None):
        reason = reasons[0]
    if reason.check(ParseError):
        return Failure(RequestError("the response is not HTTP"))
    if reason.check(InfiniteRedirection):
        return Failure(RequestError(f"more than {MAX_REDIRECTS} redirects"))
    if reason.check(RedirectWithNoLocation):
        return Failure(RequestError("redirected without a location"))
    if reason.check(KeyError):
        # Twisted looks the transfer encoding up in a table.
        text = "the transfer encoding is not supported: only chunked is"
        return Failure(RequestError(text))
    if reason.check(UnicodeDecodeError):
        return Failure(RequestError("redirected to an address not in ASCII"))
    return closedWithout(reason, closed)
