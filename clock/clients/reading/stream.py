"""
The stream of lines of one clock, over one connection after another.

If a connection is lost or refused, the stream connects again, after a delay that grows
with each failure. After a connection that has worked for a while, the first delay is
half a second at most, so that the stream misses no second.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from random import random
from typing import Any, cast

from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IHandshakeListener,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    ISSLTransport,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from clock.clients.reading.connection import (
    READ_SIZE,
    ReadingPace,
    lossOf,
    paceOf,
    prepareConnection,
)
from clock.clients.reading.ends import End, How, endOf
from clock.clients.reading.events import EventSplitter
from clock.clients.reading.lines import Line, LineSplitter, messageLine
from clock.clients.reading.observer import Observer, Other, Step
from clock.console.text import addressText

#: The shortest and the longest delay before the next attempt to connect, in seconds. A
#: random part of up to one second is added.
MIN_RETRY, MAX_RETRY = 0.5, 15.0

#: After a connection that has delivered lines for this time, in seconds, the first
#: attempt is made within this time. The attempt is at a random moment, so that the
#: clients of a server that stops do not all connect at once.
STEADY_AFTER, RETURN_WITHIN = 1.0, 0.5

#: The end of a connection that brought more at its end than is worth reading.
TOO_MUCH = "too many lines at the end: the rest is not read"

#: The longest delay that a server can ask for in C{Retry-After}, in seconds.
MAX_RETRY_AFTER = 86_400.0


@implementer(IHandshakeListener)
class ReadingProtocol(StreamProtocol):
    """
    One connection of a stream.
    """

    # Over HTTP, the layer below counts the bytes and reports the steps.
    _isPlain = False
    _pace: ReadingPace | None = None

    def __init__(self, stream: Stream) -> None:
        """
        @param stream: the stream that this connection belongs to.
        """
        self._stream = stream
        self._observer = stream.observer
        self._lines: LineSplitter | EventSplitter = LineSplitter()

    def connectionMade(self) -> None:
        """
        Prepare the connection.
        """
        transport = cast(Any, self.transport)
        self._isPlain = not hasattr(transport, "isEventStream")
        if self._isPlain:
            prepareConnection(transport, self._observer)
            address = addressText(transport.getPeer())
            self._observer.stepReached(Step.CONNECTED, address)
        elif transport.isEventStream:
            self._lines = EventSplitter(self._stream.event)
        self._pace = paceOf(transport)
        if not ISSLTransport.providedBy(transport):
            self._observer.connected()

    def handshakeCompleted(self) -> None:
        """
        Report the connection after the TLS handshake.
        """
        version = cast(Any, self.transport).getHandle().get_protocol_version_name()
        self._observer.stepReached(Step.SECURED, version)
        self._observer.connected()

    def dataReceived(self, data: bytes) -> None:
        """
        Report the lines.
        """
        if self._isPlain:
            self._observer.bytesReceived(len(data))
        work = self._read(data)
        if self._pace is None:
            deque(work, maxlen=0)
        else:
            self._pace.take(work)

    def messageReceived(self, data: bytes, size: int) -> None:
        """
        Report a message of a WebSocket. It is a line, whatever it contains.

        @param data: the message, or the beginning of a long one.
        @param size: its whole length in bytes.
        """
        self._stream.lineReceived(messageLine(data, size))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Report the unfinished last line, if there is one, and note the reason.
        """
        end = endOf(lossOf(self.transport, reason))
        if self._pace is not None and self._pace.isCutShort:
            end = End(How.OTHER, TOO_MUCH)
        isWithin = isinstance(self._lines, LineSplitter) and self._lines.isWithin
        if isWithin and end.how is How.CLOSED:
            end = End(How.CLOSED_WITHIN_LINE, "closed in the middle of a line")
        for each in self._lines.finish():
            self._report(each)
        self._stream.connectionFailed(end)

    def _read(self, data: bytes) -> Iterator[None]:
        for start in range(0, len(data), READ_SIZE):
            for each in self._lines.split(data[start : start + READ_SIZE]):
                self._report(each)
                yield
            yield

    def _report(self, arrival: Line | Other) -> None:
        if isinstance(arrival, Line):
            self._stream.lineReceived(arrival)
        else:
            self._observer.otherReceived(arrival)


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
        self._stream.connectionFailed(endOf(reason))
        return reason


class Stream(ClientService):
    """
    The lines of one clock, over one connection after another.

    @ivar observer: the receiver of the events.
    @ivar reactor: the reactor's time.
    @ivar event: the name of the events that are lines; C{None} for any.
    """

    _end = End(How.OTHER, "")
    _failures = 0
    # When the first line of this connection arrived.
    _firstLine = math.inf

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        observer: Observer,
        reactor: IReactorTime,
        once: bool = False,
        event: str | None = None,
    ) -> None:
        """
        @param endpoint: the endpoint to connect with.
        @param observer: the receiver of the events.
        @param reactor: the reactor's time.
        @param once: whether to make only one attempt.
        @param event: the name of the events that are lines, as L{EventSplitter} takes
            it.
        """
        self.observer = observer
        self.reactor = reactor
        self.event = event
        self._once = once
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

    def connectionFailed(self, end: End) -> None:
        """
        Note why an attempt failed, or how the connection ended. This is reported as
        soon as the retry delay is known.

        @param end: the end.
        """
        self._end = end

    def _retryDelay(self, _: int) -> float:
        if self._once:
            # This is called while ClientService changes its state.
            self.reactor.callLater(0, self.stopService)
            self.observer.disconnected(self._end, None)
            return MAX_RETRY
        # ClientService resets its own count at each connection. It would retry every
        # second at a proxy that accepts connections while its servers are down.
        self._failures += 1
        delay: float = self._backoff(self._failures)
        if self.reactor.seconds() - self._firstLine >= STEADY_AFTER:
            delay = RETURN_WITHIN * random()
        self._firstLine = math.inf
        delay = max(delay, min(self._end.retryAfter or 0.0, MAX_RETRY_AFTER))
        self.observer.disconnected(self._end, delay)
        return delay
