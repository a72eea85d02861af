"""
A command line that is parsed, and a service in memory, without sockets.
"""

from __future__ import annotations

import sys

from twisted.internet import tcp
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from clock.factory import ClockFactory
from clock.plugin.addresses import listenName
from clock.plugin.listening import ListeningService
from clock.plugin.options import Options
from clock.plugin.service import ClockService
from clock.tests.fixture import setLocalTime


@implementer(IListeningPort)
class Port:
    """
    A listening port that records its stop.
    """

    stopped = False

    def startListening(self) -> None:
        """
        Do nothing: the port listens from the start.
        """

    def stopListening(self) -> None:
        """
        Record the stop.
        """
        self.stopped = True

    def getHost(self) -> IPv4Address:
        """
        Return a fixed address.
        """
        return IPv4Address("TCP", "127.0.0.1", 8080)


@implementer(IStreamServerEndpoint)
class Endpoint:
    """
    An endpoint with a given result of listening.
    """

    def __init__(self, outcome: Port | tcp.Port | Exception) -> None:
        self.outcome = outcome

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        """
        Listen, or fail to.
        """
        if isinstance(self.outcome, Exception):
            return fail(self.outcome)
        return succeed(self.outcome)


def clockService(
    factory: ClockFactory, *places: tuple[str, IStreamServerEndpoint]
) -> ClockService:
    """
    Make the service of one factory. By default, its endpoint succeeds.
    """
    return ClockService(
        ListeningService(name, endpoint, factory)
        for name, endpoint in places or [("x", Endpoint(Port()))]
    )


def shape(options: Options) -> list[tuple[str | None, list[str]]]:
    """
    Return the zones, and the addresses of each.
    """
    return [
        (
            str(timeFormat.zone) if timeFormat.zone else None,
            [listenName(text, options.interface) for _, text in addresses],
        )
        for timeFormat, _, addresses in options.zones
    ]


class CommandLineTests(SynchronousTestCase):
    """
    Tests for a command line of C{twistd clock}.
    """

    def setUp(self) -> None:
        """
        Run as C{twistd}, in a local time without a name.
        """
        setLocalTime(self)
        self.patch(sys, "argv", ["/somewhere/bin/twistd"])

    def parse(self, *arguments: str) -> Options:
        """
        Parse a command line.
        """
        options = Options()
        options.parseOptions(arguments)
        return options

    def assertRefused(self, arguments: list[str], message: str) -> None:
        """
        Assert that a command line ends the program with this one line.
        """
        error = self.assertRaises(SystemExit, self.parse, *arguments)
        self.assertEqual(str(error), f"twistd clock: {message}")
