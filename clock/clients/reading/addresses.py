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

#: A host name with letters, digits and hyphens, or underscores.
_UNDERSCORES = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63})*\.?", re.ASCII)

#: What is probably a URL without its scheme, and one whose scheme is wrong.
_WITHOUT_SCHEME = re.compile(r"[\w.-]+(?::[0-9]+)?/.*|[\w-]+(?:\.[\w-]+)+", re.ASCII)
_WRONG_SCHEME = re.compile(r"(?:http|ws)s?:|\w+://", re.IGNORECASE)

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
    address = hostAndPort(text)
    if address is None:
        return _endpointFromString(reactor, text)
    host, port = address
    if "%" in host:
        # HostnameEndpoint drops the interface of a link-local address.
        return TCP6ClientEndpoint(reactor, host, port)
    endpoint = HostnameEndpoint(reactor, host, port)
    if _UNDERSCORES.fullmatch(host):
        # Networks of containers have such names. Twisted expects names as in IDNA.
        endpoint._badHostname = False
    return endpoint


def withoutPassword(text: str) -> str:
    """
    Return an address without the user and the password in its URL, to be shown.

    @param text: the address.
    """
    return re.sub(r"://[^/?#]*@", "://...@", text)


def hostAndPort(text: str) -> tuple[str, int] | None:
    """
    Parse an address.

    @param text: C{host:port}, C{:port} or C{[address]:port}.

    @return: the host and the port; C{None} if the text is none of these.

    @raise ValueError: if the port is not valid.
    """
    address = _ADDRESS.fullmatch(text)
    if address is None:
        return None
    port = int(address["port"])
    if not 1 <= port <= 65535:
        raise ValueError("a port is a whole number from 1 to 65535")
    return address["ipv6"] or address["host"] or "localhost", port


def _endpointFromString(reactor: Any, text: str) -> IStreamClientEndpoint:
    if _WRONG_SCHEME.match(text) and not text.startswith("unix:"):
        raise ValueError("a URL begins with http://, https://, ws:// or wss://")
    # The parsers raise many kinds of exceptions.
    try:
        endpoint: IStreamClientEndpoint = clientFromString(reactor, text)
    except (ImportError, NameError):
        # Without OpenSSL, Twisted does not define the names that its parsers use.
        raise ValueError("TLS needs OpenSSL: pip install 'txclock[tls]'") from None
    except Exception as error:
        hint = f"; try http://{text}" if _WITHOUT_SCHEME.fullmatch(text) else ""
        raise ValueError(
            "neither HOST:PORT nor [IPV6]:PORT nor a Twisted client endpoint "
            f"({oneLine(error) or type(error).__name__}){hint}"
        ) from None
    # Twisted would raise this when it connects, and the exception would be lost.
    if len(os.fsencode(getattr(endpoint, "_path", ""))) > MAX_PATH:
        raise ValueError(f"the path of a UNIX socket is longer than {MAX_PATH} bytes")
    return endpoint
