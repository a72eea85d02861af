"""
Tests for L{clock.clients.wall.options} and L{clock.clients.wall.command}.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib.util import find_spec
from io import StringIO
from unittest import SkipTest, mock

from twisted.internet.defer import ensureDeferred

from clock.clients.reading.targets import ClockTarget
from clock.clients.reading.urls.endpoint import WebOptions
from clock.clients.wall import command
from clock.clients.wall.options import Options
from clock.clients.wall.printer import Printer
from clock.tests.clients import fixture
from clock.tests.clients.fixture import ClientTestCase


class Terminal(StringIO):
    """
    A file that is a terminal.
    """

    def isatty(self) -> bool:
        """
        Return C{True}.
        """
        return True


class OptionsTests(fixture.OptionsTestCase):
    """
    The command line.
    """

    command = "clockwall"
    options = Options
    refused = (
        ("", "no address: try localhost:8080 or https://example.org/events"),
        ("x=:1 --colour", "option --colour not recognized"),
        ("x=:1 --check", "option --check not recognized"),
        ("--interval 1_0 x=:1", "--interval '1_0' is not a number of seconds "),
        ("--header y=A:1 x=:1", "--header: no stream is named 'y'"),
        ("-x y= x=:1", "--proxy: no stream is named 'y'"),
        ("--connect-to y=h:1 x=:1", "--connect-to: no stream is named 'y'"),
        ("--http1.1-for y x=:1", "--http1.1-for: no stream is named 'y'"),
    )

    def test_defaults(self) -> None:
        """
        By default the interval is measured.
        """
        options = self.parse("x=:1")
        unset = dict.fromkeys(["interval", "field", "event", "http1.1-for"])
        self.assertEqual(options, {**unset, "insecure": 0, "http1.1": 0})
        self.assertEqual(options.targets, [ClockTarget("x", ":1")])

    def test_order(self) -> None:
        """
        Options may follow clocks.
        """
        options = self.parse("x=:1", "--interval", "2", "y=:2")
        self.assertEqual([target.name for target in options.targets], ["x", "y"])
        self.assertEqual(options["interval"], 2)

    def test_web(self) -> None:
        """
        What is given for one stream does not apply to another, and replaces what is
        given for all.
        """
        options = self.parse(
            *("-H", "A: 1", "-H", "x=B: 2=", "-x", "http://p:1", "-x", "x="),
            *("--connect-to", "h:1", "--connect-to", "x=[::1]:2"),
            *("--http1.1-for", "x", "x=:1", "y=:2"),
        )
        a, b = ("A", "1"), ("B", "2=")
        for name, expected in [
            ("x", WebOptions([a, b], proxy="", connectTo="[::1]:2", http1=True)),
            ("y", WebOptions([a], proxy="http://p:1", connectTo="h:1")),
        ]:
            self.assertEqual(options.webOptions("clockwall", name), expected)
        options = self.parse("--http1.1", "y=:2")
        self.assertTrue(options.webOptions("clockwall", "y").http1)


class CommandTests(ClientTestCase):
    """
    The command.
    """

    def show(self, address: str = "tcp:127.0.0.1:80") -> None:
        """
        Show one clock.
        """
        options = Options()
        options.parseOptions([f"x={address}"])
        coroutine = command.show(self.reactor, options)
        self.assertIsNone(self.successResultOf(ensureDeferred(coroutine)))

    def test_show(self) -> None:
        """
        The clock is connected to, and its time is shown.
        """
        self.show()
        self.connect(b"22:13:20\n")
        self.assertEqual(self.written, b"x 22:13:20\n")

    def test_badAddress(self) -> None:
        """
        An address that is not valid is one line.
        """
        options = Options()
        options.parseOptions(["x=:0"])
        shown = ensureDeferred(command.show(self.reactor, options))
        error = self.failureResultOf(shown, SystemExit).value
        reason = "a port is a whole number from 1 to 65535"
        self.assertEqual(str(error), f"clockwall: 'x=:0': {reason}")

    def test_suspend(self) -> None:
        """
        Ctrl-Z restores the terminal before the process stops, and prepares it again
        when the process continues. A signal that ends the process restores it, too.
        """
        events: list[object] = []

        class View(Printer):
            def restoreTerminal(self) -> None:
                events.append("restore")

            def prepareTerminal(self) -> None:
                events.append("prepare")

        self.patch(command, "makeView", lambda reactor: View(reactor, events.append))
        self.patch(
            os,
            "kill",
            lambda pid, number: events.append((number, self.signals[number])),
        )
        self.show()
        suspend = self.signals[signal.SIGTSTP]
        suspend(signal.SIGTSTP, None)
        stopped = (signal.SIGTSTP, signal.SIG_DFL)
        self.assertEqual(events, ["restore", stopped, "prepare"])
        self.assertIs(self.signals[signal.SIGTSTP], suspend)
        self.assertExits(signal.SIGTERM)
        self.assertEqual(events[3:], ["restore"])

    def test_ignoredSuspend(self) -> None:
        """
        If SIGTSTP is ignored, it stays ignored.
        """
        self.patch(signal, "getsignal", lambda number: signal.SIG_IGN)
        self.show()
        self.assertEqual(self.signals, {})

    def test_makePrinter(self) -> None:
        """
        Without a terminal the view is a printer.
        """
        self.patch(sys, "stdout", StringIO())
        self.assertIsInstance(command.makeView(self.reactor), Printer)

    def test_makeScreen(self) -> None:
        """
        On a terminal that can be drawn on, the view is a screen.
        """
        if find_spec("rich") is None:
            raise SkipTest("rich is not installed: pip install 'txclock[wall]'")
        from clock.clients.wall.screen import Screen

        self.patch(sys, "stdout", Terminal())
        for environment, kind in [
            ({"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}, Screen),
            ({"TERM": "xterm", "COLUMNS": "0", "LINES": "0"}, Printer),
            ({"TERM": "dumb", "COLUMNS": "80", "LINES": "24"}, Printer),
            ({"TERM": "xterm", "TTY_INTERACTIVE": "0"}, Printer),
        ]:
            with mock.patch.dict(os.environ, environment):
                self.assertIsInstance(command.makeView(self.reactor), kind)

    def test_withoutRich(self) -> None:
        """
        Without rich the view is a printer, even on a terminal, and a hint is printed.
        """
        self.patch(sys, "stdout", Terminal())
        stderr = StringIO()
        self.patch(sys, "stderr", stderr)
        with mock.patch.dict(sys.modules, {"rich.console": None}):
            self.assertIsInstance(command.makeView(self.reactor), Printer)
        hint = "rich is not installed: pip install 'txclock[wall]' to get a table"
        self.assertEqual(stderr.getvalue(), f"clockwall: {hint}\n")
