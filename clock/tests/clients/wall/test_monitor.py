"""
Tests for L{clock.clients.wall.monitor} and L{clock.clients.wall.printer}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from clock.clients.reading.ends import End, How
from clock.clients.reading.lines import Line
from clock.clients.wall.monitor import ClockMonitor, ClockStatus, State
from clock.clients.wall.printer import STALE_CHECK_INTERVAL, Printer


class ClockMonitorTests(SynchronousTestCase):
    """
    The status of a clock.
    """

    def setUp(self) -> None:
        """
        Monitor a clock.
        """
        self.clock = Clock()
        self.changes: list[ClockMonitor] = []
        self.monitor = ClockMonitor("Tokyo", self.clock, 1, self.changes.append)

    def test_live(self) -> None:
        """
        A clock is being connected to until its first line. Then it is live, and its age
        is that of its last line.
        """
        self.assertEqual(self.monitor.status(), ClockStatus(State.CONNECTING))
        self.monitor.connecting()
        self.clock.advance(100)
        self.assertEqual(self.monitor.status(), ClockStatus(State.CONNECTING))
        self.monitor.connected()
        self.assertEqual(self.monitor.status(), ClockStatus(State.CONNECTING, age=0))
        self.monitor.lineReceived(Line("19:03:13"))
        self.clock.advance(2.25)
        self.assertEqual(
            self.monitor.status(), ClockStatus(State.LIVE, "19:03:13", 2.25)
        )
        self.monitor.lineReceived(Line("19:03:15"))
        self.assertEqual(self.monitor.status(), ClockStatus(State.LIVE, "19:03:15", 0))
        self.assertEqual(self.changes, [self.monitor] * 4)

    def test_redirected(self) -> None:
        """
        The address that a request was redirected to is part of the state, until the
        next attempt.
        """
        self.monitor.connecting()
        self.monitor.redirected("http://x/\x1b")
        self.monitor.connected()
        self.monitor.lineReceived(Line("19:03:13"))
        status = self.monitor.status()
        self.assertEqual(status.describe(), r"live, redirected to http://x/\x1b")
        self.monitor.connecting()
        self.monitor.connected()
        self.assertEqual(self.monitor.status().describe(), "connecting")

    def test_field(self) -> None:
        """
        For a line in JSON, the field that was asked for is shown.
        """
        monitor = ClockMonitor("x", self.clock, 1, self.changes.append, "n")
        monitor.connected()
        monitor.lineReceived(Line('{"n": 7, "time": "2023-11-14T22:13:20Z"}'))
        self.assertEqual(monitor.status().text, "7")
        monitor.lineReceived(Line('{"n": "x\\u001b22:13:20"}'))
        self.assertEqual(monitor.status().text, r"x\x1b22:13:20")

    def test_stale(self) -> None:
        """
        A clock is stale after 2.5 intervals without a line, until the next one.
        """
        self.monitor.connected()
        self.monitor.lineReceived(Line("19:03:13"))
        self.clock.advance(2.5)
        self.assertEqual(
            self.monitor.status(), ClockStatus(State.STALE, "19:03:13", 2.5)
        )
        self.monitor.lineReceived(Line("19:03:16"))
        self.assertEqual(self.monitor.status().state, State.LIVE)

    def test_staleByItsInterval(self) -> None:
        """
        With a longer interval, it takes longer until a clock is stale.
        """
        monitor = ClockMonitor("Tokyo", self.clock, 60, self.changes.append)
        monitor.connected()
        self.clock.advance(149)
        self.assertEqual(monitor.status().state, State.CONNECTING)
        self.clock.advance(1)
        self.assertEqual(monitor.status(), ClockStatus(State.STALE, "", 150))

    def staleAfter(self, *gaps: float) -> float:
        """
        Monitor a clock with an unknown interval. It sends a line after each of these
        gaps. Return the seconds without a line after which it is stale.
        """
        monitor = ClockMonitor("Tokyo", self.clock, None, self.changes.append)
        monitor.connected()
        for gap in gaps:
            self.clock.advance(gap)
            monitor.lineReceived(Line("19:03:13"))
        start = self.clock.seconds()
        while monitor.status().state is not State.STALE:
            self.clock.advance(0.125)
        return self.clock.seconds() - start

    def test_estimate(self) -> None:
        """
        If the interval is unknown, a clock is stale after 2.5 times the median gap
        between its lines.
        """
        for interval in (0.5, 1, 5, 60):
            self.assertEqual(
                self.staleAfter(0, 0.25, interval, interval), 2.5 * interval
            )
        self.assertEqual(self.staleAfter(0, 0.01, *[0.01] * 20), 1)

    def test_unknownInterval(self) -> None:
        """
        A clock that sends no first line is stale soon. After one line or two, the
        interval may still be long.
        """
        self.assertEqual(self.staleAfter(), 2.5)
        self.assertEqual(self.staleAfter(0), 10)
        self.assertEqual(self.staleAfter(0, 1), 10)
        self.assertEqual(self.staleAfter(0, 40), 100)

    def test_outliers(self) -> None:
        """
        The estimate ignores gaps that are not intervals: an outage, lines that arrive
        together or in pairs, and lines that are late and early in turn.
        """
        cases: list[list[float]] = [
            [5, 5, 600, 5],
            [5, 5, 60, *[0] * 12, 5],
            [5, 5, *[0.1, 4.9] * 9],
            [5, 5, *[0, 0, 15] * 9, *[5] * 5],
        ]
        for gaps in cases:
            after = self.staleAfter(0, 1, *gaps)
            self.assertTrue(12.25 <= after <= 12.5, (gaps, after))

    def test_newConnection(self) -> None:
        """
        The interval is estimated for each connection: another server may have answered.
        """
        monitor = ClockMonitor("Tokyo", self.clock, None, self.changes.append)
        for gap, staleAfter in [(1, 2.5), (4, 10)]:
            monitor.connected()
            for _ in range(4):
                self.clock.advance(gap)
                monitor.lineReceived(Line("19:03:13"))
            self.clock.advance(staleAfter - 0.125)
            self.assertEqual(monitor.status().state, State.LIVE)
            self.clock.advance(0.125)
            self.assertEqual(monitor.status().state, State.STALE)
            monitor.disconnected(End(How.CLOSED, "closed by the server"), 1)

    def test_down(self) -> None:
        """
        A clock that is down has a reason and a time until the next attempt, but no
        text. It has none while it reconnects either.
        """
        self.monitor.connected()
        self.monitor.lineReceived(Line("19:03:13"))
        self.monitor.disconnected(End(How.OTHER, "a\x1breason"), 3)
        self.clock.advance(1)
        expected = ClockStatus(State.DOWN, reason=r"a\x1breason", retryIn=2)
        self.assertEqual(self.monitor.status(), expected)
        self.clock.advance(3)
        self.assertEqual(self.monitor.status().retryIn, 0)
        self.monitor.connecting()
        self.assertEqual(self.monitor.status(), ClockStatus(State.CONNECTING))
        self.monitor.connected()
        self.assertEqual(self.monitor.status(), ClockStatus(State.CONNECTING, age=0))

    def test_text(self) -> None:
        """
        The text is one printable line. For a line in JSON, it is the time of day.
        """
        self.monitor.connected()
        for line, text in [
            (Line("", False), ""),
            (Line("\x1b[2J\u202e\t", False), r"\x1b[2J\u202e\t"),
            (Line("xxx", True), "xxx…"),
            (Line('{"tick": 1, "time": "2023-11-15T07:13:20+09:00"}'), "07:13:20"),
            (Line('{"tick": 1}'), '{"tick": 1}'),
            (Line("2023-11-15T07:13:20Z"), "2023-11-15T07:13:20Z"),
        ]:
            self.monitor.lineReceived(line)
            self.assertEqual(self.monitor.status(), ClockStatus(State.LIVE, text, 0))


class PrinterTests(SynchronousTestCase):
    """
    The wall as lines of text.
    """

    def test_changes(self) -> None:
        """
        Each change is one line. What was printed already is not printed again.
        """
        clock = Clock()
        printed: list[str] = []
        printer = Printer(clock, printed.append)
        tokyo, london = monitors = [
            ClockMonitor(name, clock, 1, printer.update)
            for name in ("Tokyo", "Lon\x07don")
        ]
        printer.start(monitors)
        refused = End(How.REFUSED, "Connection refused")
        for monitor in monitors:
            monitor.connecting()
            monitor.connected()
        tokyo.lineReceived(Line("19:03:13"))
        tokyo.lineReceived(Line("19:03:13"))
        london.lineReceived(Line("10:03:13"))
        clock.pump([STALE_CHECK_INTERVAL] * 14)
        london.disconnected(refused, 1.5)
        clock.advance(1.5)
        london.connecting()
        london.disconnected(refused, 2.5)
        london.connecting()
        london.connected()
        london.lineReceived(Line("10:03:13"))
        printer.restoreTerminal()
        printer.prepareTerminal()
        self.assertEqual(
            printed,
            [
                "Tokyo 19:03:13\n",
                "Lon\\x07don 10:03:13\n",
                "Tokyo stale, no line for 2.5 s\n",
                "Lon\\x07don stale, no line for 2.5 s\n",
                "Lon\\x07don down, next try in 2 s: Connection refused\n",
                "Lon\\x07don 10:03:13\n",
            ],
        )
