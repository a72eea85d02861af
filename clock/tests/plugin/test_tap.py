"""
Tests for L{clock.plugin.tap}.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import cast

from twisted.application.service import IServiceMaker
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.plugin import getPlugins
from twisted.trial.unittest import SynchronousTestCase

from clock.factory import ClockFactory
from clock.plugin import addresses, tap
from clock.plugin.openfiles import RESERVED_FILES
from clock.plugin.service import ClockService
from clock.plugin.tap import Options, makeService
from clock.tests.fixture import setLocalTime
from clock.transport.reuse import ReusePortReactor
from clock.web import ClockSite


def clockFactories(service: ClockService) -> list[ClockFactory]:
    """
    Return the factories of a service that send lines.
    """
    return [each for each in service.factories if isinstance(each, ClockFactory)]


class MakeServiceTests(SynchronousTestCase):
    """
    Making a service from options.
    """

    def setUp(self) -> None:
        """
        Run as C{twistd}, in a local time without a name, with a limit of 1,000 open
        files.
        """
        setLocalTime(self)
        self.patch(sys, "argv", ["/somewhere/bin/twistd"])
        self.files(1000)
        self.reactor = MemoryReactorClock()

    def files(self, limit: int) -> None:
        """
        Set the limit of open files.
        """
        self.patch(tap, "raiseOpenFileLimit", lambda reactor: limit)

    def make(self, *arguments: str) -> ClockService:
        """
        Make the service of a command line.
        """
        options = Options()
        options.parseOptions(arguments)
        return makeService(options, self.reactor)

    def maxClients(self, *arguments: str) -> int | None:
        """
        Return the limit of clients of a command line.
        """
        (factory,) = clockFactories(self.make(*arguments))[:1]
        return factory.limit.maxClients

    def assertRefused(self, arguments: list[str], message: str) -> None:
        """
        Assert that a command line ends the program with this one line.
        """
        error = self.assertRaises(SystemExit, self.make, *arguments)
        self.assertEqual(str(error), f"twistd clock: {message}")

    def test_factory(self) -> None:
        """
        The factory has the settings of the options.
        """
        arguments = ["-s", "-v", "--interval", "5", "-z", "UTC", "-f", "kitchen"]
        (factory,) = clockFactories(self.make(*arguments))
        self.assertEqual(factory.turns.sequential, True)
        self.assertEqual(factory.verbose, True)
        self.assertEqual(factory.ticker.interval, 5)
        self.assertEqual(factory.timeFormat.line(0), b"12:00AM\n")

    def test_listens(self) -> None:
        """
        The service listens on the address of the options.
        """
        service = self.make("--port", "1234")
        service.startService()
        port, factory, _, interface = self.reactor.tcpServers[0]
        self.assertEqual((port, interface), (1234, "localhost"))
        self.assertEqual([factory], service.factories)

    def test_listensOnIPv6(self) -> None:
        """
        An IPv6 address can be an interface.
        """
        service = self.make("--port", "1234", "--interface", "::1")
        service.startService()
        port, _, _, interface = self.reactor.tcpServers[0]
        self.assertEqual((port, interface), (1234, "::1"))
        self.assertEqual(service.listeners[0].endpointName, "[::1]:1234")

    def test_endpoints(self) -> None:
        """
        The service listens on endpoints of any kind.
        """
        service = self.make("-l", "tcp:1", "-l", "unix:/tmp/clock")
        service.startService()
        self.assertEqual(self.reactor.tcpServers[0][0], 1)
        self.assertEqual(self.reactor.unixServers[0][0], "/tmp/clock")

    def test_zones(self) -> None:
        """
        Each zone has a factory, and so a queue, of its own. They share the ticker and
        the limit.
        """
        service = self.make("--sequential", "--zone", "Asia/Tokyo=1")
        local, tokyo = clockFactories(service)
        self.assertIsNot(local.timeFormat, tokyo.timeFormat)
        self.assertTrue(local.turns.sequential and tokyo.turns.sequential)
        self.assertIs(local.ticker, tokyo.ticker)
        self.assertIs(local.limit, tokyo.limit)

    def test_modes(self) -> None:
        """
        The addresses of C{--sequential-port} share one sequential factory, whose
        settings are those of the concurrent one.
        """
        arguments = ["--tz=UTC", "--sequential-port=1", "--sequential-port=tcp:2"]
        service = self.make(*arguments, "--zone=Asia/Tokyo=3", "--verbose")
        service.startService()
        all_, one, tokyo = clockFactories(service)
        listening = [(port, factory) for port, factory, *_ in self.reactor.tcpServers]
        self.assertEqual(listening, [(8080, all_), (1, one), (2, one), (3, tokyo)])
        modes = [each.turns.mode for each in (all_, one, tokyo)]
        self.assertEqual(modes, ["concurrent", "sequential", "concurrent"])
        for name in ("timeFormat", "ticker", "limit", "verbose"):
            self.assertIs(getattr(all_, name), getattr(one, name))
        self.assertRefused(
            ["--sequential-port", "x:"],
            "--sequential-port 'x:': 'x:' is not an endpoint (ValueError: Unknown "
            "endpoint type: 'x'); try tcp:8080, tcp6:8080:interface=\\:\\:1 or "
            "unix:/tmp/clock",
        )

    def test_web(self) -> None:
        """
        The clocks are served over HTTP, with the same limit, on the addresses of the
        options.
        """
        service = self.make("--web", "8000", "--zone", "Asia/Tokyo=1")
        service.startService()
        ports = [port for port, *_ in self.reactor.tcpServers]
        self.assertEqual(ports, [8080, 1, 8000])
        site = service.factories[-1]
        assert isinstance(site, ClockSite)
        (local, _) = clockFactories(service)
        self.assertIs(site.connections.limit, local.limit)
        self.assertRefused(
            ["--web", "x:"],
            "--web 'x:': 'x:' is not an endpoint (ValueError: Unknown endpoint type: "
            "'x'); try tcp:8080, tcp6:8080:interface=\\:\\:1 or unix:/tmp/clock",
        )

    def test_reusePort(self) -> None:
        """
        Every TCP port can be shared with other processes, including the ports of
        endpoints. Other endpoints are not changed.
        """
        opened = []

        class Reusing(ReusePortReactor):
            def listenTCP(self, port: int, *_: object, **__: object) -> IListeningPort:
                opened.append(port)
                return cast(IListeningPort, self._reactor.listenTCP(port, Factory()))

        self.patch(tap, "ReusePortReactor", Reusing)
        arguments = ["--zone=UTC=2", "--web=3", "-l", "tcp:1", "-l", "unix:/tmp/clock"]
        service = self.make("--reuse-port", *arguments)
        service.startService()
        self.assertEqual(opened, [1, 2, 3])
        self.assertEqual(self.reactor.unixServers[0][0], "/tmp/clock")
        self.make(*arguments).startService()
        self.assertEqual(opened, [1, 2, 3])

    def test_maxClients(self) -> None:
        """
        By default, the limit of open files sets the limit of clients. Each listening
        socket after the first reduces it by one.
        """
        self.assertEqual(self.maxClients(), 1000 - RESERVED_FILES)
        self.assertEqual(self.maxClients("--max-clients", "5"), 5)
        zones = ["--zone=UTC=1", "--zone=UTC=2"]
        self.assertEqual(self.maxClients(*zones), 1000 - RESERVED_FILES - 2)

    def test_tooManyClients(self) -> None:
        """
        A limit of clients that the limit of open files does not allow is an error.
        """
        allowed = 1000 - RESERVED_FILES
        self.assertRefused(
            ["--max-clients", "969"],
            "--max-clients 969 is more than the limit of open files allows: "
            f"{allowed} (ulimit -Hn)",
        )

    def test_noRoom(self) -> None:
        """
        A limit of open files that is too low for one client is an error.
        """
        files = RESERVED_FILES + 2
        self.files(files)
        self.assertRefused(
            ["--zone=UTC=1", "--zone=UTC=2"],
            f"the limit of open files, {files}, is too low for one client: raise it "
            "(ulimit -Hn)",
        )

    def test_badEndpoints(self) -> None:
        """
        An endpoint that does not exist is an error, for any exception of its parser.
        """
        for value, why in [
            ("carrier-pigeon:1", "ValueError: Unknown endpoint type: 'carrier-pigeon'"),
            ("tcp:http", "ValueError: invalid literal for int() with base 10: 'http'"),
        ]:
            message = (
                f"{value!r} is not an endpoint ({why}); try tcp:8080, "
                r"tcp6:8080:interface=\:\:1 or unix:/tmp/clock"
            )
            self.assertRefused(["--listen", value], f"--listen {message}")
            zone = f"UTC={value}"
            self.assertRefused(["--zone", zone], f"--zone {zone!r}: {message}")

    def test_systemdPassesNoSocket(self) -> None:
        """
        A socket that systemd did not pass is an error that says so.
        """
        for value in [
            "systemd:domain=INET:index=0",
            "systemd:domain=INET:name=x",
            "haproxy:systemd:domain=INET:name=x",
        ]:
            self.assertRefused(
                ["--listen", value],
                f"--listen {value!r}: systemd passed no such socket; use a socket "
                "unit, or systemd-socket-activate with --fdname",
            )

    def test_missingPackage(self) -> None:
        """
        An endpoint that needs a package says how to install it.
        """

        def fail(*_: object) -> None:
            raise ImportError("no", name="OpenSSL")

        self.patch(addresses, "serverFromString", fail)
        message = "--listen 'ssl:1' needs OpenSSL: pip install 'txclock[tls]'"
        self.assertRefused(["--listen", "ssl:1"], message)

    def test_standardOutput(self) -> None:
        """
        Standard input and output are refused as an endpoint to listen on.
        """
        message = "--listen 'stdio:' is not an endpoint to listen on: try tcp:8080"
        self.assertRefused(["--listen", "stdio:"], message)

    def test_steadyReactor(self) -> None:
        """
        By default, the global reactor is used, and its time is made steady.
        """
        import time

        from twisted.internet import reactor

        self.patch(reactor, "seconds", time.time)
        options = Options()
        options.parseOptions([])
        (factory,) = clockFactories(makeService(options))
        self.assertIs(factory.ticker.reactor, reactor)
        self.assertIs(reactor.seconds, time.monotonic)


class PluginTests(SynchronousTestCase):
    """
    The plugin.
    """

    def test_plugin(self) -> None:
        """
        Twisted finds the plugin, and with it the options and the service.
        """
        (plugin,) = (p for p in getPlugins(IServiceMaker) if p.tapname == "clock")
        self.assertIs(plugin.makeService, makeService)
        self.assertIs(plugin.options, Options)

    def test_noLogic(self) -> None:
        """
        The plugin's file is one C{ServiceMaker}, without logic.
        """
        import twisted.plugins.clock_plugin as module

        assert module.__file__ is not None
        self.assertEqual(Path(module.__file__).read_text("utf-8").count("import"), 1)
