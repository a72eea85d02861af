"""
One connection of a request, and why it brings no response.

An exchange lies below the protocol that makes the request. It waits for the TLS
handshake, reports the steps, and keeps the head of the response as it was sent.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener, IProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.web._newclient import HTTP11ClientProtocol, ParseError
from zope.interface import implementer

from clock.clients.reading.connection import lossOf
from clock.clients.reading.ends import EndError, How, endOf
from clock.clients.reading.observer import Observer, Other, Response, Step
from clock.clients.reading.urls.head import MAX_HEADERS, finalHead, headersIn
from clock.clients.reading.urls.proxy.selection import Proxy

#: The kinds of ends that the server made, in good order or not.
LOST = (How.CLOSED, How.RESET, How.TRUNCATED_TLS)

#: The reason of OpenSSL for a server that accepts no protocol that was offered.
_NO_PROTOCOL = "tlsv1 alert no application protocol"


@implementer(IHandshakeListener)
class Exchange(Protocol):
    """
    One connection of a request.

    @ivar secured: fires when the TLS handshake is done; otherwise with L{EndError}.
    @ivar observer: the receiver of what happens.
    @ivar proxy: the proxy that forwards the request, if it does not open a tunnel.
    @ivar loss: why the connection was lost; C{None} if it is not.
    """

    # One of TLS if the connection is secured.
    transport: Any
    _head = b""
    loss: Failure | None = None
    _protocol: IProtocol | None = None
    _error: EndError | None = None
    _readsHead = True

    def __init__(
        self,
        observer: Observer,
        proxy: Proxy | None = None,
        offered: str = "",
    ) -> None:
        """
        @param observer: the receiver of what happens.
        @param proxy: the proxy that forwards the request, if it does not open a tunnel.
        @param offered: the protocols that are offered over TLS (ALPN), for people.
        """
        self._offered = offered
        self.secured: Deferred[None] = Deferred(lambda _: self.abort())
        self.observer = observer
        self.proxy = proxy

    def handshakeCompleted(self) -> None:
        """
        Report that the connection is secured.
        """
        version = self.transport.getHandle().get_protocol_version_name()
        self.observer.stepReached(Step.SECURED, version)
        self.secured.callback(None)

    async def request(self, request: Any) -> Any:
        """
        Send a request over HTTP.

        @param request: the request, as C{twisted.web} makes it.

        @return: the response, as C{twisted.web} has it.

        @raise EndError: if there is none.
        """
        protocol: Any = HTTP11ClientProtocol()
        if self._isHTTP2:
            from clock.clients.reading.urls.http2.protocol import HTTP2ClientProtocol

            self._readsHead = False
            protocol = HTTP2ClientProtocol(self._pinged)
        self.start(protocol)
        answer = protocol.request(request)
        self.observer.stepReached(Step.REQUESTED, request.method.decode("ascii"))
        try:
            return await answer
        except Exception:
            raise self._whyNone(Failure()) from None

    def takeHead(self) -> bytes:
        """
        Return what has arrived, as the head of the response is complete, and keep no
        more.
        """
        head, self._head, self._readsHead = self._head, b"", False
        return head

    def start(self, protocol: Any) -> None:
        """
        Connect the protocol that makes the request.

        @param protocol: the protocol.
        """
        self._protocol = protocol
        protocol.makeConnection(self.transport)

    def responseHead(self, response: Any) -> Response:
        """
        Return the head of a response.

        @param response: the response, as C{twisted.web} has it.

        @return: the head, with the headers as they were sent.
        """
        phrase = response.phrase.decode("ascii", "replace")
        if self._isHTTP2:
            # A stream has no head of its own bytes, and names are in lower case.
            sent = b"".join(
                b"\n%b:%b" % (name, value)
                for name, values in response.headers.getAllRawHeaders()
                for value in values
            )
            return Response("HTTP/2", response.code, phrase, headersIn(sent))
        _, major, minor = response.version
        headers = headersIn(finalHead(self.takeHead())[0])
        return Response(f"HTTP/{major}.{minor}", response.code, phrase, headers)

    def dataReceived(self, data: bytes) -> None:
        """
        Deliver what has arrived. Abort the connection if the headers never end, as
        Twisted would store all of them, or if they are frames of HTTP/2, as Twisted
        would wait for the end of the line.
        """
        if self._readsHead:
            self._head += data
            if len(self._head) > MAX_HEADERS:
                self._fail("the headers are too long")
            elif self._head[:2] == b"\0\0" and self._head[3:5] == b"\4\0":
                self._fail("the server speaks HTTP/2, not HTTP/1.1")
        if self._error is None:
            cast(IProtocol, self._protocol).dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Report the end.
        """
        self.loss = lossOf(self.transport, reason)
        if self._error is not None:
            self.loss = Failure(self._error)
        if self._protocol is not None:
            self._protocol.connectionLost(self.loss)
        elif not self.secured.called:
            self.secured.errback(self._whyNotSecured(self.loss))

    def abort(self) -> None:
        """
        Abort the connection, if it is not lost.
        """
        # A TLS transport cannot be aborted once it is lost.
        if self.loss is None:
            self.transport.abortConnection()

    def close(self) -> None:
        """
        Close the connection, if it is not lost.
        """
        if self.loss is None:
            self.transport.loseConnection()

    @property
    def _isHTTP2(self) -> bool:
        return getattr(self.transport, "negotiatedProtocol", None) == b"h2"

    def _pinged(self) -> None:
        self.observer.otherReceived(Other.PING)

    def _fail(self, text: str) -> None:
        self._error = EndError(How.NOT_HTTP, text)
        self.abort()

    def _whyNotSecured(self, reason: Failure) -> EndError:
        """
        Find out why there is no handshake.
        """
        end = endOf(reason)
        if end.how in LOST:
            return EndError(How.TLS, f"{end.text} within the TLS handshake")
        if end.text == _NO_PROTOCOL:
            text = f"the server accepts none of the protocols offered: {self._offered}"
            return EndError(How.TLS, text)
        return EndError(*end)

    def _whyNone(self, reason: Failure) -> BaseException:
        """
        Find out why there is no response.
        """
        reason = rootReason(reason)
        if reason.check(KeyError):
            # Twisted looks the transfer encoding up in a table.
            text = "the transfer encoding is not supported: only chunked is"
            return EndError(How.MALFORMED, text)
        # A header without a colon is a ValueError, and so is a length of "x".
        if reason.check(ParseError, ValueError):
            return EndError(How.NOT_HTTP, "the response is not HTTP")
        if self._readsHead and len(self._head) > LineReceiver.MAX_LENGTH:
            # Twisted closes the connection.
            return EndError(How.NOT_HTTP, "the headers are too long")
        return withoutResponse(reason)


def rootReason(reason: Failure) -> Failure:
    """
    Return the first reason of those that Twisted has for a request or a response.

    @param reason: the reason.
    """
    while reasons := getattr(reason.value, "reasons", None):
        reason = reasons[0]
    return reason


def withoutResponse(reason: Failure) -> BaseException:
    """
    Say what the end of a connection means before a response.

    @param reason: the reason why the connection ended.

    @return: the error.
    """
    end = endOf(reason)
    if end.how in LOST:
        return EndError(How.NO_RESPONSE, f"{end.text} without a response")
    return reason.value or EndError(*end)
