"""
A log of what arrives on streams: an object of JSON on a line for each arrival.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from clock.clients.check.connection import recorded
from clock.clients.check.evidence import MAX_SHOWN, Evidence
from clock.clients.reading.ends import End
from clock.clients.reading.lines import Line
from clock.clients.reading.observer import Other, Response, Step


class LogFile:
    """
    A file for a log, until a write to it fails.

    @ivar error: why a write has failed; C{None} if none has.
    """

    error: OSError | None = None

    def __init__(self, name: str) -> None:
        """
        Open the file. It is open until the process ends, and written line by line.

        @param name: its name.

        @raise OSError: if it cannot be opened.
        """
        self._file = open(name, "w", encoding="utf-8", buffering=1)  # noqa: SIM115

    def write(self, line: str) -> None:
        """
        Write a line, unless a write has failed before.

        @param line: the line, with its newline.
        """
        if self.error is None:
            try:
                self._file.write(line)
            except OSError as error:
                self.error = error


class LoggedEvidence(Evidence):
    """
    Evidence that is also written to a log as it arrives.
    """

    _log: Callable[[str], object] | None = None
    _start = 0.0
    _number = 0

    def logTo(self, write: Callable[[str], object], start: float) -> None:
        """
        Write a log from now on.

        @param write: writes text.
        @param start: the steady time at which the check began, in seconds.
        """
        self._log, self._start = write, start

    def connecting(self) -> None:
        """
        Log an attempt to connect.
        """
        super().connecting()
        self._number += 1
        self._write("connecting")

    def stepReached(self, step: Step, detail: str = "") -> None:
        """
        Log a step.
        """
        super().stepReached(step, detail)
        self._write(step.value, detail=detail)

    def redirected(self, url: str) -> None:
        """
        Log a redirect.
        """
        super().redirected(url)
        self._write("redirect", url=url)

    def responded(self, response: Response) -> None:
        """
        Log the head of a response.
        """
        super().responded(response)
        self._write("response", status=response.status, headers=recorded(response))

    def bytesReceived(self, count: int) -> None:
        """
        Log the arrival of bytes.
        """
        super().bytesReceived(count)
        self._write("bytes", bytes=count)

    def lineReceived(self, line: Line) -> None:
        """
        Log a line.
        """
        super().lineReceived(line)
        event = {"event": line.name} if line.name else {}
        text = line.text[:MAX_SHOWN]
        self._write("line", bytes=line.size, **event, text=text)

    def otherReceived(self, what: Other) -> None:
        """
        Log what is not a line.
        """
        super().otherReceived(what)
        self._write(what.value)

    def paused(self, seconds: float) -> None:
        """
        Log a pause of this client.
        """
        super().paused(seconds)
        self._write("paused", seconds=seconds)

    def disconnected(self, end: End, retryIn: float | None) -> None:
        """
        Log the end of a connection, or a failed attempt.
        """
        super().disconnected(end, retryIn)
        self._write("end", how=end.how.value, text=end.text)

    def _write(self, what: str, **more: object) -> None:
        if self._log is None:
            return
        entry = {
            "time": round(self._seconds() - self._start, 6),
            "stream": self.name,
            "connection": self._number,
            "what": what,
            **more,
        }
        self._log(f"{json.dumps(entry)}\n")
