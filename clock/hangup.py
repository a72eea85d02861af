"""
What SIGHUP does: the log is opened anew, and the server goes on.

A program that rotates logs renames the file, and sends the signal. A terminal that is
closed sends it, too; a server that was run there then stops, cleanly.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Any

from twisted.application.service import Service
from twisted.internet.error import ReactorNotRunning
from twisted.logger import FileLogObserver, Logger
from twisted.python.logfile import BaseLogFile

from clock.wording import oneLine


class HangUpService(Service):
    """
    Handle SIGHUP from the start to the end of the process.
    """

    _log = Logger()

    def __init__(self, reactor: Any) -> None:
        """
        @param reactor: what to stop when the terminal has gone.
        """
        self._reactor = reactor

    def startService(self) -> None:
        """
        Handle the signal, unless something else does: C{nohup} ignores it.
        """
        super().startService()
        if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
            self._terminals = [number for number in range(3) if os.isatty(number)]
            signal.signal(signal.SIGHUP, self._received)
            # It stays so: the shell may send another while the service stops.

    def _received(self, *_: object) -> None:
        self._reactor.callFromThread(self._hangUp)

    def _hangUp(self) -> None:
        if not all(os.isatty(number) for number in self._terminals):
            self._log.info("Received SIGHUP: the terminal has gone, so this ends")
            with suppress(ReactorNotRunning):
                self._reactor.stop()
            return
        # The event comes back with every observer that it went to.
        trace: list[tuple[object, object]] = []
        self._log.info("Received SIGHUP: going on", log_trace=trace)
        for _, observer in trace:
            if isinstance(observer, FileLogObserver):
                self._reopen(observer._outFile)

    def _reopen(self, file: Any) -> None:
        """
        Open a log file anew, where it was; the old one stays if that fails.
        """
        isLogFile = isinstance(file, BaseLogFile)
        path = file.path if isLogFile else getattr(file, "name", None)
        if not isinstance(path, str) or path.startswith("<"):
            # Standard output, or none that has a name.
            return
        try:
            with open(path, "ab+") as new:
                if isLogFile:
                    file.reopen()
                else:
                    os.dup2(new.fileno(), file.fileno(), inheritable=False)
        except OSError as error:
            self._log.error("Cannot reopen the log: {why}", why=oneLine(error))
        else:
            self._log.info("Reopened {path}", path=path)
