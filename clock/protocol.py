"""
The protocol, which serves one client.

The factory decides when the client's turn begins. From then on a C{LoopingCall} sends
the time at each tick, until the connection is lost. The protocol ignores what the
client sends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import (
    IConsumer,
    IDelayedCall,
    IHalfCloseableProtocol,
    IHandshakeListener,
    IPushProducer,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from clock.loop import LeanLoopingCall
from clock.transport.handshake import hasHandshake

if TYPE_CHECKING:
    from clock.factory import ClockFactory

#: Seconds to read nothing from a client that has sent data.
READ_PAUSE = 1.0

#: The most reads, of up to 64 KiB each, from a waiting client before a pause. The
#: server notices that a client has disconnected, and removes it from the queue, only
#: after it has read all of the client's data.
WAITING_READS = 64

#: Seconds to wait for a graceful close before aborting.
CLOSE_TIMEOUT = 0.5

#: Seconds to wait for a TLS handshake or a PROXY header before aborting.
HANDSHAKE_TIMEOUT = 10.0


@implementer(IHalfCloseableProtocol, IHandshakeListener, IPushProducer)
class ClockProtocol(Protocol):
    """
    Send the time to one client, from the start of its turn until it disconnects.

    Each tick is sent at most once. The loop, the start of the turn and a transport that
    resumes may each send it, so the protocol keeps the number of the last tick it sent.

    @ivar factory: the factory that decides when the turn begins.
    @ivar number: the number of this client, counted by its factory from 1.
    @ivar connectedAt: the reactor's time when the client connected, in seconds.
    @ivar kind: the name of the transport in the status and in metrics: C{tcp}, C{http}
        or C{websocket}.
    @ivar lines: number of lines written to the transport.
    @ivar ready: whether the transport is ready: after the TLS handshake and the PROXY
        header, if the endpoint uses them.
    @ivar halfClosed: whether the client has closed its sending half.
    """

    _log = Logger()

    factory: ClockFactory
    transport: ITCPTransport
    number = 0
    connectedAt = 0.0
    kind = "tcp"
    lines = 0
    ready = False
    halfClosed = False
    _paused = False
    _reads = 0
    _isReadingPaused = False
    _lastTick: int | None = None
    _loop: LeanLoopingCall | None = None
    _abortCall: IDelayedCall | None = None
    _resumeCall: IDelayedCall | None = None
    _handshakeCall: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """
        Request a turn from the factory, now or after the handshake. If a client does
        not finish its handshake within L{HANDSHAKE_TIMEOUT}, its connection is aborted.
        """
        reactor = self.factory.ticker.reactor
        self.connectedAt = reactor.seconds()
        self.kind = getattr(self.transport, "kind", "tcp")
        isReady = not hasHandshake(self.transport)
        if not self.factory.arrived(self, isReady):
            return
        if isReady:
            self._transportReady()
        else:
            self._handshakeCall = reactor.callLater(
                HANDSHAKE_TIMEOUT, self.transport.abortConnection
            )

    def handshakeCompleted(self) -> None:
        """
        Request a turn from the factory. The transport is ready.
        """
        if self._abortCall is None:
            # Do not cancel the call that resumes reading: data may have arrived with
            # the header.
            self._cancel(self._handshakeCall)
            self._transportReady()

    def _transportReady(self) -> None:
        self.ready = True
        cast(IConsumer, self.transport).registerProducer(self, True)
        self.factory.ready(self)

    def serve(self) -> None:
        """
        Begin this client's turn: send the current time, and then each tick.
        """
        self._loop = LeanLoopingCall(self._sendTime)
        self._loop.clock = cast(IReactorTime, self.factory.ticker)
        self._loop.start(1).addErrback(self._loopFailed)

    def disconnect(self) -> None:
        """
        Stop sending, and close the connection gracefully. If the client does not
        acknowledge all lines within L{CLOSE_TIMEOUT}, abort the connection.
        """
        self._end(CLOSE_TIMEOUT, self.transport.loseConnection)

    def _end(self, timeout: float, loseConnection: Callable[[], object]) -> None:
        """
        Stop sending, and close the connection. If it is being closed already, only the
        timeout changes.
        """
        isClosing = self._abortCall is not None
        self._stopLoop()
        self._cancelCalls()
        self._abortCall = self.factory.ticker.reactor.callLater(
            timeout, self.transport.abortConnection
        )
        if isClosing:
            return
        # Over TLS, loseConnection waits until the producer is unregistered. Then it
        # waits for the client's close_notify, which must be read.
        if self.ready:
            cast(IConsumer, self.transport).unregisterProducer()
        cast(IPushProducer, self.transport).resumeProducing()
        loseConnection()

    def evict(self) -> None:
        """
        Close the connection at once, to free its descriptor for another client. If not
        all bytes were sent, reset it: FIN would look like the end of a whole line. Call
        this for half-closed clients only: their transport has no wrapper.
        """
        transport = cast(Any, self.transport)
        unsent = transport.dataBuffer or transport._tempDataBuffer
        reason = ConnectionAborted() if unsent else ConnectionDone()
        # abortConnection would free the descriptor in a later iteration.
        transport.connectionLost(Failure(reason))

    def dataReceived(self, data: bytes) -> None:
        """
        Ignore what the client sends, and read nothing for L{READ_PAUSE}. A client that
        keeps sending fills the kernel's buffers; it costs no CPU time. While a client
        waits, read up to L{WAITING_READS} times before each pause.
        """
        if self._isReadingPaused:
            # TLS delivers what it has read before, record by record.
            return
        self._reads += 1
        isServed = self in self.factory.turns.active
        if isServed or self._reads >= WAITING_READS:
            self.pauseReading()
        else:
            self._resumeReadingLater()

    def pauseReading(self) -> None:
        """
        Read nothing for L{READ_PAUSE}.
        """
        if self._abortCall is None:
            self._isReadingPaused = True
            cast(IPushProducer, self.transport).pauseProducing()
            self._resumeReadingLater()

    def _resumeReadingLater(self) -> None:
        if self._abortCall is None and self._resumeCall is None:
            self._resumeCall = self.factory.ticker.reactor.callLater(
                READ_PAUSE, self._resumeReading
            )

    def _resumeReading(self) -> None:
        self._resumeCall = None
        self._isReadingPaused = False
        self._reads = 0
        cast(IPushProducer, self.transport).resumeProducing()

    def readConnectionLost(self) -> None:
        """
        Note that the client has closed its sending half; it may keep reading.
        """
        self.halfClosed = True
        self.factory.halfClosed(self)

    def writeConnectionLost(self) -> None:
        """
        Do nothing: the server never closes only its own sending half.
        """

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Stop sending, and end the turn or the wait for it.
        """
        self._stopLoop()
        self._cancelCalls()
        self.factory.disconnected(self, reason)

    def pauseProducing(self) -> None:
        """
        Skip the next ticks, because the transport could not send all its bytes. On
        resume, the client gets the current time, not a backlog.
        """
        self._paused = True

    def resumeProducing(self) -> None:
        """
        Send the current tick at once if it was skipped. Then send each tick.
        """
        self._paused = False
        if self._loop is not None and self._loop.running:
            self._sendTime()

    def stopProducing(self) -> None:
        """
        Stop sending, because the connection is lost.
        """
        self._stopLoop()

    def _stopLoop(self) -> None:
        if self._loop is not None and self._loop.running:
            self._loop.stop()

    def _cancelCalls(self) -> None:
        self._cancel(self._abortCall, self._resumeCall, self._handshakeCall)

    def _cancel(self, *calls: IDelayedCall | None) -> None:
        for call in calls:
            if call is not None and call.active():
                call.cancel()

    def _sendTime(self) -> None:
        """
        Send the current time at the start of the turn. Later send each tick once.
        """
        factory = self.factory
        ticker = factory.ticker
        if self._paused or self._lastTick == ticker.tick:
            return
        isFirst = self._lastTick is None
        line = factory.firstLine() if isFirst else factory.tickLine()
        # Rendering the current line may have begun a tick.
        self._lastTick = ticker.tick
        self.lines += 1
        factory.linesSent += 1
        self.transport.write(line)

    def _loopFailed(self, failure: Failure) -> None:
        """
        Abort the connection. Otherwise it would stay open, and nothing would be sent.
        """
        self._log.failure("Could not send the time to a client", failure=failure)
        self.transport.abortConnection()
