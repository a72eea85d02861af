"""
The limit of clients. A client above it is refused at once, with FIN.

A half-closed client may in fact have disconnected: the server cannot distinguish the
two until a write fails. At the limit, the client that half-closed first is evicted. So
no client is refused because of others that have disconnected.

The connection of an evicted client is closed in a later iteration of the reactor. If it
were closed between two accepts, the next connection would get its descriptor, and an
event for the old connection would be delivered to the new one. Until then the number of
clients may exceed the limit, by up to the number accepted in one iteration.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

#: Seconds between two reports of the number of refused connections in the log.
REPORT_INTERVAL = 60.0


class Evictable(Protocol):
    """
    A client that can be evicted.
    """

    def evict(self) -> None:
        """
        Close the connection at once.
        """


class ClientLimit:
    """
    A limit of clients, for all factories that share it.

    A L{ClockFactory<clock.ClockFactory>} disconnects a client above the limit as soon
    as it has connected. An L{ImmediateEndpoint<clock.ImmediateEndpoint>} with the
    argument C{admit=limit.admit} refuses it earlier, before a protocol is built for it.
    A client that C{admit} has allowed to connect is not checked again.

    @ivar maxClients: the largest number of clients; C{None} for no limit.
    @ivar count: the number of clients.
    @ivar refused: the number of clients refused since the last report in the log.
    @ivar totalRefused: the number of clients refused so far.
    @ivar totalEvicted: the number of clients evicted so far.
    """

    _log = Logger()
    _reportCall: IDelayedCall | None = None
    _evictCall: IDelayedCall | None = None

    def __init__(self, maxClients: int | None, reactor: IReactorTime) -> None:
        """
        @param maxClients: the largest number of clients; C{None} for no limit.
        @param reactor: the reactor time for evictions and reports.

        @raise ValueError: if C{maxClients} is less than 1.
        """
        if maxClients is not None and maxClients < 1:
            raise ValueError(f"a limit of {maxClients} clients is less than 1")
        self.maxClients = maxClients
        self.count = 0
        self._isAdmitted = False
        self.refused = 0
        self.totalRefused = 0
        self.totalEvicted = 0
        self._halfClosed: dict[Evictable, None] = {}
        self._evicted: dict[Evictable, None] = {}
        self._reactor = reactor

    def admit(self) -> bool:
        """
        Decide whether one more client may connect. At the limit, the client that
        half-closed first is evicted for it. If there is none, the new client is
        refused.

        @return: whether the new client may connect. If so, its place is kept until
            L{add}.
        """
        clients = self.count - len(self._evicted)
        self._isAdmitted = (
            self.maxClients is None
            or clients < self.maxClients
            or self._evictOne()
            or self._refuse()
        )
        return self._isAdmitted

    def add(self) -> bool:
        """
        Count a client that has connected.

        @return: whether it may stay connected; always C{True} if L{admit} has allowed
            it to connect.
        """
        hasPlace = self._isAdmitted or self.admit()
        self._isAdmitted = False
        self.count += 1
        return hasPlace

    def move(self) -> None:
        """
        Let the client that L{add} counts next take the place of one that is counted
        already.
        """
        self.count -= 1
        self._isAdmitted = True

    def halfClosed(self, client: Evictable) -> None:
        """
        Note that a client can be evicted.

        @param client: a client that has closed its sending half.
        """
        self._halfClosed[client] = None

    def remove(self, client: object) -> None:
        """
        Stop counting a client.

        @param client: a client whose connection is lost.
        """
        self.count -= 1
        for clients in (self._halfClosed, self._evicted):
            clients.pop(client, None)  # type: ignore[call-overload]

    def close(self) -> None:
        """
        Log the number of clients refused since the last report. Cancel the next report.
        """
        while self._reportCall is not None:
            self._reportCall.cancel()
            self._report()

    def _evictOne(self) -> bool:
        """
        Evict the client that half-closed first.

        @return: whether there is one.
        """
        if not self._halfClosed:
            return False
        client = next(iter(self._halfClosed))
        del self._halfClosed[client]
        self._evicted[client] = None
        self.totalEvicted += 1
        if self._evictCall is None:
            self._evictCall = self._reactor.callLater(0, self._evict)
        return True

    def _refuse(self) -> bool:
        """
        Count a refused connection.

        @return: C{False}.
        """
        self.refused += 1
        self.totalRefused += 1
        if self._reportCall is None:
            self._report()
        return False

    def _evict(self) -> None:
        self._evictCall = None
        for client in [*self._evicted]:
            client.evict()

    def _report(self) -> None:
        """
        Log the number of clients refused since the last report, and schedule the next
        report. If none were refused, the next refusal is logged at once.
        """
        self._reportCall = None
        if self.refused:
            self._log.warn(
                "Client limit of {maxClients} reached: {refused} connections refused",
                refused=self.refused,
                maxClients=self.maxClients,
            )
            self.refused = 0
            self._reportCall = self._reactor.callLater(REPORT_INTERVAL, self._report)
