"""
The C{clockwall} command.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, TextIO, cast

from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IReactorCore, IReactorThreads, IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from clock.output import endNow, requireOutput, write
from clock.wall.judge import Judge
from clock.wall.options import Clock, Options
from clock.wall.plain import Printer
from clock.wall.report import jsonReport, status, textReport
from clock.wall.stream import Observer, Stream
from clock.wall.watch import Watch

#: The command, as its output and errors name it.
NAME = "clockwall"


class View(Protocol):
    """
    What shows the clocks.
    """

    def open(self, watches: Sequence[Watch]) -> None:
        """
        Begin.
        """

    def changed(self, watch: Watch) -> None:
        """
        Show what is new about a clock.
        """

    def leave(self) -> None:
        """
        Leave the terminal as it was, whatever is going on.
        """

    def enter(self) -> None:
        """
        Come back to it.
        """


def makeView(reactor: IReactorTime) -> View:
    """
    Decide how to show the clocks.

    @param reactor: what to wait on.

    @return: a screen on a terminal, where there is rich to draw it, else a printer.
    """
    printer = Printer(reactor, partial(write, command=NAME))
    if not sys.stdout.isatty():
        return printer
    try:
        from rich.console import Console

        from clock.wall.screen import Screen, Terminal
    except ImportError:
        hint = "a line for each change; pip install 'clock[wall]' for a table"
        print(f"{NAME}: {hint}", file=sys.stderr)
        return printer
    # An escape is wider than what it stands for.
    terminal = Terminal(partial(write, command=NAME, lacking="replace"))
    console = Console(file=cast(TextIO, terminal))
    if console.is_dumb_terminal or not (console.is_interactive and min(console.size)):
        return printer
    return Screen(reactor, console)


def onSignals(leave: Callable[[], object]) -> None:
    """
    End on Ctrl-C, Ctrl-backslash and their like, with the exit status that shells give
    that; signals that are ignored, as nohup has it, stay so.

    @param leave: is called before the end.
    """

    def end(number: int, _: object) -> None:
        leave()
        endNow(128 + number)

    for each in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, end)


def onSuspension(view: View) -> None:
    """
    Leave the terminal on Ctrl-Z, and come back to it when the program is continued.

    @param view: what is on the terminal.
    """

    def suspend(*_: object) -> None:
        view.leave()
        # The kernel knows whether there is a shell that could continue this.
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, suspend)
        view.enter()

    if signal.getsignal(signal.SIGTSTP) is not signal.SIG_IGN:
        signal.signal(signal.SIGTSTP, suspend)


def connect(
    reactor: IReactorCore, clocks: Sequence[Clock], observers: Sequence[Observer]
) -> None:
    """
    Begin to read clocks.

    @param reactor: what to connect with, and to wait on.
    @param clocks: what to read.
    @param observers: who is told of each stream.
    """
    # Each name may take a thread for as long as nobody resolves it.
    cast(IReactorThreads, reactor).suggestThreadPoolSize(10 + len(clocks))
    for clock, observer in zip(clocks, observers, strict=True):
        Stream(clock.endpoint, observer, cast(IReactorTime, reactor)).startService()


async def show(reactor: IReactorCore, options: Options) -> None:
    """
    Show the clocks from now on.

    @param reactor: what to connect with, and to wait on.
    @param options: parsed.
    """
    steady = cast(IReactorTime, reactor)
    view = makeView(steady)
    watches = [
        Watch(clock.name, steady, options["interval"], view.changed)
        for clock in options.clocks
    ]
    connect(reactor, options.clocks, watches)
    onSignals(view.leave)
    onSuspension(view)
    view.open(watches)


async def check(reactor: IReactorCore, options: Options) -> None:
    """
    Read the clocks for as long as was asked for, report, and end; Ctrl-C makes it
    report what it has by then.

    @param reactor: what to connect with, and to wait on.
    @param options: parsed.
    """
    steady = cast(IReactorTime, reactor)
    judges = [
        Judge(
            clock.name,
            options["interval"],
            options["max-gap"],
            steady.seconds,
            time.time_ns,
        )
        for clock in options.clocks
    ]
    connect(reactor, options.clocks, judges)
    began = steady.seconds()

    def report() -> int:
        verdicts = [judge.verdict() for judge in judges]
        if options["json"]:
            text = jsonReport(verdicts, steady.seconds() - began)
        else:
            text = textReport(verdicts)
        result = status(verdicts)
        write(f"{text}\n", NAME, closed=result)
        return result

    onSignals(report)
    await deferLater(steady, options["for"])
    endNow(report())


def broken(failure: Failure) -> None:
    """
    End, because of a mistake of this program's own.

    @param failure: what has happened.
    """
    failure.printTraceback(file=sys.stderr)
    endNow(1)


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Run the command.

    @param arguments: the command line, less the command; by default the real one.

    @raise SystemExit: with one line for standard error, if the command line is wrong.
    """
    options = Options()
    options.parseOptions(arguments)
    requireOutput(NAME)
    command = check if options["check"] else show
    reactor = options.reactor
    ensureDeferred(command(reactor, options)).addErrback(broken)
    # Its handlers would end the program with 0.
    reactor.run(installSignalHandlers=False)  # type: ignore[call-arg]
