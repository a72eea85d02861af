"""
Tests for L{clock.wall.judge} and L{clock.wall.report}.
"""

from __future__ import annotations

import json

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from clock.face import Face, zoneNamed
from clock.ticker import SECOND
from clock.wall.judge import Judge, Verdict
from clock.wall.lines import Line
from clock.wall.report import jsonReport, status, textReport
from clock.wall.spread import Spread

#: When the fake clock starts, in seconds since 1970.
START = 1_700_000_000


class Stream:
    """
    A stream that is judged, from a server whose clock is right.
    """

    def __init__(
        self, format: str = "%H:%M:%S", interval: float = 1, maxGap: float = 2.5
    ) -> None:
        self.clock = Clock()
        self.face = Face(format, zoneNamed("Asia/Tokyo"))
        self.judge = Judge(
            "Tokyo", interval, maxGap, self.clock.seconds, self.wallClock
        )

    def wallClock(self) -> int:
        """
        Tell the time, in nanoseconds.
        """
        return START * SECOND + round(self.clock.seconds() * SECOND)

    def says(self, *seconds: float, tick: int = 0) -> None:
        """
        Let a line arrive for each of these instants, in seconds from the start.
        """
        for each in seconds:
            instant = START * SECOND + round(each * SECOND)
            self.judge.lineReceived(
                Line(self.face.line(instant, tick).decode().strip())
            )

    def passes(self, seconds: float) -> None:
        """
        Let time pass.
        """
        self.clock.advance(seconds)

    def runs(self, seconds: int) -> None:
        """
        Let the server do what it should for so long.
        """
        for _ in range(seconds):
            self.passes(1 - self.clock.seconds() % 1)
            self.says(self.clock.seconds())


class JudgeTests(SynchronousTestCase):
    """
    What is wrong with a stream.
    """

    def verdict(self, stream: Stream, **expected: object) -> Verdict:
        """
        Judge, and compare what is not as in a stream of four good lines.
        """
        verdict = stream.judge.verdict()
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

    def started(self, **keywords: object) -> Stream:
        """
        Start a stream in the middle of a second, with its first line.
        """
        stream = Stream(**keywords)  # type: ignore[arg-type]
        stream.passes(0.5)
        stream.judge.connecting()
        stream.judge.connected()
        stream.says(0.5)
        return stream

    def test_whole(self) -> None:
        """
        A line a second, on the second, is a stream that is whole.
        """
        stream = self.started()
        stream.runs(3)
        verdict = self.verdict(stream)
        self.assertEqual(verdict.lateness, Spread(0, 0, 0))
        self.assertEqual(verdict.silence, 1)

    def test_firstLineIsNotLate(self) -> None:
        """
        The first line shows a second that began before, so it tells of no lateness,
        unless it shows the fraction, too.
        """
        stream = self.started()
        self.assertIsNone(stream.judge.verdict().lateness)
        self.assertIsNone(stream.judge.verdict().gaps)
        stream = self.started(format="json")
        self.assertEqual(stream.judge.verdict().lateness, Spread(0, 0, 0))

    def test_late(self) -> None:
        """
        Lateness is from the instant shown to the arrival, by the local clock; it
        alone is no trouble.
        """
        stream = self.started()
        stream.runs(2)
        stream.passes(1.25)
        stream.says(3)
        verdict = self.verdict(stream)
        self.assertEqual(verdict.lateness, Spread(0, 0.25, 0.25))
        self.assertEqual(verdict.gaps, Spread(1, 1.25, 1.25))

    def test_repeat(self) -> None:
        """
        A second that is shown again is a repeat, and one before it, too.
        """
        stream = self.started()
        stream.runs(2)
        stream.says(2, 1)
        self.verdict(stream, lines=5, repeats=2, trouble=["2 repeated"])

    def test_skip(self) -> None:
        """
        A second that is not shown is skipped.
        """
        stream = self.started()
        stream.runs(1)
        stream.passes(2)
        stream.runs(1)
        trouble = ["2 skipped", "nothing for 3 s"]
        verdict = self.verdict(stream, lines=3, skips=2, trouble=trouble)
        self.assertEqual(verdict.silence, 3)

    def test_lost(self) -> None:
        """
        Where ticks are numbered, a missing one is a line that was lost; a second that
        is missing by itself is one in which the server did not run.
        """
        stream = self.started(format="json")
        stream.says(1, tick=1)
        stream.says(3, tick=3)
        stream.says(5, tick=4)
        trouble = ["2 skipped", "1 lost"]
        self.verdict(stream, skips=2, lost=1, trouble=trouble)

    def test_nothingIsFound(self) -> None:
        """
        A number that comes again, or is of a server that started anew, makes up for
        none that was lost.
        """
        stream = self.started(format="json")
        for second, tick in [(1, 1), (2, 5), (3, 5), (4, 0)]:
            stream.says(second, tick=tick)
        self.verdict(stream, lines=5, lost=3, trouble=["3 lost"])

    def test_interval(self) -> None:
        """
        Another interval has other lines; the first line may be from within one.
        """
        stream = Stream(interval=60, maxGap=150)
        stream.judge.connected()
        stream.says(19, 40, 100, 220)
        self.verdict(stream, skips=1, trouble=["1 skipped"])

    def test_heldBack(self) -> None:
        """
        Lines that come late and all at once are a long gap, and nothing else.
        """
        stream = self.started()
        stream.passes(3)
        stream.says(1, 2, 3)
        verdict = self.verdict(stream, trouble=["nothing for 3 s"])
        self.assertEqual(verdict.lateness, Spread(1.5, 2.5, 2.5))

    def test_endsInSilence(self) -> None:
        """
        A stream that has fallen silent is no better for having sent nothing wrong.
        """
        stream = self.started()
        stream.runs(3)
        stream.passes(30)
        verdict = self.verdict(stream, trouble=["nothing for 30 s"])
        self.assertEqual(verdict.gaps, Spread(1, 1, 1))

    def test_connectedAndSilent(self) -> None:
        """
        A stream without a line is not whole, however short the time was.
        """
        stream = Stream()
        stream.judge.connected()
        self.verdict(stream, lines=0, trouble=["no line"])

    def test_unreadable(self) -> None:
        """
        What does not tell the time, or was cut off, cannot be judged to be whole.
        """
        stream = self.started()
        stream.judge.lineReceived(Line("hello"))
        stream.judge.lineReceived(Line("19:03:14", cut=True))
        stream.says(1)
        self.verdict(stream, unreadable=2, trouble=["2 unreadable"])

    def test_disconnects(self) -> None:
        """
        A connection that is lost is counted, with its reason; each connection is
        compared with itself alone, but the silence in between is silence.
        """
        stream = self.started()
        stream.runs(1)
        stream.judge.down("closed by the server", 1)
        stream.judge.connecting()
        stream.judge.down("Connection refused", 1.5)
        stream.passes(3)
        stream.judge.connecting()
        stream.judge.connected()
        stream.says(1, 2)
        self.verdict(
            stream,
            disconnects=1,
            failures=1,
            trouble=[
                "nothing for 3 s",
                "cut off once (closed by the server)",
                "no connection once (Connection refused)",
            ],
        )

    def test_notReached(self) -> None:
        """
        A server that cannot be reached is said to be, with the last reason there is;
        how long that took is no silence.
        """
        stream = Stream()
        nothing = {"reached": False, "lines": 0}
        self.verdict(stream, **nothing, trouble=["never reached: no answer"])
        for reason in ("Network is unreachable", "Connection refused"):
            stream.judge.connecting()
            stream.passes(10)
            stream.judge.down(reason, 1)
        self.assertEqual(stream.judge.verdict().silence, 0)
        trouble = ["never reached: Connection refused"]
        self.verdict(stream, **nothing, failures=2, trouble=trouble)


class ReportTests(SynchronousTestCase):
    """
    What is printed.
    """

    def setUp(self) -> None:
        """
        Judge one stream that is whole, and others that are not.
        """
        stream = Stream(format="json")
        stream.judge.connected()
        stream.says(0)
        stream.passes(1)
        stream.says(1, tick=1)
        self.whole = stream.judge.verdict()
        stream.judge.down("a\x1breason", 1)
        stream.judge.down("no\nroute", 1)
        self.broken = stream.judge.verdict()._replace(name="Bro\x07ken")
        self.unreached = Stream().judge.verdict()._replace(name="Nowhere")

    def test_status(self) -> None:
        """
        The exit status is that of the worst stream.
        """
        self.assertEqual(status([self.whole]), 0)
        self.assertEqual(status([self.whole, self.broken]), 1)
        self.assertEqual(status([self.unreached, self.broken, self.whole]), 2)

    def test_table(self) -> None:
        """
        The table has a line for each stream, and prints, whatever the reason is.
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
        why = r"cut off once (a\x1breason); no connection once (no\nroute)"
        self.assertEqual(broken.split(), [r"Bro\x07ken", *numbers, *why.split()])
        nothing = ["0", "0", "0", "-", "0", *"-" * 6]
        why = "never reached: no answer"
        self.assertEqual(unreached.split(), ["Nowhere", *nothing, *why.split()])
        at = heading.index("verdict")
        ends = [line[at:] for line in (whole, broken, unreached)]
        self.assertEqual([end[:5] for end in ends], ["whole", "cut o", "never"])

    def test_json(self) -> None:
        """
        JSON has all that was found, by name.
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
