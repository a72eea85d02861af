"""
One client, and what it was sent.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IHalfCloseableProtocol, ITransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

if TYPE_CHECKING:
    from stepclock.factory import ClockFactory


@implementer(IHalfCloseableProtocol)
class ClockProtocol(Protocol):
    """
    Send one client each second once.

    @ivar halfClosed: whether the client has closed its sending half.
    """

    factory: ClockFactory
    transport: ITransport
    halfClosed = False
    _sent: datetime | None = None

    def connectionMade(self) -> None:
        self.factory.connected(self)

    def sendTime(self) -> None:
        """
        Send the current second, unless this client has it already.
        """
        second = self.factory.now().replace(microsecond=0)
        if second != self._sent:
            self._sent = second
            self.transport.write(f"{second:%H:%M:%S}\n".encode())

    def readConnectionLost(self) -> None:
        """
        Note that the client sends no more: it may still be reading.
        """
        self.halfClosed = True
        self.factory.update()

    def writeConnectionLost(self) -> None:
        """
        Do nothing: this server never closes its own sending half.
        """

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.disconnected(self)
