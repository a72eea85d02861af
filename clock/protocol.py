"""
One connection, and whose turn it is.

Every client is accepted. In concurrent mode each is served from the start. In
sequential mode one is served; the others wait, connected and silent, in the
order they came. Whoever is served has a C{LoopingCall} that sends it the time.

A client may close its sending half and go on reading, as C{nc -N} and C{socat -}
do, so the end of what it sends is not the end of the connection: a write that
fails is. On the wire, though, "I send no more" and "I am gone" look the same, so
in sequential mode the benefit of that doubt ends where somebody else waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from clock.face import Face
from clock.wording import addressText


@implementer(IHalfCloseableProtocol)
class ClockProtocol(Protocol):
    """
    Tell one client the time, from the start of its turn until it has gone.

    Nothing that the client says is read for meaning.

    @ivar lines: how many lines were handed to the transport.
    @ivar halfClosed: whether the client has closed its sending half.
    """

    _log = Logger()

    factory: ClockFactory
    transport: ITCPTransport
    lines = 0
    halfClosed = False
    _loop: LoopingCall | None = None

    def connectionMade(self) -> None:
        """
        Ask the factory for a turn; it calls L{serve} at once or later.
        """
        self._since = self.factory.clock.seconds()
        self.factory.arrived(self)

    def serve(self) -> None:
        """
        Begin this client's turn: send the time now, and then every interval.
        """
        self._loop = LoopingCall(self._sendTime)
        self._loop.clock = self.factory.clock
        self._loop.start(self.factory.interval).addErrback(self._broken)

    def letGo(self) -> None:
        """
        End this client's turn, and close the connection once what was sent
        has been taken.
        """
        self._stop()
        self.transport.loseConnection()

    def readConnectionLost(self) -> None:
        """
        Note that the client sends no more; it may well go on reading.
        """
        self.halfClosed = True
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
        seconds = self.factory.clock.seconds() - self._since
        self.factory.left(self, seconds, reason)

    def _stop(self) -> None:
        if self._loop is not None and self._loop.running:
            self._loop.stop()

    def _sendTime(self) -> None:
        self.transport.write(self.factory.line())
        self.lines += 1

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

    @ivar clock: what the clients' loops run on.
    @ivar face: what the lines look like.
    @ivar interval: the time between two lines, in seconds.
    @ivar sequential: whether only one client is served at a time.
    @ivar verbose: whether each client's coming and going is logged.
    @ivar serving: who is served, in the order their turns began.
    @ivar waiting: who waits, in the order they came. Both are dictionaries of
        nothing because a set keeps no order and a list is slow to leave.
    """

    _log = Logger()

    protocol = ClockProtocol  # type: ignore[assignment]  # it names its factory's type
    noisy = False

    def __init__(
        self,
        face: Face | None = None,
        *,
        interval: float = 1.0,
        sequential: bool = False,
        verbose: bool = False,
        clock: IReactorTime | None = None,
        wallClock: Callable[[], int] = time.time_ns,
    ) -> None:
        """
        @param face: what the lines look like; by default C{HH:MM:SS} in local
            time.
        @param interval: the time between two lines, in seconds.
        @param sequential: serve one client at a time, and let the others wait.
        @param verbose: log each client's coming and going.
        @param clock: what to wait on; by default the global reactor, which is
            installed if there is none yet.
        @param wallClock: tells the time, in nanoseconds since 1970.
        """
        if clock is None:
            from twisted.internet import reactor

            clock = cast(IReactorTime, reactor)
        self.clock = clock
        self.face = face or Face()
        self.interval = interval
        self.sequential = sequential
        self.verbose = verbose
        self.serving: dict[ClockProtocol, None] = {}
        self.waiting: dict[ClockProtocol, None] = {}
        self._wallClock = wallClock
        self._handingOn = False
        self._closing = False
        self._whenGone: list[Deferred[None]] = []

    def now(self) -> int:
        """
        Read the wall clock.

        @return: nanoseconds since 1970.
        """
        return self._wallClock()

    def line(self) -> bytes:
        """
        Render the line to send now.

        @return: UTF-8, with its newline.
        """
        return self.face.line(self.now())

    def arrived(self, client: ClockProtocol) -> None:
        """
        Serve a new client, or let it wait for its turn.

        @param client: one that has just connected.
        """
        self.waiting[client] = None
        self._handOn()
        if self.verbose:
            self._log.info(
                "A client came: {serving} served, {waiting} waiting",
                serving=len(self.serving),
                waiting=len(self.waiting),
            )
        if self._closing:
            client.letGo()
        elif client in self.waiting:
            for active in [*self.serving]:
                self.halfClosed(active)

    def halfClosed(self, client: ClockProtocol) -> None:
        """
        Let go of a client that sends no more, unless it may be reading still
        and stands in nobody's way.

        @param client: one that is connected, half-closed or not.
        """
        if client.halfClosed and self.waiting:
            client.letGo()

    def left(self, client: ClockProtocol, seconds: float, reason: Failure) -> None:
        """
        Forget a client, and hand its turn to the one who has waited longest.

        @param client: one whose connection is lost.
        @param seconds: how long it was connected.
        @param reason: why the connection was lost.
        """
        self.waiting.pop(client, None)
        self.serving.pop(client, None)
        if self.verbose:
            self._log.info(
                "{peer} left after {seconds:.1f} s and {lines} lines: {reason}",
                peer=addressText(client.transport.getPeer()),
                seconds=seconds,
                lines=client.lines,
                reason=reason.getErrorMessage(),
            )
        self._handOn()
        if self._whenGone and not (self.waiting or self.serving):
            if self._cutOffCall.active():
                self._cutOffCall.cancel()
            whenGone, self._whenGone = self._whenGone, []
            for gone in whenGone:
                gone.callback(None)

    def disconnectAll(self, grace: float) -> Deferred[None]:
        """
        Close every connection, those of who waits first, and hand no turn on.

        What was sent before arrives, in whole lines, where the client takes it
        within the grace. Whoever connects from now on is let go at once.

        @param grace: how long to wait, in seconds, before cutting off.

        @return: fires when all have gone.
        """
        self._closing = True
        everyone = [*self.waiting, *self.serving]
        if not everyone:
            return succeed(None)
        if not self._whenGone:
            self._cutOffCall = self.clock.callLater(grace, self._cutOff)
        gone: Deferred[None] = Deferred()
        self._whenGone.append(gone)
        for client in everyone:
            client.letGo()
        return gone

    def _cutOff(self) -> None:
        for client in [*self.waiting, *self.serving]:
            client.transport.abortConnection()

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
            while self._turnIsFree():
                client = next(iter(self.waiting))
                del self.waiting[client]
                self.serving[client] = None
                client.serve()
        finally:
            self._handingOn = False

    def _turnIsFree(self) -> bool:
        """
        Tell whether somebody waits whose turn could begin.
        """
        busy = self._closing or (self.sequential and self.serving)
        return bool(self.waiting) and not busy
