"""
The C{clock-check} command.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater

from clock.clients.check.compare import compareAll
from clock.clients.check.evidence import Evidence
from clock.clients.check.judge import isBroken, judge
from clock.clients.check.options import Options
from clock.clients.check.report.junit import junitReport
from clock.clients.check.report.log import LogFile, LoggedEvidence
from clock.clients.check.report.plot import canPlot, plot
from clock.clients.check.report.progress import showProgress
from clock.clients.check.report.text import exitStatus, jsonReport, textReport
from clock.clients.check.verdict import Verdict
from clock.clients.process import exitOnSignals, runMain
from clock.clients.reading.targets import startStreams
from clock.console.output import warn, write
from clock.console.text import oneLine

#: The name of the command in its output and errors.
NAME = "clock-check"

#: Seconds between two checks whether a stream is broken, or all have ended.
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
    streams = [
        LoggedEvidence(
            target.name,
            options["interval"],
            reactor.seconds,
            time.time_ns,
            options["field"],
        )
        for target in options.targets
    ]
    if options["plot"] and not canPlot():
        raise SystemExit(
            f"{NAME}: --plot needs matplotlib: pip install 'txclock[plot]'"
        )
    log = _start(reactor, options, streams)
    start, limits = reactor.seconds(), options.limits()
    removeProgress = _nothing
    if not options["quiet"]:
        removeProgress = showProgress(reactor, options["for"], streams)

    def report() -> int:
        # A plot takes a second. A signal in that time must not start a second report.
        exitOnSignals(_nothing)
        removeProgress()
        now = reactor.seconds()
        verdicts = [judge(each, limits, now) for each in streams]
        compared = compareAll(verdicts, streams, limits.once)
        status = _report(options, compared, streams, start, now)
        if log is not None and log.error is not None:
            warn(NAME, f"{oneLine(options['log'])}: {log.error.strerror}")
            return 1
        return status

    exitOnSignals(report)
    end = start + options["for"]

    def isOver() -> bool:
        now = reactor.seconds()
        if now >= end or (options["once"] and all(map(_hasEnded, streams))):
            return True
        looks = bool(options["until-broken"])
        return looks and any(isBroken(each, limits, now) for each in streams)

    if options["once"] or options["until-broken"]:
        while not isOver():
            await deferLater(reactor, LOOK_INTERVAL)
    else:
        await deferLater(reactor, options["for"])
    return report()


def _start(
    reactor: Any, options: Options, streams: Sequence[LoggedEvidence]
) -> LogFile | None:
    """
    Check the files, and start to read. Return the file for the log, if there is one.
    """
    log = None
    for name in ("junit", "plot", "log"):
        if options[name]:
            _checkFile(options[name])
    try:
        if options["log"]:
            log = LogFile(options["log"])
            for each in streams:
                each.logTo(log.write, reactor.seconds())
        web = partial(options.webOptions, NAME)
        once = bool(options["once"])
        startStreams(reactor, options.targets, streams, web, once, options["event"])
    except ValueError as error:
        raise SystemExit(f"{NAME}: {error}") from None
    return log


def _report(
    options: Options,
    verdicts: Sequence[Verdict],
    streams: Sequence[Evidence],
    start: float,
    now: float,
) -> int:
    """
    Write all reports. Return the exit status.
    """
    seconds, status = now - start, exitStatus(verdicts)
    isWritten = True
    if options["junit"]:
        isWritten &= _write(options["junit"], junitReport(verdicts, seconds))
    if options["plot"]:
        isWritten &= _write(options["plot"], plot(streams, start, seconds))
    if not options["quiet"]:
        if options["json"]:
            text = jsonReport(verdicts, streams, start, seconds)
        else:
            isTerminal = sys.stdout is not None and sys.stdout.isatty()
            columns = shutil.get_terminal_size().columns if isTerminal else None
            text = textReport(verdicts, streams, columns)
        write(f"{text}\n", NAME, closedStatus=status)
    return status if isWritten else 1


def _hasEnded(evidence: Evidence) -> bool:
    return bool(evidence.connections) and evidence.connections[-1].end is not None


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
