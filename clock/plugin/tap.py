"""
The plugin's C{makeService}, which makes the service from the options.

Parsing options changes nothing in the process. C{makeService} does: it makes the
reactor's time steady, and raises the limit of open files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clock.console.reactor import steadyReactor
from clock.console.text import commandName
from clock.factory import ClockFactory
from clock.limits import ClientLimit
from clock.plugin.addresses import listenName, serverEndpoint
from clock.plugin.listening import ListeningService, ServedFactory
from clock.plugin.openfiles import RESERVED_FILES, raiseOpenFileLimit
from clock.plugin.options import Options
from clock.plugin.service import ClockService
from clock.plugin.sighup import HangUpService
from clock.plugin.zones import ListenAddress
from clock.ticker import Ticker
from clock.transport.endpoint import ImmediateEndpoint
from clock.transport.reuse import ReusePortReactor
from clock.transport.stall import stallOptions
from clock.web import ClockSite

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
        reactor = steadyReactor()
    endpoints = sum(len(zone.addresses) for zone in options.zones) + len(options.web)
    maxClients = _maxClients(options["max-clients"], type(reactor).__name__, endpoints)
    limit = ClientLimit(maxClients, reactor)
    ticker = Ticker(reactor, options["interval"])
    listening = ReusePortReactor(reactor) if options["reuse-port"] else reactor

    def listener(
        address: ListenAddress, factory: ServedFactory, admit: Callable[[], bool]
    ) -> ListeningService:
        try:
            endpoint = serverEndpoint(listening, address.text, options.interface)
        except ValueError as error:
            raise _exit(f"{address.option}{error}") from None
        immediate = ImmediateEndpoint(
            endpoint,
            socketOptions=stallOptions(options["stall-timeout"]),
            admit=admit,
            # A client may disconnect and connect again while others are accepted. The
            # reactor reports the end of its first connection within two iterations, so
            # the accepts of two iterations must not reach the limit.
            maxAccepts=max(1, maxClients // 4),
        )
        name = listenName(address.text, options.interface)
        return ListeningService(name, immediate, factory)

    listeners = []
    clocks = []
    for zone in options.zones:
        factory = ClockFactory(
            zone.timeFormat,
            ticker=ticker,
            limit=limit,
            sequential=zone.sequential,
            verbose=bool(options["verbose"]),
        )
        clocks.append((getattr(zone.timeFormat.zone, "key", ""), factory))
        listeners += [
            listener(address, factory, limit.admit) for address in zone.addresses
        ]
    if options.web:
        site = ClockSite(clocks, options["allow-origin"])
        admit = site.connections.admit
        listeners += [listener(address, site, admit) for address in options.web]
    service = ClockService(listeners, reactor.callWhenRunning)
    HangUpService(reactor).setServiceParent(service)
    return service


def _maxClients(asked: int | None, reactorName: str, endpoints: int) -> int:
    """
    Raise the limit of open files, and return the limit of clients.
    """
    files = raiseOpenFileLimit(reactorName)
    # RESERVED_FILES includes one listening socket.
    allowed = files - RESERVED_FILES - (endpoints - 1)
    if allowed < 1:
        raise _exit(
            f"the limit of open files, {files}, is too low for one client: raise it "
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
