"""
Tests for L{clock} as a library, and for L{clock.clients.entry}.
"""

from __future__ import annotations

import os
import signal

from twisted.trial.unittest import SynchronousTestCase

import clock
from clock import factory, limits, protocol, ticker, timeformat
from clock.clients import entry as _start
from clock.clients import netcat
from clock.clients.check import command as check
from clock.clients.check.options import Options as CheckOptions
from clock.clients.wall import command as wall
from clock.clients.wall.options import Options as WallOptions
from clock.transport import endpoint


class PublicTests(SynchronousTestCase):
    """
    The public names.
    """

    def test_names(self) -> None:
        """
        Each public name can be imported, and is then kept.
        """
        found = {name: clock.__getattr__(name) for name in clock.__all__}
        self.assertEqual(
            found,
            {
                "ClientLimit": limits.ClientLimit,
                "ClockFactory": factory.ClockFactory,
                "ClockProtocol": protocol.ClockProtocol,
                "TimeFormat": timeformat.TimeFormat,
                "ImmediateEndpoint": endpoint.ImmediateEndpoint,
                "Ticker": ticker.Ticker,
            },
        )
        self.assertEqual({name: vars(clock)[name] for name in clock.__all__}, found)

    def test_noSuchName(self) -> None:
        """
        Another name is an error, as in any module.
        """
        error = self.assertRaises(AttributeError, getattr, clock, "Clock")
        self.assertEqual(str(error), "module 'clock' has no attribute 'Clock'")


class StartTests(SynchronousTestCase):
    """
    The entry points.
    """

    def setUp(self) -> None:
        """
        Patch the signals, and the commands.
        """
        self.calls: list[object] = []
        self.patch(signal, "getsignal", lambda number: signal.SIG_DFL)
        self.patch(signal, "signal", lambda *call: self.calls.append(call))
        for module in (netcat, wall, check):
            self.patch(module, "runMain", self.runMain)

    def runMain(self, options: object, command: object) -> None:
        """
        Record a command.
        """
        self.calls.append((type(options), command))

    def test_commands(self) -> None:
        """
        Each command handles Ctrl-C before it is imported and run.
        """
        handler = (signal.SIGINT, _start.interrupt)
        for start, options, command in [
            (_start.netcat, netcat.Options, netcat.copy),
            (_start.wall, WallOptions, wall.show),
            (_start.check, CheckOptions, check.check),
        ]:
            start()
            self.assertEqual(self.calls, [handler, (options, command)])
            self.calls.clear()

    def test_ignored(self) -> None:
        """
        If SIGINT is ignored, it stays ignored.
        """
        self.patch(signal, "getsignal", lambda number: signal.SIG_IGN)
        _start.exitOnInterrupt()
        self.assertEqual(self.calls, [])

    def test_interrupt(self) -> None:
        """
        Ctrl-C exits at once, with the status that shells report.
        """
        statuses: list[int] = []
        self.patch(os, "_exit", statuses.append)
        _start.interrupt(signal.SIGINT, None)
        self.assertEqual(statuses, [130])
