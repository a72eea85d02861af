"""
Tests for L{clock.wall.watch} and L{clock.wall.plain}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from clock.wall.lines import Line
from clock.wall.plain import LOOK_EVERY, Printer
from clock.wall.watch import Look, State, Watch


class WatchTests(SynchronousTestCase):
    """
    What there is to show.
    """

    def setUp(self) -> None:
        """
        Watch a clock.
        """
        self.clock = Clock()
        self.changes: list[Watch] = []
        self.watch = Watch("Tokyo", self.clock, 1, self.changes.append)

    def test_live(self) -> None:
        """
        A clock is being connected to until its first line; then it is live, and its
        line is as old as it is.
        """
        self.assertEqual(self.watch.look(), Look(State.CONNECTING))
        self.watch.connecting()
        self.clock.advance(100)
        self.assertEqual(self.watch.look(), Look(State.CONNECTING))
        self.watch.connected()
        self.assertEqual(self.watch.look(), Look(State.CONNECTING, age=0))
        self.watch.lineReceived(Line("19:03:13"))
        self.clock.advance(2.25)
        self.assertEqual(self.watch.look(), Look(State.LIVE, "19:03:13", 2.25))
        self.watch.lineReceived(Line("19:03:15"))
        self.assertEqual(self.watch.look(), Look(State.LIVE, "19:03:15", 0))
        self.assertEqual(self.changes, [self.watch] * 4)

    def test_stale(self) -> None:
        """
        After two and a half intervals without a line it is stale, until one comes.
        """
        self.watch.connected()
        self.watch.lineReceived(Line("19:03:13"))
        self.clock.advance(2.5)
        self.assertEqual(self.watch.look(), Look(State.STALE, "19:03:13", 2.5))
        self.watch.lineReceived(Line("19:03:16"))
        self.assertEqual(self.watch.look().state, State.LIVE)

    def test_staleByItsInterval(self) -> None:
        """
        Where lines come more rarely, it takes longer.
        """
        watch = Watch("Tokyo", self.clock, 60, self.changes.append)
        watch.connected()
        self.clock.advance(149)
        self.assertEqual(watch.look().state, State.CONNECTING)
        self.clock.advance(1)
        self.assertEqual(watch.look(), Look(State.STALE, "", 150))

    def learn(self, *gaps: float) -> float:
        """
        Watch a clock whose interval is not known, and that sends a line after each of
        these times, and give the time after which it is stale.
        """
        watch = Watch("Tokyo", self.clock, None, self.changes.append)
        watch.connected()
        for gap in gaps:
            self.clock.advance(gap)
            watch.lineReceived(Line("19:03:13"))
        began = self.clock.seconds()
        while watch.look().state is not State.STALE:
            self.clock.advance(0.125)
        return self.clock.seconds() - began

    def test_learns(self) -> None:
        """
        Without an interval a clock is stale after two and a half times the usual gap
        between its lines.
        """
        for interval in (0.5, 1, 5, 60):
            self.assertEqual(self.learn(0, 0.25, interval, interval), 2.5 * interval)
        self.assertEqual(self.learn(0, 0.01, *[0.01] * 20), 1)

    def test_unknownInterval(self) -> None:
        """
        A clock that sends nothing at first is stale soon. One that has sent a line, or
        two, may have a long interval.
        """
        self.assertEqual(self.learn(), 2.5)
        self.assertEqual(self.learn(0), 10)
        self.assertEqual(self.learn(0, 1), 10)
        self.assertEqual(self.learn(0, 40), 100)

    def test_learnsInSpiteOf(self) -> None:
        """
        What happens to lines on the way is no interval: an outage, lines that come at
        once, in pairs, or late and soon by turns.
        """
        cases: list[list[float]] = [
            [5, 5, 600, 5],
            [5, 5, 60, *[0] * 12, 5],
            [5, 5, *[0.1, 4.9] * 9],
            [5, 5, *[0, 0, 15] * 9, *[5] * 5],
        ]
        for gaps in cases:
            after = self.learn(0, 1, *gaps)
            self.assertTrue(12.25 <= after <= 12.5, (gaps, after))

    def test_learnsAnew(self) -> None:
        """
        The interval is that of the connection: another server may have another.
        """
        watch = Watch("Tokyo", self.clock, None, self.changes.append)
        for gap, staleAfter in [(1, 2.5), (4, 10)]:
            watch.connected()
            for _ in range(4):
                self.clock.advance(gap)
                watch.lineReceived(Line("19:03:13"))
            self.clock.advance(staleAfter - 0.125)
            self.assertEqual(watch.look().state, State.LIVE)
            self.clock.advance(0.125)
            self.assertEqual(watch.look().state, State.STALE)
            watch.down("closed by the server", 1)

    def test_down(self) -> None:
        """
        A clock that is down has a reason and a time until the next attempt, and shows
        no time of day; nor does it while it is connected to again.
        """
        self.watch.connected()
        self.watch.lineReceived(Line("19:03:13"))
        self.watch.down("a\x1breason", 3)
        self.clock.advance(1)
        expected = Look(State.DOWN, reason=r"a\x1breason", retryIn=2)
        self.assertEqual(self.watch.look(), expected)
        self.clock.advance(3)
        self.assertEqual(self.watch.look().retryIn, 0)
        self.watch.connecting()
        self.assertEqual(self.watch.look(), Look(State.CONNECTING))
        self.watch.connected()
        self.assertEqual(self.watch.look(), Look(State.CONNECTING, age=0))

    def test_shown(self) -> None:
        """
        What is shown is one line that prints, and an object's time of day alone.
        """
        self.watch.connected()
        for line, shown in [
            (Line("", False), ""),
            (Line("\x1b[2J\u202e\t", False), r"\x1b[2J\u202e\t"),
            (Line("xxx", True), "xxx…"),
            (Line('{"tick": 1, "time": "2023-11-15T07:13:20+09:00"}'), "07:13:20"),
            (Line('{"tick": 1}'), '{"tick": 1}'),
            (Line("2023-11-15T07:13:20Z"), "2023-11-15T07:13:20Z"),
        ]:
            self.watch.lineReceived(line)
            self.assertEqual(self.watch.look(), Look(State.LIVE, shown, 0))


class PrinterTests(SynchronousTestCase):
    """
    The wall as lines of text.
    """

    def test_changes(self) -> None:
        """
        Each change is one line; what is said already is not said again.
        """
        clock = Clock()
        printed: list[str] = []
        printer = Printer(clock, printed.append)
        tokyo, london = watches = [
            Watch(name, clock, 1, printer.changed) for name in ("Tokyo", "Lon\x07don")
        ]
        printer.open(watches)
        for watch in watches:
            watch.connecting()
            watch.connected()
        tokyo.lineReceived(Line("19:03:13"))
        tokyo.lineReceived(Line("19:03:13"))
        london.lineReceived(Line("10:03:13"))
        clock.pump([LOOK_EVERY] * 14)
        london.down("Connection refused", 1.5)
        clock.advance(1.5)
        london.connecting()
        london.down("Connection refused", 2.5)
        london.connecting()
        london.connected()
        london.lineReceived(Line("10:03:13"))
        printer.leave()
        printer.enter()
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
