"""
The C{clock-check} command.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater

from clock.clients.check.judge import Judge
from clock.clients.check.options import Options
from clock.clients.check.report.junit import junitReport
from clock.clients.check.report.plot import canPlot, plot
from clock.clients.check.report.progress import ProgressObserver, showProgress
from clock.clients.check.report.text import exitStatus, jsonReport, textReport
from clock.clients.process import exitOnSignals, runMain
from clock.clients.reading.targets import startStreams
from clock.console.output import warn, write
from clock.console.text import oneLine

#: The name of the command in its output and errors.
NAME = "clock-check"

#: Seconds between two checks whether a stream is broken.
LOOK_INTERVAL = 0.1


async def check(reactor: Any, options: Options) -> int:
    """
    Read the clocks, and report. On a signal, report at once and exit. On a second
    signal, exit without the rest of the report.

    @param reactor: the reactor that connects, and its steady time.
    @param options: the parsed options.

    @return: the exit status.

    @raise SystemExit: with one line, if an address is not valid, or a file cannot be
        written.
    """
    judges = [
        Judge(
            target.name,
            options["interval"],
            options["max-gap"],
            reactor.seconds,
            time.time_ns,
            options["field"],
        )
        for target in options.targets
    ]
    watches = [
        ProgressObserver(judge.name, judge, options["field"]) for judge in judges
    ]
    if options["plot"] and not canPlot():
        raise SystemExit(
            f"{NAME}: --plot needs matplotlib: pip install 'txclock[plot]'"
        )
    try:
        web = options.webOptions(NAME)
        startStreams(reactor, options.targets, watches, web)
    except ValueError as error:
        raise SystemExit(f"{NAME}: {error}") from None
    for name in ("junit", "plot"):
        if options[name]:
            _checkFile(options[name])
    start = reactor.seconds()
    removeProgress = _nothing
    if not options["quiet"]:
        removeProgress = showProgress(reactor, options["for"], watches)

    def report() -> int:
        # A plot takes a second. A signal in that time must not start a second report.
        exitOnSignals(_nothing)
        removeProgress()
        verdicts = [judge.verdict() for judge in judges]
        seconds = reactor.seconds() - start
        status = exitStatus(verdicts)
        isWritten = True
        if options["junit"]:
            isWritten &= _write(options["junit"], junitReport(verdicts, seconds))
        if options["plot"]:
            streams = [(judge.name, judge.history) for judge in judges]
            isWritten &= _write(options["plot"], plot(streams, start, seconds))
        if not options["quiet"]:
            isJSON = options["json"]
            text = jsonReport(verdicts, seconds) if isJSON else textReport(verdicts)
            write(f"{text}\n", NAME, closedStatus=status)
        return status if isWritten else 1

    exitOnSignals(report)
    end = start + options["for"]
    if options["until-broken"]:
        while reactor.seconds() < end and not any(each.isBroken() for each in judges):
            await deferLater(reactor, LOOK_INTERVAL)
    else:
        await deferLater(reactor, options["for"])
    return report()


def _checkFile(name: str) -> None:
    """
    Make sure, before the check, that a report can be written after it. An existing file
    is not changed, and a new one is removed again.
    """
    # The reader of a FIFO would take the close for the end of the report.
    if Path(name).is_fifo():
        return
    isNew = not os.path.exists(name)
    try:
        with open(name, "ab"):
            pass
        if isNew:
            os.unlink(os.path.realpath(name))
    except OSError as error:
        raise SystemExit(f"{NAME}: {oneLine(error)}") from None


def _write(name: str, data: bytes) -> bool:
    try:
        with open(name, "wb") as file:
            file.write(data)
    except OSError as error:
        warn(NAME, f"{oneLine(name)}: {error.strerror}")
        return False
    return True


def _nothing() -> None:
    pass


def main() -> None:
    """
    Run the command, with the process's command line.
    """
    runMain(Options(), check)
