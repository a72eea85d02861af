"""
A service in memory, on endpoints that need no sockets.
"""

from __future__ import annotations

from twisted.internet import tcp
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from zope.interface import implementer

from clock.factory import ClockFactory
from clock.plugin.listening import ListeningService
from clock.plugin.service import ClockService


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
