"""
All clients, and when they are sent a line.
"""

from collections.abc import Callable
from datetime import datetime

from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import ServerFactory

from stepclock.protocol import ClockProtocol


class ClockFactory(ServerFactory):
    """
    Serve all clients at once, or only the one that has waited longest.
    """

    protocol = ClockProtocol  # type: ignore[assignment]

    def __init__(
        self,
        reactor: IReactorTime,
        *,
        sequential: bool = False,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        self.reactor = reactor
        self.sequential = sequential
        self.now = now
        self._clients: list[ClockProtocol] = []

    def startFactory(self) -> None:
        self._tick()

    def stopFactory(self) -> None:
        self._timer.cancel()

    def connected(self, client: ClockProtocol) -> None:
        self._clients.append(client)
        self.update()

    def disconnected(self, client: ClockProtocol) -> None:
        self._clients.remove(client)
        self.update()

    def update(self) -> None:
        """
        Send the current second to each client whose turn it is.
        """
        active = self._clients[:1] if self.sequential else self._clients
        for client in active:
            client.sendTime()
            if client.halfClosed and len(self._clients) > len(active):
                client.transport.loseConnection()

    def _tick(self) -> None:
        self.update()
        left = 1 - self.now().microsecond / 1_000_000
        self._timer = self.reactor.callLater(left, self._tick)
