"""
The channel, which serves the requests of one HTTP connection.

With Twisted's C{HTTPChannel}, a client can use memory, CPU time and disk space without
limit: with pipelined requests, if it does not read the responses; with a header that
never ends; or with a body, which is written to a temporary file. This channel therefore
serves a limited number of requests at a limited rate, refuses bodies, and closes a
connection whose request has not arrived within L{REQUEST_TIMEOUT}.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IDelayedCall,
    IHalfCloseableProtocol,
    ISSLTransport,
)
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from clock.web.connections import Connections
from clock.web.messages import elements
from clock.web.strict import StrictChannel
from clock.web.transport import Stream

#: Seconds from the first byte of a request to its last. For the first request, they
#: begin when the connection is accepted, and include the TLS handshake.
REQUEST_TIMEOUT = 10.0

#: Seconds to wait for a further request: more than the minute after which Prometheus
#: and load balancers may use a connection again.
IDLE_TIMEOUT = 75.0

#: The most requests that a connection serves.
MAX_REQUESTS = 1000

#: Seconds between two requests that have arrived together. A read may contain 1,600
#: requests, and each response takes up to 1 ms.
PIPELINE_PAUSE = 0.1

#: The most bytes that may have arrived after a request, if the connection is to serve
#: another one. They are kept until that request is parsed.
MAX_PIPELINED = 8192


@implementer(IHalfCloseableProtocol)
class ClockChannel(StrictChannel):
    """
    Serve the requests of one connection, in limited time and memory.

    The response to a request is written at once, or begins a stream (L{handOver}). A
    stream ends with the connection.

    @ivar stream: the protocol that streams the response; C{None} if there is none.
    """

    # Instances of a class share the keys of their dictionaries, up to 30. With one more
    # attribute, each connection took 1.3 KB more.
    __slots__ = ("_connections", "_nextCall", "_requestCount", "stream")

    site: Any
    transport: Any
    stream: Stream | None
    _connections: Connections
    _nextCall: IDelayedCall | None

    def connectionMade(self) -> None:
        """
        Add the connection to the site, which may close it.
        """
        super().connectionMade()
        self.stream = self._nextCall = None
        self._requestCount = 0
        self._connections = self.site.connections
        self._connections.connected(self)

    def resetTimeout(self) -> None:
        """
        Do nothing: the timeout is for the whole request. By default, C{HTTPChannel}
        restarts it whenever data arrives.
        """

    def timeoutConnection(self) -> None:
        """
        Let the site close a connection whose request has not arrived in time.
        """
        self._connections.timedOut(self)

    def refuseLate(self) -> None:
        """
        Close a connection whose request has still not arrived. If nothing of a further
        request has arrived, the client expects no response.
        """
        if self._connections.isIdle(self):
            self.close()
        else:
            self.refuse(408, "the request did not arrive in time")

    def evict(self) -> None:
        """
        Close an idle connection, to free its descriptor for another one.
        """
        # The transport would wait for a paused producer.
        self.transport.unregisterProducer()
        if ISSLTransport.providedBy(self.transport):
            # A client might not answer the close_notify of TLS.
            self.transport.abortConnection()
        else:
            self.transport.loseConnection()

    def checkPersistence(self, request: Any, version: bytes) -> bool:
        """
        Return whether the connection may serve another request.
        """
        self._requestCount += 1
        persistent = (
            super().checkPersistence(request, version)
            and self.length == 0
            and "close" not in elements(request, b"Connection")
            and self._requestCount < MAX_REQUESTS
            and len(self._buffer) <= MAX_PIPELINED
            and self._connections.mayPersist()
        )
        if not persistent:
            request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        return persistent

    def allContentReceived(self) -> None:
        """
        Respond to a request, unless it was refused.
        """
        if not self._refused:
            self._connections.received(self)
            super().allContentReceived()

    def requestDone(self, request: Any) -> None:
        """
        Parse the next request in a later iteration of the reactor or, if it has already
        arrived, after L{PIPELINE_PAUSE}. Until then, and until the client has read the
        response, read nothing: a client that keeps sending requests fills the kernel's
        buffers. (Over TLS, what was read before is still delivered, and kept.)
        """
        super().requestDone(request)
        if self.persistent:
            # A client may send an empty line after a request.
            self._buffer = self._buffer.lstrip(b"\r\n")
            self.paused = True
            self._networkProducer.pauseProducing()
            pause = PIPELINE_PAUSE if self._buffer else 0
            self._nextCall = self.callLater(pause, self._pauseEnded)

    def resumeProducing(self) -> None:
        """
        Parse the next request, because the client has read the response.
        """
        super().resumeProducing()
        self._networkProducer.pauseProducing()
        self._parseNext()

    def _cancelNext(self) -> None:
        if self._nextCall is not None:
            self._nextCall.cancel()
            self._nextCall = None

    def _pauseEnded(self) -> None:
        self._nextCall = None
        self._parseNext()

    def _parseNext(self) -> None:
        if self._nextCall is not None or self._waitingForTransport:
            return
        self.paused = False
        self._networkProducer.resumeProducing()
        if self._buffer:
            self.dataReceived(b"")
        else:
            self.setTimeout(IDLE_TIMEOUT)
            self._connections.idle(self)

    def rawDataReceived(self, data: bytes) -> None:
        """
        Pass the data that arrived together with the request to the stream. Discard a
        body, and data that follows an error.
        """
        if self.stream is not None:
            self.stream.dataReceived(data)
        else:
            super().rawDataReceived(data)

    def dataReceived(self, data: bytes) -> None:
        """
        Parse requests, up to the first error, or pass the data to the stream. After the
        last request, read nothing more.
        """
        if self.stream is not None:
            self.stream.dataReceived(data)
        elif self._handlingRequest:
            self._networkProducer.pauseProducing()
        elif not self._refused:
            if self._connections.isIdle(self) and not data.strip(b"\r\n"):
                # An empty line is no request (RFC 9112, 2.2).
                return
            if self._connections.received(self):
                self.setTimeout(REQUEST_TIMEOUT)
            super().dataReceived(data)

    def close(self) -> None:
        """
        Close the connection, and serve no further request.
        """
        self._cancelNext()
        super().close()

    def loseConnection(self) -> None:
        """
        Close the connection once the response has been sent. A client has
        L{REQUEST_TIMEOUT} to read it and, over TLS, to close its side.
        """
        self._abortAfter(REQUEST_TIMEOUT)
        super().loseConnection()

    def readConnectionLost(self) -> None:
        """
        Close the connection once the last response has been sent: there will be no
        further request. Close a stream at once, because a page that closes its stream
        looks half-closed too.
        """
        if self.stream is not None:
            self.transport.connectionLost(Failure(ConnectionDone()))
        elif self._refused:
            self.transport.loseConnection()
        else:
            self.loseConnection()

    def writeConnectionLost(self) -> None:
        """
        Do nothing: L{close} has closed the sending half.
        """

    def handOver(self, stream: Stream, head: bytes) -> None:
        """
        Send the head of a response, let a protocol stream its body, and free the
        request: with 15 KB of arguments, it takes 640 KB.

        @param stream: the protocol. It may register a producer with the transport of
            this channel.
        @param head: the head of the response, and any data to send with it.
        """
        self.stream = stream
        self.requests.clear()
        self.setRawMode()
        self.transport.unregisterProducer()
        if head:
            self.transport.write(head)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Remove the connection from the site, and call C{connectionLost} of its stream.
        """
        super().connectionLost(reason)
        self._cancelNext()
        self._connections.disconnected(self)
        if self.stream is not None:
            self.stream.connectionLost(reason)
