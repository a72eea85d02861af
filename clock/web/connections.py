"""
The open connections over HTTP, and which of them count against the limit of clients.

The protocol of a stream counts itself. A connection without a stream sends a short
response, or waits for a request.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from clock.limits import ClientLimit
from clock.shutdown import Shutdown

#: The number of connections without a stream that do not count as clients, so that the
#: page, its status and a monitor are served at the limit. Together with the connections
#: accepted in one iteration of the reactor, they need fewer descriptors than the limit
#: of clients leaves free.
FREE_CONNECTIONS = 16

#: The largest number of late requests that are refused in one iteration of the reactor.
#: Refusing 10,000 took 0.8 s, and delayed a tick by 0.45 s.
MAX_REFUSALS = 20


class Connection(Protocol):
    """
    The channel of one connection.

    @ivar transport: the transport.
    @ivar stream: the protocol that streams the response; C{None} if there is none.
    """

    transport: Any
    stream: Any

    def close(self) -> None:
        """
        Close the connection after the response.
        """

    def evict(self) -> None:
        """
        Close an idle connection.
        """

    def refuseLate(self) -> None:
        """
        Close a connection whose request has not arrived in time.
        """


class Connections:
    """
    The connections of a site.
    """

    def __init__(self, limit: ClientLimit, reactor: IReactorTime) -> None:
        """
        @param limit: the limit of clients. It counts the connections without a stream
            above L{FREE_CONNECTIONS}.
        @param reactor: the reactor time for evictions and refusals.
        """
        self.limit = limit
        self._reactor = reactor
        self._channels: dict[Connection, None] = {}
        self._requesting: dict[Connection, None] = {}
        self._idle: dict[Connection, None] = {}
        self._late: dict[Connection, None] = {}
        self._shutdown = Shutdown(lambda: not self._channels)

    def open(self) -> None:
        """
        Accept connections, even after L{close}.
        """
        self._shutdown.open()

    def admit(self) -> bool:
        """
        Decide whether to accept one more connection. L{FREE_CONNECTIONS} without a
        stream are accepted at the limit too. If there are already that many, the one
        that has been idle longest is closed for the new one.

        @return: whether to accept it.
        """
        if len(self._requesting) < FREE_CONNECTIONS:
            return True
        if not self._idle:
            return self.limit.admit()
        channel = next(iter(self._idle))
        self._leave(channel)
        # Read no further request before the connection is closed.
        channel.transport.pauseProducing()
        # If it were closed now, between two accepts, the next connection would get its
        # descriptor, and events for it.
        self._reactor.callLater(0, channel.evict)
        return True

    def connected(self, channel: Connection) -> None:
        """
        Add a connection. Close it at once if the limit is exceeded, or after
        L{close}.

        @param channel: its channel.
        """
        self._channels[channel] = None
        self._requesting[channel] = None
        counts = len(self._requesting) > FREE_CONNECTIONS
        if counts and not self.limit.add():
            # It has no place that a stream could take.
            self._leave(channel)
            channel.close()
        elif not self._shutdown.isOpen:
            channel.close()

    def _leave(self, channel: Connection) -> None:
        """
        Note that a connection is lost, or no longer has a request.
        """
        self._idle.pop(channel, None)
        if channel in self._requesting:
            if len(self._requesting) > FREE_CONNECTIONS:
                self.limit.remove(channel)
            del self._requesting[channel]

    def beginStream(self, channel: Connection) -> bool:
        """
        Decide whether a connection may begin a stream. The protocol of a stream counts
        as a client.

        @param channel: its channel.

        @return: whether the limit allows it.
        """
        if len(self._requesting) > FREE_CONNECTIONS:
            # The connection counts already. The stream takes its place.
            self.limit.move()
        elif not self.limit.admit():
            return False
        self._requesting.pop(channel, None)
        return True

    def mayPersist(self) -> bool:
        """
        Return whether a connection may wait for another request. Idle connections never
        count as clients.
        """
        return self._shutdown.isOpen and len(self._requesting) <= FREE_CONNECTIONS

    def idle(self, channel: Connection) -> None:
        """
        Note that a connection waits for another request.

        @param channel: its channel.
        """
        self._idle[channel] = None

    def isIdle(self, channel: Connection) -> bool:
        """
        Return whether a connection waits for another request.

        @param channel: its channel.
        """
        return channel in self._idle

    def received(self, channel: Connection) -> bool:
        """
        Note that data of a request has arrived.

        @param channel: its channel.

        @return: whether the connection was idle before.
        """
        self._late.pop(channel, None)
        if channel not in self._idle:
            return False
        del self._idle[channel]
        return True

    def timedOut(self, channel: Connection) -> None:
        """
        Refuse a connection whose request has not arrived in time. Each iteration of the
        reactor refuses at most L{MAX_REFUSALS}.

        @param channel: its channel.
        """
        if not self._late:
            self._reactor.callLater(0, self._refuseLate)
        self._late[channel] = None

    def _refuseLate(self) -> None:
        for channel in [*islice(self._late, MAX_REFUSALS)]:
            del self._late[channel]
            channel.refuseLate()
        if self._late:
            self._reactor.callLater(0, self._refuseLate)

    def disconnected(self, channel: Connection) -> None:
        """
        Remove a connection that is lost.

        @param channel: its channel.
        """
        del self._channels[channel]
        self._late.pop(channel, None)
        self._leave(channel)
        self._shutdown.disconnected()

    def close(self) -> Deferred[None]:
        """
        Close every connection without a stream, and accept no more.

        @return: fires when the last connection is lost.
        """
        self._shutdown.begin()
        for channel in [*self._channels]:
            if channel.stream is None:
                channel.close()
        return self._shutdown.whenEmpty()
