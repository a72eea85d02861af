"""
The progress bar of C{clock-check}.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

#: Seconds between two updates.
UPDATE_INTERVAL = 0.25

#: Return to the start of the line and erase it (ECMA-48, EL).
ERASE_LINE = b"\r\x1b[2K"


def showProgress(reactor: IReactorTime, seconds: float) -> Callable[[], None]:
    """
    Show a progress bar on standard error, if that is a terminal and rich is installed.
    If a write to the terminal fails, the bar stops, and the check continues.

    @param reactor: the reactor's time.
    @param seconds: seconds until the end.

    @return: a function that removes the bar.
    """
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn
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
        # Otherwise rich draws in another thread.
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    task = progress.add_task("", total=seconds)
    start = reactor.seconds()

    def update() -> None:
        progress.update(task, completed=reactor.seconds() - start, refresh=True)

    def remove() -> None:
        if loop.running:
            loop.stop()
        # Not through rich: if a signal arrives while rich writes, it would buffer this.
        with suppress(OSError):
            os.write(console.file.fileno(), ERASE_LINE)

    progress.start()
    # rich hides the cursor. It would stay hidden in the shell after Ctrl-Z.
    console.show_cursor(True)
    loop = LoopingCall(update)
    loop.clock = reactor
    loop.start(UPDATE_INTERVAL).addErrback(lambda failure: failure.trap(OSError))
    return remove


def _nothing() -> None:
    pass
