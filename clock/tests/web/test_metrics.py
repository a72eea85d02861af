"""
Tests for L{clock.web.metrics}.
"""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from clock.tests.fixture import START
from clock.tests.web.fixture import fixture


class MetricsTests(SynchronousTestCase):
    """
    C{/metrics}.
    """

    def test_metrics(self) -> None:
        """
        The metrics show clients, lines, the limit, refusals, evictions and ticks.
        """
        if find_spec("prometheus_client") is None:
            self.skipTest("prometheus_client is not installed")
        web = fixture(sequential=True)
        first, second = web.connectMany(2)
        web.clock.advance(2.5)
        first.disconnect()
        second.halfClose()
        web.get("/events")
        for maxClients in (2, 1):
            web.factory.limit.maxClients = maxClients
            web.factory.limit.admit()
        web.factory.limit.maxClients = 7
        client = web.get("/metrics")
        self.assertEqual(client.status, 200)
        values = dict(
            line.rsplit(" ", 1)
            for line in client.body.decode().splitlines()
            if not line.startswith("#")
        )
        clients = {
            name: value for name, value in values.items() if "clock_clients{" in name
        }
        clock = 'mode="sequential"{},zone="local"'
        served = clock.format(',state="served",transport="http"')
        self.assertEqual(clients[f"clock_clients{{{served}}}"], "1.0")
        self.assertEqual(sum(map(float, clients.values())), 1)
        self.assertEqual(len(clients), 6)
        for name, value in (("clients_connected", "3.0"), ("lines_sent", "4.0")):
            total = f"clock_{name}_total{{{clock.format('')}}}"
            self.assertEqual(values[total], value)
        self.assertEqual(values["clock_ticks_missed_total"], "1.0")
        last = float(values["clock_last_tick_timestamp_seconds"])
        self.assertEqual(last, START + 2)
        self.assertEqual(values["clock_clients_limit"], "7.0")
        counted = float(values["clock_clients_counted"])
        self.assertEqual(counted, web.factory.limit.count)
        self.assertEqual(values["clock_clients_evicted_total"], "1.0")
        self.assertEqual(values["clock_clients_refused_total"], "1.0")

    def test_noLimit(self) -> None:
        """
        Without a limit, the limit is infinite.
        """
        if find_spec("prometheus_client") is None:
            self.skipTest("prometheus_client is not installed")
        self.assertIn(b"\nclock_clients_limit +Inf\n", fixture().get("/metrics").body)

    def test_missing(self) -> None:
        """
        Without C{prometheus_client} the response says what to install.
        """
        with mock.patch.dict(sys.modules, {"clock.web.metrics": None}):
            client = fixture().get("/metrics")
        self.assertEqual(client.status, 404)
        self.assertRegex(client.body, re.escape(b"pip install 'txclock[metrics]'"))
