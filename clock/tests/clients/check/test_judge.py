"""
Tests for L{clock.clients.check.judge} and L{clock.clients.check.report.text}.
"""

from __future__ import annotations

import json
from xml.etree import ElementTree

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from clock.clients.check.diagnosis.diagnose import Diagnosis
from clock.clients.check.judge import Judge
from clock.clients.check.report.histogram import Percentiles
from clock.clients.check.report.junit import junitReport
from clock.clients.check.report.text import exitStatus, jsonReport, textReport
from clock.clients.check.verdict import Verdict
from clock.clients.reading.lines import Line
from clock.clients.reading.timestamps import SECOND
from clock.timeformat import TimeFormat, zoneNamed

#: When the fake clock starts, in seconds since 1970.
START = 1_700_000_000


class FakeServer:
    """
    A server with a correct clock, and the judge of its stream.
    """

    def __init__(
        self,
        format: str = "%H:%M:%S",
        interval: float = 1,
        maxGap: float = 2.5,
        field: str | None = None,
    ) -> None:
        self.clock = Clock()
        self.timeFormat = TimeFormat(format, zoneNamed("Asia/Tokyo"))
        self.judge = Judge(
            "Tokyo", interval, maxGap, self.clock.seconds, self.wallClock, field
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

    def test_namedEvents(self) -> None:
        """
        Events with a name need not show anything.
        """
        server = FakeServer()
        server.judge.connected()
        server.judge.lineReceived(Line("hello", isNamed=True))
        self.assertFalse(server.judge.isBroken())
        server.run(3)
        self.assertVerdict(server, lines=4, unreadable=0, trouble=[])

    def test_unreadable(self) -> None:
        """
        A line that does not show the time, or is truncated, is unreadable.
        """
        server = self.start()
        server.judge.lineReceived(Line("hello"))
        server.judge.lineReceived(Line("19:03:14", truncated=True))
        server.send(1)
        self.assertVerdict(server, unreadable=2, trouble=["2 unreadable"])

    def sendText(self, server: FakeServer, *texts: str) -> None:
        """
        Connect, and let a line arrive each second.
        """
        server.judge.connected()
        for text in texts:
            server.judge.lineReceived(Line(text))
            server.advance(1)

    def test_counter(self) -> None:
        """
        Lines with a number and no time are judged by their numbers.
        """
        server = FakeServer()
        self.sendText(server, "1", "2", "3", "4")
        self.assertVerdict(server, lost=0)
        server = FakeServer()
        self.sendText(server, "1", "4", "4", "3")
        trouble = ["2 repeated", "2 lost"]
        verdict = self.assertVerdict(server, repeats=2, lost=2, trouble=trouble)
        self.assertIsNone(verdict.lateness)

    def test_field(self) -> None:
        """
        The field that is asked for is judged, and no id.
        """
        server = FakeServer(field="n")
        server.judge.connected()
        for number in (1, 2, 4):
            server.judge.lineReceived(Line(f'{{"n": {number}}}', id="7"))
        self.assertVerdict(server, lines=3, lost=1, trouble=["1 lost"])

    def test_id(self) -> None:
        """
        The id of an event is the number of its line, if it is short.
        """
        for prefix, lost, trouble in [("", 1, ["1 lost"]), ("1700000000", None, [])]:
            server = FakeServer()
            server.judge.connected()
            for second, id in [(0, "1"), (1, "2"), (2, "4")]:
                text = f"22:13:{20 + second}"
                server.judge.lineReceived(Line(text, id=prefix + id))
                server.advance(1)
            self.assertVerdict(server, lines=3, lost=lost, trouble=trouble)

    def test_showsNothing(self) -> None:
        """
        If no line shows a time or a number, the stream is judged by its arrivals.
        """
        server = FakeServer()
        self.sendText(server, "a", "b", "c", "d")
        verdict = self.assertVerdict(server)
        self.assertEqual((verdict.bursts, verdict.lost), (0, None))

    def test_bursts(self) -> None:
        """
        Lines that arrive together are a burst, but not the first two of a connection.
        """
        server = FakeServer()
        server.judge.connected()
        for text in "ab":
            server.judge.lineReceived(Line(text))
        self.assertEqual(server.judge.verdict().trouble, [])
        server.advance(2)
        for text in "cdefg":
            server.judge.lineReceived(Line(text))
        self.assertVerdict(server, lines=7, trouble=["4 in bursts"])
        server = self.start()
        server.send(0.5, 0.5)
        self.assertIsNone(server.judge.verdict().bursts)

    def test_truncatedOnly(self) -> None:
        """
        A line that was cut off is unreadable, even if no line shows a time.
        """
        server = FakeServer()
        server.judge.connected()
        server.judge.lineReceived(Line("a", truncated=True))
        trouble = ["1 unreadable"]
        self.assertVerdict(server, lines=1, unreadable=1, trouble=trouble)

    def test_redirected(self) -> None:
        """
        A redirect is reported. It is not a fault.
        """
        server = FakeServer()
        server.judge.waitingForHeaders()
        server.judge.redirected("http://x/\x1b")
        self.sendText(server, "1", "2", "3", "4")
        verdict = self.assertVerdict(server, lost=0)
        row = textReport([verdict]).splitlines()[1]
        self.assertEqual(row[-34:], r" whole (redirected to http://x/\x1b)"[-34:])

    def test_disconnects(self) -> None:
        """
        A lost connection is counted, with its reason. The next connection is judged
        independently, but the time without a line continues.
        """
        server = self.start()
        server.run(1)
        self.assertEqual(server.judge.verdict().outage, 0)
        server.judge.disconnected("closed by the server", 1)
        server.advance(1)
        self.assertEqual(server.judge.verdict().outage, 1)
        server.judge.connecting()
        server.judge.disconnected("Connection refused", 1.5)
        server.advance(2)
        server.judge.connecting()
        server.judge.connected()
        server.send(1, 2)
        verdict = self.assertVerdict(
            server,
            disconnects=1,
            failures=1,
            trouble=[
                "no line for 3 s",
                "disconnected once (closed by the server)",
                "failed to connect once (Connection refused)",
            ],
        )
        self.assertEqual(verdict.outage, 3)

    def test_outage(self) -> None:
        """
        The longest time without a connection counts, not the last.
        """
        server = self.start()
        for seconds in (0.5, 0.25):
            server.judge.disconnected("closed by the server", seconds)
            server.advance(seconds)
            server.judge.connected()
        server.advance(5)
        self.assertEqual(server.judge.verdict().outage, 0.5)

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

    def test_isBroken(self) -> None:
        """
        A stream is broken as soon as it cannot become whole any more.
        """
        server = self.start()
        server.run(3)
        self.assertFalse(server.judge.isBroken())
        server.advance(2.5)
        self.assertFalse(server.judge.isBroken())
        server.advance(0.1)
        self.assertTrue(server.judge.isBroken())
        server.send(4, 5, 6)
        self.assertTrue(server.judge.isBroken())
        for event in (
            lambda judge: judge.disconnected("closed by the server", 1),
            lambda judge: judge.lineReceived(Line("hello")),
        ):
            server = self.start()
            event(server.judge)
            self.assertTrue(server.judge.isBroken())

    def test_isNotBrokenYet(self) -> None:
        """
        A server may take as long to answer as it may take to send a line. Another
        attempt does not extend that time.
        """
        server = FakeServer()
        server.advance(100)
        server.judge.connecting()
        self.assertFalse(server.judge.isBroken())
        server.advance(2)
        server.judge.connecting()
        self.assertFalse(server.judge.isBroken())
        server.advance(0.6)
        self.assertTrue(server.judge.isBroken())

    def test_waitingForHeaders(self) -> None:
        """
        A connection over HTTP starts when the request is sent.
        """
        server = FakeServer()
        server.judge.connecting()
        server.judge.waitingForHeaders()
        server.advance(3)
        server.judge.connected()
        self.assertEqual(server.judge.history.connections[0].start, 0)
        self.assertEqual(server.judge.history.headersAwaited, 3)


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
        The table has a row for each stream. A sentence for each diagnosis is below it.
        Unprintable characters are escaped.
        """
        report = textReport([self.whole, self.broken, self.unreached])
        table, _, sentences = report.partition("\n\n")
        heading, whole, broken, unreached = table.splitlines()
        self.assertEqual(
            [each[:32] for each in sentences.splitlines()],
            [
                r"Bro\x07ken: Connecting failed on",
                r"Bro\x07ken: The connection was l",
                "Nowhere: Seen: not reached: no a",
            ],
        )
        self.assertIn(r"lost (a\x1breason)", sentences)
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

    def test_junit(self) -> None:
        """
        JUnit XML has a test case for each stream. One that is not whole fails, and one
        that was not reached is an error. What XML cannot contain is escaped.
        """
        late = Diagnosis("late", "Each line is late.")
        verdicts = [
            self.whole,
            self.whole._replace(diagnosis=[late]),
            self.broken,
            self.unreached,
        ]
        root = ElementTree.fromstring(junitReport(verdicts, 2.5))
        (suite,) = root
        counts = {"tests": "4", "failures": "1", "errors": "1"}
        self.assertEqual(root.attrib, counts)
        self.assertEqual(
            suite.attrib, {"name": "clock-check", "time": "2.500", **counts}
        )
        whole, late_, broken, unreached = suite
        self.assertEqual(
            whole.attrib,
            {"classname": "clock-check", "name": "Tokyo", "time": "2.500"},
        )
        self.assertEqual([*whole], [])
        self.assertEqual(late_[0].tag, "system-out")
        self.assertEqual(late_[0].text, late.text)
        self.assertEqual(broken.attrib["name"], r"Bro\x07ken")
        self.assertEqual(broken[0].tag, "failure")
        message = r"disconnected once (a\x1breason); failed to connect once (no\nroute)"
        expected = {"message": message, "type": "not-reached lost"}
        self.assertEqual(broken[0].attrib, expected)
        self.assertRegex(
            broken[0].text or "", "^Connecting failed.*\n.*connection was lost"
        )
        self.assertEqual(unreached[0].tag, "error")

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
                "bursts": None,
                "gaps": {"p50": 1, "p99": 1, "max": 1},
                "lateness": {"p50": 0, "p99": 0, "max": 0},
                "silence": 1,
                "disconnects": 0,
                "outage": 0,
                "failures": 0,
                "redirectedTo": None,
                "trouble": [],
                "diagnosis": [],
                "whole": True,
            },
        )
        self.assertEqual((unreached["whole"], unreached["gaps"]), (False, None))
        (found,) = unreached["diagnosis"]
        self.assertEqual(found["code"], "unclear")
        self.assertIn("no answer", found["text"])
        self.assertTrue(json.loads(jsonReport([self.whole], 1))["whole"])
