"""
Tests for L{clock.plugin.service}.
"""

from __future__ import annotations

import errno
import os
import sys
from datetime import timezone
from io import StringIO
from types import SimpleNamespace

from twisted.internet import tcp
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel
from twisted.python.lockfile import FilesystemLock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from clock.factory import ClockFactory
from clock.plugin import service as serviceModule
from clock.plugin.service import (
    MAX_LAST_ACCEPTS,
    ClockService,
    ListeningService,
    StartError,
)
from clock.protocol import CLOSE_TIMEOUT
from clock.tests.fixture import ClockFixture, capturedEvents
from clock.timeformat import TimeFormat


@implementer(IListeningPort)
class Port:
    """
    A listening port that records its stop.
    """

    stopped = False

    def startListening(self) -> None:
        """
        Do nothing: the port listens from the start.
        """

    def stopListening(self) -> None:
        """
        Record the stop.
        """
        self.stopped = True

    def getHost(self) -> IPv4Address:
        """
        Return a fixed address.
        """
        return IPv4Address("TCP", "127.0.0.1", 8080)


@implementer(IStreamServerEndpoint)
class Endpoint:
    """
    An endpoint with a given result of listening.
    """

    def __init__(self, outcome: Port | tcp.Port | Exception) -> None:
        self.outcome = outcome

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        """
        Listen, or fail to.
        """
        if isinstance(self.outcome, Exception):
            return fail(self.outcome)
        return succeed(self.outcome)


def clockService(
    factory: ClockFactory, *places: tuple[str, IStreamServerEndpoint]
) -> ClockService:
    """
    Make the service of one factory. By default, its endpoint succeeds.
    """
    return ClockService(
        ListeningService(name, endpoint, factory)
        for name, endpoint in places or [("x", Endpoint(Port()))]
    )


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
        self.assertEqual(event["lineFormat"], "%% o'clock")

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

    def assertStartError(
        self, error: Exception, message: str, where: str = "localhost:13"
    ) -> None:
        """
        Assert that the start fails with these messages.
        """
        service = clockService(ClockFixture.new().factory, (where, Endpoint(error)))
        raised = self.assertRaises(StartError, service.privilegedStartService)
        self.assertIsInstance(raised, SystemExit)
        self.assertIsInstance(raised, Exception)
        self.assertEqual(raised.code, 1)
        self.assertEqual(str(raised), f"{where}: {message}")
        expected = f"twistd clock: {where}: {message}\n"
        self.assertEqual(self.stderr.getvalue(), expected)

    def test_portInUse(self) -> None:
        """
        The error of a port in use names it, and says what to do.
        """
        error = OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        self.assertStartError(
            CannotListenError("localhost", 13, error),
            "Address already in use; stop the process that listens there, or use "
            "another port",
        )

    def test_unixSocket(self) -> None:
        """
        The error of a UNIX socket has no advice that is for ports, and not the number
        that is the name of its lock.
        """
        words = os.strerror(errno.EACCES)
        error = OSError(errno.EACCES, words, "12345", None, "/tmp/clock.lock")
        self.assertStartError(error, words, "unix:/tmp/clock")

    def test_unixSocketInUse(self) -> None:
        """
        The error of a UNIX socket in use depends on whether its server runs, and on the
        user of that server.
        """
        where, path = "unix:/tmp/clock", b"/tmp/clock"
        locked = CannotListenError(None, path, "Cannot acquire lock")
        message = "a server listens there; stop it, or use another path"
        self.assertStartError(locked, message, where)
        for number, advice in [
            (errno.EPERM, "another user's server listens there"),
            (errno.EADDRINUSE, "if no server listens there, remove the file"),
        ]:
            self.stderr.truncate(self.stderr.seek(0))
            error = OSError(number, os.strerror(number))
            message = f"{error.strerror}; {advice}"
            self.assertStartError(CannotListenError(None, path, error), message, where)

    def test_unixLock(self) -> None:
        """
        The lock of a UNIX socket that cannot be bound is removed, unless another
        process, or another port of this one, has it.
        """
        path = self.mktemp().encode()
        lock = FilesystemLock(path + b".lock")
        lock.lock()
        where = "unix:clock"
        words = "a server listens there; stop it, or use another path"
        self.assertStartError(CannotListenError(None, path, "no"), words, where)
        self.assertTrue(os.path.islink(lock.name))
        self.stderr.truncate(self.stderr.seek(0))
        error = CannotListenError(None, path, OSError(errno.EIO, "no"))
        self.assertStartError(error, "no", where)
        self.assertFalse(os.path.islink(lock.name))

    def test_otherSystemError(self) -> None:
        """
        Any other error of the system has the system's message.
        """
        error = OSError(errno.EIO, os.strerror(errno.EIO))
        message = "Input/output error"
        self.assertStartError(CannotListenError("localhost", 13, error), message)

    def test_otherError(self) -> None:
        """
        Any other error is put on one line.
        """
        self.assertStartError(ValueError("no\n  way"), "no way")

    def test_longName(self) -> None:
        """
        A long endpoint is shortened: the parent of a daemon prints only the beginning
        of the message.
        """
        endpoint = Endpoint(ValueError("no way"))
        name = "unix:/" + "x" * 100
        service = clockService(ClockFixture.new().factory, (name, endpoint))
        raised = self.assertRaises(StartError, service.privilegedStartService)
        self.assertLess(str(raised).index("no way"), 40)
        self.assertIn(name, self.stderr.getvalue())

    def test_otherPortsAreClosed(self) -> None:
        """
        When one endpoint fails, those that were open are closed at once.
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

    def test_realEndpoint(self) -> None:
        """
        An error that the reactor raises is reported in the same way.
        """
        reactor = MemoryReactorClock()

        def refuse(*_: object, **__: object) -> None:
            raise OverflowError("bind(): port must be 0-65535.")

        self.patch(reactor, "listenTCP", refuse)
        endpoint = TCP4ServerEndpoint(reactor, 99_999)
        service = clockService(ClockFixture.new().factory, ("tcp:99999", endpoint))
        raised = self.assertRaises(StartError, service.startService)
        self.assertEqual(str(raised), "tcp:99999: bind(): port must be 0-65535.")


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

    def stop(self, queued: int, name: str = "x") -> list[str]:
        """
        Stop a service with this number of connections in its listen queue. Return what
        happened to its port.
        """
        happened: list[str] = []

        class Poll:
            def register(self, socket: object, events: int) -> None:
                """
                Do nothing.
                """

            def poll(self, timeout: float) -> bool:
                return happened.count("accept") < queued

        class RealPort(tcp.Port):
            socket = SimpleNamespace(
                getsockname=lambda: ("127.0.0.1", 8080),
                close=lambda: happened.append("close"),
            )

            def stopReading(self) -> None:
                happened.append("stop reading")

            def doRead(self) -> None:
                happened.append("accept")

            def connectionLost(self, reason: object) -> None:
                happened.append("lost")

        self.patch(serviceModule, "select", SimpleNamespace(poll=Poll, POLLIN=1))
        port = RealPort(0, ClockFixture.new().factory, reactor=MemoryReactorClock())
        fixture = ClockFixture.new()
        service = clockService(fixture.factory, (name, Endpoint(port)))
        service.startService()
        stopped = service.stopService()
        fixture.clock.advance(0)
        self.assertIsNone(self.successResultOf(stopped))
        return happened

    def test_listenQueue(self) -> None:
        """
        The connections in the listen queue are accepted, and then the port is closed at
        once, so that none is reset.
        """
        self.assertEqual(self.stop(0)[:3], ["stop reading", "close", "lost"])
        expected = ["stop reading", "accept", "accept", "close", "lost"]
        self.assertEqual(self.stop(2)[:5], expected)

    def test_passedSocket(self) -> None:
        """
        The connections in the listen queue of a socket that systemd passed are left to
        the next process.
        """
        for name in ("systemd:domain=INET:name=tcp", "haproxy:systemd:domain=INET"):
            self.assertEqual(self.stop(2, name)[0], "lost")

    def test_storm(self) -> None:
        """
        Connections that keep arriving do not delay the stop forever.
        """
        happened = self.stop(1_000_000)
        self.assertEqual(happened.count("accept"), MAX_LAST_ACCEPTS)
        self.assertIn("lost", happened)

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
