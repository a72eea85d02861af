"""
The process of a client command: its reactor, its signals and its exit.

A client command exits with C{os._exit}. The reactor's own shutdown would wait for the
threads that resolve host names, for as long as the resolver takes.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, cast

from twisted.internet.defer import ensureDeferred
from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    eventAsText,
    globalLogBeginner,
)
from twisted.python.failure import Failure

from clock.console.options import CommandOptions
from clock.console.output import exitNow, printError, requireStdout
from clock.console.reactor import steadyReactor

#: The signals that end a command.
SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)

#: What Twisted's messages say about a certificate whose names it cannot read: newer
#: versions have this namespace, and older ones this reason.
CERTIFICATES = {
    "log_namespace": "twisted.internet._sslverify",
    "why": "Error during info_callback",
}


def exitOnSignals(
    cleanUp: Callable[[], object], numbers: Iterable[int] = SIGNALS
) -> None:
    """
    Exit on signals. The exit status is 128 plus the signal's number, as in shells. A
    signal that is ignored, as under nohup, stays ignored.

    @param cleanUp: called before the exit.
    @param numbers: the signals.
    """

    def exit(number: int, _: object) -> None:
        cleanUp()
        exitNow(128 + number)

    for each in numbers:
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, exit)


def runMain(
    options: CommandOptions,
    command: Callable[[Any, Any], Coroutine[Any, Any, int | None]],
) -> None:
    """
    Parse the process's command line, and run the command as L{run} does. If the command
    line is wrong, or standard output is closed, print one line on standard error, and
    exit with status 1. (If the line cannot be written, Python itself would exit with
    120.)

    @param options: the options of the command. They are parsed here.
    @param command: called with the reactor and the options.
    """
    try:
        options.parseOptions()
        requireStdout(options.commandName())
    except SystemExit as error:
        if not isinstance(error.code, str):
            raise
        printError(error.code, sys.stderr)
        exitNow(1)
    run(lambda reactor: command(reactor, options))


def run(command: Callable[[Any], Coroutine[Any, Any, int | None]]) -> None:
    """
    Run a client command on the global reactor, and exit.

    @param command: called with the reactor before it runs. Its result is the exit
        status, or C{None} to run until a signal. If it raises C{SystemExit}, the
        process prints the message to standard error; for any other exception, which is
        a bug, it prints a traceback. The exit status is then 1.
    """
    reactor = steadyReactor()
    observer = cast(ILogObserver, printCritical)
    globalLogBeginner.beginLoggingTo([observer], True, redirectStandardIO=False)
    ensureDeferred(command(reactor)).addCallbacks(_finished, _failed)
    # The reactor's own signal handlers would exit with 0.
    reactor.run(installSignalHandlers=False)


def printCritical(event: LogEvent) -> None:
    """
    Print a critical message of Twisted's log on standard error: the traceback of a bug.
    Do not print that the names in a certificate cannot be read: that connection ends
    with an error, which the command reports in one line.

    @param event: the message.
    """
    isBug = all(event.get(key) != value for key, value in CERTIFICATES.items())
    if event["log_level"] is LogLevel.critical and isBug:
        text = eventAsText(event, includeTimestamp=False, includeSystem=False)
        printError(text, sys.stderr)


def _finished(status: int | None) -> None:
    if status is not None:
        exitNow(status)


def _failed(failure: Failure) -> None:
    isMessage = failure.check(SystemExit)
    text = str(failure.value) if isMessage else failure.getTraceback()
    printError(text, sys.stderr)
    exitNow(1)
