"""
Standard output, and the end, of the commands that read clocks.
"""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress
from typing import NoReturn

from clock.wording import oneLine


def writeAll(data: bytes) -> None:
    """
    Write to standard output at once, and wait until all is written.

    @param data: any bytes.

    @raise OSError: if standard output takes no more.
    """
    while data:
        try:
            data = data[os.write(1, data) :]
        except BlockingIOError:
            # Whoever shares it may have made it so.
            select.select([], [1], [])


def write(
    text: str, command: str, closed: int = 0, lacking: str = "backslashreplace"
) -> None:
    """
    Write text to standard output at once. If that fails the process ends at once: it
    would otherwise try to write the rest when it exits, and complain about that.

    @param text: one or more lines.
    @param command: the name that the one line on standard error begins with, if
        standard output takes no more.
    @param closed: the exit status if nothing reads standard output any more, which is
        no error.
    @param lacking: how to handle characters that the output's encoding lacks, as the
        name of an error handler: by default they are escaped.

    @raise SystemExit: with one line for standard error, if standard output is closed.
    """
    requireOutput(command)
    try:
        writeAll(encoded(text, lacking))
    except BrokenPipeError:
        endNow(closed)
    except OSError as error:
        with suppress(OSError):
            print(f"{command}: standard output: {oneLine(error)}", file=sys.stderr)
        endNow(1)


def requireOutput(command: str) -> None:
    """
    Check that there is a standard output.

    @param command: the name that an error begins with.

    @raise SystemExit: with one line for standard error, if it was closed from the
        start.
    """
    if sys.stdout is None:
        raise SystemExit(f"{command}: standard output is closed")


def encoded(text: str, lacking: str = "backslashreplace") -> bytes:
    """
    Encode text for standard output.

    @param text: any text.
    @param lacking: how to handle characters that the output's encoding lacks, as the
        name of an error handler: by default they are escaped.

    @return: the bytes.
    """
    return text.encode(sys.stdout.encoding or "utf-8", lacking)


def endNow(status: int) -> NoReturn:
    """
    End at once: the reactor's own end waits for threads that ask for a host's
    address, and those may take their time. What L{writeAll} has not written is not
    written any more.

    @param status: the exit status.
    """
    os._exit(status)
