"""
The limit of clients, and the limit of open files behind it.

A process without a free file descriptor can neither accept a connection nor refuse it:
the kernel goes on offering it. So the limit of clients is a little below the limit of
open files, and a client too many is refused at once, with FIN.

A half-closed client may be gone altogether: it looks the same until a write fails. At
the limit, the client that half-closed first is evicted, so no client is refused because
of others that are gone. Its connection is closed in a later turn of the reactor. If it
were closed between two accepts, the next connection would get its descriptor, and an
event that was fetched for the old connection would hit the new one. Until then there
are more clients than the limit, by up to the number accepted in one turn;
L{RESERVED_FILES} has room for them.
"""

from __future__ import annotations

import resource
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

#: The highest limit of clients that can be set.
MAX_CLIENTS = 2**20

#: File descriptors that clients may not use: those of listening sockets, logs and the
#: reactor, and of clients that are accepted in the same turn in which others are
#: evicted.
RESERVED_FILES = 128

#: How often the number of refused connections is logged, in seconds.
REPORT_INTERVAL = 60.0


def raiseOpenFileLimit(reactorName: str) -> int:
    """
    Raise this process's soft limit of open files to the hard limit.

    @param reactorName: the name of the reactor's class: C{SelectReactor} cannot watch
        descriptors above 1,023.

    @return: the number of files that may be open, L{MAX_CLIENTS} at most.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = MAX_CLIENTS if hard == resource.RLIM_INFINITY else min(hard, MAX_CLIENTS)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        except (ValueError, OSError):
            # Some systems allow less than they say.
            allowed = soft
    return min(allowed, 1024) if reactorName == "SelectReactor" else allowed


class Evictable(Protocol):
    """
    A client, as far as the limit is concerned.
    """

    def evict(self) -> None:
        """
        Close the connection at once.
        """


class ClientLimit:
    """
    A limit of clients, for all factories that share it.

    A L{ClockFactory<clock.ClockFactory>} disconnects a client too many as soon as it
    has connected. An L{ImmediateEndpoint<clock.ImmediateEndpoint>} whose C{admit}
    argument is L{ClientLimit.admit} refuses it earlier, before a protocol is built for
    it.

    @ivar maxClients: the largest number of clients; C{None} for no limit.
    @ivar count: the number of clients.
    @ivar refused: the number of clients refused since the last one was logged.
    """

    _log = Logger()
    _reportCall: IDelayedCall | None = None
    _evictCall: IDelayedCall | None = None

    def __init__(self, maxClients: int | None, reactor: IReactorTime) -> None:
        """
        @param maxClients: the largest number of clients; C{None} for no limit.
        @param reactor: the reactor time that evictions and reports wait on.

        @raise ValueError: if C{maxClients} is less than 1.
        """
        if maxClients is not None and maxClients < 1:
            raise ValueError(f"a limit of {maxClients} clients is less than 1")
        self.maxClients = maxClients
        self.count = 0
        self.refused = 0
        self._halfClosed: dict[Evictable, None] = {}
        self._evicted: dict[Evictable, None] = {}
        self._reactor = reactor

    def admit(self) -> bool:
        """
        Decide whether one more client may connect. At the limit, a half-closed client
        is evicted for it, if there is one.

        @return: whether it may connect.
        """
        return self._hasRoom(1)

    def connected(self) -> bool:
        """
        Count a client that has connected.

        @return: whether it may stay. It may, if L{admit} was called for it.
        """
        self.count += 1
        return self._hasRoom(0)

    def halfClosed(self, client: Evictable) -> None:
        """
        Note that a client can be evicted.

        @param client: a client that has closed its sending half.
        """
        self._halfClosed[client] = None

    def disconnected(self, client: Evictable) -> None:
        """
        Stop counting a client.

        @param client: a client whose connection is lost.
        """
        self.count -= 1
        self._halfClosed.pop(client, None)
        self._evicted.pop(client, None)

    def close(self) -> None:
        """
        Log the refused clients that were not logged yet, and stop waiting.
        """
        while self._reportCall is not None:
            self._reportCall.cancel()
            self._report()

    def _hasRoom(self, more: int) -> bool:
        """
        Tell whether there is room for the clients and some more. Evict one if not.
        """
        clients = self.count + more - len(self._evicted)
        if self.maxClients is None or clients <= self.maxClients:
            return True
        if self._halfClosed:
            client = next(iter(self._halfClosed))
            del self._halfClosed[client]
            self._evicted[client] = None
            if self._evictCall is None:
                self._evictCall = self._reactor.callLater(0, self._evict)
            return True
        self.refused += 1
        if self._reportCall is None:
            self._report()
        return False

    def _evict(self) -> None:
        self._evictCall = None
        for client in [*self._evicted]:
            client.evict()

    def _report(self) -> None:
        """
        Log how many clients were refused since the last report, and look again later.
        If there were none, the next one is logged at once.
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
