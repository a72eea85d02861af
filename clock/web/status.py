"""
The status of the clocks: C{/status}, C{/status/events} and C{/healthz}.

Readers of C{/status/events} get the status at each tick, but at most once a second, and
at most three times a second when it has changed since. It is rendered once for all
readers, so each reader costs only a write.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from clock.ticker import SECOND, Ticker
from clock.web.channel import ClockChannel
from clock.web.messages import chunk
from clock.web.origins import OriginAccess
from clock.web.resources import UNBUFFERED, Clocks, TextResource
from clock.web.snapshot import clientNumbers, statusOf

#: Seconds between two checks whether the status has changed. With at most one event a
#: second for ticks, there are at most four events a second.
CHECK_INTERVAL = 1 / 3

#: The most seconds by which a tick may be late on a healthy server.
MAX_LATE = 2.0


class StatusResource(TextResource):
    """
    C{/status}, and C{/status/events} below it.
    """

    isLeaf = False

    def __init__(self, clocks: Clocks, access: OriginAccess) -> None:
        """
        @param clocks: the clocks.
        @param access: the other sites whose pages may read the status.
        """
        super().__init__(access)
        self._clocks = clocks
        self.events = StatusEvents(clocks, access)
        self.putChild(b"events", self.events)

    def render_GET(self, request: Any) -> Any:
        """
        Respond with the status.
        """
        status = json.dumps(statusOf(self._clocks), indent=2)
        return self.respond(request, 200, status, "application/json")


@implementer(IPushProducer)
class StatusReader(Protocol):
    """
    One reader of C{/status/events}. While it does not read, events are skipped.
    """

    transport: Any

    def __init__(
        self,
        channel: ClockChannel,
        chunked: bool,
        removed: Callable[[StatusReader], object],
    ) -> None:
        """
        @param channel: the channel, on which the headers were sent.
        @param chunked: whether the response has the chunked transfer encoding.
        @param removed: called with the reader when its connection is lost.
        """
        self._channel = channel
        self._chunked = chunked
        self._removed = removed
        self._paused = False
        self._skipped = b""

    def connectionMade(self) -> None:
        """
        Skip events while the reader does not read.
        """
        self.transport.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        """
        Read nothing more. If the reader leaves, the next write notices it.
        """
        self.transport.pauseProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Remove the reader.
        """
        self._removed(self)

    def send(self, event: bytes) -> None:
        """
        Send an event, or keep it until the reader resumes.

        @param event: the event; it replaces an event that was kept.
        """
        if self._paused:
            self._skipped = event
        else:
            self.transport.write(chunk(event) if self._chunked else event)

    def finish(self) -> None:
        """
        End the response.
        """
        if self._chunked:
            self.transport.write(chunk(b""))
        self._channel.close()

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

    While there are readers, it schedules a call at each tick. This keeps the ticks
    going, so the page shows the time even if there are no clients.
    """

    def __init__(self, clocks: Clocks, access: OriginAccess) -> None:
        """
        @param clocks: the clocks. They share a ticker and a limit.
        @param access: the other sites whose pages may read the status.
        """
        super().__init__(access)
        self._clocks = clocks
        _, first = clocks[0]
        self._limit, self._ticker = first.limit, first.ticker
        self._readers: dict[StatusReader, None] = {}
        self._seen: object = None
        self._second = 0
        # The call runs after the lines of all clients are sent.
        self._tickLoop = LoopingCall(self._ticker.reactor.callLater, 0, self._ticked)
        self._tickLoop.clock = cast(IReactorTime, self._ticker)
        self._checkLoop = LoopingCall(self._check)
        self._checkLoop.clock = self._ticker.reactor

    def render_GET(self, request: Any) -> Any:
        """
        Send the status now, and then its changes.
        """
        head = self.beginStream(request, "text/event-stream", UNBUFFERED)
        if not head:
            return NOT_DONE_YET
        channel = request.channel
        reader = StatusReader(channel, bool(request.chunked), self._remove)
        self._limit.add()
        self._readers[reader] = None
        channel.handOver(reader, head)
        reader.makeConnection(channel.transport)
        if not self._tickLoop.running:
            self._ticker.beginTick()
            self._seen = clientNumbers(self._clocks)
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
        self._limit.remove(reader)
        del self._readers[reader]
        if not self._readers:
            self._tickLoop.stop()
            self._checkLoop.stop()

    def _ticked(self) -> None:
        """
        Publish the status at the first tick of each second. Leave other ticks to the
        next check.
        """
        second = self._ticker.boundaryTime() // SECOND
        if second != self._second:
            self._second = second
            self._publish()
        else:
            self._seen = None

    def _check(self) -> None:
        if self._seen != clientNumbers(self._clocks):
            self._publish()

    def _publish(self) -> None:
        self._seen = clientNumbers(self._clocks)
        event = self._event()
        for reader in [*self._readers]:
            reader.send(event)

    def _event(self) -> bytes:
        return b"data: %s\n\n" % json.dumps(statusOf(self._clocks)).encode()


class HealthResource(TextResource):
    """
    C{/healthz}: whether the clock ticks.
    """

    def __init__(self, ticker: Ticker) -> None:
        """
        @param ticker: the ticker of the clocks.
        """
        super().__init__()
        self._ticker = ticker

    def render_GET(self, request: Any) -> Any:
        """
        Respond with the status 200, or with 503 if a tick is more than L{MAX_LATE}
        late.
        """
        late = self._ticker.late()
        if late > MAX_LATE:
            return self.respond(request, 503, f"the next tick is {late:.0f} s late")
        return self.respond(request, 200, "ok")
