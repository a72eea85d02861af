"""
The factory, which builds a protocol for each client, begins the clients' turns, and
renders the lines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger
from twisted.python.failure import Failure

from clock.console.text import addressText
from clock.limits import ClientLimit
from clock.protocol import ClockProtocol
from clock.ticker import SECOND, Ticker
from clock.timeformat import TimeFormat
from clock.turns import TurnQueue


class ClockFactory(ServerFactory):
    """
    Build a L{ClockProtocol} for each client.

    One factory may serve any number of endpoints; they share one queue.

    @ivar timeFormat: the format and the time zone of the lines.
    @ivar ticker: the clock that the clients' loops run on.
    @ivar limit: the limit of clients.
    @ivar turns: the queue, which decides which clients are served.
    @ivar verbose: whether to log each client that connects or disconnects.
    @ivar totalClients: the number of clients that have connected so far.
    @ivar linesSent: the number of lines sent to all clients so far.
    """

    _log = Logger()

    # The protocol narrows the type of its attribute factory.
    protocol = ClockProtocol  # type: ignore[assignment]
    noisy = False

    def __init__(
        self,
        timeFormat: TimeFormat | None = None,
        *,
        ticker: Ticker | None = None,
        limit: ClientLimit | None = None,
        sequential: bool = False,
        verbose: bool = False,
    ) -> None:
        """
        @param timeFormat: the format and the time zone of the lines; by default
            C{HH:MM:SS} in local time.
        @param ticker: the ticker, which decides when lines are sent; by default one
            tick a second, on the global reactor.
        @param limit: the limit of clients, by default none. At the limit, a new client
            is disconnected as soon as it has connected, unless a half-closed client can
            be evicted. An L{ImmediateEndpoint<clock.ImmediateEndpoint>} can refuse it
            before a protocol is built for it.
        @param sequential: whether to serve one client at a time and let the others
            wait.
        @param verbose: whether to log each client that connects or disconnects.

        @raise TypeError: if C{timeFormat} is not a L{TimeFormat}.
        """
        if not isinstance(timeFormat, TimeFormat | None):
            raise TypeError(
                f"timeFormat is {timeFormat!r}: pass TimeFormat({timeFormat!r})"
            )
        if ticker is None:
            from twisted.internet import reactor

            ticker = Ticker(cast(IReactorTime, reactor))
        self.ticker = ticker
        self.timeFormat = timeFormat or TimeFormat()
        self.limit = limit or ClientLimit(None, ticker.reactor)
        self.turns = TurnQueue(sequential=sequential)
        self.verbose = verbose
        self._tick = -1
        self._tickLine = b""
        self._isWhole = self.timeFormat.isWhole()
        self._firstSecond = (0, 0)
        self._firstLine = b""
        self.totalClients = 0
        self.linesSent = 0

    def doStart(self) -> None:
        """
        Accept clients, even after L{disconnectAll}, because a port begins to listen.
        """
        self.turns.open()
        super().doStart()

    def buildProtocol(  # type: ignore[override]
        self,
        addr: IAddress | None,
        protocol: Callable[[], ClockProtocol] | None = None,
    ) -> ClockProtocol:
        """
        Build the protocol of a new client, and number it.

        @param addr: the client's address; it is not used.
        @param protocol: a function that makes the protocol; by default the class
            C{self.protocol}.

        @return: the protocol.
        """
        client = (protocol or self.protocol)()
        client.factory = self
        self.totalClients += 1
        client.number = self.totalClients
        return client

    def logStart(self, addresses: list[str]) -> None:
        """
        Log the time zone, the format, the mode and the addresses.

        @param addresses: the addresses that the server listens on.
        """
        timeFormat = self.timeFormat
        self._log.info(
            "Serving {zone} as {lineFormat}, every {interval:g} s, {mode}, "
            "on {addresses}",
            zone=timeFormat.zoneName(self.ticker.now()),
            lineFormat=timeFormat.format,
            interval=self.ticker.interval,
            mode="to one client at a time"
            if self.turns.sequential
            else "to all clients at once",
            addresses=", ".join(addresses),
        )
        if timeFormat.isConstant():
            self._log.warn(
                "The format {lineFormat} shows no time: every line is the same",
                lineFormat=timeFormat.format,
            )

    def firstLine(self) -> bytes:
        """
        Render the current time. Begin its tick if it has not begun yet. If the format
        shows whole seconds, the line is rendered again only for another second or tick.

        @return: the line in UTF-8, with its newline.
        """
        instant = self.ticker.beginTick()
        second = instant // SECOND, self.ticker.tick
        if second != self._firstSecond or not self._isWhole:
            self._firstSecond = second
            self._firstLine = self.timeFormat.line(instant, self.ticker.tick)
        return self._firstLine

    def tickLine(self) -> bytes:
        """
        Render the current tick, once for all clients.

        @return: the line in UTF-8, with its newline.
        """
        if self._tick != self.ticker.tick:
            self._tick = self.ticker.tick
            self._tickLine = self.timeFormat.line(
                self.ticker.boundaryTime(), self._tick
            )
        return self._tickLine

    def arrived(self, client: ClockProtocol, isReady: bool) -> bool:
        """
        Count a new client. Disconnect it if the limit is exceeded, or after
        L{disconnectAll}.

        @param client: a client that has just connected.
        @param isReady: whether its transport is ready, and L{ready} is called at once.

        @return: whether the client stays connected.
        """
        if not self.limit.add() or not self.turns.isOpen:
            self.turns.disconnect(client)
            return False
        if not isReady:
            self.turns.connecting.add(client)
        return True

    def ready(self, client: ClockProtocol) -> None:
        """
        Serve a client, or let it wait for its turn.

        @param client: a connected client whose transport is ready.
        """
        self.turns.ready(client)
        if self.verbose:
            self._log.info(
                "{peer} connected to {zone}: {active} active, {waiting} waiting",
                peer=addressText(client.transport.getPeer()),
                zone=self._zoneName(),
                active=len(self.turns.active),
                waiting=len(self.turns.waiting),
            )

    def halfClosed(self, client: ClockProtocol) -> None:
        """
        Note that a client has closed its sending half. In sequential mode it is
        disconnected as soon as another client waits behind it. At the limit it may be
        evicted.

        @param client: a connected client.
        """
        self.limit.halfClosed(client)
        self.turns.halfClosed(client)

    def disconnected(self, client: ClockProtocol, reason: Failure) -> None:
        """
        Remove a client, and begin the next client's turn.

        @param client: a client whose connection is lost.
        @param reason: the reason for the lost connection.
        """
        self.limit.remove(client)
        if self.verbose and client.ready:
            self._log.info(
                "{peer} disconnected from {zone} after {seconds:.1f} s and {lines} "
                "lines: {reason}",
                peer=addressText(client.transport.getPeer()),
                zone=self._zoneName(),
                seconds=self.ticker.reactor.seconds() - client.connectedAt,
                lines=client.lines,
                reason=reason.getErrorMessage(),
            )
        self.turns.disconnected(client)

    def disconnectAll(self) -> Deferred[None]:
        """
        Disconnect every client, the waiting ones first. Each client first receives the
        rest of the lines that were sent. If it does not acknowledge them within
        L{clock.protocol.CLOSE_TIMEOUT}, its connection is aborted. A client that
        connects afterwards is disconnected at once, until a port listens again.

        @return: fires when the last connection is lost.
        """
        self.limit.close()
        return self.turns.disconnectAll()

    def _zoneName(self) -> str:
        """
        Return the name of the zone for logs, and the mode if it is not the default:
        another factory may serve the same zone.
        """
        name = self.timeFormat.zoneName(self.ticker.boundaryTime())
        return f"{name} ({self.turns.mode})" if self.turns.sequential else name
