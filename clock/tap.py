"""
What C{twistd} runs for the C{clock} command: the service its options ask for.
"""

from __future__ import annotations

from functools import partial
from typing import cast

from twisted.internet.interfaces import IReactorTime

from clock.limits import ClientLimit
from clock.options import Options
from clock.protocol import ClockFactory
from clock.service import ClockService
from clock.ticker import Ticker
from clock.transport import PromptEndpoint, stallOptions

__all__ = ["Options", "makeService"]


def makeService(options: Options) -> ClockService:
    """
    Make the service that C{twistd} runs.

    @param options: parsed.

    @return: it listens, and serves, from its start to its stop.
    """
    reactor = cast(IReactorTime, options.reactor)
    limit = ClientLimit(options.mostClients, reactor)
    factory = ClockFactory(
        options.face,
        ticker=Ticker(reactor, options["interval"]),
        limit=limit,
        sequential=bool(options["sequential"]),
        verbose=bool(options["verbose"]),
    )
    adapted = partial(
        PromptEndpoint,
        socketOptions=stallOptions(options["stall-timeout"]),
        admit=limit.admit,
    )
    return ClockService(
        factory, [(name, adapted(endpoint)) for name, endpoint in options.endpoints]
    )
