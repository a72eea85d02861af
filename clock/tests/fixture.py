"""
A clock in memory: a factory on a fake reactor, and clients that connect to it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timezone
from typing import Any, cast

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides

from clock import ClockFactory, ClockProtocol, Face
from clock.ticker import Ticker

#: Where the fake wall clock starts: 2023-11-14, 22:13:20 UTC.
START = 1_700_000_000


def caughtEvents(testCase: SynchronousTestCase) -> list[LogEvent]:
    """
    Catch all that is logged until the test ends.
    """
    events: list[LogEvent] = []
    observer = cast(ILogObserver, events.append)
    globalLogPublisher.addObserver(observer)
    testCase.addCleanup(globalLogPublisher.removeObserver, observer)
    return events


class ClientTransport(StringTransport):
    """
    A transport whose closing is only noted, as a real one closes later.
    """

    aborted = False
    lost = False
    protocol: ClockProtocol

    def connectionLost(self, reason: Failure) -> None:
        """
        Lose the connection now, as a socket's own transport can.
        """
        self.lost = True
        self.protocol.connectionLost(reason)

    def abortConnection(self) -> None:
        """
        Note that the connection was cut off.
        """
        self.aborted = True


@dataclass
class Client:
    """
    One client: the protocol that serves it, and what arrived.
    """

    protocol: ClockProtocol
    transport: ClientTransport

    @property
    def received(self) -> bytes:
        """
        All that the client has been sent.
        """
        received: bytes = self.transport.value()
        return received

    @property
    def dropped(self) -> bool:
        """
        Whether the server has closed the connection, or cut it off.
        """
        return bool(self.transport.disconnecting or self.transport.aborted)

    def leave(self) -> None:
        """
        Lose the connection.
        """
        self.protocol.connectionLost(Failure(ConnectionDone()))

    def halfClose(self) -> None:
        """
        Send no more.
        """
        self.protocol.readConnectionLost()

    def lines(self) -> list[dict[str, Any]]:
        """
        Read what the client has been sent in C{json}.
        """
        return [json.loads(line) for line in self.received.splitlines()]


@dataclass
class House:
    """
    A factory, the fake time it runs on, and everyone who ever connected.

    @ivar clock: the reactor's time.
    @ivar offset: how far the wall clock is ahead of it, in nanoseconds.
    """

    clock: Clock
    factory: ClockFactory = field(init=False)
    clients: list[Client] = field(default_factory=list)
    offset: int = 0

    @classmethod
    def new(
        cls,
        *,
        format: str = "%H:%M:%S",
        interval: float = 1.0,
        sequential: bool = False,
        verbose: bool = False,
    ) -> House:
        """
        Build a clock whose wall clock and timers are one fake clock.
        """
        house = cls(Clock())
        house.clock.advance(START)
        house.factory = ClockFactory(
            Face(format, timezone.utc),
            ticker=Ticker(house.clock, interval, house.wallClock),
            sequential=sequential,
            verbose=verbose,
        )
        return house

    def wallClock(self) -> int:
        """
        Read the wall clock, in nanoseconds since 1970.
        """
        return round(self.clock.seconds() * 1e9) + self.offset

    def connect(self, *, tls: bool = False) -> Client:
        """
        Let one more client connect; with C{tls}, its handshake is to come.
        """
        address = IPv4Address("TCP", "192.0.2.1", 40_000 + len(self.clients))
        protocol = self.factory.buildProtocol(address)
        assert isinstance(protocol, ClockProtocol)
        client = Client(protocol, ClientTransport(peerAddress=address))
        if tls:
            alsoProvides(client.transport, ISSLTransport)
        client.transport.protocol = protocol
        self.clients.append(client)
        protocol.makeConnection(client.transport)
        return client

    def timers(self) -> int:
        """
        Count the timers that are still set.
        """
        return len(self.clock.getDelayedCalls())
