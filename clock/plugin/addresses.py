"""
Endpoints from text, and addresses as text.
"""

from __future__ import annotations

import os
import re
import socket
from contextlib import suppress
from typing import Any

from twisted.internet.abstract import isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.endpoints import (
    HostnameEndpoint,
    StandardIOEndpoint,
    TCP4ServerEndpoint,
    TCP6ClientEndpoint,
    TCP6ServerEndpoint,
    clientFromString,
    serverFromString,
)
from twisted.internet.interfaces import (
    IAddress,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)

from clock.console.text import oneLine, printable

_ADDRESS = re.compile(
    r"(?:\[(?P<ipv6>[^\]]+)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,9})"
)

#: The longest path of a UNIX socket, in bytes (unix(7)).
MAX_PATH = 107

#: The backlog of listening sockets. Twisted's default is 50. If more clients connect at
#: once, the kernel drops their connections, and they retry a second later.
BACKLOG = 4096

#: Descriptions of endpoints that accept a backlog, and do not set one. A backslash at
#: the end would escape the colon that follows it.
_WITHOUT_BACKLOG = re.compile(
    r"(?:haproxy:)*(?:tcp6?|ssl|unix):(?!.*\bbacklog=).*(?<!\\)", re.DOTALL
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
        raise ValueError(f"{text!r} cannot be listened on: try tcp:8080")
    if isPassed(text):
        _checkPassed(reactor, text)
    return endpoint


def _serverFromString(reactor: Any, text: str) -> IStreamServerEndpoint:
    endpoint: IStreamServerEndpoint
    if _WITHOUT_BACKLOG.fullmatch(text):
        # It may have a backlog without the name, such as tcp:8080:127.0.0.1:50.
        with suppress(TypeError):
            endpoint = serverFromString(reactor, f"{text}:backlog={BACKLOG}")
            return endpoint
    endpoint = serverFromString(reactor, text)
    return endpoint


def _checkPassed(reactor: Any, text: str) -> None:
    # The endpoint of the PROXY protocol hides that of the socket.
    endpoint = serverFromString(reactor, text[text.index("systemd:") :])
    try:
        with socket.socket(fileno=os.dup(endpoint.fileno)) as passed:
            family = socket.AddressFamily(passed.family)
            listens = passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise ValueError(f"{text!r}: {error.strerror}") from None
    if family != endpoint.addressFamily:
        # Python would truncate the addresses of its clients, or pad them.
        raise ValueError(
            f"{text!r}: systemd passed a socket of another domain: try "
            f"domain={family.name.removeprefix('AF_')}"
        )
    if not listens:
        # The reactor would try to accept connections without end.
        raise ValueError(
            f"{text!r}: systemd passed a socket that does not listen: it needs "
            "ListenStream= and Accept=no"
        )


def clientEndpoint(reactor: Any, text: str) -> IStreamClientEndpoint:
    """
    Make an endpoint to connect with.

    @param reactor: the reactor that will connect.
    @param text: C{host:port}; C{:port} for this machine; C{[address]:port} for IPv6,
        C{[address%interface]:port} for a link-local address; or the string of a Twisted
        client endpoint.

    @return: the endpoint.

    @raise ValueError: if the text is none of these.
    """
    address = _ADDRESS.fullmatch(text)
    if address is None:
        return _endpointFromString(reactor, text)
    port = int(address["port"])
    if not 1 <= port <= 65535:
        raise ValueError("a port is a whole number from 1 to 65535")
    ipv6, host = address["ipv6"], address["host"]
    if ipv6 and "%" in ipv6:
        # HostnameEndpoint drops the interface of a link-local address.
        return TCP6ClientEndpoint(reactor, ipv6, port)
    return HostnameEndpoint(reactor, ipv6 or host or "localhost", port)


def _endpointFromString(reactor: Any, text: str) -> IStreamClientEndpoint:
    # The parsers raise many kinds of exceptions.
    try:
        endpoint: IStreamClientEndpoint = clientFromString(reactor, text)
    except (ImportError, NameError):
        # Without OpenSSL, Twisted does not define the names that its parsers use.
        raise ValueError("TLS needs OpenSSL: pip install 'txclock[tls]'") from None
    except Exception as error:
        raise ValueError(
            "neither HOST:PORT nor [IPV6]:PORT nor a Twisted client endpoint "
            f"({oneLine(error) or type(error).__name__})"
        ) from None
    # Twisted would raise this when it connects, and the exception would be lost.
    if len(os.fsencode(getattr(endpoint, "_path", ""))) > MAX_PATH:
        raise ValueError(f"the path of a UNIX socket is longer than {MAX_PATH} bytes")
    return endpoint
