"""
Tests for L{clock.check.judge} and L{clock.check.report}.
"""

from __future__ import annotations

import json

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from clock.check.histogram import Percentiles
from clock.check.judge import Judge, Verdict
from clock.check.report import exitStatus, jsonReport, textReport
from clock.reading.lines import Line
from clock.reading.timestamps import SECOND
from clock.timeformat import TimeFormat, zoneNamed

#: When the fake clock starts, in seconds since 1970.
START = 1_700_000_000


class FakeServer:
    """
    A server with a correct clock, and the judge of its stream.
    """

    def __init__(
        self, format: str = "%H:%M:%S", interval: float = 1, maxGap: float = 2.5
    ) -> None:
        self.clock = Clock()
        self.timeFormat = TimeFormat(format, zoneNamed("Asia/Tokyo"))
        self.judge = Judge(
            "Tokyo", interval, maxGap, self.clock.seconds, self.wallClock
        )

    def wallClock(self) -> int:
        """
        Return the time, in nanoseconds since 1970.
        """
        return START * SECOND + round(self.clock.seconds() * SECOND)

    def send(self, *seconds: float, tick: int = 0) -> None:
        """
        Let a line arrive for each of these instants, in seconds from the start.
        """
        for each in seconds:
            instant = START * SECOND + round(each * SECOND)
            self.judge.lineReceived(
                Line(self.timeFormat.line(instant, tick).decode().strip())
            )

    def advance(self, seconds: float) -> None:
        """
        Let time pass.
        """
        self.clock.advance(seconds)

    def run(self, seconds: int) -> None:
        """
        Send each second on time, for some seconds.
        """
        for _ in range(seconds):
            self.advance(1 - self.clock.seconds() % 1)
            self.send(self.clock.seconds())


class JudgeTests(SynchronousTestCase):
    """
    The verdicts of a judge.
    """

    def assertVerdict(self, server: FakeServer, **expected: object) -> Verdict:
        """
        Assert that the verdict is that of four good lines, except for these fields.
        """
        verdict = server.judge.verdict()
        whole: dict[str, object] = {
            "reached": True,
            "lines": 4,
            "repeats": 0,
            "skips": 0,
            "lost": None,
            "unreadable": 0,
            "disconnects": 0,
            "failures": 0,
            "trouble": [],
        }
        found = {name: getattr(verdict, name) for name in whole}
        self.assertEqual(found, {**whole, **expected})
        return verdict

    def start(self, **keywords: object) -> FakeServer:
        """
        Connect in the middle of a second, and send the first line.
        """
        server = FakeServer(**keywords)  # type: ignore[arg-type]
        server.advance(0.5)
        server.judge.connecting()
        server.judge.connected()
        server.send(0.5)
        return server

    def test_whole(self) -> None:
        """
        A line each second, on time, is a whole stream.
        """
        server = self.start()
        server.run(3)
        verdict = self.assertVerdict(server)
        self.assertEqual(verdict.lateness, Percentiles(0, 0, 0))
        self.assertEqual(verdict.silence, 1)

    def test_firstLineIsNotLate(self) -> None:
        """
        The first line shows a second that began before, so its lateness is not known,
        unless it shows the fraction.
        """
        server = self.start()
        self.assertIsNone(server.judge.verdict().lateness)
        self.assertIsNone(server.judge.verdict().gaps)
        server = self.start(format="json")
        self.assertEqual(server.judge.verdict().lateness, Percentiles(0, 0, 0))

    def test_late(self) -> None:
        """
        Lateness is the time from the instant shown to the arrival, by the local wall
        clock. A stream with late lines is whole.
        """
        server = self.start()
        server.run(2)
        server.advance(1.25)
        server.send(3)
        verdict = self.assertVerdict(server)
        self.assertEqual(verdict.lateness, Percentiles(0, 0.25, 0.25))
        self.assertEqual(verdict.gaps, Percentiles(1, 1.25, 1.25))

    def test_repeat(self) -> None:
        """
        A line for the same second, or an earlier one, is a repeat.
        """
        server = self.start()
        server.run(2)
        server.send(2, 1)
        self.assertVerdict(server, lines=5, repeats=2, trouble=["2 repeated"])

    def test_skip(self) -> None:
        """
        A second without a line is skipped.
        """
        server = self.start()
        server.run(1)
        server.advance(2)
        server.run(1)
        trouble = ["2 skipped", "no line for 3 s"]
        verdict = self.assertVerdict(server, lines=3, skips=2, trouble=trouble)
        self.assertEqual(verdict.silence, 3)

    def test_lost(self) -> None:
        """
        A missing tick number is a lost line. If a second is missing but no number is,
        the second is only skipped.
        """
        server = self.start(format="json")
        server.send(1, tick=1)
        server.send(3, tick=3)
        server.send(5, tick=4)
        trouble = ["2 skipped", "1 lost"]
        self.assertVerdict(server, skips=2, lost=1, trouble=trouble)

    def test_ticksStartAgain(self) -> None:
        """
        A tick number that repeats, or starts again, does not reduce the number of lost
        lines.
        """
        server = self.start(format="json")
        for second, tick in [(1, 1), (2, 5), (3, 5), (4, 0)]:
            server.send(second, tick=tick)
        self.assertVerdict(server, lines=5, lost=3, trouble=["3 lost"])

    def test_interval(self) -> None:
        """
        With another interval, lines are judged by its boundaries. The first line may be
        sent between them.
        """
        server = FakeServer(interval=60, maxGap=150)
        server.judge.connected()
        server.send(19, 40, 100, 220)
        self.assertVerdict(server, skips=1, trouble=["1 skipped"])

    def test_heldBack(self) -> None:
        """
        Lines that arrive late and together are a long gap, and nothing else.
        """
        server = self.start()
        server.advance(3)
        server.send(1, 2, 3)
        verdict = self.assertVerdict(server, trouble=["no line for 3 s"])
        self.assertEqual(verdict.lateness, Percentiles(1.5, 2.5, 2.5))

    def test_endsInSilence(self) -> None:
        """
        The time without a line up to the end counts, but is not a gap between lines.
        """
        server = self.start()
        server.run(3)
        server.advance(30)
        verdict = self.assertVerdict(server, trouble=["no line for 30 s"])
        self.assertEqual(verdict.gaps, Percentiles(1, 1, 1))

    def test_noLines(self) -> None:
        """
        A stream without lines is not whole, even if the check is short.
        """
        server = FakeServer()
        server.judge.connected()
        self.assertVerdict(server, lines=0, trouble=["no lines"])

    def test_unreadable(self) -> None:
        """
        A line that does not show the time, or is truncated, is unreadable.
        """
        server = self.start()
        server.judge.lineReceived(Line("hello"))
        server.judge.lineReceived(Line("19:03:14", truncated=True))
        server.send(1)
        self.assertVerdict(server, unreadable=2, trouble=["2 unreadable"])

    def test_disconnects(self) -> None:
        """
        A lost connection is counted, with its reason. The next connection is judged
        independently, but the time without a line continues.
        """
        server = self.start()
        server.run(1)
        server.judge.disconnected("closed by the server", 1)
        server.judge.connecting()
        server.judge.disconnected("Connection refused", 1.5)
        server.advance(3)
        server.judge.connecting()
        server.judge.connected()
        server.send(1, 2)
        self.assertVerdict(
            server,
            disconnects=1,
            failures=1,
            trouble=[
                "no line for 3 s",
                "disconnected once (closed by the server)",
                "failed to connect once (Connection refused)",
            ],
        )

    def test_notReached(self) -> None:
        """
        If no connection is made, the verdict has the last reason. The time without a
        line is not measured.
        """
        server = FakeServer()
        nothing = {"reached": False, "lines": 0}
        self.assertVerdict(server, **nothing, trouble=["not reached: no answer"])
        for reason in ("Network is unreachable", "Connection refused"):
            server.judge.connecting()
            server.advance(10)
            server.judge.disconnected(reason, 1)
        self.assertEqual(server.judge.verdict().silence, 0)
        trouble = ["not reached: Connection refused"]
        self.assertVerdict(server, **nothing, failures=2, trouble=trouble)


class ReportTests(SynchronousTestCase):
    """
    The report.
    """

    def setUp(self) -> None:
        """
        Judge one stream that is whole, and two that are not.
        """
        server = FakeServer(format="json")
        server.judge.connected()
        server.send(0)
        server.advance(1)
        server.send(1, tick=1)
        self.whole = server.judge.verdict()
        server.judge.disconnected("a\x1breason", 1)
        server.judge.disconnected("no\nroute", 1)
        self.broken = server.judge.verdict()._replace(name="Bro\x07ken")
        self.unreached = FakeServer().judge.verdict()._replace(name="Nowhere")

    def test_exitStatus(self) -> None:
        """
        The exit status is that of the worst stream.
        """
        self.assertEqual(exitStatus([self.whole]), 0)
        self.assertEqual(exitStatus([self.whole, self.broken]), 1)
        self.assertEqual(exitStatus([self.unreached, self.broken, self.whole]), 2)

    def test_table(self) -> None:
        """
        The table has a row for each stream. Unprintable characters are escaped.
        """
        table = textReport([self.whole, self.broken, self.unreached])
        heading, whole, broken, unreached = table.splitlines()
        columns = "clock lines repeats skips lost disconnects"
        columns += " gap p50 p99 max late p50 p99 max"
        self.assertEqual(heading.split(), [*columns.split(), "verdict"])
        times = [*["1.000"] * 3, *["0.000"] * 3]
        numbers = ["2", "0", "0", "0", "0", *times]
        self.assertEqual(whole.split(), ["Tokyo", *numbers, "whole"])
        numbers = ["2", "0", "0", "0", "1", *times]
        why = r"disconnected once (a\x1breason); failed to connect once (no\nroute)"
        self.assertEqual(broken.split(), [r"Bro\x07ken", *numbers, *why.split()])
        nothing = ["0", "0", "0", "-", "0", *"-" * 6]
        why = "not reached: no answer"
        self.assertEqual(unreached.split(), ["Nowhere", *nothing, *why.split()])
        at = heading.index("verdict")
        ends = [line[at:] for line in (whole, broken, unreached)]
        self.assertEqual([end[:5] for end in ends], ["whole", "disco", "not r"])

    def test_json(self) -> None:
        """
        JSON has all fields of the verdicts, by name.
        """
        report = json.loads(jsonReport([self.whole, self.unreached], 2.5))
        self.assertEqual((report["seconds"], report["whole"]), (2.5, False))
        whole, unreached = report["clocks"]
        self.assertEqual(
            whole,
            {
                "name": "Tokyo",
                "reached": True,
                "lines": 2,
                "repeats": 0,
                "skips": 0,
                "lost": 0,
                "unreadable": 0,
                "gaps": {"p50": 1, "p99": 1, "max": 1},
                "lateness": {"p50": 0, "p99": 0, "max": 0},
                "silence": 1,
                "disconnects": 0,
                "failures": 0,
                "trouble": [],
                "whole": True,
            },
        )
        self.assertEqual((unreached["whole"], unreached["gaps"]), (False, None))
        self.assertTrue(json.loads(jsonReport([self.whole], 1))["whole"])
