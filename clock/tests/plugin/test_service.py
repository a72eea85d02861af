"""
Tests for L{clock.plugin.service}.
"""

from __future__ import annotations

import sys
from datetime import timezone
from io import StringIO

from twisted.internet import tcp
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from clock.factory import ClockFactory
from clock.plugin.listening import ListeningService, StartError
from clock.plugin.service import ClockService
from clock.protocol import CLOSE_TIMEOUT
from clock.tests.fixture import ClockFixture, capturedEvents
from clock.tests.plugin.fixture import Endpoint, Port, clockService
from clock.timeformat import TimeFormat


class StartTests(SynchronousTestCase):
    """
    Listening, or failing at the start.
    """

    def setUp(self) -> None:
        """
        Run as C{twistd}, and record standard error.
        """
        self.patch(sys, "argv", ["twistd"])
        self.stderr = StringIO()
        self.patch(sys, "__stderr__", self.stderr)

    def test_log(self) -> None:
        """
        The start is logged in one line: the zone, the format, the interval, the mode
        and the addresses.
        """
        service = clockService(ClockFixture.new().factory)
        observer = capturedEvents(self)
        service.startService()
        (event,) = observer
        expected = {
            "zone": "UTC",
            "lineFormat": "%H:%M:%S",
            "interval": 1.0,
            "mode": "to all clients at once",
            "addresses": "127.0.0.1:8080",
        }
        self.assertEqual({name: event[name] for name in expected}, expected)

    def test_logWhenRunning(self) -> None:
        """
        The start is logged when the reactor runs, and handles signals. If the service
        was stopped before, nothing is logged.
        """
        reactor = MemoryReactorClock()
        fixture = ClockFixture.new()
        listener = ListeningService("x", Endpoint(Port()), fixture.factory)
        service = ClockService([listener], reactor.callWhenRunning)
        observer = capturedEvents(self)
        service.startService()
        self.assertEqual(observer, [])
        reactor.run()
        self.assertEqual(observer[0]["addresses"], "127.0.0.1:8080")
        reactor = MemoryReactorClock()
        service = ClockService([listener], reactor.callWhenRunning)
        service.startService()
        stopped = service.stopService()
        fixture.clock.advance(0)
        self.successResultOf(stopped)
        observer.clear()
        reactor.run()
        self.assertEqual(observer, [])

    def test_privilegedStart(self) -> None:
        """
        Endpoints that were opened by the privileged start are not opened again.
        """
        asked: list[IProtocolFactory] = []

        class Counting(Endpoint):
            def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
                asked.append(factory)
                return super().listen(factory)

        fixture = ClockFixture.new()
        service = clockService(fixture.factory, ("x", Counting(Port())))
        service.privilegedStartService()
        service.startService()
        self.assertEqual(asked, [fixture.factory])

    def test_logSequential(self) -> None:
        """
        The start names the sequential mode.
        """
        factory = ClockFixture.new(sequential=True).factory
        service = clockService(factory)
        observer = capturedEvents(self)
        service.startService()
        self.assertEqual(observer[0]["mode"], "to one client at a time")

    def test_logConstant(self) -> None:
        """
        A format that shows no time is logged as a warning.
        """
        fixture = ClockFixture.new()
        fixture.factory.timeFormat = TimeFormat("%% o'clock", timezone.utc)
        observer = capturedEvents(self)
        clockService(fixture.factory).startService()
        event = observer[1]
        self.assertEqual(event["log_level"], LogLevel.warn)
        self.assertEqual(
            formatEvent(event),
            "The format %% o'clock shows no time: every line is the same",
        )

    def test_logZones(self) -> None:
        """
        Each factory is logged in one line, with its addresses.
        """
        tokyo, london = (
            ClockFixture.new(sequential=True).factory,
            ClockFixture.new().factory,
        )
        service = ClockService(
            ListeningService("x", Endpoint(Port()), factory)
            for factory in (tokyo, london, tokyo)
        )
        self.assertEqual(service.factories, [tokyo, london])
        observer = capturedEvents(self)
        service.startService()
        address = "127.0.0.1:8080"
        self.assertEqual(
            [(event["mode"], event["addresses"]) for event in observer],
            [
                ("to one client at a time", f"{address}, {address}"),
                ("to all clients at once", address),
            ],
        )

    def test_otherPortsAreClosed(self) -> None:
        """
        When one endpoint fails, the ports that are already open are closed at once.
        """
        reactor = MemoryReactorClock()
        closed = []

        class RealPort(tcp.Port):
            def connectionLost(self, reason: object) -> None:
                closed.append(reason)

        port = RealPort(0, ClockFixture.new().factory, reactor=reactor)
        service = clockService(
            ClockFixture.new().factory,
            ("real", Endpoint(port)),
            ("other", Endpoint(Port())),
            ("bad", Endpoint(ValueError("no"))),
        )
        self.assertRaises(StartError, service.startService)
        self.assertEqual(len(closed), 1)


class StopTests(SynchronousTestCase):
    """
    The end of the service.
    """

    def test_order(self) -> None:
        """
        First the ports are closed, then clients that have just connected are read from,
        then all clients are disconnected, and then the service has stopped.
        """
        fixture = ClockFixture.new()
        port = Port()
        service = clockService(fixture.factory, ("x", Endpoint(port)))
        service.startService()
        client = fixture.connect()
        stopped = service.stopService()
        self.assertTrue(port.stopped)
        self.assertFalse(client.closed)
        fixture.clock.advance(0)
        self.assertTrue(client.closed)
        self.assertNoResult(stopped)
        client.disconnect()
        self.assertIsNone(self.successResultOf(stopped))
        self.assertEqual(fixture.delayedCalls(), 0)

    def test_totals(self) -> None:
        """
        The end is logged in one line, with the totals of all time zones.
        """
        clock, other = ClockFixture.new(), ClockFixture.new()
        # As in a real process, the factories share a ticker and a limit.
        factory = other.factory = ClockFactory(
            ticker=clock.factory.ticker, limit=clock.factory.limit
        )
        service = ClockService(
            ListeningService("x", Endpoint(Port()), each)
            for each in (clock.factory, factory)
        )
        service.startService()
        gone, halfClosed, last = *clock.connectMany(2), other.connect()
        gone.disconnect()
        clock.clock.advance(1)
        limit = factory.limit
        halfClosed.halfClose()
        for limit.maxClients in (2, 1):
            limit.admit()
        clock.clock.advance(2.5)
        observer = capturedEvents(self)
        stopped = service.stopService()
        clock.clock.advance(0)
        last.disconnect()
        self.successResultOf(stopped)
        (event,) = (each for each in observer if "clients" in each)
        expected = {
            "seconds": 3.5,
            "clients": 3,
            "refused": 1,
            "evicted": 1,
            "lines": 6,
            "missed": 1,
        }
        self.assertEqual({name: event[name] for name in expected}, expected)

    def test_notStarted(self) -> None:
        """
        A service can be stopped before it is started, and twice.
        """
        fixture = ClockFixture.new()
        service = clockService(fixture.factory)
        for _ in range(2):
            self.successResultOf(service.listeners[0].stopService())
        service.startService()
        for _ in range(2):
            stopped = service.stopService()
            fixture.clock.advance(0)
            self.successResultOf(stopped)
        self.assertFalse(service.listeners[0].running)

    def test_again(self) -> None:
        """
        A service that was stopped can be started again.
        """
        fixture = ClockFixture.new()
        service = clockService(fixture.factory)
        service.startService()
        stopped = service.stopService()
        fixture.clock.advance(0)
        self.successResultOf(stopped)
        fixture.factory.doStart()
        service.startService()
        self.assertEqual(fixture.connect().received, b"22:13:20\n")

    def test_everyZone(self) -> None:
        """
        The clients of every factory are disconnected, and the service waits for all of
        them.
        """
        fixtures = [ClockFixture.new(), ClockFixture.new()]
        service = ClockService(
            ListeningService("x", Endpoint(Port()), fixture.factory)
            for fixture in fixtures
        )
        service.startService()
        clients = [fixture.connect() for fixture in fixtures]
        stopped = service.stopService()
        fixtures[0].clock.advance(0)
        for client in clients:
            self.assertTrue(client.closed)
            self.assertNoResult(stopped)
            client.disconnect()
        self.assertIsNone(self.successResultOf(stopped))

    def test_stuckClient(self) -> None:
        """
        A client that does not read delays the end by the close timeout at most.
        """
        fixture = ClockFixture.new()
        service = clockService(fixture.factory)
        service.startService()
        client = fixture.connect()
        service.stopService()
        fixture.clock.advance(0)
        fixture.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(client.transport.aborted)
        self.assertLess(CLOSE_TIMEOUT, 1)
