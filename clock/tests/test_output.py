"""
Tests for L{clock.output}.
"""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from clock.output import endNow, writeAll


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

    def test_endNow(self) -> None:
        """
        The end is that of the process, with its exit status.
        """
        ended: list[int] = []
        self.patch(os, "_exit", ended.append)
        endNow(3)
        self.assertEqual(ended, [3])
