"""
Tests for L{clock.tap}.
"""

from __future__ import annotations

import signal
from pathlib import Path

from twisted.application.service import IServiceMaker
from twisted.internet.testing import MemoryReactorClock
from twisted.plugin import getPlugins
from twisted.trial.unittest import SynchronousTestCase

from clock import options
from clock.limits import RESERVE
from clock.tap import Options, makeService


class MakeServiceTests(SynchronousTestCase):
    """
    From the options to a service.
    """

    def setUp(self) -> None:
        """
        Leave the limits of this process alone, and its signals.
        """
        handler = signal.getsignal(signal.SIGHUP)
        self.addCleanup(signal.signal, signal.SIGHUP, handler)
        self.patch(options, "openFiles", lambda reactor: 1000)

    def test_factory(self) -> None:
        """
        The factory is as the options say.
        """
        options = Options(MemoryReactorClock())
        options.parseOptions(
            ["-s", "-v", "--interval", "5", "-z", "UTC", "-f", "kitchen"]
        )
        (factory,) = makeService(options).factories
        self.assertEqual(factory.sequential, True)
        self.assertEqual(factory.verbose, True)
        self.assertEqual(factory.ticker.interval, 5)
        self.assertEqual(factory.face.line(0), b"12:00AM\n")
        self.assertEqual(factory.limit.most, 1000 - RESERVE)

    def test_listens(self) -> None:
        """
        The service listens where the options say.
        """
        reactor = MemoryReactorClock()
        options = Options(reactor)
        options.parseOptions(["--port", "1234"])
        service = makeService(options)
        service.startService()
        port, factory, _, interface = reactor.tcpServers[0]
        self.assertEqual((port, interface), (1234, "localhost"))
        self.assertEqual([factory], service.factories)

    def test_zones(self) -> None:
        """
        Each zone has a factory, with a turn of its own; the ticker and the limit
        are one for all.
        """
        options = Options(MemoryReactorClock())
        options.parseOptions(["--sequential", "--zone", "Asia/Tokyo=1"])
        local, tokyo = makeService(options).factories
        self.assertIsNot(local.face, tokyo.face)
        self.assertTrue(local.sequential and tokyo.sequential)
        self.assertIs(local.ticker, tokyo.ticker)
        self.assertIs(local.limit, tokyo.limit)

    def test_plugin(self) -> None:
        """
        Twisted finds the plugin, and makes the options and the service by it.
        """
        (plugin,) = (p for p in getPlugins(IServiceMaker) if p.tapname == "clock")
        self.assertIs(plugin.makeService, makeService)
        self.assertIs(plugin.options, Options)

    def test_pluginIsOneObject(self) -> None:
        """
        The plugin's file says what to import, and holds no logic.
        """
        import twisted.plugins.clock_plugin as module

        assert module.__file__ is not None
        self.assertEqual(Path(module.__file__).read_text().count("import"), 1)
