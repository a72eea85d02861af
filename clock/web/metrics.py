"""
C{/metrics}: metrics for Prometheus.

C{prometheus_client} writes the text, from a registry of this module. Its own
C{MetricsResource} is not used, because it imports the reactor and renders in a thread.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

from clock.ticker import SECOND
from clock.web.resources import Clocks, TextResource


class MetricsResource(TextResource):
    """
    C{/metrics}.
    """

    def __init__(self, clocks: Clocks) -> None:
        """
        @param clocks: the clocks. They share a ticker and a limit.
        """
        super().__init__()
        self._clocks = clocks
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def render_GET(self, request: Any) -> Any:
        """
        Respond with the metrics.
        """
        text = generate_latest(self._registry).decode().rstrip("\n")
        return self.respond(request, 200, text, CONTENT_TYPE_LATEST)

    def describe(self) -> list[Any]:
        """
        Return no names. Without this method, C{register} would call L{collect}.
        """
        return []

    def collect(self) -> Iterator[Any]:
        """
        Collect the metrics.

        @return: families of metrics.
        """
        counter, gauge = CounterMetricFamily, GaugeMetricFamily
        clients = gauge(
            "clock_clients",
            "Number of clients.",
            labels=["state", "zone", "mode", "transport"],
        )
        connected = counter(
            "clock_clients_connected",
            "Number of clients that have connected.",
            labels=["zone", "mode"],
        )
        lines = counter(
            "clock_lines_sent", "Number of lines sent.", labels=["zone", "mode"]
        )
        for key, factory in self._clocks:
            clock = [key or "local", factory.turns.mode]
            for state, members in (
                ("served", factory.turns.active),
                ("waiting", factory.turns.waiting),
            ):
                for kind in ("tcp", "http", "websocket"):
                    clients.add_metric([state, *clock, kind], members.kinds[kind])
            connected.add_metric(clock, factory.totalClients)
            lines.add_metric(clock, factory.linesSent)
        yield clients
        yield connected
        yield lines
        _, factory = self._clocks[0]
        limit, ticker = factory.limit, factory.ticker
        yield gauge(
            "clock_clients_limit",
            "Largest number of clients.",
            math.inf if limit.maxClients is None else limit.maxClients,
        )
        yield gauge(
            "clock_clients_counted",
            "Number of clients that count towards the limit.",
            limit.count,
        )
        yield counter(
            "clock_clients_refused", "Number of clients refused.", limit.totalRefused
        )
        yield counter(
            "clock_clients_evicted", "Number of clients evicted.", limit.totalEvicted
        )
        yield counter(
            "clock_ticks_missed", "Number of boundaries without a tick.", ticker.missed
        )
        yield gauge(
            "clock_last_tick_timestamp_seconds",
            "Boundary of the last tick, in seconds since 1970.",
            ticker.boundaryTime() / SECOND,
        )
