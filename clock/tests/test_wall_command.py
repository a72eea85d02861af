"""
Tests for L{clock.wall.options} and L{clock.wall.command}.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from importlib.util import find_spec
from io import StringIO
from typing import Any, NoReturn
from unittest import SkipTest, mock

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from clock import output
from clock.wall import command
from clock.wall.options import Options
from clock.wall.plain import Printer


class EndError(Exception):
    """
    The process would have ended.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def endNow(status: int) -> NoReturn:
    """
    End the test's own way.
    """
    raise EndError(status)


class Terminal(StringIO):
    """
    What takes itself for a terminal.
    """

    def isatty(self) -> bool:
        """
        Say so.
        """
        return True


class Reactor(MemoryReactorClock):
    """
    A reactor in memory that notes how many threads it is to have.
    """

    threads = 0
    ran = False

    def run(self, installSignalHandlers: bool = True) -> None:
        """
        Note that signals are no business of the reactor's.
        """
        self.ran = not installSignalHandlers

    def suggestThreadPoolSize(self, size: int) -> None:
        """
        Note the number.
        """
        self.threads = size


class OptionsTests(SynchronousTestCase):
    """
    The command line.
    """

    def setUp(self) -> None:
        """
        Type C{clockwall}.
        """
        self.patch(sys, "argv", ["/somewhere/bin/clockwall"])

    def parse(self, *arguments: str) -> Options:
        """
        Parse a command line.
        """
        options = Options(MemoryReactorClock())
        options.parseOptions(arguments)
        return options

    def test_clocks(self) -> None:
        """
        Clocks are in the order given, and each name ends at the first sign of
        equality.
        """
        options = self.parse(
            "New York=localhost:8010", "Tokyo=[::1]:8020", r"x=unix:/tmp/a\=b"
        )
        names = [clock.name for clock in options.clocks]
        self.assertEqual(names, ["New York", "Tokyo", "x"])
        kinds = [HostnameEndpoint, HostnameEndpoint, UNIXClientEndpoint]
        self.assertEqual([type(clock.endpoint) for clock in options.clocks], kinds)
        self.assertIn("[::1]:8020", repr(options.clocks[1].endpoint))

    def test_defaults(self) -> None:
        """
        Without options there is a whole set of values.
        """
        self.assertEqual(
            self.parse("x=:1"),
            {
                "check": 0,
                "json": 0,
                "interval": None,
                "for": None,
                "max-gap": None,
                "clocks": ("x=:1",),
            },
        )

    def test_check(self) -> None:
        """
        A check takes a time, and a gap that depends on the interval.
        """
        arguments = ["--check", "--for", "60", "--json", "--interval", "60"]
        options = self.parse(*arguments, "x=:1")
        self.assertEqual((options["for"], options["max-gap"]), (60, 150))
        options = self.parse(*arguments, "--max-gap", "3", "x=:1")
        self.assertEqual(options["max-gap"], 3)
        options = self.parse("--check", "--for", "60", "x=:1")
        self.assertEqual((options["interval"], options["max-gap"]), (1, 2.5))

    def test_order(self) -> None:
        """
        Options may follow clocks.
        """
        options = self.parse("x=:1", "--for=60", "y=:2", "--check", "--interval", "2")
        self.assertEqual(options["clocks"], ("x=:1", "y=:2"))
        self.assertEqual((options["check"], options["interval"]), (1, 2))

    def test_refused(self) -> None:
        """
        What makes no sense is refused in one line.
        """
        for arguments, message in [
            ("", "no clock to read: try Here=localhost:8080"),
            (":8080", "':8080' is not NAME=HOST:PORT: try Here=localhost:8080"),
            ("=:8080", "'=:8080' is not NAME=HOST:PORT: try Here=localhost:8080"),
            ("x=:1 --check", "--check needs --for SECONDS"),
            ("x=:1 --colour", "option --colour not recognized"),
            ("x=:1 -- --check", "'--check' is not NAME=HOST:PORT: try Here="),
            ("x=:0", "'x=:0': a port is a whole number from 1 to 65535"),
            ("x=::1:80", "'x=::1:80': neither HOST:PORT nor [IPV6]:PORT nor a "),
            ("x=:1 y=:2 x=:3", "there are two clocks named 'x'"),
            ("--check x=:1", "--check needs --for SECONDS"),
            ("--json x=:1", "--json goes with --check"),
            ("--for 1 x=:1", "--for goes with --check"),
            ("--max-gap 1 x=:1", "--max-gap goes with --check"),
            ("--check --for 0 x=:1", "--for '0' is not a number of seconds from 0.1 "),
            ("--max-gap x x=:1", "--max-gap 'x' is not a number of seconds from 0.01"),
            ("--interval 1_0 x=:1", "--interval '1_0' is not a number of seconds "),
        ]:
            error = self.assertRaises(SystemExit, self.parse, *arguments.split())
            start = f"clockwall: {message}"
            self.assertEqual(str(error)[: len(start)], start)

    def test_help(self) -> None:
        """
        The help names the command, and its examples can be typed.
        """
        text = str(self.parse("x=:1"))
        self.assertEqual(text[:26], "Usage: clockwall [options]")
        examples = text.partition("\nExamples:\n")[2].splitlines()
        for example in examples:
            name, *arguments = example.partition("#")[0].split()
            self.assertEqual(name, "clockwall")
            self.parse(*arguments)


class CommandTests(SynchronousTestCase):
    """
    What is run.
    """

    def setUp(self) -> None:
        """
        Note what is written, and leave the signals and the process alone.
        """
        self.reactor = Reactor()
        self.written = b""
        self.signals: dict[int, Any] = {}
        self.patch(signal, "getsignal", lambda number: signal.SIG_DFL)
        self.patch(signal, "signal", self.signals.__setitem__)
        self.patch(command, "endNow", endNow)
        self.patch(output, "writeAll", self.writeAll)

    def writeAll(self, data: bytes) -> None:
        """
        Note what is written.
        """
        self.written += data

    def options(self, *arguments: str) -> Options:
        """
        Parse a command line.
        """
        options = Options(self.reactor)
        options.parseOptions(arguments)
        return options

    def connect(self) -> None:
        """
        Let the one connection be made, and a line arrive.
        """
        factory: Any = self.reactor.tcpClients[-1][2]
        protocol = factory.buildProtocol(None)
        protocol.makeConnection(StringTransport())
        protocol.dataReceived(b"22:13:20\n")

    def show(self, *clocks: str) -> None:
        """
        Show clocks.
        """
        shown = ensureDeferred(command.show(self.reactor, self.options(*clocks)))
        self.successResultOf(shown)

    def test_show(self) -> None:
        """
        Every clock is connected to, and what it tells is shown.
        """
        self.show("x=tcp:127.0.0.1:80")
        self.connect()
        self.assertEqual(self.written, b"x 22:13:20\n")

    def test_threads(self) -> None:
        """
        Names that nobody resolves cannot take all threads from the others.
        """
        clocks = [f"x{number}=tcp:127.0.0.1:80" for number in range(20)]
        self.show(*clocks)
        self.assertGreater(self.reactor.threads, 20)
        self.assertEqual(len(self.reactor.tcpClients), 20)

    def test_signals(self) -> None:
        """
        Signals end the program with the status that shells give them.
        """
        self.show("x=tcp:127.0.0.1:80")
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
            error = self.assertRaises(EndError, self.signals[number], number, None)
            self.assertEqual(error.status, 128 + number)

    def test_ignoredSignals(self) -> None:
        """
        A signal that is ignored goes on being ignored.
        """
        self.patch(signal, "getsignal", lambda number: signal.SIG_IGN)
        self.show("x=tcp:127.0.0.1:80")
        self.assertEqual(self.signals, {})

    def test_suspend(self) -> None:
        """
        A wall that is suspended leaves the terminal, and comes back to it.
        """
        done: list[object] = []

        class View(Printer):
            def leave(self) -> None:
                done.append("leave")

            def enter(self) -> None:
                done.append("enter")

        self.patch(command, "makeView", lambda reactor: View(reactor, done.append))
        self.patch(
            os, "kill", lambda pid, number: done.append((number, self.signals[number]))
        )
        self.show("x=tcp:127.0.0.1:80")
        suspend = self.signals[signal.SIGTSTP]
        suspend(signal.SIGTSTP, None)
        stopped = (signal.SIGTSTP, signal.SIG_DFL)
        self.assertEqual(done, ["leave", stopped, "enter"])
        self.assertIs(self.signals[signal.SIGTSTP], suspend)

    def check(self, *arguments: str) -> Deferred[None]:
        """
        Begin a check of ten seconds.
        """
        options = self.options("--check", "--for=10", *arguments, "x=tcp:127.0.0.1:80")
        return ensureDeferred(command.check(self.reactor, options))

    def test_check(self) -> None:
        """
        A check reports when its time is over, and ends with its status.
        """
        checked = self.check()
        self.connect()
        self.reactor.advance(9.9)
        self.assertEqual(self.written, b"")
        self.reactor.advance(0.1)
        self.assertEqual(self.failureResultOf(checked, EndError).value.status, 1)
        self.assertRegex(self.written, rb"\nx +1 .* nothing for 10 s\n$")

    def test_checkInJSON(self) -> None:
        """
        The report may be JSON.
        """
        checked = self.check("--json")
        self.reactor.advance(10)
        self.assertEqual(self.failureResultOf(checked, EndError).value.status, 2)
        self.assertEqual(json.loads(self.written)["seconds"], 10)

    def test_checkInterrupted(self) -> None:
        """
        A check that is interrupted reports what there is.
        """
        self.check("--json")
        self.reactor.advance(3)
        interrupt = self.signals[signal.SIGINT]
        error = self.assertRaises(EndError, interrupt, signal.SIGINT, None)
        self.assertEqual(error.status, 130)
        self.assertEqual(json.loads(self.written)["seconds"], 3)

    def test_nobodyReadsTheReport(self) -> None:
        """
        The exit status is the check's, though nobody reads what was found.
        """

        def writeAll(data: bytes) -> None:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

        self.patch(output, "writeAll", writeAll)
        self.patch(output, "endNow", endNow)
        checked = self.check()
        self.reactor.advance(10)
        self.assertEqual(self.failureResultOf(checked, EndError).value.status, 2)

    def test_makeView(self) -> None:
        """
        There are lines where there is no terminal.
        """
        self.patch(sys, "stdout", StringIO())
        self.assertIsInstance(command.makeView(self.reactor), Printer)

    def test_makeScreen(self) -> None:
        """
        On a terminal there is a screen, if it is one that can be drawn on.
        """
        if find_spec("rich") is None:
            raise SkipTest("rich is not installed: pip install 'clock[wall]'")
        from clock.wall.screen import Screen

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
        Without rich there are lines on a terminal, too, and one on how to get it.
        """
        self.patch(sys, "stdout", Terminal())
        stderr = StringIO()
        self.patch(sys, "stderr", stderr)
        with mock.patch.dict(sys.modules, {"rich.console": None}):
            self.assertIsInstance(command.makeView(self.reactor), Printer)
        message = "a line for each change; pip install 'clock[wall]' for a table"
        self.assertEqual(stderr.getvalue(), f"clockwall: {message}\n")

    def test_main(self) -> None:
        """
        The command shows or checks, as the options say.
        """
        self.patch(command, "Options", lambda: Options(self.reactor))
        self.patch(sys, "argv", ["clockwall", "x=tcp:127.0.0.1:80"])
        command.main()
        self.assertTrue(self.reactor.ran)
        self.connect()
        self.assertEqual(self.written, b"x 22:13:20\n")
        self.written = b""
        command.main(["--check", "--for", "1", "x=tcp:127.0.0.1:80"])
        self.connect()
        self.assertEqual(self.written, b"")

    def test_broken(self) -> None:
        """
        A mistake of the program's own ends it, with all there is to say.
        """

        def show(*_: object) -> NoReturn:
            raise ZeroDivisionError

        async def broken(*_: object) -> None:
            show()

        stderr = StringIO()
        self.patch(sys, "stderr", stderr)
        self.patch(command, "show", broken)
        self.patch(command, "endNow", lambda status: stderr.write(f"{status}\n"))
        self.patch(command, "Options", lambda: Options(self.reactor))
        command.main(["x=tcp:127.0.0.1:80"])
        self.assertIn("ZeroDivisionError", stderr.getvalue())
        self.assertTrue(stderr.getvalue().endswith("\n1\n"))

    def test_noOutput(self) -> None:
        """
        Without standard output there is nothing to do.
        """
        self.patch(command, "Options", lambda: Options(self.reactor))
        self.patch(sys, "stdout", None)
        error = self.assertRaises(SystemExit, command.main, ["x=:1"])
        self.assertEqual(str(error), "clockwall: standard output is closed")
