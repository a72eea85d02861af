"""
The plugin's C{makeService}: from the options to the service that C{twistd} runs.

Parsing options changes nothing. What the process needs is done here: steady reactor
time, and a higher limit of open files.
"""

from __future__ import annotations

import time
from typing import Any

from clock._sockets import stallOptions
from clock._text import commandName
from clock.addresses import listenName, serverEndpoint
from clock.endpoint import ImmediateEndpoint
from clock.factory import ClockFactory
from clock.hangup import HangUpService
from clock.limits import RESERVED_FILES, ClientLimit, raiseOpenFileLimit
from clock.options import ListenAddress, Options
from clock.service import ClockService, ListeningService
from clock.ticker import Ticker

__all__ = ["Options", "makeService"]


def makeService(options: Options, reactor: Any = None) -> ClockService:
    """
    Make the service that C{twistd} runs.

    @param options: the parsed options.
    @param reactor: the reactor to run on; by default the global one, whose time is made
        steady.

    @return: the service. It listens and serves from its start to its stop.

    @raise SystemExit: with one line for standard error, if an endpoint does not exist,
        or the limit of open files is too low.
    """
    if reactor is None:
        reactor = _steadyReactor()
    zones = options.zones
    maxClients = _maxClients(
        options["max-clients"],
        type(reactor).__name__,
        sum(len(zone.addresses) for zone in zones),
    )
    limit = ClientLimit(maxClients, reactor)
    ticker = Ticker(reactor, options["interval"])

    def listener(address: ListenAddress, factory: ClockFactory) -> ListeningService:
        try:
            endpoint = serverEndpoint(reactor, address.text, options.interface)
        except ValueError as error:
            raise _exit(f"{address.option}{error}") from None
        immediate = ImmediateEndpoint(
            endpoint,
            socketOptions=stallOptions(options["stall-timeout"]),
            admit=limit.admit,
            # A client may disconnect and connect again while others are accepted. The
            # reactor reports the end of its first connection within two turns, so two
            # turns must not fill the limit.
            maxAccepts=max(1, maxClients // 4),
        )
        name = listenName(address.text, options.interface)
        return ListeningService(name, immediate, factory)

    listeners = []
    for zone in zones:
        factory = ClockFactory(
            zone.timeFormat,
            ticker=ticker,
            limit=limit,
            sequential=bool(options["sequential"]),
            verbose=bool(options["verbose"]),
        )
        listeners += [listener(address, factory) for address in zone.addresses]
    service = ClockService(listeners)
    HangUpService(reactor).setServiceParent(service)
    return service


def _steadyReactor() -> Any:
    from twisted.internet import reactor

    # Otherwise a system clock that is set back stops all delayed calls:
    # https://github.com/twisted/twisted/issues/2424
    reactor.seconds = time.monotonic  # type: ignore[method-assign]
    return reactor


def _maxClients(asked: int | None, reactorName: str, endpoints: int) -> int:
    """
    Raise the limit of open files, and return the limit of clients.
    """
    files = raiseOpenFileLimit(reactorName)
    # One listening socket is part of the reserve.
    allowed = files - RESERVED_FILES - (endpoints - 1)
    if allowed < 1:
        raise _exit(
            f"the limit of open files, {files}, leaves no room for a client: raise it "
            "(ulimit -Hn)"
        )
    if asked is not None and asked > allowed:
        raise _exit(
            f"--max-clients {asked} is more than the limit of open files allows: "
            f"{allowed} (ulimit -Hn)"
        )
    return asked or allowed


def _exit(message: str) -> SystemExit:
    return SystemExit(f"{commandName()}: {message}")
