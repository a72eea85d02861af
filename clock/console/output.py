"""
Standard output, standard error, and the exit of the commands.
"""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress
from typing import NoReturn, TextIO

from clock.console.text import oneLine


def writeBytes(data: bytes) -> None:
    """
    Write to standard output, unbuffered. Block until everything is written.

    @param data: any bytes.

    @raise OSError: if standard output cannot be written to.
    """
    while data:
        try:
            data = data[os.write(1, data) :]
        except BlockingIOError:
            # Another process may have made the shared file non-blocking.
            select.select([], [1], [])


def write(
    text: str, command: str, closedStatus: int = 0, errors: str = "backslashreplace"
) -> None:
    """
    Write text to standard output, unbuffered. If that fails, exit at once. At a normal
    exit, Python would try to write the rest, and print another error.

    @param text: one or more lines.
    @param command: the name of the command. An error begins with it.
    @param closedStatus: the exit status if the reader of standard output has closed it.
        This is not an error, and nothing is printed.
    @param errors: how to handle characters that the output cannot encode, as for
        C{str.encode}.

    @raise SystemExit: with one line for standard error, if standard output is closed.
    """
    requireStdout(command)
    try:
        writeBytes(encodeText(text, errors))
    except BrokenPipeError:
        exitNow(closedStatus)
    except OSError as error:
        warn(command, f"standard output: {oneLine(error)}")
        exitNow(1)


def warn(command: str, text: str) -> None:
    """
    Print a line on standard error, as L{printError} does.

    @param command: the name of the command. The line begins with it.
    @param text: the rest of the line.
    """
    printError(f"{command}: {text}", sys.stderr)


def printError(text: str, stderr: TextIO | None) -> None:
    """
    Print text on standard error. If it is closed, or the text cannot be written, print
    nothing: there is nowhere to report that, and the command must still end.

    @param text: one or more lines, without the newline of the last one.
    @param stderr: C{sys.stderr}; C{None} if the process was started without one.
    """
    # Without a file, print would use standard output.
    if stderr is not None:
        with suppress(OSError):
            print(text, file=stderr)


def requireStdout(command: str) -> None:
    """
    Check that the process has a standard output.

    @param command: the name of the command. The error begins with it.

    @raise SystemExit: with one line for standard error, if the process was started with
        a closed standard output.
    """
    if sys.stdout is None:
        raise SystemExit(f"{command}: standard output is closed")


def encodeText(text: str, errors: str = "backslashreplace") -> bytes:
    """
    Encode text for standard output.

    @param text: any text.
    @param errors: how to handle characters that the output cannot encode, as for
        C{str.encode}.

    @return: the bytes.
    """
    return text.encode(sys.stdout.encoding or "utf-8", errors)


def exitNow(status: int) -> NoReturn:
    """
    Exit without cleaning up. The reactor's shutdown would wait for the threads that
    resolve host names.

    @param status: the exit status.
    """
    os._exit(status)
