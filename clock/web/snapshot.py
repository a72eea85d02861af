"""
The status of the clocks at one moment, ready for JSON.

It lists at most L{MAX_LISTED} clients, so its cost does not grow with their number.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from itertools import islice
from typing import Any, cast

from clock.factory import ClockFactory
from clock.protocol import ClockProtocol
from clock.ticker import SECOND
from clock.web.resources import Clocks

#: The most clients in each list of the status.
MAX_LISTED = 50


def statusOf(clocks: Clocks) -> dict[str, object]:
    """
    Return the status of some clocks, ready for JSON.

    @param clocks: the clocks.

    @return: the name of this host, and the clocks.
    """
    return {
        "host": platform.node(),
        "clocks": [_clock(key, factory) for key, factory in clocks],
    }


def _clock(key: str, factory: ClockFactory) -> dict[str, object]:
    ticker, turns = factory.ticker, factory.turns
    # Without clients there are no ticks, and the last one may be long ago.
    age = (ticker.now() - ticker.boundaryTime()) / SECOND
    isCurrent = ticker.tick and age < ticker.interval + 1
    line = factory.tickLine().decode().rstrip("\n") if isCurrent else None
    return {
        "zone": factory.timeFormat.zoneName(ticker.now()),
        "key": key,
        "mode": turns.mode,
        "interval": ticker.interval,
        "format": factory.timeFormat.format,
        "line": line,
        "served": _clients(turns.active, ticker.reactor.seconds()),
        "waiting": _clients(turns.waiting, ticker.reactor.seconds()),
    }


def _clients(clients: Mapping[Any, None], now: float) -> dict[str, object]:
    return {
        "count": len(clients),
        "clients": [
            {
                "number": client.number,
                "seconds": round(now - client.connectedAt, 1),
                "lines": client.lines,
                "transport": client.kind,
            }
            for client in islice(clients, MAX_LISTED)
        ],
    }


def clientNumbers(clocks: Clocks) -> object:
    """
    Return a value that changes when a client has connected or disconnected.

    @param clocks: the clocks.
    """
    return [
        (len(clients), [client.number for client in islice(clients, MAX_LISTED)])
        for _, factory in clocks
        for clients in (
            cast("Mapping[ClockProtocol, None]", factory.turns.active),
            cast("Mapping[ClockProtocol, None]", factory.turns.waiting),
        )
    ]
