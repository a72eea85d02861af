"""
Socket options that end a connection whose peer has vanished.

A peer whose host or link has failed sends nothing. By default, TCP takes about 15
minutes to notice. C{TCP_USER_TIMEOUT} (tcp(7)) ends a connection on which data was not
acknowledged for some time. Keepalive probes peers that have nothing to acknowledge.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress

from twisted.logger import Logger

_log = Logger()


def stallOptions(seconds: float) -> Sequence[tuple[int, int, int]]:
    """
    Return the socket options that end a connection whose peer has stalled.

    @param seconds: the seconds that data may stay unacknowledged; 0 for no limit.

    @return: the level, option and value of each. Options that this platform lacks are
        omitted; if C{TCP_USER_TIMEOUT} is one of them, a warning is logged.
    """
    if not seconds:
        return ()
    # macOS names this option TCP_KEEPALIVE.
    idle = "TCP_KEEPIDLE" if hasattr(socket, "TCP_KEEPIDLE") else "TCP_KEEPALIVE"
    tcpOptions = {
        "TCP_USER_TIMEOUT": round(seconds * 1000),
        idle: max(1, min(10, round(seconds))),
        "TCP_KEEPINTVL": max(1, min(5, round(seconds))),
        "TCP_KEEPCNT": 3,
    }
    if not hasattr(socket, "TCP_USER_TIMEOUT"):
        _log.warn(
            "This system has no TCP_USER_TIMEOUT: clients that stall are noticed late, "
            "or never"
        )
    return [
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        *(
            (socket.IPPROTO_TCP, getattr(socket, name), value)
            for name, value in tcpOptions.items()
            if hasattr(socket, name)
        ),
    ]


def setSocketOptions(
    target: socket.socket, options: Iterable[tuple[int, int, int]]
) -> None:
    """
    Set options of a TCP socket. Other sockets are not changed.

    @param target: a listening socket or a connection.
    @param options: options from L{stallOptions}. If the system refuses an option, the
        others are set.
    """
    if target.family in (socket.AF_INET, socket.AF_INET6):
        for option in options:
            with suppress(OSError):
                target.setsockopt(*option)
