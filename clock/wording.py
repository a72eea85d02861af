"""
How the programs word what people read: errors, and their own names.
"""

from __future__ import annotations

import os
import sys

from twisted.internet.error import ConnectError, ConnectionDone


def commandName() -> str:
    """
    Name the plugin's command as it was typed.

    @return: C{twistd clock} or C{twist clock}.
    """
    return f"{os.path.basename(sys.argv[0])} clock"


def oneLine(error: object) -> str:
    """
    Say what an error says, on one line.

    @param error: the exception, or its text.

    @return: the system's own words for an C{OSError} that has them, with the
        file's name if there is one, else the text; each run of white space made
        one space, and what does not print escaped.
    """
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
        if error.filename is not None:
            text += f": {os.fsdecode(error.filename)}"
    return printable(" ".join(text.split()))


def connectionError(error: object) -> str:
    """
    Say why a connection was not made, or was lost.

    @param error: the exception.

    @return: on one line, the system's own words if it has any, or OpenSSL's.
    """
    if isinstance(error, ConnectionDone):
        return "closed by the server"
    if isinstance(error, ConnectError) and isinstance(error.osError, int):
        return os.strerror(error.osError)
    for details in getattr(error, "args", ()):
        if isinstance(details, list):
            # As OpenSSL has it: a library, a function and a reason each; or what is
            # wrong with a certificate.
            reasons = (
                each[-1] if isinstance(each, tuple) else each for each in details
            )
            return oneLine(", ".join(map(str, reasons)))
    return oneLine(error).rstrip(".")


def printable(text: str) -> str:
    """
    Escape what does not print: a text may come from anywhere, and go to a terminal.

    @param text: any text.

    @return: the text, with C{\\x1b} for an escape character, and so on.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode()
        for each in text
    )


def shorten(text: str) -> str:
    """
    Cut a name that is too long to stand before what there is to say of it.

    @param text: any text.

    @return: no more than 30 characters of it.
    """
    return text if len(text) <= 30 else f"{text[:27]}..."
