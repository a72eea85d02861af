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

    @return: the system's own words for an C{OSError} that has them, else the
        text, with each run of white space made one space.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split())
