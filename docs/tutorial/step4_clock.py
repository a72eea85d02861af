"""
A clock whose constructor takes the time, so that tests can set it.
"""

from collections.abc import Callable
from datetime import datetime

from twisted.internet.interfaces import IAddress, IReactorTime, ITransport
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure


class ClockProtocol(Protocol):
    """
    Send one client the time until it disconnects.
    """

    transport: ITransport

    def __init__(self, reactor: IReactorTime, now: Callable[[], datetime]) -> None:
        self.now = now
        self.loop = LoopingCall(self.sendTime)
        self.loop.clock = reactor

    def connectionMade(self) -> None:
        self.loop.start(1)

    def sendTime(self) -> None:
        self.transport.write(f"{self.now():%H:%M:%S}\n".encode())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.loop.stop()


class ClockFactory(ServerFactory):
    """
    Build a L{ClockProtocol} for each connection.
    """

    def __init__(self, reactor: IReactorTime, now: Callable[[], datetime]) -> None:
        """
        @param reactor: decides when lines are sent.
        @param now: returns the time that the lines show.
        """
        self.reactor = reactor
        self.now = now

    def buildProtocol(self, addr: IAddress | None) -> ClockProtocol:
        return ClockProtocol(self.reactor, self.now)
