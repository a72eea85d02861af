"""
The channel, which serves one HTTP connection and one request on it.

With Twisted's C{HTTPChannel}, a client can use memory, CPU time and disk space without
limit: with pipelined requests, if it does not read the responses; with a header that
never ends; or with a body, which is written to a temporary file. This channel therefore
closes after one request, refuses bodies, and closes a connection whose request has not
arrived within L{REQUEST_TIMEOUT}.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    ISSLTransport,
    ITransport,
)
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from zope.interface import implementer

if TYPE_CHECKING:
    from clock.web.site import ClockSite

#: Seconds to wait for a request before refusing it. They include the TLS handshake, if
#: there is one.
REQUEST_TIMEOUT = 10.0

#: Seconds to wait for a graceful close before aborting.
CLOSE_TIMEOUT = 0.5

#: What a target in absolute form (RFC 9112, 3.2.2) has before its path.
_ORIGIN = re.compile(rb"\Ahttps?://[^/?]*", re.IGNORECASE)


class ClockChannel(HTTPChannel):
    """
    Serve one request, in limited time and memory.

    The channel counts as a client until a stream begins. Then the protocol of the
    stream counts (L{handOver}).

    @ivar stream: the protocol that streams the response; C{None} if there is none.
    """

    # Instances of a class share the keys of their dictionaries, up to 30. With one
    # attribute more, each connection took 1.3 KB more.
    __slots__ = ("stream",)

    site: ClockSite
    transport: Any
    stream: IProtocol | None
    _refused = False

    def connectionMade(self) -> None:
        """
        Count the connection. If the limit is exceeded, close it at once.
        """
        super().connectionMade()
        self.stream = None
        self.site.connected(self)
        if not self.site.limit.connected():
            self.close()

    def resetTimeout(self) -> None:
        """
        Do nothing: the timeout is for the whole request. By default, C{HTTPChannel}
        restarts it whenever data arrives.
        """

    def timeoutConnection(self) -> None:
        """
        Let the site close a connection whose request has not arrived in time.
        """
        self.site.timedOut(self)

    def refuseLate(self) -> None:
        """
        Close a connection whose request has still not arrived.
        """
        if not self._handlingRequest:
            self.refuse(408, "the request did not arrive in time")

    def checkPersistence(self, request: Any, version: bytes) -> bool:
        """
        Serve no second request.

        @return: C{False}.
        """
        request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        return False

    def allHeadersReceived(self) -> None:
        """
        Accept a request without a body. C{Request} finds no path in a whole URI, so its
        origin is removed.
        """
        if self.length == 0:
            self._path = _ORIGIN.sub(b"", self._path)
            super().allHeadersReceived()
        elif self._command not in (b"GET", b"HEAD"):
            self.refuse(405, "use GET or HEAD", b"Allow: GET, HEAD\r\n")
        else:
            self.refuse(413, "a request must not have a body")

    def headerReceived(self, line: bytes) -> bool:
        """
        Accept one header. A number in it may be longer than Python converts.

        @return: whether the header is valid.
        """
        try:
            return bool(super().headerReceived(line))
        except ValueError:
            self._respondToBadRequestAndDisconnect()
            return False

    def rawDataReceived(self, data: bytes) -> None:
        """
        Discard data that arrived after the request.
        """

    def dataReceived(self, data: bytes) -> None:
        """
        Parse the request. Discard data that arrives after an error. After the request,
        read nothing more, or at most once a second if the client reads a stream. A
        client that keeps sending fills the kernel's buffers.
        """
        if self.stream is not None:
            self.stream.dataReceived(data)
        elif self._handlingRequest:
            self._networkProducer.pauseProducing()
        elif not self._refused:
            super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        """
        Parse a line of the request, up to the first error.
        """
        if not self._refused:
            super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        """
        Refuse a request with a header line that is too long.
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

    def refuse(self, code: int, reason: str, header: bytes = b"") -> None:
        """
        Respond with an error, and close.

        @param code: the status.
        @param reason: one line for the body.
        @param header: one more header line, with its end.
        """
        if self._refused:
            return
        self._refused = True
        body = f"{reason}\n".encode()
        self.transport.write(
            b"HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
            b"Content-Length: %d\r\nConnection: close\r\n%s\r\n%s"
            % (code, HTTPStatus(code).phrase.encode(), len(body), header, body)
        )
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
        self.setTimeout(None)
        self._abortAfter(CLOSE_TIMEOUT)
        if self.transport.disconnecting:
            return
        self.transport.unregisterProducer()
        if ISSLTransport.providedBy(self.transport):
            self.transport.loseConnection()
        else:
            self.transport.loseWriteConnection()

    def loseConnection(self) -> None:
        """
        Close the connection once the response was sent. A client has
        L{REQUEST_TIMEOUT} to take it; over TLS, and to close its side.
        """
        self._abortAfter(REQUEST_TIMEOUT)
        super().loseConnection()

    def _abortAfter(self, seconds: float) -> None:
        if self._abortingCall is not None:
            self._abortingCall.cancel()
        self._abortingCall = self.callLater(seconds, self._abort)

    def _abort(self) -> None:
        self._abortingCall = None
        self.transport.abortConnection()

    def handOver(self, stream: IProtocol) -> None:
        """
        Let a protocol stream the response. From now on the protocol counts as the
        client, and its C{connectionLost} is called when the connection is lost.

        @param stream: the protocol; it counts itself when it is connected.
        """
        self.stream = stream
        self.site.limit.disconnected(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Stop counting the connection, or call C{connectionLost} of its stream.
        """
        super().connectionLost(reason)
        self.site.disconnected(self)
        if self.stream is None:
            self.site.limit.disconnected(self)
        else:
            self.stream.connectionLost(reason)


@implementer(ITransport)
class ChannelTransport:
    """
    What the transports of streams have in common: they lie on a channel.
    """

    __slots__ = ("_channel",)

    def __init__(self, channel: ClockChannel) -> None:
        """
        @param channel: the channel. (A request forgets it when the connection is lost.)
        """
        self._channel = channel

    @abstractmethod
    def write(self, data: bytes) -> None:
        """
        Send a line.
        """

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """
        Send several lines.
        """
        for line in data:
            self.write(line)

    @abstractmethod
    def loseConnection(self) -> None:
        """
        End the stream gracefully.
        """

    def abortConnection(self) -> None:
        """
        Reset the connection.
        """
        self._channel.transport.abortConnection()

    def getPeer(self) -> IAddress:
        """
        Return the client's address.
        """
        peer: IAddress = self._channel.getPeer()
        return peer

    def getHost(self) -> IAddress:
        """
        Return this server's address.
        """
        host: IAddress = self._channel.getHost()
        return host
