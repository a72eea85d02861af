"""
Tests for L{clock.factory}.
"""

from __future__ import annotations

from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IProtocolFactory
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from clock import ClockFactory, TimeFormat
from clock.tests.fixture import START, ClockFixture, capturedEvents


class LineTests(SynchronousTestCase):
    """
    The lines that are sent to clients.
    """

    def test_renderedOnce(self) -> None:
        """
        A tick is rendered once for any number of clients.
        """
        fixture = ClockFixture.new()
        clients = fixture.connectMany(10)
        rendered = []
        line = fixture.factory.timeFormat.line

        def render(instant: int, tick: int) -> bytes:
            rendered.append(instant)
            return line(instant, tick)

        self.patch(fixture.factory.timeFormat, "line", render)
        fixture.clock.advance(1)
        self.assertEqual(len(rendered), 1)
        received = {client.received for client in clients}
        self.assertEqual(received, {b"22:13:20\n22:13:21\n"})

    def test_ticks(self) -> None:
        """
        Ticks are numbered one by one, after any pause, and have the same number for
        each client.
        """
        fixture = ClockFixture.new(format="json")
        first = fixture.connect()
        fixture.clock.advance(1)
        fixture.clock.advance(5.5)
        second = fixture.connect()
        fixture.clock.advance(0.5)
        self.assertEqual([line["tick"] for line in first.lines()], [1, 2, 3, 4])
        self.assertEqual([line["tick"] for line in second.lines()], [3, 4])
        self.assertEqual(
            [line["unix"] - START for line in second.lines()],
            [6.5, 7],
        )

    def test_longInterval(self) -> None:
        """
        With an interval of a minute, the first line still shows the second.
        """
        fixture = ClockFixture.new(interval=60)
        client = fixture.connect()
        fixture.clock.pump([1] * 120)
        self.assertEqual(client.received, b"22:13:20\n22:14:00\n22:15:00\n")

    def test_wallClockFallsBackALittle(self) -> None:
        """
        The first line of a client shows no earlier second than the current tick.
        """
        fixture = ClockFixture.new()
        fixture.connect()
        fixture.offset -= 500_000_000
        self.assertEqual(fixture.connect().received, b"22:13:20\n")


class FirstLineTests(SynchronousTestCase):
    """
    The line that a client gets when its turn begins.
    """

    def rendered(self, format: str, interval: float) -> tuple[list[bytes], int]:
        """
        Connect two clients in each quarter of a second, for a second. Return their
        lines, and how often a line was rendered.
        """
        fixture = ClockFixture.new(format=format, interval=interval)
        rendered: list[bytes] = []
        line = TimeFormat.line

        def render(timeFormat: TimeFormat, instant: int, tick: int = 0) -> bytes:
            rendered.append(line(timeFormat, instant, tick))
            return rendered[-1]

        self.patch(TimeFormat, "line", render)
        lines = []
        for _ in range(4):
            for client in fixture.connectMany(2):
                lines.append(client.received)
                client.disconnect()
            fixture.clock.advance(0.25)
        return lines, len(rendered)

    def test_wholeSeconds(self) -> None:
        """
        If the format shows whole seconds, the line is rendered once a second.
        """
        self.assertEqual(self.rendered("%H:%M:%S", 60), ([b"22:13:20\n"] * 8, 1))

    def test_fractions(self) -> None:
        """
        If the format shows fractions, each client gets the time at which its turn
        begins.
        """
        lines, count = self.rendered("%S.%f", 60)
        self.assertEqual([each[:4] for each in lines[1:3]], [b"20.0", b"20.2"])
        self.assertEqual(count, 8)

    def test_ticks(self) -> None:
        """
        A line may show the number of the tick, so it is rendered for each tick.
        """
        lines, _ = self.rendered("%H:%M:%S", 0.25)
        self.assertEqual(lines, [b"22:13:20\n"] * 8)


class LibraryTests(SynchronousTestCase):
    """
    The factory in another program.
    """

    def test_noArguments(self) -> None:
        """
        Without arguments it uses the global reactor and local time.
        """
        from twisted.internet import reactor

        factory = ClockFactory()
        self.assertIs(factory.ticker.reactor, reactor)
        self.assertRegex(factory.firstLine(), rb"\A[0-2]\d:[0-5]\d:[0-6]\d\n\Z")
        verifyObject(IProtocolFactory, factory)

    def test_formatIsNoTimeFormat(self) -> None:
        """
        A string in place of a C{TimeFormat} raises an error at once.
        """
        error = self.assertRaises(TypeError, ClockFactory, "%H")
        self.assertEqual(str(error), "timeFormat is '%H': pass TimeFormat('%H')")

    def test_limit(self) -> None:
        """
        On any endpoint, a client above the limit is disconnected without a line, and
        delays no other client.
        """
        fixture = ClockFixture.new(sequential=True)
        fixture.factory.limit.maxClients = 1
        first, second = fixture.connectMany(2)
        self.assertTrue(second.closed)
        second.disconnect()
        first.disconnect()
        third = fixture.connect()
        self.assertEqual(second.received, b"")
        self.assertEqual(third.received, b"22:13:20\n")
        fixture.factory.limit.close()
        third.disconnect()
        self.assertEqual(fixture.delayedCalls(), 0)

    def test_count(self) -> None:
        """
        The limit counts each connected client, active or waiting.
        """
        fixture = ClockFixture.new(sequential=True)
        clients = fixture.connectMany(3)
        self.assertEqual(fixture.factory.limit.count, 3)
        for client in clients:
            client.disconnect()
        self.assertEqual(fixture.factory.limit.count, 0)

    def test_evict(self) -> None:
        """
        At the limit a half-closed client is evicted for another one.
        """
        fixture = ClockFixture.new()
        fixture.factory.limit.maxClients = 2
        first, second = fixture.connectMany(2)
        second.halfClose()
        self.assertTrue(fixture.factory.limit.admit())
        fixture.clock.advance(0)
        self.assertEqual(fixture.factory.limit.count, 1)
        self.assertIsNotNone(second.transport.lost)
        fixture.clock.advance(1)
        self.assertEqual(first.received, b"22:13:20\n22:13:21\n")
        self.assertEqual(second.received, b"22:13:20\n")

    def test_evictUnsent(self) -> None:
        """
        An evicted client is reset if not all bytes were sent. Otherwise it gets FIN.
        """
        for buffer, queue, reason in [
            (b"", [], ConnectionDone),
            (b"22:", [], ConnectionAborted),
            (b"", [b"22:"], ConnectionAborted),
        ]:
            client = ClockFixture.new().connect()
            client.transport.dataBuffer = buffer
            client.transport._tempDataBuffer = queue
            client.protocol.evict()
            assert client.transport.lost is not None
            client.transport.lost.trap(reason)


class LogTests(SynchronousTestCase):
    """
    Log events about clients.
    """

    def events(self, *, verbose: bool) -> list[dict[str, object]]:
        """
        Let two clients connect and one disconnect in sequential mode. Return the events
        without the fields of Twisted's logger.
        """
        observer = capturedEvents(self)
        fixture = ClockFixture.new(sequential=True, verbose=verbose)
        first, _ = fixture.connectMany(2)
        fixture.clock.advance(1.5)
        first.disconnect()
        names = ["active", "waiting", "peer", "seconds", "lines", "reason"]
        return [{n: each[n] for n in names if n in each} for each in observer]

    def test_quiet(self) -> None:
        """
        By default no client is logged.
        """
        self.assertEqual(self.events(verbose=False), [])

    def test_verbose(self) -> None:
        """
        With C{verbose} there is an event for each client that connects or disconnects.
        """
        self.assertEqual(
            self.events(verbose=True),
            [
                {"active": 1, "waiting": 0, "peer": "192.0.2.1:40000"},
                {"active": 1, "waiting": 1, "peer": "192.0.2.1:40001"},
                {
                    "peer": "192.0.2.1:40000",
                    "seconds": 1.5,
                    "lines": 2,
                    "reason": "Connection was closed cleanly.",
                },
            ],
        )

    def test_mode(self) -> None:
        """
        In sequential mode the name of the zone is followed by the mode.
        """
        events = capturedEvents(self)
        for sequential in (False, True):
            fixture = ClockFixture.new(sequential=sequential, verbose=True)
            fixture.connect().disconnect()
        zones = [event["zone"] for event in events]
        self.assertEqual(zones, ["UTC"] * 2 + ["UTC (sequential)"] * 2)

    def test_handshake(self) -> None:
        """
        A client is logged as connected after its handshake. A client that disconnects
        before is not logged.
        """
        events = capturedEvents(self)
        fixture = ClockFixture.new(verbose=True)
        fixture.connect(tls=True).disconnect()
        client = fixture.connect(tls=True)
        self.assertEqual(events, [])
        client.protocol.handshakeCompleted()
        client.disconnect()
        self.assertEqual(len(events), 2)
