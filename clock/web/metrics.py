"""
C{/metrics}: metrics for Prometheus.

C{prometheus_client} writes the text, from a registry of this module. Its own
C{MetricsResource} is not used, because it imports the reactor and renders in a thread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from clock.factory import ClockFactory
from clock.web.resources import TextResource
from clock.web.status import transportOf


class MetricsResource(TextResource):
    """
    C{/metrics}, or a hint how to install C{prometheus_client}.
    """

    def __init__(self, factories: Mapping[str, ClockFactory]) -> None:
        """
        @param factories: by the name of their zone, the factories. They share a ticker
            and a limit.
        """
        super().__init__()
        self._factories = factories
        self._registry: Any = None
        try:
            from prometheus_client import CollectorRegistry
        except ImportError:
            return
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def render_GET(self, request: Any) -> Any:
        """
        Respond with the metrics; with the status 404 if C{prometheus_client} is
        missing.
        """
        if self._registry is None:
            hint = "this needs prometheus_client: pip install 'txclock[metrics]'"
            return self.respond(request, 404, hint)
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        text = generate_latest(self._registry).decode().rstrip("\n")
        return self.respond(request, 200, text, CONTENT_TYPE_LATEST)

    def describe(self) -> list[Any]:
        """
        Return no names. Otherwise C{register} would call L{collect}.
        """
        return []

    def collect(self) -> Iterator[Any]:
        """
        Collect the metrics.

        @return: families of metrics.
        """
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        clients = GaugeMetricFamily(
            "clock_clients",
            "Number of clients.",
            labels=["state", "zone", "transport"],
        )
        connected = CounterMetricFamily(
            "clock_clients_connected",
            "Number of clients that have connected.",
            labels=["zone"],
        )
        lines = CounterMetricFamily(
            "clock_lines_sent", "Number of lines sent.", labels=["zone"]
        )
        for key, factory in self._factories.items():
            zone = key or "local"
            for state, members in (
                ("served", factory.turns.active),
                ("waiting", factory.turns.waiting),
            ):
                counts = Counter(map(transportOf, members))  # type: ignore[arg-type]
                for transport in ("tcp", "http", "websocket"):
                    clients.add_metric([state, zone, transport], counts[transport])
            connected.add_metric([zone], factory.totalClients)
            lines.add_metric([zone], factory.linesSent())
        yield clients
        yield connected
        yield lines
        factory = next(iter(self._factories.values()))
        limit, ticker = factory.limit, factory.ticker
        yield CounterMetricFamily(
            "clock_clients_refused", "Number of clients refused.", limit.totalRefused
        )
        yield CounterMetricFamily(
            "clock_clients_evicted", "Number of clients evicted.", limit.totalEvicted
        )
        yield CounterMetricFamily(
            "clock_ticks_missed", "Number of boundaries without a tick.", ticker.missed
        )
        age = (ticker.now() - ticker.instant()) / 1e9
        yield GaugeMetricFamily(
            "clock_last_tick_age_seconds", "Seconds since the last tick.", age
        )
