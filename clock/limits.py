"""
How many clients there may be, and what happens to one too many.

A process that has no file descriptor left for a connection can neither take it
nor turn it away: the kernel goes on offering it. So it stops a little earlier, and
turns away whoever comes then, at once, with FIN.

A client that has closed its sending half may have gone altogether; it looks the
same until a write fails. When the house is full, the one of these that closed its
half first makes room: nobody is turned away because of those who have gone. It is
closed in a later turn of the reactor, since the descriptor of a socket that is closed
between two accepts is the next connection's at once, and an event which was fetched
for the old one would hit the new. Meanwhile there are more clients than the limit
says, by as many as are accepted in one turn; the reserve has room for them.
"""

from __future__ import annotations

import resource
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

#: The most clients that any process is thought to need.
MOST = 2**20

#: What a process needs for itself, in file descriptors: listening sockets, logs,
#: the reactor's own, and those of clients that were accepted before the ones that made
#: room for them are closed.
RESERVE = 128

#: How often the number of those turned away is logged, in seconds.
REPORT_EVERY = 60.0


def openFiles(reactorName: str) -> int:
    """
    Raise the soft limit of open files to the hard one.

    @param reactorName: the class of the reactor: C{select} can wait for no
        descriptor past 1,023.

    @return: how many files may be open, 2^20 at most.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        except (ValueError, OSError):
            # Some systems allow less than they say.
            allowed = soft
    return min(allowed, 1024) if reactorName == "SelectReactor" else allowed


class Dismissible(Protocol):
    """
    A client, as far as the limit is concerned.
    """

    def dismiss(self) -> None:
        """
        Close the connection now.
        """


class ClientLimit:
    """
    The clients of a whole process, whichever factory serves them.

    Wherever it is given to a L{ClockFactory<clock.ClockFactory>}, a client too many is
    closed when it has connected. On a L{PromptEndpoint<clock.PromptEndpoint>} whose
    C{admit} is L{ClientLimit.admit} it is closed before a protocol is made for it.

    @ivar most: how many there may be; C{None} for no limit.
    @ivar count: how many there are.
    @ivar refused: how many were turned away since that was logged last.
    """

    _log = Logger()
    _nextReport: IDelayedCall | None = None
    _nextEviction: IDelayedCall | None = None

    def __init__(self, most: int | None, reactor: IReactorTime) -> None:
        """
        @param most: how many clients there may be; C{None} for no limit.
        @param reactor: what to wait on between two reports, and to close a client
            that makes room on.

        @raise ValueError: if no client at all would be let in.
        """
        if most is not None and most < 1:
            raise ValueError(f"a limit of {most} clients lets nobody in")
        self.most = most
        self.count = 0
        self.refused = 0
        self._halfClosed: dict[Dismissible, None] = {}
        self._evicted: dict[Dismissible, None] = {}
        self._reactor = reactor

    def admit(self) -> bool:
        """
        Decide on a client that is about to connect, and make room if that can be.

        @return: whether it may.
        """
        return self._hasRoom(1)

    def came(self) -> bool:
        """
        Count one more client: it has connected.

        @return: whether it may stay. Where L{admit} was asked before, it may.
        """
        self.count += 1
        return self._hasRoom(0)

    def halfClosed(self, client: Dismissible) -> None:
        """
        Note who is to make room.

        @param client: one that has closed its sending half.
        """
        self._halfClosed[client] = None

    def left(self, client: Dismissible) -> None:
        """
        Count a client no more.

        @param client: one whose connection is lost.
        """
        self.count -= 1
        self._halfClosed.pop(client, None)
        self._evicted.pop(client, None)

    def _hasRoom(self, more: int) -> bool:
        """
        Tell whether so many more may be there, and make room if that can be.
        """
        if self.most is None or self.count + more - len(self._evicted) <= self.most:
            return True
        if self._halfClosed:
            client = next(iter(self._halfClosed))
            del self._halfClosed[client]
            self._evicted[client] = None
            if self._nextEviction is None:
                self._nextEviction = self._reactor.callLater(0, self._evict)
            return True
        self.refused += 1
        if self._nextReport is None:
            self._report()
        return False

    def _evict(self) -> None:
        """
        Close those who have made room.
        """
        self._nextEviction = None
        for client in [*self._evicted]:
            client.dismiss()

    def close(self) -> None:
        """
        Log what is left to log: this is the end.
        """
        while self._nextReport is not None:
            self._nextReport.cancel()
            self._report()

    def _report(self) -> None:
        """
        Log how many were turned away since the last time, and look again later;
        where none were, the next is logged at once.
        """
        self._nextReport = None
        if self.refused:
            self._log.warn(
                "Turned {refused} away: {most} clients are as many as may be",
                refused=self.refused,
                most=self.most,
            )
            self.refused = 0
            self._nextReport = self._reactor.callLater(REPORT_EVERY, self._report)
