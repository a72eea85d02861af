"""
The stream of lines of one clock, over one connection after another.

If a connection is lost or refused, the stream connects again, after a delay that grows
with each failure. After a connection that has worked for a while, the first delay is
half a second at most, so that the stream misses no second. Keepalive detects a server
that has vanished. A server that sends more than any real clock is read slowly, so that
it does not delay the others.
"""

from __future__ import annotations

import math
from random import random
from typing import Any, cast

from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IHandshakeListener,
    IProtocol,
    IProtocolFactory,
    IPushProducer,
    IReactorTime,
    ISSLTransport,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from clock.clients.reading.events import EventSplitter
from clock.clients.reading.lines import Line, LineSplitter
from clock.clients.reading.observer import Observer
from clock.console.text import connectionError
from clock.transport.stall import setSocketOptions, stallOptions

#: The shortest and the longest delay before the next attempt to connect, in seconds. A
#: random part of up to one second is added.
MIN_RETRY, MAX_RETRY = 0.5, 15.0

#: After a connection that has delivered lines for this time, in seconds, the first
#: attempt is made within this time. The attempt is at a random moment, so that the
#: clients of a server that stops do not all connect at once.
STEADY_AFTER, RETURN_WITHIN = 1.0, 0.5

#: The most bytes to read at once.
READ_SIZE = 4096

#: What all reads within one L{READ_PAUSE} may cost, before nothing is read for such a
#: time. A read costs L{LINE_COST} for each line, or one for each L{BYTES} bytes, and at
#: least L{MIN_READ}. So a line of 64 KB is read at once, but not 64 KB of short lines.
READ_LIMIT = 4096
LINE_COST = 9
BYTES = 16
MIN_READ = 64

#: Seconds to read nothing after reads of L{READ_LIMIT}.
READ_PAUSE = 0.1

#: Seconds after which a server that acknowledges nothing, not even keepalive, is
#: disconnected.
STALL_TIMEOUT = 30.0


def prepareConnection(transport: Any) -> None:
    """
    Read little at once, and set the socket options that detect a server that has
    vanished.

    @param transport: the transport of a connection.
    """
    # A TLS transport wraps the transport of the connection.
    connection = getattr(transport, "transport", transport)
    connection.bufferSize = READ_SIZE
    if hasattr(connection, "socket"):
        setSocketOptions(connection.socket, stallOptions(STALL_TIMEOUT))


@implementer(IHandshakeListener)
class ReadingProtocol(StreamProtocol):
    """
    One connection of a stream.
    """

    _resumeCall: IDelayedCall | None = None
    _cost = 0.0
    _countedFrom = -math.inf

    def __init__(self, stream: Stream) -> None:
        """
        @param stream: the stream that this connection belongs to.
        """
        self._stream = stream
        self._lines: LineSplitter | EventSplitter = LineSplitter()

    def connectionMade(self) -> None:
        """
        Prepare the connection.
        """
        prepareConnection(self.transport)
        if getattr(self.transport, "isEventStream", False):
            self._lines = EventSplitter()
        if not ISSLTransport.providedBy(self.transport):
            self._stream.observer.connected()

    def handshakeCompleted(self) -> None:
        """
        Report the connection after the TLS handshake.
        """
        self._stream.observer.connected()

    def dataReceived(self, data: bytes) -> None:
        """
        Report the lines. Pause a server that sends too much.
        """
        for line in self._lines.split(data):
            self._stream.lineReceived(line)
        now = self._stream.reactor.seconds()
        if now - self._countedFrom >= READ_PAUSE:
            self._countedFrom, self._cost = now, 0
        # An event stream may have many lines that are no events.
        lines = max(data.count(b"\n"), data.count(b"\r"))
        self._cost += max(len(data) / BYTES, lines * LINE_COST, MIN_READ)
        # After a pause, TLS still delivers what it has read before.
        if self._cost >= READ_LIMIT and self._resumeCall is None:
            cast(IPushProducer, self.transport).pauseProducing()
            delay = READ_PAUSE * self._cost / READ_LIMIT
            self._resumeCall = self._stream.reactor.callLater(delay, self._resume)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Report the unfinished last line, if there is one, and note the reason.
        """
        if self._resumeCall is not None:
            self._resumeCall.cancel()
        for line in self._lines.finish():
            self._stream.lineReceived(line)
        self._stream.connectionFailed(reason)

    def _resume(self) -> None:
        self._resumeCall = None
        cast(IPushProducer, self.transport).resumeProducing()


@implementer(IStreamClientEndpoint)
class _ObservedEndpoint:
    """
    An endpoint that reports each attempt to its stream.
    """

    def __init__(self, endpoint: IStreamClientEndpoint, stream: Stream) -> None:
        self._endpoint = endpoint
        self._stream = stream

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        self._stream.observer.connecting()
        attempt: Deferred[IProtocol] = self._endpoint.connect(protocolFactory)
        return attempt.addErrback(self._failed)

    def _failed(self, reason: Failure) -> Failure:
        self._stream.connectionFailed(reason)
        return reason


class Stream(ClientService):
    """
    The lines of one clock, over one connection after another.

    @ivar observer: the receiver of the events.
    @ivar reactor: the reactor's time.
    """

    _reason = ""
    _failures = 0
    # When the first line of this connection arrived.
    _firstLine = math.inf

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        observer: Observer,
        reactor: IReactorTime,
    ) -> None:
        """
        @param endpoint: the endpoint to connect with.
        @param observer: the receiver of the events.
        @param reactor: the reactor's time.
        """
        self.observer = observer
        self.reactor = reactor
        self._backoff = backoffPolicy(MIN_RETRY, MAX_RETRY)
        factory = Factory.forProtocol(lambda: ReadingProtocol(self))
        factory.noisy = False
        super().__init__(
            _ObservedEndpoint(endpoint, self),
            factory,
            retryPolicy=self._retryDelay,
            clock=reactor,
        )

    def lineReceived(self, line: Line) -> None:
        """
        Report a line. A whole line shows that the server works, so the next retry delay
        is the minimum, or less if lines have come for a while.

        @param line: the line.
        """
        if not line.truncated:
            self._failures = 0
            self._firstLine = min(self._firstLine, self.reactor.seconds())
        self.observer.lineReceived(line)

    def connectionFailed(self, reason: Failure) -> None:
        """
        Note why an attempt failed, or why the connection was lost. This is reported as
        soon as the retry delay is known.

        @param reason: the reason.
        """
        self._reason = connectionError(reason.value)

    def _retryDelay(self, _: int) -> float:
        # ClientService resets its own count at each connection. It would retry every
        # second at a proxy that accepts connections while its servers are down.
        self._failures += 1
        delay: float = self._backoff(self._failures)
        if self.reactor.seconds() - self._firstLine >= STEADY_AFTER:
            delay = RETURN_WITHIN * random()
        self._firstLine = math.inf
        self.observer.disconnected(self._reason, delay)
        return delay
