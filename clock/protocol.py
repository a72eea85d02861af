"""
One client and its C{LoopingCall}.

The factory decides when the client's turn begins. From then on the protocol sends the
time at each tick, until the connection is lost. It ignores what the client sends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IConsumer,
    IDelayedCall,
    IFileDescriptor,
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

from clock._handshake import shakesHands
from clock._loop import LeanLoopingCall

if TYPE_CHECKING:
    from clock.factory import ClockFactory

#: How long to read nothing from a client that has sent something, in seconds.
READ_PAUSE = 1.0

#: How long to wait for a graceful close before aborting, in seconds.
CLOSE_TIMEOUT = 0.5

#: How long a client may take for its TLS handshake or its PROXY header, in seconds.
HANDSHAKE_TIMEOUT = 10.0


@implementer(IHalfCloseableProtocol, IHandshakeListener, IPushProducer)
class ClockProtocol(Protocol):
    """
    Send the time to one client, from the start of its turn until it disconnects.

    Each tick is sent at most once. Three things may send it: the loop, the start of the
    turn, and a transport that resumes; so the protocol remembers the last tick it sent.

    @ivar factory: the factory that decides when the turn begins.
    @ivar lines: number of lines written to the transport.
    @ivar ready: whether the transport is ready: the TLS handshake is done and the PROXY
        header has arrived, where there are any.
    @ivar halfClosed: whether the client has closed its sending half.
    """

    _log = Logger()

    factory: ClockFactory
    transport: ITCPTransport
    lines = 0
    ready = False
    halfClosed = False
    _paused = False
    _lastTick: int | None = None
    _loop: LeanLoopingCall | None = None
    _abortCall: IDelayedCall | None = None
    _resumeCall: IDelayedCall | None = None
    _handshakeCall: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """
        Ask the factory for a turn, now or after the handshake. A client that does not
        finish its handshake within L{HANDSHAKE_TIMEOUT} is aborted.
        """
        self.connectedAt = self._reactor.seconds()
        self.factory.connected(self)
        if not shakesHands(self.transport):
            self.handshakeCompleted()
        elif self._abortCall is None:
            self._handshakeCall = self._reactor.callLater(
                HANDSHAKE_TIMEOUT, self.transport.abortConnection
            )

    def handshakeCompleted(self) -> None:
        """
        Ask the factory for a turn: the transport is ready.
        """
        if self._abortCall is None:
            self._cancelCalls()
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
        Stop sending and close the connection: gracefully, once the client has taken
        what was sent, or by aborting it after L{CLOSE_TIMEOUT}.
        """
        self._stopLoop()
        self._cancelCalls()
        self._abortCall = self._reactor.callLater(
            CLOSE_TIMEOUT, self.transport.abortConnection
        )
        # Over TLS, loseConnection waits for the producer to unregister, and then for
        # the client's answer, which has to be read.
        if self.ready:
            cast(IConsumer, self.transport).unregisterProducer()
        cast(IPushProducer, self.transport).resumeProducing()
        self.transport.loseConnection()

    def evict(self) -> None:
        """
        Close the connection at once, to make room for another client. This is for
        half-closed clients only, whose transport is the socket's own.
        """
        transport = cast(IFileDescriptor, self.transport)
        transport.connectionLost(Failure(ConnectionDone()))

    def dataReceived(self, data: bytes) -> None:
        """
        Ignore what the client sends, and read nothing for L{READ_PAUSE}. A client that
        keeps sending fills the kernel's buffers; it costs no CPU time.
        """
        if self._abortCall is not None or (
            # TLS delivers what it had read before it was paused.
            self._resumeCall is not None and self._resumeCall.active()
        ):
            return
        transport = cast(IPushProducer, self.transport)
        transport.pauseProducing()
        self._resumeCall = self._reactor.callLater(
            READ_PAUSE, transport.resumeProducing
        )

    def readConnectionLost(self) -> None:
        """
        Note that the client has closed its sending half; it may go on reading.
        """
        self.halfClosed = True
        self.factory.halfClosed(self)

    def writeConnectionLost(self) -> None:
        """
        Do nothing: the server never closes only its own sending half.
        """

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Stop sending, and give up the turn, or the place in the queue.
        """
        self._stopLoop()
        self._cancelCalls()
        self.factory.disconnected(self, reason)

    def pauseProducing(self) -> None:
        """
        Skip the ticks to come: the transport has bytes left that the client has not
        taken. When it resumes, the client gets the current time, not a backlog.
        """
        self._paused = True

    def resumeProducing(self) -> None:
        """
        Send the current tick at once, if it was skipped, and then each tick.
        """
        self._paused = False
        if self._loop is not None and self._loop.running:
            self._sendTime()

    def stopProducing(self) -> None:
        """
        Stop sending: the connection is being lost.
        """
        self._stopLoop()

    @property
    def _reactor(self) -> IReactorTime:
        return self.factory.ticker.reactor

    def _stopLoop(self) -> None:
        if self._loop is not None and self._loop.running:
            self._loop.stop()

    def _cancelCalls(self) -> None:
        for call in (self._abortCall, self._resumeCall, self._handshakeCall):
            if call is not None and call.active():
                call.cancel()

    def _sendTime(self) -> None:
        """
        Send the current time first, and then each tick once.
        """
        factory = self.factory
        if self._paused or self._lastTick == factory.ticker.tick:
            return
        line = factory.tickLine() if self.lines else factory.currentLine()
        # Rendering the current line may have begun a tick.
        self._lastTick = factory.ticker.tick
        self.lines += 1
        self.transport.write(line)

    def _loopFailed(self, failure: Failure) -> None:
        """
        Abort the connection. Without its loop it would stay open and silent.
        """
        self._log.failure("Could not send the time to a client", failure=failure)
        self.transport.abortConnection()
