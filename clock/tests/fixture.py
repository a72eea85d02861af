"""
A clock in memory: a factory on a fake reactor, and clients that connect to it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timezone
from typing import Any, cast
from unittest import mock

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides

from clock import ClockFactory, ClockProtocol, Ticker, TimeFormat

#: The time of the fake wall clock at the start: 2023-11-14, 22:13:20 UTC.
START = 1_700_000_000


def capturedEvents(testCase: SynchronousTestCase) -> list[LogEvent]:
    """
    Capture all log events until the test ends.
    """
    events: list[LogEvent] = []
    observer = cast(ILogObserver, events.append)
    globalLogPublisher.addObserver(observer)
    testCase.addCleanup(globalLogPublisher.removeObserver, observer)
    return events


def setLocalTime(testCase: SynchronousTestCase, variable: str = "") -> None:
    """
    Set local time until the test ends, for Python and for the C library.

    @param variable: the value of C{TZ}. An empty one is UTC, and names no zone.
    """
    testCase.addCleanup(time.tzset)
    patched = mock.patch.dict(os.environ, TZ=variable)
    patched.start()
    testCase.addCleanup(patched.stop)
    time.tzset()


class ClientTransport(StringTransport):
    """
    A transport that only records how it is closed: a real one closes later.
    """

    aborted = False
    lost: Failure | None = None
    dataBuffer = b""
    _tempDataBuffer: Sequence[bytes] = ()
    protocol: ClockProtocol

    def connectionLost(self, reason: Failure) -> None:
        """
        Lose the connection at once, as a socket's own transport can.
        """
        self.lost = reason
        self.protocol.connectionLost(reason)

    def abortConnection(self) -> None:
        """
        Record that the connection was aborted.
        """
        self.aborted = True


class Receiver:
    """
    A client in memory, whose transport records the bytes sent to it.
    """

    transport: StringTransport

    @property
    def received(self) -> bytes:
        """
        All bytes that were sent to the client.
        """
        received: bytes = self.transport.value()
        return received


@dataclass
class Client(Receiver):
    """
    One client: the protocol that serves it, and its transport.
    """

    protocol: ClockProtocol
    transport: ClientTransport

    @property
    def closed(self) -> bool:
        """
        Whether the server has closed or aborted the connection.
        """
        return bool(self.transport.disconnecting or self.transport.aborted)

    def disconnect(self) -> None:
        """
        Lose the connection.
        """
        self.protocol.connectionLost(Failure(ConnectionDone()))

    def halfClose(self) -> None:
        """
        Close the client's sending half.
        """
        self.protocol.readConnectionLost()

    def lines(self) -> list[dict[str, Any]]:
        """
        Parse all lines that were sent to the client as JSON.
        """
        return [json.loads(line) for line in self.received.splitlines()]


@dataclass
class ClockFixture:
    """
    A factory, the fake time it runs on, and each client that ever connected.

    @ivar clock: the reactor's time.
    @ivar offset: nanoseconds by which the wall clock is ahead of the reactor's time.
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
    ) -> ClockFixture:
        """
        Build a factory whose reactor time and wall clock are one fake clock.
        """
        fixture = cls(Clock())
        fixture.clock.advance(START)
        fixture.factory = ClockFactory(
            TimeFormat(format, timezone.utc),
            ticker=Ticker(fixture.clock, interval, fixture.wallClock),
            sequential=sequential,
            verbose=verbose,
        )
        return fixture

    def wallClock(self) -> int:
        """
        Return the time of the wall clock, in nanoseconds since 1970.
        """
        return round(self.clock.seconds() * 1e9) + self.offset

    def connect(self, *, tls: bool = False) -> Client:
        """
        Connect one more client. With C{tls}, its handshake is not done yet.
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

    def connectMany(self, count: int) -> list[Client]:
        """
        Connect some clients, one after another.
        """
        return [self.connect() for _ in range(count)]

    def delayedCalls(self) -> int:
        """
        Return the number of delayed calls on the reactor.
        """
        return len(self.clock.getDelayedCalls())
