"""
Go on sending the time to a client that has closed its sending half.
"""

from datetime import datetime

from twisted.internet import reactor
from twisted.internet.interfaces import IHalfCloseableProtocol, ITransport
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure
from zope.interface import implementer


@implementer(IHalfCloseableProtocol)
class ClockProtocol(Protocol):
    """
    Send one client the time, until a write fails.
    """

    transport: ITransport

    def connectionMade(self) -> None:
        self.loop = LoopingCall(self.sendTime)
        self.loop.start(1)

    def sendTime(self) -> None:
        self.transport.write(f"{datetime.now():%H:%M:%S}\n".encode())

    def readConnectionLost(self) -> None:
        """
        Ignore that the client sends no more: it may still be reading.
        """

    def writeConnectionLost(self) -> None:
        """
        Do nothing: this server never closes its own sending half.
        """

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.loop.stop()


factory = ServerFactory()
factory.protocol = ClockProtocol
reactor.listenTCP(8080, factory, interface="127.0.0.1")
reactor.run()
