"""
A terminal for a program: a pseudo-terminal, and pyte, which interprets the output.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pyte

from tests.harness.times import DEADLINE

if TYPE_CHECKING:
    from typing_extensions import Self

#: The bytes that a terminal sends for Ctrl-C, Ctrl-Z and Ctrl-backslash.
CTRL_C, CTRL_Z, CTRL_BACKSLASH = b"\x03", b"\x1a", b"\x1c"


class Terminal:
    """
    A program on a terminal of its own.

    @ivar written: all bytes that the program has written.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        rows: int = 12,
        columns: int = 80,
        environment: dict[str, str] | None = None,
        reads: bool = True,
    ) -> None:
        self.written = bytearray()
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._changed = threading.Condition()
        self._ours, theirs = pty.openpty()
        # When a key sends a signal, Linux discards output that was written to the
        # terminal and not read. It may be output that the program wrote because of the
        # signal.
        attributes = termios.tcgetattr(theirs)
        attributes[3] |= termios.NOFLSH
        termios.tcsetattr(theirs, termios.TCSANOW, attributes)
        self.resize(rows, columns)
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")
        }
        self.process = subprocess.Popen(
            arguments,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**inherited, "TERM": "xterm-256color", **(environment or {})},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)
        if reads:
            self.read_on()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(DEADLINE)
        self.read_on()
        self._reader.join(DEADLINE)
        if self._ours >= 0:
            os.close(self._ours)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._ours, 65536)
            except OSError:
                # On Linux, reading fails once the other side is closed.
                return
            with self._changed:
                self.written += data
                self._stream.feed(data)
                self._changed.notify_all()

    def read_on(self) -> None:
        """
        Begin to read the output of the program, unless it is being read already.
        """
        if self._reader.ident is None:
            self._reader.start()

    def wait_for_output(self) -> None:
        """
        Wait until there is output, without reading it.
        """
        ready, _, _ = select.select([self._ours], [], [], DEADLINE)
        assert ready, "nothing was written"

    def hang_up(self) -> None:
        """
        Close the window.
        """
        self._ours, ours = -1, self._ours
        os.close(ours)

    def resize(self, rows: int, columns: int) -> None:
        """
        Change the size of the window.
        """
        with self._changed:
            self._screen.resize(rows, columns)
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, size)

    def type(self, keys: bytes) -> None:
        """
        Type these keys.
        """
        os.write(self._ours, keys)

    def rows(self) -> list[str]:
        """
        Return the rows of the screen, without trailing spaces.
        """
        with self._changed:
            return [row.rstrip() for row in self._screen.display]

    def cursor_is_hidden(self) -> bool:
        """
        Return whether the cursor is hidden.
        """
        return bool(self._screen.cursor.hidden)

    def wait(
        self, seen: Callable[[list[str]], object], within: float = DEADLINE
    ) -> list[str]:
        """
        Wait until the rows of the screen pass this test, and return them.
        """
        end = time.monotonic() + within
        with self._changed:
            while True:
                rows = [row.rstrip() for row in self._screen.display]
                if seen(rows):
                    return rows
                left = end - time.monotonic()
                screen = "\n".join(rows)
                assert left > 0, f"not seen within {within} s:\n{screen}"
                self._changed.wait(left)

    def end(self) -> int:
        """
        Wait until the program has exited and all its output is read. Return its exit
        status.
        """
        status = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        return status
