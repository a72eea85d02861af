"""
The service that C{twistd} starts and stops. It opens and closes the listening ports,
and disconnects the clients at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.logger import Logger

from clock.factory import ClockFactory
from clock.plugin.listening import ListeningService, StartError


class ClockService(MultiService):
    """
    The clocks of one process, on all their endpoints.

    @ivar listeners: the listening services, one for each endpoint.
    @ivar factories: their factories, one for each time zone and mode.
    """

    _log = Logger()

    def __init__(
        self,
        listeners: Iterable[ListeningService],
        callWhenRunning: Callable[[Callable[[], None]], object] = lambda call: call(),
    ) -> None:
        """
        @param listeners: the listening services. Those that share a factory share its
            queue. At least one serves a L{ClockFactory<clock.ClockFactory>}; all such
            factories share a ticker and a limit.
        @param callWhenRunning: a function that calls another once the reactor runs.
        """
        super().__init__()
        self._callWhenRunning = callWhenRunning
        self.listeners = [*listeners]
        self.factories = [*dict.fromkeys(each.factory for each in self.listeners)]
        self._clocks = [
            each for each in self.factories if isinstance(each, ClockFactory)
        ]
        self._madeAt = self._clocks[0].ticker.reactor.seconds()
        for listener in self.listeners:
            listener.setServiceParent(self)

    def privilegedStartService(self) -> None:
        """
        Listen on every endpoint.

        @raise StartError: if one of them fails. The ports of the others are closed.
        """
        try:
            super().privilegedStartService()
        except StartError:
            for listener in self.listeners:
                listener.closePort()
            raise

    def startService(self) -> None:
        """
        Start. Once the reactor runs, and therefore handles signals, log what each
        factory serves, and where.

        @raise StartError: as L{privilegedStartService}.
        """
        if all(listener.port is None for listener in self.listeners):
            # Unlike twistd, twist does not call privilegedStartService.
            self.privilegedStartService()
        super().startService()
        self._callWhenRunning(self._logStart)

    def stopService(self) -> Deferred[None]:
        """
        Stop listening, then disconnect every client, and log the totals. Clients that
        have just connected and sent a request, or a PROXY header, are served first.

        @return: fires when the last connection is lost, after
            L{clock.protocol.CLOSE_TIMEOUT} at most.
        """
        stopped: Deferred[object] = super().stopService()
        stopped.addCallback(self._readOnce).addCallback(self._disconnectAll)
        return stopped.addCallback(self._logEnd)

    def _logStart(self) -> None:
        for factory in self.factories if self.running else []:
            factory.logStart(
                [
                    listener.address(listener.port)
                    for listener in self.listeners
                    if listener.factory is factory and listener.port is not None
                ]
            )

    def _readOnce(self, _: object) -> Deferred[None]:
        # Meanwhile the reactor reads from each connection once.
        return deferLater(self._clocks[0].ticker.reactor, 0)

    def _disconnectAll(self, _: object) -> Deferred[list[None]]:
        return gatherResults([each.disconnectAll() for each in self.factories])

    def _logEnd(self, _: object) -> None:
        ticker, limit = self._clocks[0].ticker, self._clocks[0].limit
        self._log.info(
            "The clock has stopped after {seconds:.1f} s. Clients connected: "
            "{clients}, refused: {refused}, evicted: {evicted}. Lines sent: {lines}. "
            "Ticks missed: {missed}",
            seconds=ticker.reactor.seconds() - self._madeAt,
            clients=sum(each.totalClients for each in self._clocks),
            refused=limit.totalRefused,
            evicted=limit.totalEvicted,
            lines=sum(each.linesSent for each in self._clocks),
            missed=ticker.missed,
        )
