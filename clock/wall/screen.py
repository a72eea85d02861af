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
from rich.table import Table
from rich.text import Text
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from clock.wall.watch import Look, State, Watch

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

_STYLES = {
    State.CONNECTING: "yellow",
    State.LIVE: "green",
    State.STALE: "yellow",
    State.DOWN: "red",
}


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

    def _picture(self) -> Table:
        room = self._console.size.height - 1
        fits = len(self._watches) <= room
        shown = self._watches if fits else self._watches[: room - 1]
        table = picture([(watch.name, watch.look()) for watch in shown])
        if not fits:
            more = len(self._watches) - len(shown)
            table.add_row(Text(f"({more} more)", style="dim"))
        return table


def picture(rows: Sequence[tuple[str, Look]]) -> Table:
    """
    Draw some clocks.

    @param rows: the name of each, and how it is.

    @return: a table of as many rows and a heading.
    """
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading, least, most in (("clock", 5, 20), ("time", 8, 32)):
        table.add_column(
            heading,
            no_wrap=True,
            overflow="ellipsis",
            min_width=least,
            max_width=most,
        )
    table.add_column("age", no_wrap=True, justify="right", min_width=6)
    # That which gives way where there is not room for all.
    table.add_column()
    for name, look in rows:
        table.add_row(*_cells(name, look))
    return table


def _cells(name: str, look: Look) -> tuple[Text, ...]:
    stale = "dim" if look.state is State.STALE else "bold"
    age = "" if look.age is None else f"{look.age:.1f} s"
    return (
        Text(name, style="bold"),
        Text(look.shown, style=stale),
        Text(age, style="dim" if look.state is State.LIVE else ""),
        Text(
            look.words(),
            style=_STYLES[look.state],
            no_wrap=True,
            overflow="ellipsis",
        ),
    )
