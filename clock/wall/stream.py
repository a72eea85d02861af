"""
One clock's stream of lines, for as long as it is wanted.

The connection is made again whenever it is lost or refused, after a while that grows
with every refusal. A server that has died without a word is found by keepalive, and
one that sends more than anybody would read is read slowly, so that it takes no time
from the others.
"""

from __future__ import annotations

import math
from typing import Any, Protocol, cast

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

from clock.transport import setSocketOptions, stallOptions
from clock.wall.lines import Line, LineSplitter
from clock.wording import connectionError

#: The shortest and the longest time before the next try, in seconds, less the up to
#: one second by which chance puts it off.
FIRST_RETRY, LAST_RETRY = 0.5, 15.0

#: How much is read at once, and within one L{PAUSE}, in bytes. No clock says so much.
READ_SIZE = 4096

#: What a portion counts for at least, however short it is, in bytes: it is the portions
#: that take time.
PORTION = 64

#: How long nothing is read from a server that has said so much, in seconds.
PAUSE = 0.1

#: How long a server may acknowledge nothing, not even keepalive, in seconds.
DEAD_AFTER = 30.0


class Observer(Protocol):
    """
    What is told of a stream.
    """

    def connecting(self) -> None:
        """
        An attempt to connect has begun.
        """

    def connected(self) -> None:
        """
        It has succeeded.
        """

    def lineReceived(self, line: Line) -> None:
        """
        A line has arrived.
        """

    def down(self, reason: str, retryIn: float) -> None:
        """
        The attempt has failed, or the connection is lost.

        @param reason: why, on one line.
        @param retryIn: the time until the next attempt, in seconds.
        """


@implementer(IHandshakeListener)
class ReadingProtocol(StreamProtocol):
    """
    One connection of a stream.
    """

    _pause: IDelayedCall | None = None
    _taken = 0
    _since = -math.inf

    def __init__(self, stream: Stream) -> None:
        """
        @param stream: whose connection it is.
        """
        self._stream = stream
        self._lines = LineSplitter()

    def connectionMade(self) -> None:
        """
        Make the connection one that ends when its server has died.
        """
        connection: Any = self.transport
        # TLS lies on top of the connection itself.
        connection = getattr(connection, "transport", connection)
        connection.bufferSize = READ_SIZE
        if hasattr(connection, "socket"):
            setSocketOptions(connection.socket, stallOptions(DEAD_AFTER))
        if not ISSLTransport.providedBy(self.transport):
            self._stream.observer.connected()

    def handshakeCompleted(self) -> None:
        """
        With TLS, the connection is made now.
        """
        self._stream.observer.connected()

    def dataReceived(self, data: bytes) -> None:
        """
        Hand out lines, and read slowly what comes fast.
        """
        for line in self._lines.split(data):
            self._stream.lineReceived(line)
        now = self._stream.reactor.seconds()
        if now - self._since >= PAUSE:
            self._since, self._taken = now, 0
        self._taken += max(len(data), PORTION)
        # TLS may hand out more though it is paused.
        if self._taken >= READ_SIZE and self._pause is None:
            cast(IPushProducer, self.transport).pauseProducing()
            # What TLS hands out is as much as its server puts into one record.
            pause = PAUSE * self._taken / READ_SIZE
            self._pause = self._stream.reactor.callLater(pause, self._readOn)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Hand out what has come of the last line, and say why it is the last.
        """
        if self._pause is not None:
            self._pause.cancel()
        for line in self._lines.rest():
            self._stream.lineReceived(line)
        self._stream.broken(reason)

    def _readOn(self) -> None:
        self._pause = None
        cast(IPushProducer, self.transport).resumeProducing()


@implementer(IStreamClientEndpoint)
class _Attempts:
    """
    An endpoint that tells its stream how each attempt goes.
    """

    def __init__(self, endpoint: IStreamClientEndpoint, stream: Stream) -> None:
        self._endpoint = endpoint
        self._stream = stream

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        self._stream.observer.connecting()
        attempt: Deferred[IProtocol] = self._endpoint.connect(protocolFactory)
        return attempt.addErrback(self._failed)

    def _failed(self, reason: Failure) -> Failure:
        self._stream.broken(reason)
        return reason


class Stream(ClientService):
    """
    The lines of one clock, over one connection after another.

    @ivar observer: is told what happens.
    @ivar reactor: what to wait on.
    """

    _reason = ""
    _failures = 0

    def __init__(
        self, endpoint: IStreamClientEndpoint, observer: Observer, reactor: IReactorTime
    ) -> None:
        """
        @param endpoint: where to connect.
        @param observer: is told what happens.
        @param reactor: what to wait on.
        """
        self.observer = observer
        self.reactor = reactor
        self._delay = backoffPolicy(FIRST_RETRY, LAST_RETRY)
        factory = Factory.forProtocol(lambda: ReadingProtocol(self))
        factory.noisy = False
        super().__init__(
            _Attempts(endpoint, self), factory, retryPolicy=self._wait, clock=reactor
        )

    def lineReceived(self, line: Line) -> None:
        """
        Hand a line on: the server is one that works, if the line is whole.

        @param line: the line.
        """
        if not line.cut:
            self._failures = 0
        self.observer.lineReceived(line)

    def broken(self, reason: Failure) -> None:
        """
        Note why there is no connection; that there is none is told as soon as it is
        known when the next attempt is made.

        @param reason: of the failed attempt or the lost connection.
        """
        self._reason = connectionError(reason.value)

    def _wait(self, _: int) -> float:
        # The count of the base class begins anew with every connection, and so a
        # proxy whose servers are down would be tried every second.
        self._failures += 1
        delay: float = self._delay(self._failures)
        self.observer.down(self._reason, delay)
        return delay
