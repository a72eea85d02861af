"""
Tests for L{clock} as a library, and for L{clock._start}.
"""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from io import StringIO

from twisted.trial.unittest import SynchronousTestCase

import clock
from clock import (
    _start,
    _stdout,
    endpoint,
    factory,
    limits,
    netcat,
    protocol,
    ticker,
    timeformat,
)
from clock.check import command as check
from clock.wall import command as wall


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
            self.patch(module, "main", lambda name=module: self.calls.append(name))

    def test_commands(self) -> None:
        """
        Each command handles Ctrl-C before it is imported and run.
        """
        handler = (signal.SIGINT, _start.interrupt)
        for start, module in [
            (_start.netcat, netcat),
            (_start.wall, wall),
            (_start.check, check),
        ]:
            start()
            self.assertEqual(self.calls, [handler, module])
            self.calls.clear()

    def test_error(self) -> None:
        """
        An error is one line on standard error, and exit status 1. The command ends even
        if the line cannot be written.
        """
        statuses: list[int] = []
        self.patch(_stdout, "exitNow", statuses.append)
        stderr = StringIO()
        for each in (stderr, None):
            self.patch(sys, "stderr", each)
            _start.runMain(partial(sys.exit, "clock-x: no"))
        self.assertEqual((stderr.getvalue(), statuses), ("clock-x: no\n", [1, 1]))

    def test_status(self) -> None:
        """
        Any other exit is left to Python.
        """
        error = self.assertRaises(SystemExit, _start.runMain, partial(sys.exit, 0))
        self.assertEqual(error.code, 0)

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
