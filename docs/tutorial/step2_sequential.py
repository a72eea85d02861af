"""
Send the time to one client at a time, while the others wait.
"""

from datetime import datetime

from twisted.internet import reactor
from twisted.internet.interfaces import IAddress, ITransport
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure


class ClockProtocol(Protocol):
    """
    Send one client the time, from the start of its turn until it disconnects.
    """

    transport: ITransport

    def __init__(self, clients: "list[ClockProtocol]") -> None:
        self.clients = clients
        self.loop = LoopingCall(self.sendTime)

    def connectionMade(self) -> None:
        self.clients.append(self)
        if self.clients == [self]:
            self.loop.start(1)

    def sendTime(self) -> None:
        self.transport.write(f"{datetime.now():%H:%M:%S}\n".encode())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.clients.remove(self)
        if self.loop.running:
            self.loop.stop()
            if self.clients:
                self.clients[0].loop.start(1)


class ClockFactory(ServerFactory):
    """
    Keep the clients in order of arrival: the first has the turn.
    """

    def __init__(self) -> None:
        self.clients: list[ClockProtocol] = []

    def buildProtocol(self, addr: IAddress | None) -> ClockProtocol:
        return ClockProtocol(self.clients)


reactor.listenTCP(8080, ClockFactory(), interface="127.0.0.1")
reactor.run()
