"""
A client command in memory: its reactor, its signals, its output and its exit.
"""

from __future__ import annotations

import signal
import sys
from typing import Any, NoReturn

from twisted.internet import reactor as globalReactor
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import globalLogBeginner
from twisted.trial.unittest import SynchronousTestCase

from clock.clients import process as _client
from clock.console import output as _stdout


class ExitError(Exception):
    """
    The process would have exited.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def exitNow(status: int) -> NoReturn:
    """
    Raise L{ExitError} instead of exiting.
    """
    raise ExitError(status)


class ClientReactor(MemoryReactorClock):
    """
    A reactor in memory that records the size of its thread pool.
    """

    threads = 0

    def suggestThreadPoolSize(self, size: int) -> None:
        """
        Record the size.
        """
        self.threads = size


class OptionsTestCase(SynchronousTestCase):
    """
    A test case for the command line of a command.

    @cvar command: the name of the command.
    @cvar options: the class of its options.
    """

    command: str
    options: Any

    def setUp(self) -> None:
        """
        Set the name of the command.
        """
        self.patch(sys, "argv", [f"/somewhere/bin/{self.command}"])

    def parse(self, *arguments: str) -> Any:
        """
        Parse a command line.
        """
        options = self.options()
        options.parseOptions(arguments)
        return options

    def assertRefused(self, arguments: str, message: str) -> None:
        """
        Assert that a command line is refused with a line that begins like this.
        """
        error = self.assertRaises(SystemExit, self.parse, *arguments.split())
        start = f"{self.command}: {message}"
        self.assertEqual(str(error)[: len(start)], start)

    def assertHelp(self) -> None:
        """
        Assert that the help names the command, and that its examples are valid.
        """
        text = str(self.options())
        start = f"Usage: {self.command} [options]"
        self.assertEqual(text[: len(start)], start)
        for example in text.partition("\nExamples:\n")[2].splitlines():
            name, *arguments = example.partition("#")[0].split()
            self.assertEqual(name, self.command)
            self.parse(*arguments)


class ClientTestCase(SynchronousTestCase):
    """
    A test case that records what a command does to the process.
    """

    def setUp(self) -> None:
        """
        Patch signals, standard output and the exit.
        """
        self.reactor = ClientReactor()
        self.written = b""
        self.signals: dict[int, Any] = {}
        self.patch(signal, "getsignal", lambda number: signal.SIG_DFL)
        self.patch(signal, "signal", self.signals.__setitem__)
        self.patch(_client, "exitNow", exitNow)
        self.patch(_stdout, "exitNow", exitNow)
        self.patch(_stdout, "writeBytes", self.writeBytes)

    def writeBytes(self, data: bytes) -> None:
        """
        Record the output.
        """
        self.written += data

    def connect(self, data: bytes) -> Any:
        """
        Let the latest attempt to connect succeed, and deliver these bytes. Return the
        protocol.
        """
        factory: Any = self.reactor.tcpClients[-1][2]
        protocol = factory.buildProtocol(None)
        protocol.makeConnection(StringTransport())
        protocol.dataReceived(data)
        return protocol

    def assertExits(self, number: int) -> None:
        """
        Send a signal. Assert that the process exits with the status for it.
        """
        error = self.assertRaises(ExitError, self.signals[number], number, None)
        self.assertEqual(error.status, 128 + number)


def patchGlobalReactor(testCase: SynchronousTestCase) -> list[dict[str, object]]:
    """
    Make the global reactor return from C{run} at once, and record the arguments. Its
    time is restored after the test. The log stays that of trial.
    """
    runs: list[dict[str, object]] = []
    testCase.patch(globalReactor, "run", lambda **keywords: runs.append(keywords))
    testCase.patch(globalReactor, "seconds", globalReactor.seconds)
    testCase.patch(globalLogBeginner, "beginLoggingTo", lambda *_, **__: None)
    return runs
