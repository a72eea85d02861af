"""
Tests for L{clock.web.status} and L{clock.web.snapshot}.
"""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from clock.protocol import CLOSE_TIMEOUT
from clock.tests.web.fixture import fixture
from clock.ticker import SECOND
from clock.web.snapshot import MAX_LISTED
from clock.web.status import CHECK_INTERVAL


class StatusTests(SynchronousTestCase):
    """
    C{/status}.
    """

    def test_status(self) -> None:
        """
        The status names each clock, and lists its clients in order.
        """
        web = fixture(sequential=True)
        web.connect()
        web.clock.advance(1.5)
        web.get("/events")
        client = web.get("/status")
        self.assertIn("Content-Type: application/json", client.head)
        (clock,) = json.loads(client.body)["clocks"]
        self.assertEqual(
            clock,
            {
                "zone": "UTC",
                "key": "",
                "mode": "sequential",
                "interval": 1.0,
                "format": "%H:%M:%S",
                "line": "22:13:21",
                "served": {
                    "count": 1,
                    "clients": [
                        {"number": 1, "seconds": 1.5, "lines": 2, "transport": "tcp"}
                    ],
                },
                "waiting": {
                    "count": 1,
                    "clients": [
                        {"number": 2, "seconds": 0.0, "lines": 0, "transport": "http"}
                    ],
                },
            },
        )

    def test_idle(self) -> None:
        """
        Before the first tick there is no line to show.
        """
        web = fixture()
        (clock,) = json.loads(web.get("/status").body)["clocks"]
        self.assertIsNone(clock["line"])
        self.assertEqual(clock["mode"], "concurrent")

    def test_oldLine(self) -> None:
        """
        A line of a tick that is over, because there are no clients, is not shown.
        """
        web = fixture()
        web.connect().disconnect()
        web.clock.advance(5)
        (clock,) = json.loads(web.get("/status").body)["clocks"]
        self.assertIsNone(clock["line"])

    def test_many(self) -> None:
        """
        If there are many clients, the first ones are listed, and all are counted.
        """
        web = fixture()
        web.connectMany(MAX_LISTED + 10)
        (clock,) = json.loads(web.get("/status").body)["clocks"]
        self.assertEqual(clock["served"]["count"], MAX_LISTED + 10)
        self.assertEqual(len(clock["served"]["clients"]), MAX_LISTED)


class StatusEventsTests(SynchronousTestCase):
    """
    C{/status/events}.
    """

    def test_ticks(self) -> None:
        """
        There is an event at once, and one for each tick, even without clients.
        """
        web = fixture()
        reader = web.get("/status/events")
        self.assertIn("Content-Type: text/event-stream", reader.head)
        web.clock.pump([0.5] * 4)
        lines = [event["clocks"][0]["line"] for event in reader.events()]
        self.assertEqual(lines, ["22:13:20", "22:13:21", "22:13:22"])

    def test_lines(self) -> None:
        """
        The event of a tick counts the lines of that tick, including those of clients
        that have connected after the reader.
        """
        web = fixture()
        reader = web.get("/status/events")
        web.connect()
        web.clock.pump([1, 1])
        lines = [
            client["lines"]
            for event in reader.events()
            for client in event["clocks"][0]["served"]["clients"]
        ]
        self.assertEqual(lines[-2:], [2, 3])

    def test_changes(self) -> None:
        """
        When clients connect or disconnect, an event follows soon: one for several
        changes.
        """
        web = fixture()
        reader = web.get("/status/events")
        first, _ = web.connectMany(2)
        web.clock.advance(CHECK_INTERVAL)
        first.disconnect()
        web.clock.advance(CHECK_INTERVAL)
        served = [event["clocks"][0]["served"]["count"] for event in reader.events()]
        self.assertEqual(served, [0, 2, 1])

    def test_anotherReader(self) -> None:
        """
        When a reader connects, the other readers still get each change.
        """
        web = fixture()
        reader = web.get("/status/events")
        web.connect()
        web.get("/status/events")
        web.clock.advance(CHECK_INTERVAL)
        served = [event["clocks"][0]["served"]["count"] for event in reader.events()]
        self.assertEqual(served, [0, 1])

    def test_atMostFourASecond(self) -> None:
        """
        There are at most four events a second, however many clients connect and
        disconnect.
        """
        web = fixture()
        reader = web.get("/status/events")
        for _ in range(200):
            web.connect()
            web.clock.advance(0.05)
        self.assertLessEqual(len(reader.events()), 4 * 10 + 1)

    def test_shortInterval(self) -> None:
        """
        There are at most four events a second, however short the interval is. One
        follows the first tick of each second.
        """
        for interval in (0.01, 0.3, 0.7):
            web = fixture(interval=interval, format="%S.%f")
            reader = web.get("/status/events")
            web.connect()
            for _ in range(1000):
                web.clock.advance(0.01)
            lines = [event["clocks"][0]["line"] for event in reader.events()[1:]]
            self.assertLessEqual(len(lines), 4 * 10)
            self.assertGreaterEqual(len({*lines}), min(30, int(10 / interval)))

    def test_slowReader(self) -> None:
        """
        A reader that resumes gets the last event that it has missed, if any.
        """
        web = fixture()
        reader = web.get("/status/events")
        reader.producer.pauseProducing()
        reader.producer.resumeProducing()
        reader.producer.pauseProducing()
        web.clock.pump([1, 1, 1])
        reader.producer.resumeProducing()
        lines = [event["clocks"][0]["line"] for event in reader.events()]
        self.assertEqual(lines, ["22:13:20", "22:13:23"])

    def test_noReaders(self) -> None:
        """
        When the last reader has disconnected, no delayed call is left.
        """
        web = fixture()
        first, second = web.get("/status/events"), web.get("/status/events")
        first.disconnect()
        web.clock.advance(1)
        self.assertEqual(len(second.events()), 2)
        second.producer.stopProducing()
        second.disconnect()
        self.assertEqual(web.delayedCalls(), 0)

    def test_end(self) -> None:
        """
        When the server stops, the response ends with its last chunk, or without chunks
        for HTTP/1.0. If a reader does not disconnect, it is soon aborted.
        """
        web = fixture()
        reader = web.get("/status/events")
        old = web.get("/status/events", version="1.0")
        received = old.received
        web.site.disconnectAll()
        self.assertEqual(reader.chunks()[-1], b"")
        self.assertEqual(old.received, received)
        self.assertTrue(reader.closed and old.closed)
        old.disconnect()
        web.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(reader.transport.aborted)
        reader.disconnect()
        self.assertEqual(web.delayedCalls(), 0)

    def test_head(self) -> None:
        """
        HEAD gets the headers.
        """
        client = fixture().get("/status/events", method="HEAD")
        self.assertEqual((client.status, client.body), (200, b""))


class HealthTests(SynchronousTestCase):
    """
    C{/healthz}.
    """

    def test_health(self) -> None:
        """
        The status is 200 while the clock ticks.
        """
        client = fixture().get("/healthz")
        self.assertEqual((client.status, client.body), (200, b"ok\n"))

    def test_late(self) -> None:
        """
        The status is 503 if clients wait for a tick that does not begin.
        """
        web = fixture()
        web.connect()
        web.clock.rightNow += 3.5
        client = web.get("/healthz")
        self.assertEqual(client.status, 503)
        self.assertEqual(client.body, b"the next tick is 2 s late\n")

    def test_clockSetForward(self) -> None:
        """
        The status stays 200 when the wall clock is set forward.
        """
        web = fixture()
        web.connect()
        web.offset += 3600 * SECOND
        self.assertEqual(web.get("/healthz").status, 200)

    def test_noTicks(self) -> None:
        """
        Without clients there are no ticks, and none is late.
        """
        web = fixture()
        web.connect().disconnect()
        web.clock.advance(10)
        self.assertEqual(web.get("/healthz").status, 200)
