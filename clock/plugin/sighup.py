"""
Handle SIGHUP: reopen the log file, or stop.

A program that rotates logs renames the log file and sends SIGHUP. The server then
reopens its log file and keeps running. When a terminal is closed, the processes in it
also receive SIGHUP. The server then stops cleanly.
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

from clock.console.text import oneLine


class HangUpService(Service):
    """
    Handle SIGHUP from the start of the service to the end of the process.
    """

    _log = Logger()

    def __init__(self, reactor: Any) -> None:
        """
        @param reactor: the reactor to stop when the terminal is closed.
        """
        self._reactor = reactor

    def startService(self) -> None:
        """
        Handle the signal, unless it is ignored, as under C{nohup}, or handled already.
        """
        super().startService()
        if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
            self._terminals = [number for number in range(3) if os.isatty(number)]
            # The handler stays when the service stops: the shell may send SIGHUP again.
            signal.signal(signal.SIGHUP, self._received)

    def _received(self, *_: object) -> None:
        self._reactor.callFromThread(self._hangUp)

    def _hangUp(self) -> None:
        if not all(os.isatty(number) for number in self._terminals):
            self._log.info("Received SIGHUP: the terminal was closed, stopping")
            with suppress(ReactorNotRunning):
                self._reactor.stop()
            return
        # Twisted's logger adds each observer that receives the event to the trace.
        trace: list[tuple[object, object]] = []
        self._log.info("Received SIGHUP: continuing", log_trace=trace)
        for _, observer in trace:
            if isinstance(observer, FileLogObserver):
                self._reopen(observer._outFile)

    def _reopen(self, file: Any) -> None:
        """
        Reopen a log file at its path. If that fails, keep writing to the old file.
        """
        isLogFile = isinstance(file, BaseLogFile)
        path = file.path if isLogFile else getattr(file, "name", None)
        if not isinstance(path, str) or path.startswith("<"):
            # Standard output, or a file without a name.
            return
        try:
            with open(path, "ab+") as new:
                if isLogFile:
                    file.reopen()
                else:
                    os.dup2(new.fileno(), file.fileno(), inheritable=False)
        except OSError as error:
            self._log.error("Cannot reopen the log: {reason}", reason=oneLine(error))
        else:
            self._log.info("Reopened {path}", path=path)
