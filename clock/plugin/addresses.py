"""
Endpoints to listen on, from text.
"""

from __future__ import annotations

import os
import re
import socket
from contextlib import suppress
from typing import Any

from twisted.internet.abstract import isIPv6Address
from twisted.internet.endpoints import (
    StandardIOEndpoint,
    TCP4ServerEndpoint,
    TCP6ServerEndpoint,
    serverFromString,
)
from twisted.internet.interfaces import IStreamServerEndpoint

from clock.console.text import oneLine

#: The backlog of listening sockets. Twisted's default is 50. If more clients connect at
#: once, the kernel drops their connections, and they retry a second later.
BACKLOG = 4096

#: Strings of endpoints that accept a backlog and do not set one. A backslash at the end
#: would escape the colon before the backlog.
_WITHOUT_BACKLOG = re.compile(
    r"(?:haproxy:)*(?:tcp6?|ssl|unix):(?!.*\bbacklog=).*(?<!\\)", re.DOTALL
)


def listenName(text: str, interface: str) -> str:
    """
    Return the name of an address to listen on, for errors and logs.

    @param text: a port number, or the string of a Twisted server endpoint.
    @param interface: the address or host name that ports are opened on.

    @return: C{interface:port}, with brackets around an IPv6 address, or the string.
    """
    if not text.isdecimal():
        return text
    return (
        f"[{interface}]:{text}" if isIPv6Address(interface) else f"{interface}:{text}"
    )


def isPassed(text: str) -> bool:
    """
    Return whether systemd passes the socket of an endpoint.

    @param text: the string of a Twisted server endpoint.
    """
    return re.match("(?:haproxy:)*systemd:", text) is not None


def serverEndpoint(reactor: Any, text: str, interface: str) -> IStreamServerEndpoint:
    """
    Make an endpoint to listen on.

    @param reactor: the reactor that will listen.
    @param text: a port number, 0 for any free port, or the string of a Twisted server
        endpoint.
    @param interface: the address or host name to open a port on.

    @return: the endpoint.

    @raise ValueError: if there is no such endpoint. The message begins with the text.
    """
    if text.isdecimal():
        tcp = TCP6ServerEndpoint if isIPv6Address(interface) else TCP4ServerEndpoint
        return tcp(reactor, int(text), BACKLOG, interface)
    # The parsers raise many kinds of exceptions: ValueError, TypeError, KeyError,
    # OSError for a missing file, OpenSSL's own.
    try:
        endpoint = _serverFromString(reactor, text)
    except ImportError as error:
        missing = error.name or oneLine(error)
        raise ValueError(
            f"{text!r} needs {missing}: pip install 'txclock[tls]'"
        ) from None
    except Exception as error:
        if isPassed(text) and isinstance(error, LookupError):
            raise ValueError(
                f"{text!r}: systemd passed no such socket; use a socket unit, or "
                "systemd-socket-activate with --fdname"
            ) from None
        raise ValueError(
            f"{text!r} is not an endpoint ({type(error).__name__}: {oneLine(error)}); "
            "try tcp:8080, tcp6:8080:interface=\\:\\:1 or unix:/tmp/clock"
        ) from None
    if isinstance(endpoint, StandardIOEndpoint):
        raise ValueError(f"{text!r} is not an endpoint to listen on: try tcp:8080")
    if isPassed(text):
        _checkPassed(reactor, text)
    return endpoint


def _serverFromString(reactor: Any, text: str) -> IStreamServerEndpoint:
    endpoint: IStreamServerEndpoint
    if _WITHOUT_BACKLOG.fullmatch(text):
        # The string may set a backlog without naming it: tcp:8080:127.0.0.1:50.
        with suppress(TypeError):
            endpoint = serverFromString(reactor, f"{text}:backlog={BACKLOG}")
            return endpoint
    endpoint = serverFromString(reactor, text)
    return endpoint


def _checkPassed(reactor: Any, text: str) -> None:
    # The endpoint of the PROXY protocol does not show the endpoint that it wraps.
    endpoint = serverFromString(reactor, text[text.index("systemd:") :])
    try:
        with socket.socket(fileno=os.dup(endpoint.fileno)) as passed:
            family = socket.AddressFamily(passed.family)
            listens = passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise ValueError(f"{text!r}: {error.strerror}") from None
    if family != endpoint.addressFamily:
        # Python would truncate or pad the addresses of its clients.
        raise ValueError(
            f"{text!r}: systemd passed a socket of another domain: try "
            f"domain={family.name.removeprefix('AF_')}"
        )
    if not listens:
        # The reactor would never stop trying to accept connections.
        raise ValueError(
            f"{text!r}: systemd passed a socket that does not listen: it needs "
            "ListenStream= and Accept=no"
        )
