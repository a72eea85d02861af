"""
A clock server as Twisted's tutorials would have it.
"""

import time

from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import LoopingCall


class Clock(Protocol):
    """
    Tell one client the time until it has gone.
    """

    def connectionMade(self) -> None:
        """
        Start to tell.
        """
        self.loop = LoopingCall(self.tell)
        self.loop.start(1)

    def tell(self) -> None:
        """
        Tell once.
        """
        self.transport.write(time.strftime("%H:%M:%S\n").encode())

    def connectionLost(self, reason: object = None) -> None:
        """
        Stop.
        """
        self.loop.stop()


port = reactor.listenTCP(
    0, Factory.forProtocol(Clock), backlog=4096, interface="127.0.0.1"
)
print(port.getHost().port, flush=True)
reactor.run()
