"""
The entry points of the client commands.

Each entry point makes Ctrl-C exit at once and print nothing, and then imports the rest
of the command. That import takes a few tenths of a second, in which Ctrl-C would
otherwise print a traceback. This module therefore imports nothing that is slow. While
Python itself starts, Ctrl-C still prints a traceback.
"""

import os
import signal

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


def netcat() -> None:
    """
    Run C{clock-netcat}.
    """
    exitOnInterrupt()
    from clock.clients.netcat import main

    main()


def wall() -> None:
    """
    Run C{clockwall}.
    """
    exitOnInterrupt()
    from clock.clients.wall.command import main

    main()


def check() -> None:
    """
    Run C{clock-check}.
    """
    exitOnInterrupt()
    from clock.clients.check.command import main

    main()
