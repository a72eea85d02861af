"""
The entry points of the client commands.

Each entry point makes Ctrl-C exit at once and print nothing, and then imports the rest
of the command. That import takes a few tenths of a second, in which Ctrl-C would
otherwise print a traceback. This module therefore imports nothing that is slow. While
Python itself starts, Ctrl-C still prints a traceback.
"""

import os
import signal
import sys
from collections.abc import Callable

#: The exit status after Ctrl-C, as shells report it: 128 plus the number of SIGINT.
INTERRUPTED = 130


def interrupt(*_: object) -> None:
    """
    Exit at once. An exception, or the reactor's shutdown, would wait until the current
    call returns, such as a blocked write to standard output.
    """
    os._exit(INTERRUPTED)


def exitOnInterrupt() -> None:
    """
    Exit on Ctrl-C, unless SIGINT is ignored, as under nohup.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, interrupt)


def runMain(main: Callable[[], object]) -> None:
    """
    Run a command. An error of its command line is one line on standard error, and exit
    status 1. If the line cannot be written, Python itself would exit with 120.

    @param main: the function that runs the command.
    """
    from clock._stdout import exitNow, printError

    try:
        main()
    except SystemExit as error:
        if not isinstance(error.code, str):
            raise
        printError(error.code, sys.stderr)
        exitNow(1)


def netcat() -> None:
    """
    Run C{clock-netcat}.
    """
    exitOnInterrupt()
    from clock.netcat import main

    runMain(main)


def wall() -> None:
    """
    Run C{clockwall}.
    """
    exitOnInterrupt()
    from clock.wall.command import main

    runMain(main)


def check() -> None:
    """
    Run C{clock-check}.
    """
    exitOnInterrupt()
    from clock.check.command import main

    runMain(main)
