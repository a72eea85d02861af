"""
Send every client the time, once a second.
"""

from datetime import datetime

from twisted.internet import reactor
from twisted.internet.interfaces import ITransport
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure


class ClockProtocol(Protocol):
    """
    Send one client the time, from its arrival until it disconnects.
    """

    transport: ITransport

    def connectionMade(self) -> None:
        """
        Start sending.
        """
        self.loop = LoopingCall(self.sendTime)
        self.loop.start(1)

    def sendTime(self) -> None:
        """
        Send one line.
        """
        self.transport.write(f"{datetime.now():%H:%M:%S}\n".encode())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Stop sending.
        """
        self.loop.stop()


factory = ServerFactory()
factory.protocol = ClockProtocol
reactor.listenTCP(8080, factory, interface="127.0.0.1")
reactor.run()
