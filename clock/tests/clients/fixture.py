"""
A client command in memory: its reactor, its signals, its output and its exit, and the
observer of a stream.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from twisted.internet import reactor as globalReactor
from twisted.internet.address import IPv4Address
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import globalLogBeginner
from twisted.trial.unittest import SynchronousTestCase

from clock.clients import process as _client
from clock.clients.reading import observer
from clock.clients.reading.ends import End
from clock.clients.reading.lines import Line
from clock.clients.reading.observer import Other, Step
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


class Observer(observer.Observer):
    """
    An observer that records what is reported.

    @ivar bytes: the number of bytes that have arrived.
    """

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.bytes = 0

    def connecting(self) -> None:
        """
        Record an attempt.
        """
        self.events.append("connecting")

    def stepReached(self, step: Step, detail: str = "") -> None:
        """
        Record a step.
        """
        self.events.append((step, detail))

    def redirected(self, url: str) -> None:
        """
        Record a redirect.
        """
        self.events.append(f"redirected to {url}")

    def connected(self) -> None:
        """
        Record a connection.
        """
        self.events.append("connected")

    def bytesReceived(self, count: int) -> None:
        """
        Count bytes.
        """
        self.bytes += count

    def lineReceived(self, line: Line) -> None:
        """
        Record a line.
        """
        self.events.append(line)

    def otherReceived(self, what: Other) -> None:
        """
        Record what is not a line.
        """
        self.events.append(what)

    def paused(self, seconds: float) -> None:
        """
        Record a pause.
        """
        self.events.append(("paused", seconds))

    def disconnected(self, end: End, retryIn: float | None) -> None:
        """
        Record an end.
        """
        self.events.append((end, retryIn))

    def takeEvents(self) -> list[Any]:
        """
        Return what was reported since the last call.
        """
        events, self.events = self.events, []
        return events


class Connection(StringTransport):
    """
    The transport of a connection, as a reactor makes it.

    @ivar protocol: the protocol of the connection.
    @ivar reactor: the reactor of the connection.
    """

    def __init__(self, reactor: Any, protocol: Any) -> None:
        super().__init__(peerAddress=IPv4Address("TCP", "127.0.0.1", 8080))
        self.reactor = reactor
        self.protocol = protocol


class OptionsTestCase(SynchronousTestCase):
    """
    The tests of any command line. (Import this module, not the class: trial runs each
    test case that a module of tests has imported.)

    @cvar command: the name of the command.
    @cvar options: the class of its options.
    @cvar refused: command lines that are refused, and how the error of each begins.
    """

    command: str
    options: Any
    refused: Sequence[tuple[str, str]]

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

    def test_refused(self) -> None:
        """
        A mistake is one line.
        """
        for arguments, message in self.refused:
            error = self.assertRaises(SystemExit, self.parse, *arguments.split())
            start = f"{self.command}: {message}"
            self.assertEqual(str(error)[: len(start)], start)

    def test_help(self) -> None:
        """
        The help names the command, and its examples are valid.
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
        protocol.makeConnection(Connection(self.reactor, protocol))
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
