"""
Tests for L{clock.output}.
"""

from __future__ import annotations

import os
import select
import sys
from io import BytesIO, StringIO, TextIOWrapper

from twisted.trial.unittest import SynchronousTestCase

from clock.output import encoded, endNow, writeAll


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
