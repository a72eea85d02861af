"""
The status of the clocks: C{/status}, C{/status/events} and C{/healthz}.

Readers of C{/status/events} get the status at each tick, and at most three times a
second when a client has connected or disconnected. The status lists at most
L{MAX_LISTED} clients, and is rendered once for all readers. So its cost does not grow
with the number of clients, and each reader costs only a write.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from itertools import islice
from typing import Any, cast

from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from clock.factory import ClockFactory
from clock.protocol import ClockProtocol
from clock.ticker import SECOND, Ticker
from clock.web.resources import UNBUFFERED, TextResource

#: The most clients in each list of the status.
MAX_LISTED = 50

#: Seconds between two checks whether clients have connected or disconnected. With one
#: tick a second, there are at most four events a second.
CHECK_INTERVAL = 1 / 3


#: The most seconds by which a tick may be late on a healthy server.
MAX_LATE = 2.0


def transportOf(client: ClockProtocol) -> str:
    """
    Return the name of a client's transport: C{tcp}, C{http} or C{websocket}.
    """
    return getattr(client.transport, "kind", "tcp")


def statusOf(factories: Mapping[str, ClockFactory]) -> dict[str, object]:
    """
    Return the status of some clocks, ready for JSON.

    @param factories: by the name of their zone, the factories.

    @return: the name of this host, and the clocks.
    """
    return {
        "host": platform.node(),
        "clocks": [_clock(key, factory) for key, factory in factories.items()],
    }


def _clock(key: str, factory: ClockFactory) -> dict[str, object]:
    ticker, turns = factory.ticker, factory.turns
    # Without clients there are no ticks, and the last one may be long ago.
    age = (ticker.now() - ticker.instant()) / SECOND
    isCurrent = ticker.tick and age < ticker.interval + 1
    line = factory.tickLine().decode().rstrip("\n") if isCurrent else None
    return {
        "zone": factory.timeFormat.zoneName(ticker.now()),
        "key": key,
        "mode": "sequential" if turns.sequential else "concurrent",
        "interval": ticker.interval,
        "format": factory.timeFormat.format,
        "line": line,
        "served": _clients(turns.active, ticker.reactor.seconds()),
        "waiting": _clients(turns.waiting, ticker.reactor.seconds()),
    }


def _clients(clients: Mapping[Any, None], now: float) -> dict[str, object]:
    return {
        "count": len(clients),
        "clients": [
            {
                "number": client.number,
                "seconds": round(now - client.connectedAt, 1),
                "lines": client.lines,
                "transport": transportOf(client),
            }
            for client in islice(clients, MAX_LISTED)
        ],
    }


class StatusResource(TextResource):
    """
    C{/status}, and C{/status/events} below it.
    """

    isLeaf = False

    def __init__(self, factories: Mapping[str, ClockFactory]) -> None:
        """
        @param factories: by the name of their zone, the factories.
        """
        super().__init__()
        self._factories = factories
        self.events = StatusEvents(factories)
        self.putChild(b"events", self.events)

    def render_GET(self, request: Any) -> Any:
        """
        Respond with the status.
        """
        status = json.dumps(statusOf(self._factories), indent=2)
        return self.respond(request, 200, status, "application/json")


@implementer(IPushProducer)
class StatusReader:
    """
    One reader of C{/status/events}. While it does not read, events are skipped.
    """

    def __init__(self, request: Any) -> None:
        """
        @param request: the request; its headers were written.
        """
        self._request = request
        self._paused = False
        self._skipped = b""

    def send(self, event: bytes) -> None:
        """
        Send an event, or keep it until the reader resumes.

        @param event: the event; it replaces an event that was kept.
        """
        if self._paused:
            self._skipped = event
        else:
            self._request.write(event)

    def finish(self) -> None:
        """
        End the response.
        """
        self._request.unregisterProducer()
        self._request.finish()

    def pauseProducing(self) -> None:
        """
        Skip events.
        """
        self._paused = True

    def resumeProducing(self) -> None:
        """
        Send the last event that was skipped.
        """
        self._paused = False
        event, self._skipped = self._skipped, b""
        if event:
            self.send(event)

    def stopProducing(self) -> None:
        """
        Do nothing: the connection is lost.
        """


class StatusEvents(TextResource):
    """
    C{/status/events}: the status as server-sent events.

    While there are readers, it schedules a call at each tick. So the ticks continue,
    and the page shows the time, even if there are no clients.
    """

    def __init__(self, factories: Mapping[str, ClockFactory]) -> None:
        """
        @param factories: by the name of their zone, the factories. They share a ticker.
        """
        super().__init__()
        self._factories = factories
        self._ticker = next(iter(factories.values())).ticker
        self._readers: dict[StatusReader, None] = {}
        self._seen: object = None
        # After the lines of all clients were sent.
        self._tickLoop = LoopingCall(self._ticker.reactor.callLater, 0, self._publish)
        self._tickLoop.clock = cast(IReactorTime, self._ticker)
        self._checkLoop = LoopingCall(self._check)
        self._checkLoop.clock = self._ticker.reactor

    def render_GET(self, request: Any) -> Any:
        """
        Send the status now, and then its changes.
        """
        if not self.beginStream(request, "text/event-stream", UNBUFFERED):
            return NOT_DONE_YET
        reader = StatusReader(request)
        request.registerProducer(reader, True)
        request.notifyFinish().addBoth(lambda _: self._remove(reader))
        self._readers[reader] = None
        if not self._tickLoop.running:
            self._ticker.beginTick(self._ticker.now())
            self._seen = self._clientNumbers()
            self._tickLoop.start(1, now=False)
            self._checkLoop.start(CHECK_INTERVAL, now=False)
        reader.send(self._event())
        return NOT_DONE_YET

    def finish(self) -> None:
        """
        End all responses.
        """
        for reader in [*self._readers]:
            reader.finish()

    def _remove(self, reader: StatusReader) -> None:
        del self._readers[reader]
        if not self._readers:
            self._tickLoop.stop()
            self._checkLoop.stop()

    def _check(self) -> None:
        if self._seen != self._clientNumbers():
            self._publish()

    def _publish(self) -> None:
        self._seen = self._clientNumbers()
        event = self._event()
        for reader in [*self._readers]:
            reader.send(event)

    def _event(self) -> bytes:
        return b"data: %s\n\n" % json.dumps(statusOf(self._factories)).encode()

    def _clientNumbers(self) -> object:
        """
        Return a value that changes when a client has connected or disconnected.
        """
        return [
            (len(clients), [client.number for client in islice(clients, MAX_LISTED)])
            for factory in self._factories.values()
            for clients in (
                cast("Mapping[ClockProtocol, None]", factory.turns.active),
                cast("Mapping[ClockProtocol, None]", factory.turns.waiting),
            )
        ]


class HealthResource(TextResource):
    """
    C{/healthz}: whether the clock ticks.
    """

    stopping = False

    def __init__(self, ticker: Ticker) -> None:
        """
        @param ticker: the ticker of the clocks.
        """
        super().__init__()
        self._ticker = ticker

    def render_GET(self, request: Any) -> Any:
        """
        Respond with the status 200; with 503 if a tick is more than L{MAX_LATE} late,
        or if the server stops.
        """
        if self.stopping:
            return self.respond(request, 503, "stopping")
        late = self._ticker.late()
        if late > MAX_LATE:
            return self.respond(request, 503, f"the next tick is {late:.0f} s late")
        return self.respond(request, 200, "ok")
