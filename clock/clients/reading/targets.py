"""
The clocks to read, as the user names them on the command line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.python import usage

from clock.clients.reading.addresses import withoutPassword
from clock.clients.reading.observer import Observer
from clock.clients.reading.stream import Stream
from clock.clients.reading.urls.endpoint import (
    DEFAULTS,
    WebOptions,
    addressEndpoint,
)
from clock.console.text import oneLine


class ClockTarget(NamedTuple):
    """
    A clock to read.

    @ivar name: the clock's name in the output.
    @ivar address: the address to connect to: as L{addressEndpoint} takes it.
    """

    name: str
    address: str

    def endpoint(
        self, reactor: Any, options: WebOptions, observer: Observer
    ) -> IStreamClientEndpoint:
        """
        Make the endpoint to connect with.

        @param reactor: the reactor that will connect.
        @param options: what to send and to verify, if the address is a URL.
        @param observer: the receiver of what happens on a request.

        @return: the endpoint.

        @raise ValueError: if the address is not valid. The message names the clock.
        """
        try:
            return addressEndpoint(reactor, self.address, options, observer)
        except ValueError as error:
            named = self.name != self.address
            text = f"{self.name}={self.address}" if named else self.address
            shown = withoutPassword(text)
            raise ValueError(f"{shown!r}: {oneLine(error)}") from None


def parseTargets(texts: Sequence[str]) -> list[ClockTarget]:
    """
    Parse the arguments of a command that reads clocks.

    @param texts: C{NAME=ADDRESS}, or C{ADDRESS}, which is then the name as well. A name
        contains no colon: C{tls:localhost:8443:trustRoots=.} is an address.

    @return: the clocks, in the same order. Their addresses are not checked yet.

    @raise usage.UsageError: if there is no clock, a name is empty, or two clocks have
        the same name.
    """
    if not texts:
        raise usage.UsageError(
            "no address: try localhost:8080 or https://example.org/events"
        )
    targets: dict[str, ClockTarget] = {}
    for text in texts:
        name, equals, address = text.partition("=")
        if not equals or ":" in name:
            name = address = text
        if not name:
            raise usage.UsageError(
                f"{text!r} has an empty name: try Here=localhost:8080"
            )
        if name in targets:
            raise usage.UsageError(f"two clocks are named {name!r}: rename one")
        targets[name] = ClockTarget(name, address)
    return [*targets.values()]


def startStreams(
    reactor: Any,
    targets: Sequence[ClockTarget],
    observers: Sequence[Observer],
    web: Callable[[str], WebOptions] = lambda name: DEFAULTS,
    once: bool = False,
    event: str | None = None,
) -> None:
    """
    Start to read clocks.

    @param reactor: the reactor that connects.
    @param targets: the clocks.
    @param observers: an observer for each clock, in the same order.
    @param web: returns what to send to the URL of the clock with this name, and what to
        verify.
    @param once: whether to read one connection of each clock only.
    @param event: the name of the events that are lines, as L{Stream} takes it.

    @raise ValueError: if an address is not valid. Then no connection is made.
    """
    endpoints = [
        target.endpoint(reactor, web(target.name), observer)
        for target, observer in zip(targets, observers, strict=True)
    ]
    # A host name that does not resolve occupies a thread until the resolver times out.
    reactor.suggestThreadPoolSize(10 + len(endpoints))
    for endpoint, observer in zip(endpoints, observers, strict=True):
        Stream(endpoint, observer, reactor, once, event).startService()
