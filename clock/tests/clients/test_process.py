"""
Tests for L{clock.clients.process}.
"""

from __future__ import annotations

import signal
import sys
import time
from io import StringIO
from typing import Any, cast

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, LogEvent, Logger

from clock.clients import process as _client
from clock.clients.process import (
    CERTIFICATES,
    exitOnSignals,
    printCritical,
    run,
    runMain,
)
from clock.console.options import CommandOptions
from clock.console.reactor import steadyReactor
from clock.tests.clients.fixture import ClientTestCase, ExitError, patchGlobalReactor


class SignalTests(ClientTestCase):
    """
    The exit on signals.
    """

    def test_exit(self) -> None:
        """
        A signal cleans up, and exits with 128 plus its number, as in shells.
        """
        cleaned: list[int] = []
        exitOnSignals(lambda: cleaned.append(1))
        self.assertEqual(cleaned, [])
        numbers = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
        for number in numbers:
            self.assertExits(number)
        self.assertEqual((cleaned, {*self.signals}), ([1] * 4, {*numbers}))

    def test_some(self) -> None:
        """
        The other signals keep their action if only some are named.
        """
        exitOnSignals(lambda: None, [signal.SIGINT])
        self.assertEqual({*self.signals}, {signal.SIGINT})

    def test_ignored(self) -> None:
        """
        An ignored signal stays ignored.
        """
        self.patch(signal, "getsignal", lambda number: signal.SIG_IGN)
        exitOnSignals(lambda: None)
        self.assertEqual(self.signals, {})


class NameOptions(CommandOptions):
    """
    Options that keep the arguments.
    """

    def parseArgs(self, *names: str) -> None:
        """
        Keep the arguments.
        """
        self["names"] = names


class MainTests(ClientTestCase):
    """
    Running a command with the process's command line.
    """

    def setUp(self) -> None:
        """
        Record which commands run, and what they print on standard error.
        """
        super().setUp()
        self.runs = patchGlobalReactor(self)
        self.names: list[str] = []
        self.stderr = StringIO()
        self.patch(sys, "stderr", self.stderr)

    def runMain(self, *arguments: str) -> None:
        """
        Run the command C{x} with this command line.
        """

        async def command(reactor: Any, options: NameOptions) -> None:
            self.assertIs(reactor, globalReactor)
            self.names += options["names"]

        self.patch(sys, "argv", ["/somewhere/bin/x", *arguments])
        runMain(NameOptions(), command)

    def test_run(self) -> None:
        """
        The command runs on the global reactor, with its parsed options.
        """
        self.runMain("a")
        self.assertEqual((self.names, len(self.runs)), (["a"], 1))

    def test_error(self) -> None:
        """
        An error is one line on standard error, and exit status 1. The command ends even
        if the line cannot be written.
        """
        for each in (self.stderr, None):
            self.patch(sys, "stderr", each)
            exits = self.assertRaises(ExitError, self.runMain, "-p")
            self.assertEqual(exits.status, 1)
        self.assertEqual(self.stderr.getvalue(), "x: option -p not recognized\n")
        self.assertEqual(self.runs, [])

    def test_noOutput(self) -> None:
        """
        A closed standard output is an error.
        """
        self.patch(sys, "stdout", None)
        self.assertRaises(ExitError, self.runMain, "a")
        self.assertEqual(self.stderr.getvalue(), "x: standard output is closed\n")
        self.assertEqual(self.names, [])

    def test_help(self) -> None:
        """
        Any other exit is left to Python.
        """
        error = self.assertRaises(SystemExit, self.runMain, "--version")
        self.assertEqual(error.code, 0)


class RunTests(ClientTestCase):
    """
    Running a command on the global reactor.
    """

    def setUp(self) -> None:
        """
        Patch the reactor, and record exits and errors.
        """
        super().setUp()
        self.runs = patchGlobalReactor(self)
        self.statuses: list[int] = []
        self.patch(_client, "exitNow", self.statuses.append)
        self.stderr = StringIO()
        self.patch(sys, "stderr", self.stderr)

    def test_steadyReactor(self) -> None:
        """
        The time of the global reactor is made steady.
        """
        reactor = steadyReactor()
        self.assertIs(reactor, globalReactor)
        self.assertIs(reactor.seconds, time.monotonic)

    def test_status(self) -> None:
        """
        The result of the command is the exit status. The reactor runs without its own
        signal handlers.
        """
        result: Deferred[int] = Deferred()

        async def command(reactor: Any) -> int:
            self.assertIs(reactor, globalReactor)
            return await result

        run(command)
        self.assertEqual(self.runs, [{"installSignalHandlers": False}])
        self.assertEqual(self.statuses, [])
        result.callback(3)
        self.assertEqual(self.statuses, [3])

    def test_untilSignal(self) -> None:
        """
        A command without a result runs until a signal.
        """

        async def command(reactor: Any) -> None:
            pass

        run(command)
        self.assertEqual((len(self.runs), self.statuses), (1, []))

    def test_error(self) -> None:
        """
        C{SystemExit} is one line on standard error, and exit status 1.
        """

        async def command(reactor: Any) -> int:
            raise SystemExit("clock-x: no")

        run(command)
        self.assertEqual(self.statuses, [1])
        self.assertEqual(self.stderr.getvalue(), "clock-x: no\n")

    def test_errorCannotBePrinted(self) -> None:
        """
        Without standard error, an error only sets the exit status.
        """
        self.patch(sys, "stderr", None)

        async def command(reactor: Any) -> int:
            raise SystemExit("clock-x: no")

        run(command)
        self.assertEqual(self.statuses, [1])

    def test_log(self) -> None:
        """
        A critical message of Twisted's log, which is a bug, is printed with its
        traceback. Other messages are not, nor those about certificates.
        """
        messages: list[LogEvent] = []
        log = Logger("clock", observer=cast(ILogObserver, messages.append))
        log.info("fine")
        for key, value in CERTIFICATES.items():
            log.critical("not valid")
            messages[-1][key] = value
        for message in messages:
            printCritical(message)
        self.assertEqual(self.stderr.getvalue(), "")
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            log.failure("bug")
        printCritical(messages[-1])
        lines = self.stderr.getvalue().splitlines()
        self.assertEqual(lines[:2], ["bug", "Traceback (most recent call last):"])

    def test_bug(self) -> None:
        """
        Any other exception is a traceback, and exit status 1.
        """

        async def command(reactor: Any) -> int:
            raise ZeroDivisionError

        run(command)
        self.assertEqual(self.statuses, [1])
        self.assertIn("ZeroDivisionError", self.stderr.getvalue())
