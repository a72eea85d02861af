"""
The connection below a stream: its socket options, its pace, and how it was lost.

Everything here works on the lowest connection, below TLS and HTTP. So what these layers
cost is measured too, and the real end of the connection is known: Twisted reports a TLS
connection that was closed without C{close_notify} as if it had been reset.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from clock.clients.reading.ends import EndError, How
from clock.clients.reading.observer import Observer
from clock.transport.stall import setSocketOptions, stallOptions

#: The most bytes to read at once. What TLS and HTTP do with them is not interrupted: it
#: takes up to 50 ms for 4 KB of short messages of a WebSocket.
READ_SIZE = 4096

#: The part of the time that may be spent on one connection in the long run.
SHARE = 0.25

#: The shortest pause, in seconds. It follows after a third of this time.
MIN_PAUSE = 0.015

#: The longest pause, in seconds. A process that was suspended while it read has not
#: spent that time.
MAX_PAUSE = 1.0

#: Seconds to read what is left when a connection is lost, at its pace.
MAX_REST = 2.0

#: Seconds after which a server that acknowledges nothing, not even keepalive, is
#: disconnected.
STALL_TIMEOUT = 30.0


class ReadingPace:
    """
    Read one connection for a part of the time only, so that a server that floods this
    client does not delay its other streams.

    @ivar isCutShort: whether not all work was done when the connection was lost. A
        compressed body can hold millions of lines.
    """

    isCutShort = False
    _resumeCall: IDelayedCall | None = None
    _isLost = _isTurn = False
    # When the current turn began, and when the connection has paid for the others.
    _start = 0.0
    _paidAt = 0.0
    # When to drop the work that is left.
    _deadline = 0.0

    def __init__(self, connection: Any, observer: Observer) -> None:
        """
        @param connection: the lowest connection. It has its C{protocol}, and its
            C{reactor}.
        @param observer: the receiver of the pauses.
        """
        self._connection = connection
        self._observer = observer
        self._seconds: Callable[[], float] = connection.reactor.seconds
        self._work: deque[Iterator[object]] = deque()
        self._ends: list[Callable[[], object]] = []
        protocol = connection.protocol
        self._receive, self._lose = protocol.dataReceived, protocol.connectionLost
        protocol.dataReceived = self._dataReceived
        protocol.connectionLost = self._connectionLost

    def take(self, work: Iterator[object]) -> None:
        """
        Do some work, now if there is time, otherwise after the next pauses.

        @param work: takes a step of the work for each item.
        """
        self._work.append(work)
        if not self._isTurn and self._resumeCall is None:
            self._takeTurn(lambda: self._takeSteps(self._isUsedUp))
        elif self._isTurn and not self._isUsedUp():
            self._takeSteps(self._isUsedUp)

    def whenDone(self, end: Callable[[], object]) -> None:
        """
        Report an end after the work that comes before it: now, if there is none. Work
        that is left after L{MAX_REST} is dropped.

        @param end: reports the end.
        """
        if not self._work:
            end()
            return
        if not self._ends:
            self._deadline = self._seconds() + MAX_REST
        self._ends.append(end)

    def _takeSteps(self, isUsedUp: Callable[[], bool]) -> None:
        while self._work:
            for _ in self._work[0]:
                if isUsedUp():
                    return
            self._work.popleft()

    def _debt(self) -> float:
        # Seconds to pause, so that this turn takes no more than its share.
        now = self._seconds()
        return max(self._paidAt, self._start) + (now - self._start) / SHARE - now

    def _isUsedUp(self) -> bool:
        return self._debt() >= MIN_PAUSE

    def _dataReceived(self, data: bytes) -> None:
        self._takeTurn(lambda: self._receive(data))

    def _resume(self) -> None:
        self._resumeCall = None
        self._takeTurn(lambda: self._takeSteps(self._isUsedUp))
        if self._resumeCall is None and not self._isLost:
            self._connection.resumeProducing()

    def _takeTurn(self, work: Callable[[], object]) -> None:
        self._start, self._isTurn = self._seconds(), True
        try:
            work()
        finally:
            self._isTurn = False
        self._reportEnds()
        pause = min(self._debt(), MAX_PAUSE)
        self._paidAt = self._seconds() + pause
        isOver = self._isLost and not self._work
        if pause >= MIN_PAUSE and self._resumeCall is None and not isOver:
            self._resumeCall = self._connection.reactor.callLater(pause, self._resume)
            if not self._isLost:
                self._connection.pauseProducing()
                self._observer.paused(pause)

    def _reportEnds(self) -> None:
        if self._ends and self._seconds() >= self._deadline:
            self.isCutShort |= bool(self._work)
            self._work.clear()
        if not self._work:
            ends, self._ends = self._ends, []
            for end in ends:
                end()

    def _connectionLost(self, reason: Failure) -> None:
        self._isLost = True
        if self._resumeCall is not None and not self._work:
            self._resumeCall.cancel()
        self.whenDone(lambda: self._lose(reason))


def paceOf(transport: Any) -> ReadingPace | None:
    """
    Return the pace of a connection; C{None} if it has none.

    @param transport: the transport of the connection, or of a body over it.
    """
    pace: ReadingPace | None = getattr(_lowest(transport), "pace", None)
    return pace


def whenDone(transport: Any, end: Callable[[], object]) -> None:
    """
    Report an end when all work for a connection is done.

    @param transport: the transport of the connection.
    @param end: reports the end.
    """
    pace = paceOf(transport)
    if pace is None:
        end()
    else:
        pace.whenDone(end)


def prepareConnection(transport: Any, observer: Observer | None = None) -> None:
    """
    Read at a limited pace, note how the connection is lost, and set the socket options
    that detect a server that has vanished.

    @param transport: the transport of a connection.
    @param observer: the receiver of the pauses; C{None} for none.
    """
    connection = _lowest(transport)
    connection.bufferSize = READ_SIZE
    if hasattr(connection, "socket"):
        setSocketOptions(connection.socket, stallOptions(STALL_TIMEOUT))
    if noteLoss(transport):
        connection.pace = ReadingPace(connection, observer or Observer())


def noteLoss(transport: Any) -> bool:
    """
    Note how a connection is lost, for L{lossOf}.

    @param transport: the transport of the connection.

    @return: whether this is possible. Transports of other packages need not know their
        protocol.
    """
    connection = _lowest(transport)
    if not hasattr(connection, "protocol"):
        return False
    lose = connection.protocol.connectionLost

    def connectionLost(reason: Failure) -> None:
        connection.loss = reason
        lose(reason)

    connection.protocol.connectionLost = connectionLost
    if hasattr(connection, "readConnectionLost"):
        _noteReset(connection)
    return True


def _noteReset(connection: Any) -> None:
    # If epoll reports the error before it reports that there is something to read, as
    # happens for three resets of a hundred, Twisted takes it for a clean end.
    lose = connection.readConnectionLost

    def readConnectionLost(reason: Failure) -> None:
        if connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            reason = Failure(ConnectionLost())
        lose(reason)

    connection.readConnectionLost = readConnectionLost


def lossOf(transport: Any, reason: Failure) -> Failure:
    """
    Tell why a connection was lost.

    @param transport: the transport of the connection, after L{noteLoss}.
    @param reason: the reason that Twisted reports.

    @return: the same reason, or L{EndError} if the server closed a TLS connection
        without C{close_notify}.
    """
    # Without TLS, both reasons are the same.
    below: Failure | None = getattr(_lowest(transport), "loss", None)
    if below is None or not below.check(ConnectionDone):
        return reason
    if reason.type is not ConnectionLost:
        return reason
    if not getattr(transport, "_handshakeDone", True):
        text = "closed by the server within the TLS handshake"
        return Failure(EndError(How.TLS, text))
    text = "TLS ended without close_notify"
    return Failure(EndError(How.TRUNCATED_TLS, text))


def _lowest(transport: Any) -> Any:
    # A TLS transport wraps the transport of the connection.
    while (below := getattr(transport, "transport", None)) is not None:
        transport = below
    return transport
