"""
Tests for L{clock.plugin.sighup}.
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

from clock.plugin.sighup import HangUpService
from clock.tests.fixture import capturedEvents


class Reactor:
    """
    A reactor that calls functions at once, and can be stopped once.
    """

    stopped = False

    def callFromThread(self, callable: object) -> None:
        """
        Call the function.
        """
        callable()  # type: ignore[operator]

    def stop(self) -> None:
        """
        Record the stop.
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
        Set the default action of the signal. No descriptor is a terminal.
        """
        handler = signal.signal(signal.SIGHUP, signal.SIG_DFL)
        self.addCleanup(signal.signal, signal.SIGHUP, handler)
        self.patch(os, "isatty", lambda number: False)
        self.reactor = Reactor()
        self.service = HangUpService(self.reactor)
        self.path = Path(self.mktemp()).absolute()

    def observe(self, observer: ILogObserver) -> None:
        """
        Add a log observer.
        """
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def hangUp(self) -> list[str]:
        """
        Send the signal, and return the messages that are logged.
        """
        events = capturedEvents(self)
        os.kill(os.getpid(), signal.SIGHUP)
        return [event["log_format"].format(**event) for event in events]

    def test_noLogFile(self) -> None:
        """
        Without a log file, nothing is reopened, and the server keeps running.
        """
        self.service.startService()
        for file in [StringIO(), sys.__stdout__]:
            self.observe(FileLogObserver(cast(TextIO, file), lambda event: None))
        self.assertEqual(self.hangUp(), ["Received SIGHUP: continuing"])
        self.assertFalse(self.reactor.stopped)

    def test_ignored(self) -> None:
        """
        A signal that is ignored, or has a handler, is left as it is.
        """
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.service.startService()
        self.assertEqual(self.hangUp(), [])

    def test_terminalClosed(self) -> None:
        """
        If the terminal on which the server was started is closed, the signal stops the
        server. A second signal changes nothing.
        """
        self.patch(os, "isatty", lambda number: number == 2)
        self.service.startService()
        self.assertEqual(self.hangUp(), ["Received SIGHUP: continuing"])
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
        A log file of C{twist}, behind a filter, is reopened.
        """
        logFile = self.path.open("a")
        self.addCleanup(logFile.close)
        self.observe(FilteringLogObserver(textFileLogObserver(logFile), []))
        self.assertReopened()

    def assertReopened(self) -> None:
        """
        Assert that after the log was renamed, messages are written to a new file.
        """
        renamed = self.path.rename(f"{self.path}.1")
        self.service.startService()
        events = self.hangUp()
        self.assertEqual(
            events, ["Received SIGHUP: continuing", f"Reopened {self.path}"]
        )
        self.assertIn("continuing\n", renamed.read_text())
        self.assertNotIn("Reopened", renamed.read_text())
        self.assertTrue(self.path.read_text().endswith(f"Reopened {self.path}\n"))

    def test_cannot(self) -> None:
        """
        If a log cannot be reopened, messages are written to the old file.
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
