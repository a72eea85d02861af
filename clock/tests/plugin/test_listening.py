"""
Tests for L{clock.plugin.listening}.
"""

from __future__ import annotations

import errno
import os
import sys
from io import StringIO
from types import SimpleNamespace

from twisted.internet import tcp
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.lockfile import FilesystemLock
from twisted.trial.unittest import SynchronousTestCase

from clock.plugin import listening
from clock.plugin.listening import MAX_LAST_ACCEPTS, StartError
from clock.tests.fixture import ClockFixture
from clock.tests.plugin.fixture import Endpoint, clockService


class StartErrorTests(SynchronousTestCase):
    """
    Endpoints on which the server cannot listen.
    """

    def setUp(self) -> None:
        """
        Run as C{twistd}, and record standard error.
        """
        self.patch(sys, "argv", ["twistd"])
        self.stderr = StringIO()
        self.patch(sys, "__stderr__", self.stderr)

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
        The error of a UNIX socket shows neither the advice for ports nor the name of
        its lock, which is a number.
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
        process, or another port of this process, holds it.
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
        Any other error is printed on one line.
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


class StopListeningTests(SynchronousTestCase):
    """
    The end of a listening port.
    """

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

        self.patch(listening, "select", SimpleNamespace(poll=Poll, POLLIN=1))
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
