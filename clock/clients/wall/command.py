"""
The C{clockwall} command.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol, TextIO, cast

from twisted.internet.interfaces import IReactorTime

from clock.clients.process import exitOnSignals, runMain
from clock.clients.reading.targets import startStreams
from clock.clients.wall.monitor import ClockMonitor
from clock.clients.wall.options import Options
from clock.clients.wall.printer import Printer
from clock.console.output import warn, write

#: The name of the command in its output and errors.
NAME = "clockwall"


class View(Protocol):
    """
    A way to show the clocks.
    """

    def start(self, monitors: Sequence[ClockMonitor]) -> None:
        """
        Show the clocks from now on.

        @param monitors: the clocks, in order.
        """

    def update(self, monitor: ClockMonitor) -> None:
        """
        Show a change.

        @param monitor: the clock that has changed.
        """

    def restoreTerminal(self) -> None:
        """
        Restore the terminal. This may be called from a signal handler.
        """

    def prepareTerminal(self) -> None:
        """
        Prepare the terminal again after L{restoreTerminal}.
        """


def makeView(reactor: IReactorTime) -> View:
    """
    Make a view for standard output.

    @param reactor: the reactor's time.

    @return: a screen on a terminal if rich is installed, otherwise a printer.
    """
    printer = Printer(reactor, partial(write, command=NAME))
    if not sys.stdout.isatty():
        return printer
    try:
        from rich.console import Console

        from clock.clients.wall.screen import Screen, Terminal
    except ImportError:
        hint = "rich is not installed: pip install 'txclock[wall]' to get a table"
        warn(NAME, hint)
        return printer
    # In a table, an escaped character would be wider than the original.
    terminal = Terminal(partial(write, command=NAME, errors="replace"))
    console = Console(file=cast(TextIO, terminal))
    if console.is_dumb_terminal or not (console.is_interactive and min(console.size)):
        return printer
    return Screen(reactor, console)


def restoreOnSuspend(view: View) -> None:
    """
    Restore the terminal on Ctrl-Z, and prepare it again when the process continues.

    @param view: the view that uses the terminal.
    """

    def suspend(*_: object) -> None:
        view.restoreTerminal()
        # With the default action, the kernel ignores the signal if no shell could
        # continue this process.
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, suspend)
        view.prepareTerminal()

    if signal.getsignal(signal.SIGTSTP) is not signal.SIG_IGN:
        signal.signal(signal.SIGTSTP, suspend)


async def show(reactor: Any, options: Options) -> None:
    """
    Show the clocks until a signal ends the process.

    @param reactor: the reactor that connects, and its steady time.
    @param options: the parsed options.

    @raise SystemExit: with one line, if an address is not valid.
    """
    view = makeView(reactor)
    monitors = [
        ClockMonitor(
            target.name, reactor, options["interval"], view.update, options["field"]
        )
        for target in options.targets
    ]
    try:
        web = partial(options.webOptions, NAME)
        startStreams(reactor, options.targets, monitors, web, event=options["event"])
    except ValueError as error:
        raise SystemExit(f"{NAME}: {error}") from None
    exitOnSignals(view.restoreTerminal)
    restoreOnSuspend(view)
    view.start(monitors)


def main() -> None:
    """
    Run the command, with the process's command line.
    """
    runMain(Options(), show)
