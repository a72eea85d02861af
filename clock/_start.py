"""
The entry points of the client commands.

From here on, Ctrl-C exits at once and prints nothing. Importing the rest takes a few
tenths of a second, and Python would answer Ctrl-C with a traceback in that time.
Therefore this module imports nothing that is slow. It cannot change what happens before
it is imported, while Python itself starts.
"""

import os
import signal

#: The exit status after Ctrl-C, as shells report it: 128 plus the number of SIGINT.
INTERRUPTED = 130


def interrupt(*_: object) -> None:
    """
    Exit at once. An exception, or the reactor's shutdown, would wait for the current
    call, such as a write to an output that nothing reads.
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
    from clock.netcat import main

    main()


def wall() -> None:
    """
    Run C{clockwall}.
    """
    exitOnInterrupt()
    from clock.wall.command import main

    main()


def check() -> None:
    """
    Run C{clock-check}.
    """
    exitOnInterrupt()
    from clock.check.command import main

    main()
