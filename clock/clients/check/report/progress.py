"""
The progress display of C{clock-check}: a line for each stream, and a bar.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from clock.clients.check.evidence import Evidence
from clock.clients.reading.observer import Step
from clock.console.text import printable

#: Seconds between two updates.
UPDATE_INTERVAL = 0.25

#: Return to the start of the line and erase it (ECMA-48, EL).
ERASE_LINE = b"\r\x1b[2K"

#: Do the same to the line above (ECMA-48, CUU).
ERASE_LINE_ABOVE = b"\x1b[1A\x1b[2K"

#: The widest name and last line, in columns.
MAX_COLUMN = 24


def showProgress(
    reactor: IReactorTime, seconds: float, streams: Sequence[Evidence]
) -> Callable[[], None]:
    """
    Show the streams and a progress bar on standard error, if that is a terminal and
    rich is installed. If a write to the terminal fails, the display stops, and the
    check continues.

    @param reactor: the reactor's time.
    @param seconds: seconds until the end.
    @param streams: what is seen of each stream. Those that do not fit on the terminal
        are left out.

    @return: a function that removes the display.
    """
    # rich takes a file for a terminal if FORCE_COLOR is set.
    if sys.stderr is None or not sys.stderr.isatty():
        return _nothing
    try:
        from rich.console import Console, Group
        from rich.live import Live
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.text import Text
    except ImportError:
        return _nothing
    console = Console(stderr=True)
    if not console.is_interactive:
        return _nothing
    progress = Progress(
        TextColumn("checking"),
        BarColumn(),
        TextColumn("{task.completed:.0f} of {task.total:g} s"),
        console=console,
    )
    task = progress.add_task("", total=seconds)
    shown = streams[: max(0, console.height - 2)]
    live = Live(
        console=console,
        # Otherwise rich draws in another thread.
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    start = reactor.seconds()

    def update() -> None:
        progress.update(task, completed=reactor.seconds() - start)
        rows = [Text(row, no_wrap=True, overflow="ellipsis") for row in _rows(shown)]
        live.update(Group(*rows, progress), refresh=True)

    def remove() -> None:
        if loop.running:
            loop.stop()
        # Not through rich: if a signal arrives while rich writes, it would buffer this.
        with suppress(OSError):
            os.write(console.file.fileno(), ERASE_LINE + len(shown) * ERASE_LINE_ABOVE)

    live.start()
    # rich hides the cursor. It would stay hidden in the shell after Ctrl-Z.
    console.show_cursor(True)
    loop = LoopingCall(update)
    loop.clock = reactor
    loop.start(UPDATE_INTERVAL).addErrback(lambda failure: failure.trap(OSError))
    return remove


def _rows(streams: Sequence[Evidence]) -> list[str]:
    """
    Return the text of each stream, in columns.
    """
    cells = [
        (_cut(each.name), f"{each.lines} lines", _cut(each.last), stateText(each))
        for each in streams
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)][:-1]
    return [
        "  ".join(
            [*(text.ljust(w) for text, w in zip(row, widths, strict=False)), row[-1]]
        )
        for row in cells
    ]


def stateText(evidence: Evidence) -> str:
    """
    Return the state of the last connection.

    @param evidence: what is seen of the stream.
    """
    if not evidence.connections:
        return "connecting"
    last = evidence.connections[-1]
    if last.how is not None:
        state = "ended" if last.endedInOrder() else "down"
        return f"{state}: {printable(last.how.text)}"
    if last.isMade:
        return "connected"
    return "waiting for headers" if Step.REQUESTED in last.steps else "connecting"


def _cut(text: str) -> str:
    text = printable(text)
    return text if len(text) <= MAX_COLUMN else f"{text[: MAX_COLUMN - 1]}…"


def _nothing() -> None:
    pass
