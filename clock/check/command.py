"""
The C{clock-check} command.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from twisted.internet.task import deferLater

from clock._client import exitOnSignals, run
from clock._stdout import requireStdout, write
from clock.check.judge import Judge
from clock.check.options import Options
from clock.check.progress import showProgress
from clock.check.report import exitStatus, jsonReport, textReport
from clock.reading.targets import startStreams

#: The name of the command in its output and errors.
NAME = "clock-check"


async def check(reactor: Any, options: Options) -> int:
    """
    Read the clocks, and report. On a signal, report at once and exit.

    @param reactor: the reactor that connects, and its steady time.
    @param options: the parsed options.

    @return: the exit status.

    @raise SystemExit: with one line, if an address is not valid.
    """
    judges = [
        Judge(
            target.name,
            options["interval"],
            options["max-gap"],
            reactor.seconds,
            time.time_ns,
        )
        for target in options.targets
    ]
    try:
        startStreams(reactor, options.targets, judges)
    except ValueError as error:
        raise SystemExit(f"{NAME}: {error}") from None
    start = reactor.seconds()
    removeProgress = showProgress(reactor, options["for"])

    def report() -> int:
        removeProgress()
        verdicts = [judge.verdict() for judge in judges]
        if options["json"]:
            text = jsonReport(verdicts, reactor.seconds() - start)
        else:
            text = textReport(verdicts)
        status = exitStatus(verdicts)
        write(f"{text}\n", NAME, closedStatus=status)
        return status

    exitOnSignals(report)
    return await deferLater(reactor, options["for"], report)


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Run the command.

    @param arguments: the command line without the command; by default the process's.

    @raise SystemExit: with one line for standard error, if the command line is wrong or
        standard output is closed.
    """
    options = Options()
    options.parseOptions(arguments)
    requireStdout(NAME)
    run(partial(check, options=options))
