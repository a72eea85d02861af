"""
Text for people: errors on one line, names and addresses.
"""

from __future__ import annotations

import os
import sys

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress


def commandName() -> str:
    """
    Return the plugin's command as the user typed it: C{twistd clock} or C{twist clock}.
    """
    return f"{os.path.basename(sys.argv[0])} clock"


def oneLine(error: object) -> str:
    """
    Describe an error on one line.

    @param error: the exception, or its text.

    @return: the system's message and the file's name for an C{OSError} that has them,
        otherwise the text. White space is collapsed, and unprintable characters are
        escaped.
    """
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
        if error.filename is not None:
            text += f": {os.fsdecode(error.filename)}"
    return printable(" ".join(text.split()))


def connectionError(error: object) -> str:
    """
    Describe why an attempt to connect failed, or why a connection was lost.

    @param error: the exception.

    @return: the system's message, or OpenSSL's, if there is one, otherwise the
        exception's. It is one line.
    """
    if isinstance(error, ConnectionDone):
        return "closed by the server"
    if type(error) is ConnectionLost:
        # Twisted drops the number of the error. A server that stops answering also
        # looks like this, after a while.
        return "reset by the server"
    if isinstance(error, ConnectError) and isinstance(error.osError, int):
        return os.strerror(error.osError)
    for details in getattr(error, "args", ()):
        if isinstance(details, list):
            return oneLine(", ".join(map(_tlsReason, details)))
    return oneLine(error).rstrip(".")


def _tlsReason(detail: object) -> str:
    # service_identity gives the mismatches of a certificate.
    wanted = getattr(detail, "mismatched_id", None)
    if wanted is not None:
        host = getattr(wanted, "hostname", b"").decode() or wanted.ip
        return f"the certificate is not for {host}"
    # OpenSSL gives tuples of a library, a function and a reason.
    return str(detail[-1] if isinstance(detail, tuple) else detail)


def printable(text: str) -> str:
    """
    Escape unprintable characters. Text from a server must not control the terminal.

    @param text: any text.

    @return: the text, with C{\\x1b} for an escape character, and so on.
    """
    if text.isprintable():
        return text
    return "".join(
        # The codec unicode_escape does the same, but Python imports it late, when this
        # process may no longer be able to read the file.
        each if each.isprintable() else repr(each)[1:-1]
        for each in text
    )


def addressText(address: IAddress) -> str:
    """
    Return an address in the usual notation. Unprintable characters are escaped: a peer
    chooses the path of its UNIX socket, and a PROXY header may contain any text.

    @param address: the address of a transport or of a listening port.

    @return: C{host:port}, with brackets around an IPv6 address; C{unix:path} for a UNIX
        socket, and C{unix:} for a peer without a path.
    """
    if isinstance(address, IPv4Address):
        text = f"{address.host}:{address.port}"
    elif isinstance(address, IPv6Address):
        text = f"[{address.host}]:{address.port}"
    elif isinstance(address, UNIXAddress):
        text = f"unix:{(address.name or b'').decode(errors='replace')}"
    else:
        text = str(address)
    return printable(text)


def shorten(text: str) -> str:
    """
    Shorten a name, so that the message after it stays visible.

    @param text: any text.

    @return: at most 30 characters.
    """
    return text if len(text) <= 30 else f"{text[:27]}..."
