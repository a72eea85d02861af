"""
Tests for L{clock.console.output}.
"""

from __future__ import annotations

import errno
import os
import select
import sys
from io import BytesIO, StringIO, TextIOWrapper

from twisted.trial.unittest import SynchronousTestCase

from clock.console import output as _stdout
from clock.console.output import (
    encodeText,
    exitNow,
    printError,
    requireStdout,
    warn,
    write,
    writeBytes,
)


class ExitError(Exception):
    """
    The process would have exited.
    """


class Full(StringIO):
    """
    A full disk.
    """

    def write(self, text: str) -> int:
        """
        Fail.
        """
        raise OSError(errno.ENOSPC, "No space left on device")


class StdoutTests(SynchronousTestCase):
    """
    Writing, and the exit.
    """

    def test_writeBytes(self) -> None:
        """
        After a partial write the rest is written.
        """
        written = []

        def write(descriptor: int, data: bytes) -> int:
            written.append((descriptor, data))
            return 4

        self.patch(os, "write", write)
        writeBytes(b"12345678")
        self.assertEqual(written, [(1, b"12345678"), (1, b"5678")])

    def test_nonBlocking(self) -> None:
        """
        If the output is non-blocking, the write waits until it is ready.
        """
        outcomes: list[int | OSError] = [BlockingIOError(), 2, BlockingIOError(), 2]

        def write(descriptor: int, data: bytes) -> int:
            outcome = outcomes.pop(0)
            if isinstance(outcome, OSError):
                raise outcome
            return outcome

        waited: list[object] = []
        self.patch(os, "write", write)
        self.patch(select, "select", lambda *waits: waited.append(waits))
        writeBytes(b"1234")
        self.assertEqual((outcomes, waited), ([], [([], [1], [])] * 2))

    def writeFails(self, error: OSError, stderr: StringIO) -> int:
        """
        Write to a standard output that fails. Return the exit status.
        """

        def writeBytes(data: bytes) -> None:
            raise error

        def exitNow(status: int) -> None:
            raise ExitError(status)

        self.patch(sys, "stderr", stderr)
        self.patch(_stdout, "writeBytes", writeBytes)
        self.patch(_stdout, "exitNow", exitNow)
        ended = self.assertRaises(ExitError, write, "x\n", "clock", closedStatus=3)
        status: int = ended.args[0]
        return status

    def test_write(self) -> None:
        """
        Text is encoded and written.
        """
        written: list[bytes] = []
        self.patch(_stdout, "writeBytes", written.append)
        write("ö\n", "clock")
        self.assertEqual(written, [encodeText("ö\n")])

    def test_readerClosed(self) -> None:
        """
        If the reader of standard output closes it, the exit prints nothing.
        """
        error, stderr = BrokenPipeError(errno.EPIPE, "Broken pipe"), StringIO()
        self.assertEqual(self.writeFails(error, stderr), 3)
        self.assertEqual(stderr.getvalue(), "")

    def test_full(self) -> None:
        """
        Any other error of standard output is one line.
        """
        error, stderr = OSError(errno.ENOSPC, "No space left on device"), StringIO()
        self.assertEqual(self.writeFails(error, stderr), 1)
        line = "clock: standard output: No space left on device\n"
        self.assertEqual(stderr.getvalue(), line)

    def test_bothFull(self) -> None:
        """
        If standard error fails too, only the exit status is set.
        """
        error = OSError(errno.ENOSPC, "No space left on device")
        self.assertEqual(self.writeFails(error, Full()), 1)

    def test_printError(self) -> None:
        """
        An error is printed on standard error. If that fails, or there is none, nothing
        is printed: not on standard output either.
        """
        stdout, stderr = StringIO(), StringIO()
        self.patch(sys, "stdout", stdout)
        for each in (stderr, None, Full()):
            printError("x", each)
            self.patch(sys, "stderr", each)
            warn("clock", "y")
        self.assertEqual(stderr.getvalue(), "x\nclock: y\n")
        self.assertEqual(stdout.getvalue(), "")

    def test_closed(self) -> None:
        """
        A closed standard output is an error.
        """
        self.patch(sys, "stdout", None)
        for call in (lambda: requireStdout("clock"), lambda: write("x", "clock")):
            error = self.assertRaises(SystemExit, call)
            self.assertEqual(str(error), "clock: standard output is closed")

    def test_encodeText(self) -> None:
        """
        Characters that the output cannot encode are escaped, or replaced.
        """
        self.patch(sys, "stdout", TextIOWrapper(BytesIO(), "latin-1"))
        self.assertEqual(encodeText("ö日\udcff"), b"\xf6\\u65e5\\udcff")
        self.assertEqual(encodeText("ö日", "replace"), b"\xf6?")
        self.patch(sys, "stdout", StringIO())
        self.assertEqual(encodeText("ö"), "ö".encode())

    def test_exitNow(self) -> None:
        """
        The process exits with the given status.
        """
        statuses: list[int] = []
        self.patch(os, "_exit", statuses.append)
        exitNow(3)
        self.assertEqual(statuses, [3])
