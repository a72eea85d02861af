"""
The wall on a terminal.

It is drawn on the alternate screen, each time over what is there, which neither
flickers nor minds what has been typed or how the window has changed meanwhile.
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

from clock.wall.picture import choose, picture
from clock.wall.watch import Watch

#: The longest time between two pictures, in seconds: ages grow.
REDRAW_EVERY = 0.25

#: The shortest time between two pictures (three times as long as drawing one takes, if
#: that is more), and how long one waits for more changes that come with the same tick,
#: both in seconds.
SPACING, GATHER = 0.05, 0.01

#: How long a terminal may take to take anything in the end, in seconds.
PATIENCE = 0.5

#: What a terminal is told in the beginning: to change to the alternate screen, and to
#: hide the cursor; and the other way round in the end.
ENTER = b"\x1b[?1049h\x1b[?25l"
LEAVE = b"\x1b[?1049l\x1b[?25h"


class Terminal(TextIOBase):
    """
    Standard output for rich, without a buffer: a signal may come at any time, and
    then nothing must be left to be written.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        """
        @param write: writes to standard output, all of it and at once.
        """
        super().__init__()
        self._write = write

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """
        Tell the encoding of standard output.
        """
        return sys.stdout.encoding

    def fileno(self) -> int:
        """
        Tell the file descriptor of standard output.
        """
        return 1

    def isatty(self) -> bool:
        """
        Tell that this is a terminal.
        """
        return True

    def write(self, text: str) -> int:
        """
        Write.
        """
        self._write(text)
        return len(text)


class Screen:
    """
    Draws all clocks, each in its row.
    """

    _next: IDelayedCall | None = None

    def __init__(self, reactor: IReactorTime, console: Console) -> None:
        """
        @param reactor: what to wait on.
        @param console: where to draw.
        """
        self._watches: Sequence[Watch] = ()
        self._reactor = reactor
        self._console = console
        self._drawn, self._spacing = 0.0, SPACING
        self._live = Live(
            console=console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def open(self, watches: Sequence[Watch]) -> None:
        """
        Begin.

        @param watches: the clocks, in the order of their rows.
        """
        self._watches = watches
        self._live.start()
        self._draw()

    def leave(self) -> None:
        """
        Leave the terminal as it was, whatever this program is in the middle of; if
        it takes nothing, or is there no more, leave it at that.
        """
        self._tell(LEAVE)

    def enter(self) -> None:
        """
        Come back to where L{leave} has left; the next picture covers all of it.
        """
        self._tell(ENTER)

    def changed(self, watch: Watch) -> None:
        """
        Draw soon.

        @param watch: the clock that has changed.
        """
        if self._next is None:
            return
        now = self._reactor.seconds()
        wait = max(GATHER, self._drawn + self._spacing - now)
        if self._next.getTime() > now + wait:
            self._next.reset(wait)

    def _tell(self, what: bytes) -> None:
        terminal = self._console.file.fileno()
        if select.select([], [terminal], [], PATIENCE)[1]:
            with suppress(OSError):
                os.write(terminal, what)

    def _draw(self) -> None:
        began = self._reactor.seconds()
        self._live.update(self._picture(), refresh=True)
        self._drawn = self._reactor.seconds()
        self._spacing = max(SPACING, 3 * (self._drawn - began))
        wait = max(REDRAW_EVERY, self._spacing)
        self._next = self._reactor.callLater(wait, self._draw)

    def _picture(self) -> Text:
        width, height = self._console.size
        rows = [(watch.name, watch.look()) for watch in self._watches]
        room = height - 1
        if len(rows) <= room:
            return picture(rows, width)
        shown, rest = choose(rows, max(0, room - 1))
        last = Text(f"\n{rest}", style="dim")
        last.truncate(width, overflow="ellipsis")
        return picture(shown, width).append_text(last)
