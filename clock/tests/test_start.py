"""
Tests for L{clock} as a library, and for L{clock._start}.
"""

from __future__ import annotations

import os
import signal

from twisted.trial.unittest import SynchronousTestCase

import clock
from clock import _start, face, limits, netcat, protocol, ticker, transport
from clock.wall import command


class PublicTests(SynchronousTestCase):
    """
    The public names.
    """

    def test_names(self) -> None:
        """
        Each public name is there, and is kept.
        """
        found = {name: clock.__getattr__(name) for name in clock.__all__}
        self.assertEqual(
            found,
            {
                "ClientLimit": limits.ClientLimit,
                "ClockFactory": protocol.ClockFactory,
                "ClockProtocol": protocol.ClockProtocol,
                "Face": face.Face,
                "PromptEndpoint": transport.PromptEndpoint,
                "Ticker": ticker.Ticker,
            },
        )
        self.assertEqual({name: vars(clock)[name] for name in clock.__all__}, found)

    def test_noSuchName(self) -> None:
        """
        Another name is an error as in any module.
        """
        error = self.assertRaises(AttributeError, getattr, clock, "Clock")
        self.assertEqual(str(error), "module 'clock' has no attribute 'Clock'")


class StartTests(SynchronousTestCase):
    """
    The start of a command.
    """

    def setUp(self) -> None:
        """
        Leave the process's signals alone, and run nothing.
        """
        self.done: list[object] = []
        self.patch(signal, "getsignal", lambda number: signal.SIG_DFL)
        self.patch(signal, "signal", lambda *call: self.done.append(call))
        for module in (netcat, command):
            self.patch(module, "main", lambda name=module: self.done.append(name))

    def test_commands(self) -> None:
        """
        Each command handles Ctrl-C first, and runs then.
        """
        interruption = (signal.SIGINT, _start.interrupt)
        for start, module in [(_start.netcat, netcat), (_start.wall, command)]:
            start()
            self.assertEqual(self.done, [interruption, module])
            self.done.clear()

    def test_ignored(self) -> None:
        """
        A SIGINT that is ignored stays so.
        """
        self.patch(signal, "getsignal", lambda number: signal.SIG_IGN)
        _start.endOnInterrupt()
        self.assertEqual(self.done, [])

    def test_interrupt(self) -> None:
        """
        Ctrl-C ends the process at once with what a shell would report.
        """
        statuses: list[int] = []
        self.patch(os, "_exit", statuses.append)
        _start.interrupt(signal.SIGINT, None)
        self.assertEqual(statuses, [130])
