"""
The output of C{clockwall} on a terminal.

The table is drawn on the alternate screen. Each picture overwrites the previous one,
which is not erased first, so the screen does not flicker. The next picture also
overwrites typed characters, and fits a resized window.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import TextIOBase

from rich.console import Console
from rich.live import Live
from rich.text import Text
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from clock.clients.wall.monitor import ClockMonitor
from clock.clients.wall.picture import drawTable, selectRows

#: The longest time between two pictures, in seconds. It limits the error of the ages.
MAX_REDRAW = 0.25

#: The shortest time between two pictures, in seconds. On a slow terminal it is longer:
#: three times the time that drawing takes.
MIN_REDRAW = 0.05

#: Seconds to wait after a change for others, which often belong to the same tick.
BATCH_DELAY = 0.01

#: Seconds to wait until the terminal accepts output, when the terminal is restored.
RESTORE_TIMEOUT = 0.5

#: Enter the alternate screen and hide the cursor (xterm's DECSET 1049 and 25).
ENTER_SCREEN = b"\x1b[?1049h\x1b[?25l"

#: Exit the alternate screen and show the cursor.
EXIT_SCREEN = b"\x1b[?1049l\x1b[?25h"


class Terminal(TextIOBase):
    """
    An unbuffered standard output for rich. A signal may end the process at any time,
    and no buffered output must follow L{EXIT_SCREEN}.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        """
        @param write: writes text to standard output, unbuffered.
        """
        super().__init__()
        self._write = write

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """
        The encoding of standard output.
        """
        return sys.stdout.encoding

    def fileno(self) -> int:
        """
        Return the file descriptor of standard output.
        """
        return 1

    def isatty(self) -> bool:
        """
        Return C{True}.
        """
        return True

    def write(self, text: str) -> int:
        """
        Write text. Return its length.
        """
        self._write(text)
        return len(text)


class Screen:
    """
    Draw all clocks in a table.
    """

    _drawCall: IDelayedCall | None = None

    def __init__(self, reactor: IReactorTime, console: Console) -> None:
        """
        @param reactor: the reactor's time.
        @param console: the terminal.
        """
        self._monitors: Sequence[ClockMonitor] = ()
        self._reactor = reactor
        self._console = console
        self._drawnAt, self._minRedraw = 0.0, MIN_REDRAW
        self._live = Live(
            console=console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def start(self, monitors: Sequence[ClockMonitor]) -> None:
        """
        Draw the clocks from now on.

        @param monitors: the clocks, in the order of their rows.
        """
        self._monitors = monitors
        self._live.start()
        self._draw()

    def restoreTerminal(self) -> None:
        """
        Exit the alternate screen. This may be called from a signal handler. If the
        terminal is closed, or accepts no output for L{RESTORE_TIMEOUT}, do nothing.
        """
        self._send(EXIT_SCREEN)

    def prepareTerminal(self) -> None:
        """
        Enter the alternate screen again. The next picture covers all of it.
        """
        self._send(ENTER_SCREEN)

    def update(self, monitor: ClockMonitor) -> None:
        """
        Draw soon, because a clock has changed.

        @param monitor: the clock.
        """
        if self._drawCall is None:
            return
        now = self._reactor.seconds()
        delay = max(BATCH_DELAY, self._drawnAt + self._minRedraw - now)
        if self._drawCall.getTime() > now + delay:
            self._drawCall.reset(delay)

    def _send(self, sequence: bytes) -> None:
        terminal = self._console.file.fileno()
        if select.select([], [terminal], [], RESTORE_TIMEOUT)[1]:
            with suppress(OSError):
                os.write(terminal, sequence)

    def _draw(self) -> None:
        start = self._reactor.seconds()
        self._live.update(self._picture(), refresh=True)
        self._drawnAt = self._reactor.seconds()
        self._minRedraw = max(MIN_REDRAW, 3 * (self._drawnAt - start))
        delay = max(MAX_REDRAW, self._minRedraw)
        self._drawCall = self._reactor.callLater(delay, self._draw)

    def _picture(self) -> Text:
        width, height = self._console.size
        rows = [(monitor.name, monitor.status()) for monitor in self._monitors]
        room = height - 1
        if len(rows) <= room:
            return drawTable(rows, width)
        selected, summary = selectRows(rows, max(0, room - 1))
        last = Text(f"\n{summary}", style="dim")
        last.truncate(width, overflow="ellipsis")
        return drawTable(selected, width).append_text(last)
