"""
Tests for L{clock.hangup}.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from io import StringIO
from pathlib import Path
from typing import TextIO, cast

from twisted.internet.error import ReactorNotRunning
from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    ILogObserver,
    globalLogPublisher,
    textFileLogObserver,
)
from twisted.python.logfile import LogFile
from twisted.trial.unittest import SynchronousTestCase

from clock.hangup import HangUpService
from clock.tests.fixture import capturedEvents


class Reactor:
    """
    A reactor that calls at once, and can be stopped once.
    """

    stopped = False

    def callFromThread(self, callable: object) -> None:
        """
        Call it.
        """
        callable()  # type: ignore[operator]

    def stop(self) -> None:
        """
        Note the end.
        """
        if self.stopped:
            raise ReactorNotRunning
        self.stopped = True


class HangUpTests(SynchronousTestCase):
    """
    L{HangUpService}, and the logs that it reopens.
    """

    def setUp(self) -> None:
        """
        Have the signal do what it does by default, on no terminal.
        """
        handler = signal.signal(signal.SIGHUP, signal.SIG_DFL)
        self.addCleanup(signal.signal, signal.SIGHUP, handler)
        self.patch(os, "isatty", lambda number: False)
        self.reactor = Reactor()
        self.service = HangUpService(self.reactor)
        self.path = Path(self.mktemp()).absolute()

    def observe(self, observer: ILogObserver) -> None:
        """
        Log to an observer as well.
        """
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def hangUp(self) -> list[str]:
        """
        Send the signal, and tell what is logged.
        """
        events = capturedEvents(self)
        os.kill(os.getpid(), signal.SIGHUP)
        return [event["log_format"].format(**event) for event in events]

    def test_noLogFile(self) -> None:
        """
        Without a log file there is nothing to reopen, and the server goes on.
        """
        self.service.startService()
        for file in [StringIO(), sys.__stdout__]:
            self.observe(FileLogObserver(cast(TextIO, file), lambda event: None))
        self.assertEqual(self.hangUp(), ["Received SIGHUP: going on"])
        self.assertFalse(self.reactor.stopped)

    def test_ignored(self) -> None:
        """
        What else is done on the signal stays so.
        """
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.service.startService()
        self.assertEqual(self.hangUp(), [])

    def test_terminalHasGone(self) -> None:
        """
        The server ends when the terminal that it was started on is none any more,
        however often it is told.
        """
        self.patch(os, "isatty", lambda number: number == 2)
        self.service.startService()
        self.assertEqual(self.hangUp(), ["Received SIGHUP: going on"])
        self.patch(os, "isatty", lambda number: False)
        for _ in range(2):
            ended = "Received SIGHUP: the terminal was closed, stopping"
            self.assertEqual(self.hangUp()[0], ended)
            self.assertTrue(self.reactor.stopped)

    def test_twistd(self) -> None:
        """
        A log file of C{twistd} is reopened.
        """
        logFile = LogFile.fromFullPath(str(self.path))
        self.addCleanup(logFile.close)
        self.observe(textFileLogObserver(logFile))
        self.assertReopened()

    def test_twist(self) -> None:
        """
        A log file of C{twist} is reopened; a filter stands before it.
        """
        logFile = self.path.open("a")
        self.addCleanup(logFile.close)
        self.observe(FilteringLogObserver(textFileLogObserver(logFile), []))
        self.assertReopened()

    def assertReopened(self) -> None:
        """
        Assert that a log goes on in a new file when the old one has been renamed.
        """
        renamed = self.path.rename(f"{self.path}.1")
        self.service.startService()
        events = self.hangUp()
        self.assertEqual(events, ["Received SIGHUP: going on", f"Reopened {self.path}"])
        self.assertIn("going on\n", renamed.read_text())
        self.assertNotIn("Reopened", renamed.read_text())
        self.assertTrue(self.path.read_text().endswith(f"Reopened {self.path}\n"))

    def test_cannot(self) -> None:
        """
        A log that cannot be opened anew goes on in the old file.
        """
        self.path.mkdir()
        logFile = LogFile.fromFullPath(str(self.path / "log"))
        self.addCleanup(logFile.close)
        self.observe(textFileLogObserver(logFile))
        renamed = self.path.rename(f"{self.path}.1")
        self.service.startService()
        why = f"{os.strerror(errno.ENOENT)}: {self.path}/log"
        self.assertEqual(self.hangUp()[1], f"Cannot reopen the log: {why}")
        self.assertIn("Cannot reopen", (renamed / "log").read_text())
