"""
What C{twistd} runs for the C{clock} command: the service its options ask for.
"""

from __future__ import annotations

from typing import cast

from twisted.internet.interfaces import IReactorTime

from clock.hangup import HangUpService
from clock.limits import ClientLimit
from clock.options import Options
from clock.protocol import ClockFactory
from clock.service import ClockService, ListeningService
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
    ticker = Ticker(reactor, options["interval"])
    socketOptions = stallOptions(options["stall-timeout"])
    listeners = []
    for face, places in options.clocks:
        factory = ClockFactory(
            face,
            ticker=ticker,
            limit=limit,
            sequential=bool(options["sequential"]),
            verbose=bool(options["verbose"]),
        )
        for name, endpoint in places:
            prompt = PromptEndpoint(
                endpoint,
                socketOptions=socketOptions,
                admit=limit.admit,
                # Who comes may go, and come again, while more are being taken; that
                # they have gone is heard in the turn after the next at the latest.
                mostAccepts=max(1, options.mostClients // 4),
            )
            listeners.append(ListeningService(name, prompt, factory))
    service = ClockService(listeners)
    HangUpService(reactor).setServiceParent(service)
    return service
