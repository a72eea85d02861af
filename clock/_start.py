"""
Where the commands begin.

Ctrl-C ends them without a word from here on. To import the rest takes a few tenths of
a second, in which Python would print a traceback; so nothing is imported here that
takes time. What happens before this, Python's own start, is out of reach.
"""

import os
import signal

#: What a shell reports of a command that Ctrl-C ended: 128 and SIGINT's number.
INTERRUPTED = 130


def interrupt(*_: object) -> None:
    """
    End the process at once. An exception, or the reactor's end, would have to wait for
    whatever goes on, such as a write to an output that nothing reads.
    """
    os._exit(INTERRUPTED)


def endOnInterrupt() -> None:
    """
    End the process on Ctrl-C, unless SIGINT is ignored, as it is under nohup.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, interrupt)


def netcat() -> None:
    """
    Run C{clock-netcat}.
    """
    endOnInterrupt()
    from clock.netcat import main

    main()


def wall() -> None:
    """
    Run C{clockwall}.
    """
    endOnInterrupt()
    from clock.wall.command import main

    main()
