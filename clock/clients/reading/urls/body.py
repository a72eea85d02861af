"""
The decoded body of a response, as a stream of bytes.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from hyperlink import URL
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import OK, PotentialDataLoss
from zope.interface import implementer

from clock.clients.reading.connection import whenDone
from clock.clients.reading.ends import CUT, EndError, How, endOf
from clock.clients.reading.observer import Response
from clock.clients.reading.urls.connector import Connector, connectReceiver
from clock.clients.reading.urls.decoders import BodyDecoder, bodyDecoder
from clock.clients.reading.urls.exchange import Exchange, rootReason
from clock.clients.reading.urls.head import statusError
from clock.clients.reading.urls.request import REDIRECTS, WebRequest
from clock.clients.reading.urls.settings import WebOptions

#: The most redirects to follow.
MAX_REDIRECTS = 5


class BodyProtocol(Protocol):
    """
    Deliver the decoded body to another protocol.
    """

    def __init__(
        self, protocol: IProtocol, decode: BodyDecoder, exchange: Exchange
    ) -> None:
        """
        @param protocol: the receiver.
        @param decode: decodes one chunk after the other.
        @param exchange: the connection.
        """
        self._protocol = protocol
        self._decode = decode
        self._exchange = exchange
        self._error: EndError | None = None

    def dataReceived(self, data: bytes) -> None:
        """
        Deliver what can be decoded so far. Abort the connection if the body cannot be
        decoded.
        """
        if self._error is not None:
            return
        if data:
            self._exchange.observer.bytesReceived(len(data))
        try:
            text = self._decode(data)
        except EndError as error:
            self._error = error
            self._exchange.abort()
        else:
            self._protocol.dataReceived(text)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Report the end of the body, and close the connection.
        """
        self._exchange.close()
        error = self._error or self._end(rootReason(reason))
        # The body may hold more than can be read at once.
        report = partial(self._protocol.connectionLost, Failure(error))
        whenDone(self._exchange.transport, report)

    def _end(self, reason: Failure) -> EndError:
        if reason.check(ResponseDone):
            if self._decode.isWithin:
                return EndError(How.CUT, f"{CUT}: the end of its encoding is missing")
            return EndError(How.COMPLETE, "complete")
        if reason.check(PotentialDataLoss):
            # There is no length, and there are no chunks.
            end = endOf(self._exchange.loss or reason)
            isCut = self._decode.isWithin
        else:
            end, isCut = endOf(reason), True
        if isCut and end.how is How.CLOSED:
            return EndError(How.CUT, CUT)
        if isCut and end.how is How.OTHER:
            # Some servers report an error in this way (h2o).
            return EndError(How.CUT, f"{CUT}: a chunk is broken")
        return EndError(*end)


@implementer(IStreamClientEndpoint)
class HTTPEndpoint:
    """
    An endpoint whose connections are the bodies of responses.
    """

    def __init__(self, connector: Connector, url: URL, options: WebOptions) -> None:
        """
        @param connector: the factory of connections.
        @param url: the URL, in ASCII.
        @param options: the user's settings.
        """
        self._connector = connector
        self._request = WebRequest.first(url, options)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        Send the request.

        @param protocolFactory: the factory of the protocol that receives the body.

        @return: fires with the protocol when the headers have arrived; otherwise with
            the error.
        """
        attempt = Deferred.fromCoroutine(self._respond())
        connected: Deferred[IProtocol] = Deferred(lambda _: attempt.cancel())

        def deliver(found: tuple[Exchange, Any, BodyDecoder]) -> None:
            exchange, response, decode = found
            contentType = response.headers.getRawHeaders(b"Content-Type", [b""])[0]
            isEventStream = contentType.lower().startswith(b"text/event-stream")
            transport = exchange.transport
            protocol = connectReceiver(protocolFactory, transport, isEventStream)
            # The body may be complete already, and its end must not come before.
            connected.callback(protocol)
            response.deliverBody(BodyProtocol(protocol, decode, exchange))

        attempt.addCallbacks(deliver, connected.errback)
        return connected

    async def _respond(self) -> tuple[Exchange, Any, BodyDecoder]:
        """
        Send the request, and follow the redirects, until a response has a body to read.
        """
        request, redirects = self._request, 0
        while True:
            exchange = await self._connector.connect(request.url)
            try:
                response = await exchange.request(request.build(exchange.proxy))
                head = exchange.responseHead(response)
                if head.status not in REDIRECTS:
                    return exchange, response, self._responded(head, response)
                request = self._following(request, head, redirects)
            except Exception:
                exchange.abort()
                raise
            exchange.abort()
            exchange.observer.redirected(request.url.to_text())
            redirects += 1

    def _responded(self, head: Response, response: Any) -> BodyDecoder:
        """
        Report the head of a response.

        @return: a decoder for its body.

        @raise EndError: if there is no body to read.
        """
        self._connector.observer.responded(head)
        if head.status != OK:
            raise statusError(head)
        return bodyDecoder(response.headers)

    def _following(
        self, request: WebRequest, head: Response, redirects: int
    ) -> WebRequest:
        try:
            if redirects == MAX_REDIRECTS:
                text = f"more than {MAX_REDIRECTS} redirects"
                raise EndError(How.STATUS, text, head.status)
            return request.redirected(head)
        except EndError:
            self._connector.observer.responded(head)
            raise
