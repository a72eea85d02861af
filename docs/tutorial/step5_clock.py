"""
Send every client each second once, on the second: one timer serves all clients.
"""

from collections.abc import Callable
from datetime import datetime

from twisted.internet.interfaces import IAddress, IReactorTime, ITransport
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.python.failure import Failure


class ClockProtocol(Protocol):
    """
    Send one client each second once.
    """

    transport: ITransport
    sent: datetime | None = None

    def __init__(
        self, clients: "list[ClockProtocol]", now: Callable[[], datetime]
    ) -> None:
        self.clients = clients
        self.now = now

    def connectionMade(self) -> None:
        self.clients.append(self)
        self.sendTime()

    def sendTime(self) -> None:
        second = self.now().replace(microsecond=0)
        if second != self.sent:
            self.sent = second
            self.transport.write(f"{second:%H:%M:%S}\n".encode())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.clients.remove(self)


class ClockFactory(ServerFactory):
    """
    Call C{sendTime} of all clients when a new second begins.
    """

    def __init__(self, reactor: IReactorTime, now: Callable[[], datetime]) -> None:
        self.reactor = reactor
        self.now = now
        self.clients: list[ClockProtocol] = []

    def buildProtocol(self, addr: IAddress | None) -> ClockProtocol:
        return ClockProtocol(self.clients, self.now)

    def startFactory(self) -> None:
        self.tick()

    def tick(self) -> None:
        for client in self.clients:
            client.sendTime()
        self.reactor.callLater(1 - self.now().microsecond / 1_000_000, self.tick)
