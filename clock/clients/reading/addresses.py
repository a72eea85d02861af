"""
Endpoints to connect with, from text.
"""

from __future__ import annotations

import os
import re
from typing import Any

from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP6ClientEndpoint,
    clientFromString,
)
from twisted.internet.interfaces import IStreamClientEndpoint

from clock.console.text import oneLine

_ADDRESS = re.compile(
    r"(?:\[(?P<ipv6>[^\]]+)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,9})"
)

#: The longest path of a UNIX socket, in bytes (unix(7)).
MAX_PATH = 107


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
