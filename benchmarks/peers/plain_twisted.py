"""
A clock server in the style of Twisted's tutorials.
"""

import time

from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import LoopingCall


class Clock(Protocol):
    """
    Send one client the time until it disconnects.
    """

    def connectionMade(self) -> None:
        """
        Start to send.
        """
        self.loop = LoopingCall(self.sendTime)
        self.loop.start(1)

    def sendTime(self) -> None:
        """
        Send one line.
        """
        self.transport.write(time.strftime("%H:%M:%S\n").encode())

    def connectionLost(self, reason: object = None) -> None:
        """
        Stop sending.
        """
        self.loop.stop()


port = reactor.listenTCP(
    0, Factory.forProtocol(Clock), backlog=4096, interface="127.0.0.1"
)
print(port.getHost().port, flush=True)
reactor.run()
