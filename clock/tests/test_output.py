"""
Tests for L{clock.output}.
"""

from __future__ import annotations

import errno
import os
import select
import sys
from io import BytesIO, StringIO, TextIOWrapper

from twisted.trial.unittest import SynchronousTestCase

from clock import output
from clock.output import encoded, endNow, requireOutput, write, writeAll


class EndError(Exception):
    """
    The process would have ended.
    """


class OutputTests(SynchronousTestCase):
    """
    Writing, and the end.
    """

    def test_writeAll(self) -> None:
        """
        A write that takes a part is followed by one for the rest.
        """
        written = []

        def write(descriptor: int, data: bytes) -> int:
            written.append((descriptor, data))
            return 4

        self.patch(os, "write", write)
        writeAll(b"12345678")
        self.assertEqual(written, [(1, b"12345678"), (1, b"5678")])

    def test_nonBlocking(self) -> None:
        """
        An output that does not wait is waited for.
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
        writeAll(b"1234")
        self.assertEqual((outcomes, waited), ([], [([], [1], [])] * 2))

    def writeFails(self, error: OSError, stderr: StringIO) -> int:
        """
        Write to standard output, which fails, and give the exit status.
        """

        def writeAll(data: bytes) -> None:
            raise error

        def endNow(status: int) -> None:
            raise EndError(status)

        self.patch(sys, "stderr", stderr)
        self.patch(output, "writeAll", writeAll)
        self.patch(output, "endNow", endNow)
        ended = self.assertRaises(EndError, write, "x\n", "clock", closed=3)
        status: int = ended.args[0]
        return status

    def test_write(self) -> None:
        """
        Text is written at once.
        """
        written: list[bytes] = []
        self.patch(output, "writeAll", written.append)
        write("ö\n", "clock")
        self.assertEqual(written, [encoded("ö\n")])

    def test_readerGone(self) -> None:
        """
        Where nothing reads standard output any more, the end is quiet.
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
        Where standard error is full, too, only the exit status tells.
        """
        error = OSError(errno.ENOSPC, "No space left on device")

        class Full(StringIO):
            def write(self, text: str) -> int:
                raise error

        self.assertEqual(self.writeFails(error, Full()), 1)

    def test_closed(self) -> None:
        """
        A program without standard output says so.
        """
        self.patch(sys, "stdout", None)
        for call in (lambda: requireOutput("clock"), lambda: write("x", "clock")):
            error = self.assertRaises(SystemExit, call)
            self.assertEqual(str(error), "clock: standard output is closed")

    def test_encoded(self) -> None:
        """
        What the output's encoding lacks is escaped.
        """
        self.patch(sys, "stdout", TextIOWrapper(BytesIO(), "latin-1"))
        self.assertEqual(encoded("ö日\udcff"), b"\xf6\\u65e5\\udcff")
        self.assertEqual(encoded("ö日", "replace"), b"\xf6?")
        self.patch(sys, "stdout", StringIO())
        self.assertEqual(encoded("ö"), "ö".encode())

    def test_endNow(self) -> None:
        """
        The end is that of the process, with its exit status.
        """
        ended: list[int] = []
        self.patch(os, "_exit", ended.append)
        endNow(3)
        self.assertEqual(ended, [3])
