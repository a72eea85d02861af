"""
The queue, which decides which clients are served, and which ones wait.

In concurrent mode each client is served from the start. In sequential mode one client
is served. The others stay connected, receive nothing, and wait in the order in which
they connected.

A client that closes its sending half may keep reading, as C{nc -N} and C{ncat} do. The
server therefore serves it until a write fails. Until then the server cannot distinguish
it from a client that has disconnected. In sequential mode a half-closed client is
disconnected as soon as another one waits behind it.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Protocol

from twisted.internet.defer import Deferred

from clock.shutdown import Shutdown

#: The names of the modes: of one that is not sequential, and of one that is.
MODES = ("concurrent", "sequential")


class TurnClient(Protocol):
    """
    A client that can have a turn.

    @ivar halfClosed: whether it has closed its sending half.
    @ivar kind: the name of its transport.
    """

    halfClosed: bool
    kind: str

    def serve(self) -> None:
        """
        Begin the turn.
        """

    def disconnect(self) -> None:
        """
        Close the connection gracefully.
        """


class Clients(dict[TurnClient, None]):
    """
    Some clients, in order. A set has no order, and removing a client from a long list
    is slow.

    @ivar kinds: the number of clients by the name of their transport.
    """

    def __init__(self) -> None:
        super().__init__()
        self.kinds: Counter[str] = Counter()

    def add(self, client: TurnClient) -> None:
        """
        Add a client at the end.
        """
        self[client] = None
        self.kinds[client.kind] += 1

    def remove(self, client: TurnClient) -> None:
        """
        Remove a client that is one of these.
        """
        del self[client]
        self.kinds[client.kind] -= 1


class TurnQueue:
    """
    The clients of one factory, in order, and their turns.

    @ivar sequential: whether only one client is served at a time.
    @ivar connecting: the clients whose transport is not ready, because the TLS
        handshake is not done, or the PROXY header has not arrived.
    @ivar active: the clients that are served, in the order in which their turns began.
    @ivar waiting: the clients that wait for a turn, in the order in which they
        connected.
    @ivar closing: the clients that are being disconnected, until their connection is
        lost.
    """

    def __init__(self, *, sequential: bool) -> None:
        """
        @param sequential: whether to serve only one client at a time.
        """
        self.sequential = sequential
        self.connecting = Clients()
        self.active = Clients()
        self.waiting = Clients()
        self.closing = Clients()
        self._serving = False
        self._shutdown = Shutdown(self._isEmpty)

    def open(self) -> None:
        """
        Accept clients, even after L{disconnectAll}.
        """
        self._shutdown.open()

    @property
    def mode(self) -> str:
        """
        The name of the mode, one of L{MODES}.
        """
        return MODES[self.sequential]

    @property
    def isOpen(self) -> bool:
        """
        Whether clients are accepted.
        """
        return self._shutdown.isOpen

    def ready(self, client: TurnClient) -> None:
        """
        Serve a client, or let it wait for its turn.

        @param client: a client whose transport is ready.
        """
        self._remove(client)
        if not self.sequential:
            self.active.add(client)
            client.serve()
            return
        self.waiting.add(client)
        self._serveNext()
        if client in self.waiting:
            # Only the active client and the one directly before this one can be
            # half-closed. Any other client that half-closed was disconnected, because a
            # client waited behind it.
            for other in [*self.active, *islice(reversed(self.waiting), 1, 2)]:
                self.halfClosed(other)

    def halfClosed(self, client: TurnClient) -> None:
        """
        Disconnect a client if it is half-closed and another one waits behind it.

        @param client: an active or waiting client.
        """
        if client.halfClosed and next(reversed(self.waiting), client) is not client:
            self.disconnect(client)

    def disconnect(self, client: TurnClient) -> None:
        """
        End a client's turn, or its wait, and close its connection.

        @param client: a client of this queue. Nothing happens if it is closing.
        """
        if client not in self.closing:
            self._remove(client)
            self.closing.add(client)
            client.disconnect()
            self._serveNext()

    def disconnected(self, client: TurnClient) -> None:
        """
        Remove a client, and serve the client that has waited longest.

        @param client: a client whose connection is lost.
        """
        self._remove(client)
        self._serveNext()
        self._shutdown.disconnected()

    def disconnectAll(self) -> Deferred[None]:
        """
        Disconnect every client, the waiting ones first, and begin no more turns until
        L{open} is called.

        @return: fires when the last connection is lost.
        """
        self._shutdown.begin()
        for client in [*self.connecting, *self.waiting, *self.active]:
            self.disconnect(client)
        return self._shutdown.whenEmpty()

    def _remove(self, client: TurnClient) -> None:
        for clients in (self.connecting, self.active, self.waiting, self.closing):
            if client in clients:
                clients.remove(client)
                return

    def _isEmpty(self) -> bool:
        return not (self.connecting or self.active or self.waiting or self.closing)

    def _serveNext(self) -> None:
        """
        In sequential mode, begin the next turn if none is under way. In concurrent mode
        no client waits.

        A connection may be lost while its turn begins, which calls this method again.
        The flag makes that call return at once, and the loop begins the next turn.
        """
        if self._serving:
            return
        self._serving = True
        try:
            while self.waiting and not self.active:
                client = next(iter(self.waiting))
                self.waiting.remove(client)
                self.active.add(client)
                client.serve()
        finally:
            self._serving = False
