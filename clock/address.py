"""
Addresses, the way people write them.
"""

from __future__ import annotations

import os
import re
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP6ClientEndpoint,
    clientFromString,
)
from twisted.internet.interfaces import IAddress, IStreamClientEndpoint

from clock.wording import oneLine

_ADDRESS = re.compile(
    r"(?:\[(?P<ipv6>[^\]]+)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,9})"
)

#: The longest path of a UNIX socket, in bytes (unix(7)).
LONGEST_PATH = 107


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


def endpointFromText(reactor: Any, text: str) -> IStreamClientEndpoint:
    """
    Find out where to connect.

    @param reactor: what the endpoint is for.
    @param text: C{host:port}, C{:port} for this machine, C{[address]:port} for
        IPv6, C{[address%interface]:port} if it is link-local, or the string of a
        Twisted client endpoint.

    @return: the endpoint.

    @raise ValueError: if it is none of these.
    """
    address = _ADDRESS.fullmatch(text)
    if address is None:
        # The parsers raise whatever they happen on.
        try:
            endpoint: IStreamClientEndpoint = clientFromString(reactor, text)
        except (ImportError, NameError):
            # Where there is no OpenSSL, Twisted has not defined what they use.
            raise ValueError("TLS needs OpenSSL: pip install 'clock[tls]'") from None
        except Exception as error:
            raise ValueError(
                "neither HOST:PORT nor [IPV6]:PORT nor a Twisted client endpoint "
                f"({oneLine(error) or type(error).__name__})"
            ) from None
        # Twisted would not notice before it connects, and then raise to nobody.
        if len(os.fsencode(getattr(endpoint, "_path", ""))) > LONGEST_PATH:
            raise ValueError(f"a UNIX socket's path is {LONGEST_PATH} bytes at most")
        return endpoint
    port = int(address["port"])
    if not 1 <= port <= 65535:
        raise ValueError("a port is a whole number from 1 to 65535")
    ipv6, host = address["ipv6"], address["host"]
    if ipv6 and "%" in ipv6:
        # HostnameEndpoint loses the zone of a link-local address.
        return TCP6ClientEndpoint(reactor, ipv6, port)
    return HostnameEndpoint(reactor, ipv6 or host or "localhost", port)
