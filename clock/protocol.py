"""
One connection, and whose turn it is.

Every client is accepted. In concurrent mode each is served from the start. In
sequential mode one is served; the others wait, connected and silent, in the
order they came. Whoever is served has a C{LoopingCall} that sends it the time.

A client may close its sending half and go on reading, as C{nc -N} and C{ncat} do,
so the end of what it sends is not the end of the connection: a write that fails
is. On the wire, though, "I send no more" and "I am gone" look the same, so in
sequential mode such a client is let go as soon as another waits behind it.
"""

from __future__ import annotations

from itertools import islice
from typing import cast

from twisted.internet.defer import Deferred, succeed
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
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from clock.address import addressText
from clock.face import Face
from clock.handshake import shakesHands
from clock.limits import ClientLimit
from clock.loop import LeanLoopingCall
from clock.ticker import Ticker

#: How long nothing is read from a client that has said something, in seconds.
READ_EVERY = 1.0

#: How long a client that is let go has to take what was sent to it before it is
#: cut off, in seconds.
GRACE = 0.5

#: How long a client may take to shake hands, with TLS, or to send a PROXY header, in
#: seconds.
HANDSHAKE_TIMEOUT = 10.0


@implementer(IHalfCloseableProtocol, IHandshakeListener, IPushProducer)
class ClockProtocol(Protocol):
    """
    Tell one client the time, from the start of its turn until it has gone.

    Over TLS, and where a PROXY header comes first, it asks for its turn when the
    handshake is done and the header is judged. What the client says is ignored.

    @ivar lines: how many lines were handed to the transport.
    @ivar ready: whether the handshake is done, or there is none.
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
    _cutOff: IDelayedCall | None = None
    _readOn: IDelayedCall | None = None
    _handshakeBy: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """
        Ask the factory for a turn, now or when the handshake is done; it calls
        L{serve} at once or later.
        """
        reactor = self.factory.ticker.reactor
        self._since = reactor.seconds()
        self.factory.connected(self)
        if not shakesHands(self.transport):
            self.handshakeCompleted()
        elif self._cutOff is None:
            abort = self.transport.abortConnection
            self._handshakeBy = reactor.callLater(HANDSHAKE_TIMEOUT, abort)

    def handshakeCompleted(self) -> None:
        """
        Ask the factory for a turn: the transport is ready.
        """
        if self._cutOff is None:
            self._stopTimers()
            self.ready = True
            cast(IConsumer, self.transport).registerProducer(self, True)
            self.factory.arrived(self)

    def serve(self) -> None:
        """
        Begin this client's turn: send the time now, and then at every tick.
        """
        self._loop = LeanLoopingCall(self._sendTime)
        self._loop.clock = self.factory.ticker
        self._loop.start(1).addErrback(self._broken)

    def letGo(self) -> None:
        """
        Send no more, and close the connection once what was sent has been taken,
        or L{GRACE} is over.
        """
        self._stop()
        self._stopTimers()
        reactor = self.factory.ticker.reactor
        self._cutOff = reactor.callLater(GRACE, self.transport.abortConnection)
        # Over TLS, loseConnection waits until no producer is registered, and
        # until the client has answered, which takes reading.
        if self.ready:
            cast(IConsumer, self.transport).unregisterProducer()
        cast(IPushProducer, self.transport).resumeProducing()
        self.transport.loseConnection()

    def dismiss(self) -> None:
        """
        Close the connection now, to make room for another: only for a client
        that is half-closed, whose transport is then the socket's own.
        """
        transport = cast(IFileDescriptor, self.transport)
        transport.connectionLost(Failure(ConnectionDone()))

    def dataReceived(self, data: bytes) -> None:
        """
        Ignore what the client says, and hear no more of it for L{READ_EVERY}:
        who talks on fills the kernel's buffers, not our time.
        """
        if self._cutOff is not None or (
            # TLS hands out what it had read before it was paused.
            self._readOn is not None and self._readOn.active()
        ):
            return
        transport = cast(IPushProducer, self.transport)
        transport.pauseProducing()
        reactor = self.factory.ticker.reactor
        self._readOn = reactor.callLater(READ_EVERY, transport.resumeProducing)

    def readConnectionLost(self) -> None:
        """
        Note that the client sends no more; it may well go on reading.
        """
        self.halfClosed = True
        self.factory.limit.halfClosed(self)
        self.factory.halfClosed(self)

    def writeConnectionLost(self) -> None:
        """
        Do nothing: only our own side could close our sending half.
        """

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Stop sending, and give the turn, or the place in the queue, back.
        """
        self._stop()
        self._stopTimers()
        seconds = self.factory.ticker.reactor.seconds() - self._since
        self.factory.left(self, seconds, reason)

    def pauseProducing(self) -> None:
        """
        Let ticks go by: the client has not taken what was sent (or, over TLS,
        has not shaken hands yet), and what it takes later should be the time of
        then.
        """
        self._paused = True

    def resumeProducing(self) -> None:
        """
        Go on: at once with the tick that it is, if one was let go by.
        """
        self._paused = False
        if self._loop is not None and self._loop.running:
            self._sendTime()

    def stopProducing(self) -> None:
        """
        Send no more: the connection is being lost.
        """
        self._stop()

    def _stop(self) -> None:
        if self._loop is not None and self._loop.running:
            self._loop.stop()

    def _stopTimers(self) -> None:
        for call in (self._cutOff, self._readOn, self._handshakeBy):
            if call is not None and call.active():
                call.cancel()

    def _sendTime(self) -> None:
        """
        Send the present time the first time, and the tick's ever after: once, though
        the loop, the start of the turn and a transport that is resumed all send.
        """
        factory = self.factory
        if self._paused or self._lastTick == factory.ticker.tick:
            return
        line = factory.tickLine() if self.lines else factory.line()
        # What begins the first line may begin a tick.
        self._lastTick = factory.ticker.tick
        self.lines += 1
        self.transport.write(line)

    def _broken(self, failure: Failure) -> None:
        """
        Drop the connection: a loop that ended would leave it open and silent.
        """
        self._log.failure("Could not tell a client the time", failure=failure)
        self.transport.abortConnection()


class ClockFactory(ServerFactory):
    """
    Make a L{ClockProtocol} for each client, and decide whose turn it is.

    One factory may serve any number of endpoints; the turn is one for all.

    @ivar face: what the lines look like.
    @ivar ticker: what the clients' loops run on.
    @ivar limit: how many clients there may be.
    @ivar sequential: whether only one client is served at a time.
    @ivar verbose: whether each client's coming and going is logged.
    @ivar serving: who is served, in the order their turns began.
    @ivar waiting: who waits, in the order they came.
    @ivar connecting: whose handshake is not done yet, or whose PROXY header not here.
    @ivar leaving: who was let go and has not gone yet. All four are dictionaries of
        nothing, because a set keeps no order and a list is slow to leave.
    """

    _log = Logger()

    protocol = ClockProtocol  # type: ignore[assignment]  # it names its factory's type
    noisy = False

    def __init__(
        self,
        face: Face | None = None,
        *,
        ticker: Ticker | None = None,
        limit: ClientLimit | None = None,
        sequential: bool = False,
        verbose: bool = False,
    ) -> None:
        """
        @param face: what the lines look like, a L{Face}; by default C{HH:MM:SS} in
            local time.
        @param ticker: when the lines are due; by default every second, on the
            global reactor, which is installed if there is none yet.
        @param limit: counts the clients; one too many is closed when it has
            connected, unless one that is half-closed can make room. A
            L{PromptEndpoint} can ask it earlier. By default there is none.
        @param sequential: serve one client at a time, and let the others wait.
        @param verbose: log each client's coming and going.

        @raise TypeError: if C{face} is something else, such as a format.
        """
        if not isinstance(face, Face | None):
            raise TypeError(f"face is {face!r}: it must be a Face, as Face({face!r})")
        if ticker is None:
            from twisted.internet import reactor

            ticker = Ticker(cast(IReactorTime, reactor))
        self.ticker = ticker
        self.face = face or Face()
        self.limit = limit or ClientLimit(None, ticker.reactor)
        self.sequential = sequential
        self.verbose = verbose
        self.serving: dict[ClockProtocol, None] = {}
        self.waiting: dict[ClockProtocol, None] = {}
        self.connecting: dict[ClockProtocol, None] = {}
        self.leaving: dict[ClockProtocol, None] = {}
        self._tick = -1
        self._tickLine = b""
        self._handingOn = False
        self._closing = False
        self._whenGone: list[Deferred[None]] = []

    def doStart(self) -> None:
        """
        Welcome clients, after L{disconnectAll} too: one more port listens.
        """
        self._closing = False
        super().doStart()

    def line(self) -> bytes:
        """
        Render the present time.

        @return: UTF-8, with its newline.
        """
        instant = self.ticker.now()
        return self.face.line(instant, self.ticker.tick)

    def tickLine(self) -> bytes:
        """
        Render the current tick, once for all clients.

        @return: UTF-8, with its newline.
        """
        if self._tick != self.ticker.tick:
            self._tick = self.ticker.tick
            self._tickLine = self.face.line(self.ticker.instant(), self._tick)
        return self._tickLine

    def connected(self, client: ClockProtocol) -> None:
        """
        Count a new client, and let it go at once if it is one too many, or comes
        after the end.

        @param client: one that has just connected.
        """
        self.connecting[client] = None
        if not self.limit.came() or self._closing:
            self._letGo(client)

    def arrived(self, client: ClockProtocol) -> None:
        """
        Serve a new client, or let it wait for its turn.

        @param client: one that was L{connected} and whose transport is ready.
        """
        del self.connecting[client]
        self.waiting[client] = None
        self._handOn()
        if client in self.waiting:
            # Of those before it, none but the last and the active can be half-closed.
            for other in [*self.serving, *islice(reversed(self.waiting), 1, 2)]:
                self.halfClosed(other)
        if self.verbose:
            self._log.info(
                "A client came for {zone}: {serving} served, {waiting} waiting",
                zone=self._zoneName(),
                serving=len(self.serving),
                waiting=len(self.waiting),
            )

    def halfClosed(self, client: ClockProtocol) -> None:
        """
        Let go of a client that sends no more, and may have gone, if another waits
        behind it.

        @param client: one that is connected, half-closed or not.
        """
        if client.halfClosed and next(reversed(self.waiting), client) is not client:
            self._letGo(client)
            self._handOn()

    def left(self, client: ClockProtocol, seconds: float, reason: Failure) -> None:
        """
        Forget a client, and hand its turn to the one who has waited longest.

        @param client: one whose connection is lost.
        @param seconds: how long it was connected.
        @param reason: why the connection was lost.
        """
        self.limit.left(client)
        for clients in (self.connecting, self.serving, self.waiting, self.leaving):
            clients.pop(client, None)
        if self.verbose and client.ready:
            self._log.info(
                "{peer} left {zone} after {seconds:.1f} s and {lines} lines: {reason}",
                peer=addressText(client.transport.getPeer()),
                zone=self._zoneName(),
                seconds=seconds,
                lines=client.lines,
                reason=reason.getErrorMessage(),
            )
        self._handOn()
        if not (self.connecting or self.serving or self.waiting or self.leaving):
            whenGone, self._whenGone = self._whenGone, []
            for gone in whenGone:
                gone.callback(None)

    def disconnectAll(self) -> Deferred[None]:
        """
        Let every client go, those who wait first, and hand no turn on.

        What was sent before arrives, in whole lines, where the client takes it
        within L{GRACE}. Whoever connects from now on is let go at once.

        @return: fires when all have gone.
        """
        self._closing = True
        self.limit.close()
        for client in [*self.connecting, *self.waiting, *self.serving]:
            self._letGo(client)
        if not self.leaving:
            return succeed(None)
        gone: Deferred[None] = Deferred()
        self._whenGone.append(gone)
        return gone

    def _zoneName(self) -> str:
        return self.face.zoneName(self.ticker.instant())

    def _letGo(self, client: ClockProtocol) -> None:
        """
        End a turn, or a wait, from our side.
        """
        for clients in (self.connecting, self.waiting, self.serving):
            clients.pop(client, None)
        if client not in self.leaving:
            self.leaving[client] = None
            client.letGo()

    def _handOn(self) -> None:
        """
        Begin every turn that can begin.

        A client may be lost while its turn begins, which brings us here again:
        the flag makes that a turn of this loop, not a deeper call.
        """
        if self._handingOn:
            return
        self._handingOn = True
        try:
            while self.waiting and not (self.sequential and self.serving):
                client = next(iter(self.waiting))
                del self.waiting[client]
                self.serving[client] = None
                client.serve()
        finally:
            self._handingOn = False
