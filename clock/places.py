"""
Where to listen: from what the user writes to an endpoint.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from twisted.internet.abstract import isIPv6Address
from twisted.internet.endpoints import (
    StandardIOEndpoint,
    TCP4ServerEndpoint,
    TCP6ServerEndpoint,
    serverFromString,
)
from twisted.internet.interfaces import IStreamServerEndpoint

from clock.wording import oneLine

#: How many clients may be about to be accepted. Twisted's 50 are too few for a
#: crowd that comes at once: the kernel drops the rest, and they try a second later.
BACKLOG = 4096


class Place(NamedTuple):
    """
    A place to listen.

    @ivar name: the name that the user knows.
    @ivar endpoint: listens there.
    """

    name: str
    endpoint: IStreamServerEndpoint


def portPlace(reactor: Any, port: int, interface: str) -> Place:
    """
    Listen on a TCP port.

    @param reactor: what the endpoint is for.
    @param port: its number; 0 for any that is free.
    @param interface: an address of this machine, or a name of one.

    @return: the place.
    """
    if isIPv6Address(interface):
        tcp6 = TCP6ServerEndpoint(reactor, port, BACKLOG, interface)
        return Place(f"[{interface}]:{port}", tcp6)
    tcp4 = TCP4ServerEndpoint(reactor, port, BACKLOG, interface)
    return Place(f"{interface}:{port}", tcp4)


def endpointPlace(reactor: Any, text: str) -> Place:
    """
    Listen on a Twisted endpoint.

    @param reactor: what the endpoint is for.
    @param text: the endpoint's string.

    @return: the place.

    @raise ValueError: if there is no such endpoint; the message begins with the text.
    """
    # The parsers of the endpoints raise whatever they happen on: ValueError,
    # TypeError, KeyError, OSError for a missing file, OpenSSL's own errors.
    try:
        endpoint: IStreamServerEndpoint = serverFromString(reactor, text)
    except ImportError as error:
        missing = error.name or oneLine(error)
        raise ValueError(
            f"{text!r} needs {missing}: pip install 'clock[tls]'"
        ) from None
    except Exception as error:
        if text.startswith("systemd:") and isinstance(error, LookupError):
            raise ValueError(
                f"{text!r}: systemd handed no such socket over; a socket unit does, or "
                "systemd-socket-activate with --fdname"
            ) from None
        raise ValueError(
            f"{text!r} is not an endpoint ({type(error).__name__}: {oneLine(error)}); "
            "try tcp:8080, tcp6:8080:interface=\\:\\:1 or unix:/tmp/clock"
        ) from None
    if isinstance(endpoint, StandardIOEndpoint):
        raise ValueError(f"{text!r} is no place to listen: try tcp:8080")
    return Place(text, endpoint)
