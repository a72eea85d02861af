"""
How the programs word what people read: addresses, errors, their own names.
"""

from __future__ import annotations

import os
import sys

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress


def addressText(address: IAddress) -> str:
    """
    Write an address the way people do.

    @param address: where a transport or a listening port says it is.

    @return: C{host:port}, with brackets around IPv6, or C{unix:path} (C{unix:}
        alone for a peer without a path).
    """
    if isinstance(address, IPv4Address):
        return f"{address.host}:{address.port}"
    if isinstance(address, IPv6Address):
        return f"[{address.host}]:{address.port}"
    if isinstance(address, UNIXAddress):
        return f"unix:{(address.name or b'').decode(errors='replace')}"
    return str(address)


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
        one space, and what does not print escaped: it may come from anywhere,
        and go to a terminal.
    """
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
        if error.filename is not None:
            text += f": {os.fsdecode(error.filename)}"
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode()
        for each in " ".join(text.split())
    )


def shorten(text: str) -> str:
    """
    Cut a name that is too long to stand before what there is to say of it.

    @param text: any text.

    @return: no more than 30 characters of it.
    """
    return text if len(text) <= 30 else f"{text[:27]}..."
