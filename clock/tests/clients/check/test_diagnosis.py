"""
Tests for L{clock.clients.check.diagnosis.diagnose},
L{clock.clients.check.diagnosis.cuts} and L{clock.clients.check.history}.

Each diagnosis has a test that makes it happen, and one for what looks almost the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from clock.clients.check.diagnosis.diagnose import Diagnosis, diagnose
from clock.clients.check.judge import Judge
from clock.clients.check.sequence import Transition
from clock.clients.reading.lines import Line
from clock.clients.reading.timestamps import SECOND
from clock.timeformat import TimeFormat, zoneNamed

#: When the fake clock starts, in seconds since 1970: a boundary of all intervals here.
START = 1_700_000_000 // 420 * 420


class Sent(NamedTuple):
    """
    A line, when it arrives, the time it shows, and the number of its tick. Times are in
    seconds from the start.
    """

    at: float
    shown: float
    tick: int

    def later(self, seconds: float) -> Sent:
        """
        Delay the line.
        """
        return self._replace(at=self.at + seconds)


def served(start: float, end: float, interval: float = 1) -> list[Sent]:
    """
    Return the lines that a server sends to a client that connects at C{start}: one at
    once, and the others at the boundaries of the intervals before C{end}.
    """
    first = math.floor(start / interval) + 1
    number = math.ceil(end / interval) - first
    boundaries = [
        Sent((first + each) * interval, (first + each) * interval, first + each)
        for each in range(number)
    ]
    return [Sent(start, start, first - 1), *boundaries]


class DiagnosisTests(SynchronousTestCase):
    """
    What is said about a stream.
    """

    def setUp(self) -> None:
        """
        Judge a stream of JSON lines, one a second.
        """
        self.prepare()

    def prepare(self, format: str = "json", interval: float = 1) -> None:
        """
        Judge a stream in another format, or with another interval.
        """
        self.clock = Clock()
        self.timeFormat = TimeFormat(format, zoneNamed("UTC"))
        self.judge = Judge(
            "x",
            interval,
            2.5 * interval,
            self.clock.seconds,
            lambda: START * SECOND + round(self.clock.seconds() * SECOND),
        )
        self.judge.connecting()

    def advance(self, at: float) -> None:
        """
        Let time pass up to this one.
        """
        self.clock.advance(at - self.clock.seconds())

    def connect(self, at: float, requested: float | None = None) -> None:
        """
        Let a connection be made. A request may have been sent before.
        """
        if requested is not None:
            self.advance(requested)
            self.judge.waitingForHeaders()
        self.advance(at)
        self.judge.connected()

    def receive(self, lines: Iterable[Sent]) -> None:
        """
        Let lines arrive.
        """
        for at, shown, tick in lines:
            self.advance(at)
            instant = (START + shown) * SECOND
            text = self.timeFormat.line(round(instant), tick).decode().strip()
            self.judge.lineReceived(Line(text))

    def disconnect(self, at: float, reason: str = "closed by the server") -> None:
        """
        Let the connection be lost, or an attempt fail.
        """
        self.advance(at)
        self.judge.disconnected(reason, 1)

    def read(self, start: float, end: float, path: Callable[[Sent], Sent]) -> None:
        """
        Connect to a server, over a path that delays lines.
        """
        self.connect(start)
        self.receive(map(path, served(start, end)))

    def diagnosis(self, at: float | None = None) -> list[Diagnosis]:
        """
        Return the diagnosis at the end of the check.
        """
        if at is not None:
            self.advance(at)
        return self.judge.verdict().diagnosis

    def assertDiagnosis(self, code: str, pattern: str, at: float | None = None) -> None:
        """
        Assert that there is one diagnosis, and what its sentence contains.
        """
        found = self.diagnosis(at)
        self.assertEqual([each.code for each in found], [code], found)
        self.assertRegex(found[0].text, pattern)
        self.assertTrue(
            re.fullmatch(r"[A-Z0-9].*[\w)]\.", found[0].text), found[0].text
        )

    def test_whole(self) -> None:
        """
        A stream that is whole and on time has no diagnosis, in any format and at any
        interval, however the client connects.
        """
        for format in ("json", "%H:%M:%S", "unix"):
            for interval in (0.2, 1, 1.5, 60):
                for phase in (0, 0.02, 0.5, 0.98):
                    self.prepare(format, interval)
                    start = phase * interval
                    self.connect(start)
                    lines = served(start, 20 * interval, interval)
                    self.receive(line.later(0.001) for line in lines)
                    self.assertEqual(self.diagnosis(), [], (format, interval, phase))

    def test_heldBack(self) -> None:
        """
        Lines that come together each time are held back by a buffer. So are lines that
        cannot be read.
        """
        for format in ("json", "%H:%M:%S", "%A"):
            self.prepare(format)
            self.read(0.5, 20.5, lambda line: line._replace(at=line.at // 4 * 4 + 4))
            found = self.diagnosis()
            self.assertEqual([each.code for each in found], ["held-back"])
            seen = "^Nothing came for 4 s, then 4 lines at once, 5 times: a buffer "
            self.assertRegex(found[0].text, seen)

    def test_heldBackInPairs(self) -> None:
        """
        Lines that come in pairs are held back, though no silence is too long. If only a
        few do, nothing is said.
        """
        self.read(0.5, 20, lambda line: line._replace(at=line.at // 2 * 2 + 2))
        self.assertEqual(self.judge.verdict().trouble, [])
        self.assertDiagnosis("held-back", "^Nothing came for 2 s, then 2 lines at onc")
        self.prepare()
        self.read(0.5, 20, lambda line: line.later(0.95 * (line.at in (5, 12))))
        self.assertEqual(self.diagnosis(), [])

    def test_heldBackOnce(self) -> None:
        """
        A check may be too short for a second block.
        """
        self.read(0.5, 16.1, lambda line: line._replace(at=16.2))
        seen = "^Nothing came for 15.7 s, then 17 lines at once, once: a buffer "
        self.assertDiagnosis("held-back", seen, 30)

    def test_stalled(self) -> None:
        """
        Lines that come together once, among others that come one by one, were held back
        by a pause. A short pause is not mentioned.
        """

        def stall(line: Sent) -> Sent:
            return line._replace(at=max(line.at, 9)) if 4.5 < line.at < 9 else line

        self.read(0.5, 20, stall)
        seen = r"^Nothing came for 5 s, then 5 lines at once, once, and most other"
        self.assertDiagnosis("stalled", seen)
        self.prepare()
        self.read(0.5, 20, lambda line: line.later(0.95 * (line.at == 5)))
        self.assertEqual(self.diagnosis(), [])

    def test_repeatedTogether(self) -> None:
        """
        Lines that are repeated at once after a pause were not held back.
        """
        self.connect(0.5)
        self.receive([*served(0.5, 3), *[Sent(8, 8, 3)] * 5, Sent(9, 9, 4)])
        codes = [each.code for each in self.diagnosis()]
        self.assertEqual(codes, ["server-slept"])

    def test_headersHeldBack(self) -> None:
        """
        Headers of a response that come late, or not at all, are held back.
        """
        seen = "^Not even the headers of the response came in the first {} s after"
        self.advance(1)
        self.judge.waitingForHeaders()
        self.assertDiagnosis("headers-held-back", seen.format("9.0"), 10)
        self.judge.connected()
        self.receive(served(10, 20))
        self.assertDiagnosis("headers-held-back", seen.format("9.0"))

    def test_headersInTime(self) -> None:
        """
        Headers that come at once are not held back, and neither are those of an error
        response.
        """
        self.connect(1, requested=0.9)
        self.receive(served(1, 5))
        self.assertEqual(self.diagnosis(), [])
        self.prepare()
        self.judge.waitingForHeaders()
        self.disconnect(60, "504 Gateway Time-out")
        seen = r"^Connecting failed once \(504 Gateway Time-out\): a proxy answers, but"
        self.assertDiagnosis("not-reached", seen)

    def test_silent(self) -> None:
        """
        A connection without a line is silent.
        """
        self.connect(1)
        self.assertEqual(self.diagnosis(2)[0].code, "unclear")
        seen = "^The connection was made, but no line came for 9.0 s: "
        self.assertDiagnosis("silent", seen, 10)
        self.prepare()
        self.connect(1, requested=0.5)
        seen = "^The headers of the response came, but no line came for 9.5 s: a "
        self.assertDiagnosis("silent", seen, 10)

    def test_fallsSilent(self) -> None:
        """
        A connection that no longer brings lines is silent, unless it was closed.
        """
        self.read(0.5, 5, lambda line: line)
        self.assertDiagnosis("silent", "^No line came in the last 5.0 s, ", 9)
        self.disconnect(9)
        self.assertDiagnosis("closed", "once, 8.50 s after its start and 5.00 s")

    def test_notReached(self) -> None:
        """
        A failed attempt has a reason, which may have a usual cause.
        """
        self.assertDiagnosis("unclear", "^Seen: not reached: no answer. This check ", 5)
        self.disconnect(6, "Host unreachable")
        seen = r"^Connecting failed once \(Host unreachable\)\.$"
        self.assertDiagnosis("not-reached", seen)
        self.disconnect(7, "Connection refused")
        seen = r"^Connecting failed 2 times \(Connection refused\): no process listens"
        self.assertDiagnosis("not-reached", seen)
        self.disconnect(8, "426 Upgrade Required")
        seen = r"\(426 Upgrade Required\): a proxy on the way does not pass on Upgrade"
        self.assertDiagnosis("not-reached", seen)

    def test_oneBehind(self) -> None:
        """
        A line that waits until the next one is sent is one behind. So is the first line
        of a connection.
        """
        for format in ("json", "%H:%M:%S"):
            self.prepare(format)
            self.read(0.5, 9, lambda line: line._replace(at=math.floor(line.at) + 1))
            self.assertDiagnosis("one-behind", "^Each line came 1.00 s late, when the ")

    def test_delayed(self) -> None:
        """
        If all lines wait equally long, even the first one of each connection, then
        something delays them.
        """
        for format in ("json", "%H:%M:%S"):
            self.prepare(format)
            for start in (0.5, 9.5):
                self.connect(start, requested=start)
                lines = served(start, start + 5)
                self.receive(line.later(0.2 + 0.01 * (line.tick % 2)) for line in lines)
                self.disconnect(start + 6)
            found = self.diagnosis()
            self.assertEqual([each.code for each in found], ["cut-every", "delayed"])
            seen = r"^Each line came 0\.2\d s late, and so did the first line of each "
            self.assertRegex(found[1].text, seen)

    def test_notDelayed(self) -> None:
        """
        If the first line comes at once, the clocks differ, by too little to mention. A
        delay that varies is not mentioned either.
        """
        self.read(0.5, 9, lambda line: line.later(0.2 * (line.tick > 0)))
        self.assertEqual(self.diagnosis(), [])
        self.prepare()
        self.read(0.5, 9, lambda line: line.later(0.2 + 0.2 * (line.tick % 2)))
        self.assertEqual(self.diagnosis(), [])
        self.prepare()
        self.read(0.5, 9, lambda line: line.later(0.1))
        self.assertEqual(self.diagnosis(), [])

    def test_delayedByChance(self) -> None:
        """
        If a server sends the first line at the start of an interval, its clock may
        differ by the time that this line takes.
        """
        self.connect(4)
        self.receive(line.later(0.2) for line in served(3.5, 13)[1:])
        self.assertEqual(self.diagnosis(), [])

    def test_historyFirst(self) -> None:
        """
        Lines from before the connection come first if a cache keeps the stream. They
        are the only ones that are late.
        """
        for format in ("json", "%H:%M:%S"):
            for start in (7.5, 40.01):
                self.prepare(format)
                self.connect(start, requested=start)
                old = [line.later(start - line.at) for line in served(0.5, start)]
                self.receive([*old, *served(start, start + 9)[1:]])
                seen = f"^{len(old) - 1} lines from before the connection came "
                self.assertDiagnosis("history-first", f"{seen}at once .* once: a cache")

    def test_historyOften(self) -> None:
        """
        Each connection may begin with lines from before it. Other findings remain.
        """
        for start in (5, 10, 20):
            self.connect(start)
            self.receive(line.later(start - line.at) for line in served(0.5, start))
            self.disconnect(start + 0.3)
        found = self.diagnosis()
        self.assertEqual([each.code for each in found], ["history-first", "cut-every"])
        self.assertRegex(found[0].text, "^9 lines from .* at its start, 3 times: a ")

    def test_noHistory(self) -> None:
        """
        Lines that were sent since the request, but held back, are no history, nor are
        lines at once that show no time, or repeat one another.
        """
        self.connect(8, requested=0.5)
        self.receive(line.later(max(0, 8 - line.at)) for line in served(0.5, 20))
        found = [each.code for each in self.diagnosis()]
        self.assertEqual(found, ["headers-held-back", "stalled"])
        for format, code in (("%A", "unclear"), ("json", "unclear")):
            self.prepare(format)
            self.connect(7)
            self.receive([*[Sent(7, 7, 7)] * 5, *served(7, 16)[1:]])
            self.assertDiagnosis(code, "^Seen: (3 in bursts|4 repeated)")

    def test_clockDiffers(self) -> None:
        """
        If all lines are equally late, but the first one comes at once, then the clocks
        differ. If lines are early, the server's clock is certainly ahead.
        """
        for format in ("json", "%H:%M:%S"):
            for offset, text in [(-1, "1.00 s behind"), (2, "2.00 s ahead of")]:
                self.prepare(format)

                def shift(line: Sent, by: int = offset) -> Sent:
                    return line._replace(shown=line.shown + by)

                self.read(0.5, 9, shift)
                seen = f"^The server's clock is {text} this machine's; "
                self.assertDiagnosis("clock-differs", seen)

    def test_late(self) -> None:
        """
        If the first line does not decide between them, the diagnosis names both causes
        of late lines. If only some are late, nothing is said.
        """
        self.connect(0.05)
        lines = served(0.05, 9)
        self.receive(
            line._replace(at=line.at + 0.05, shown=line.shown - 1) for line in lines
        )
        seen = "^Each line came 1.05 s late: the server's clock is behind this "
        self.assertDiagnosis("late", seen)
        self.prepare()
        self.connect(0)
        # A first line that waits for longer does not wait for the next one.
        self.receive(line._replace(shown=line.shown - 1) for line in served(2, 9))
        self.assertDiagnosis("late", "^Each line came 1.00 s late: ")
        self.prepare()
        self.read(0.5, 9, lambda line: line.later(0.7 * (line.tick % 2)))
        self.assertEqual(self.diagnosis(), [])

    def test_idleTimeout(self) -> None:
        """
        Connections that all end the same time after their last line have an idle
        timeout. A well-known default is named.
        """
        for number, start in enumerate([0.5, 3.5, 7.5]):
            self.connect(start)
            lines = served(start, start + 0.4 + 0.2 * (number != 1))
            self.receive(lines)
            self.disconnect(lines[-1].at + 0.8 + 0.01 * number)
        self.assertDiagnosis(
            "cut-every-idle",
            "^Each of 3 connections was closed in good order 0.81 s after its last line"
            r": an idle timeout on the way is too short, such as .*_timeout\.$",
        )
        self.prepare("json", 70)
        for start in (60, 200, 380):
            self.connect(start)
            lines = served(start, start + 20, 70)
            self.receive(lines)
            self.disconnect(lines[-1].at + 60, "reset by the server")
        seen = r"reset 60\.00 s after .* \(60 s is the default of nginx, Apache and V"
        self.assertDiagnosis("cut-every-idle", seen)

    def test_totalTimeout(self) -> None:
        """
        Connections that all end the same time after their start, though lines came,
        have a limited duration.
        """
        for start in (0.1, 20.7):
            self.connect(start)
            self.receive(served(start, start + 15))
            self.disconnect(start + 15)
        self.assertDiagnosis(
            "cut-every-total",
            "^Each of 2 connections was closed in good order 15.00 s after its start, "
            r"with lines or without.*connection \(15 s is the default of ",
        )

    def test_anyTimeout(self) -> None:
        """
        Without lines, an idle timeout and another one look the same.
        """
        for start in (1, 5):
            self.connect(start)
            self.disconnect(start + 2)
        seen = "2.00 s after its start, and 2.00 s after .*for idle connections or for"
        self.assertDiagnosis("cut-every", seen)

    def test_noTimeout(self) -> None:
        """
        Connections that end at different times have no timeout in common, and a single
        connection does not show one.
        """
        self.connect(0.5)
        self.receive(served(0.5, 2.5))
        self.disconnect(2.5)
        seen = "^The connection was closed in good order once, 2.00 s after its start "
        self.assertDiagnosis("closed", f"{seen}and 0.50 s after its last line: the ser")
        self.connect(3.5)
        self.receive(served(3.5, 8.9))
        self.disconnect(8.9)
        seen = "order 2 times, 2.00 to 5.40 s after the start: the server, or a proxy, "
        self.assertDiagnosis("closed", seen)

    def test_ends(self) -> None:
        """
        A connection may be reset, cut within the response or within a line, or lost for
        a reason of its own.
        """
        for reason, code, seen in [
            ("closed by the server", "closed", "closed in good order once, "),
            ("reset by the server", "reset", "^The connection was reset once, 1.00 s "),
            ("cut within a response", "cut-within-response", "before the end of the r"),
            ("No route to host", "lost", r"^The connection was lost \(No route to .*:"),
            (
                "the body is not gzip",
                "lost",
                r"lost \(the body is not gzip\) once, [^:]*$",
            ),
        ]:
            self.prepare()
            self.connect(0.5)
            self.disconnect(1.5, reason)
            self.assertDiagnosis(code, seen)
        self.prepare()
        self.connect(0.5)
        self.judge.lineReceived(Line("19:03", truncated=True))
        self.disconnect(1.5)
        seen = "in the middle of a line once, 1.00 s after its start, without a line"
        self.assertDiagnosis("cut-within-line", seen)

    def test_sameError(self) -> None:
        """
        Connections that end with an error after the same time were not cut by a
        timeout.
        """
        for start in (0.5, 3.5, 6.5):
            self.connect(start)
            self.receive(served(start, start + 1.1))
            self.disconnect(start + 1.2, "the body is not gzip, as its header says")
        self.assertDiagnosis(
            "lost", r"^The connection was lost \(the body is not .* 3 t"
        )

    def test_linesLost(self) -> None:
        """
        If numbers are missing, lines were lost.
        """
        self.connect(0.5)
        self.receive(line for line in served(0.5, 9) if line.tick not in (3, 4))
        self.assertDiagnosis("lines-lost", "^The numbers of 2 lines are missing: ")
        self.prepare()
        self.connect(0.5)
        self.receive(line for line in served(0.5, 9) if line.tick != 3)
        self.assertDiagnosis("lines-lost", "^The number of one line is missing: ")

    def test_serverSlept(self) -> None:
        """
        If seconds are missing, but no number, then the server did not run.
        """
        lines = [*served(0.5, 4), *(Sent(each, each, each - 3) for each in (7, 8, 9))]
        self.connect(0.5)
        self.receive(lines)
        self.assertDiagnosis("server-slept", "^3 intervals were without a line, and no")

    def test_linesMissing(self) -> None:
        """
        Without numbers, a line that was lost looks like a server that did not run.
        """
        self.prepare("%H:%M:%S")
        self.connect(0.5)
        self.receive(line for line in served(0.5, 9) if line.tick != 4)
        self.assertDiagnosis("lines-missing", "^One interval was without a line: lines")

    def test_lostAndSlept(self) -> None:
        """
        Lines that are missing among those that are held back are lost.
        """
        self.connect(0.5)
        held = [line._replace(at=line.at // 4 * 4 + 4) for line in served(0.5, 20.5)]
        self.receive(line for line in held if line.tick not in (6, 10))
        codes = [each.code for each in self.diagnosis()]
        self.assertEqual(codes, ["held-back", "lines-lost"])

    def test_clockSet(self) -> None:
        """
        If the time jumps, and lines keep coming on time, the server's clock was set.
        """
        for format in ("json", "%H:%M:%S"):
            for jump, text in [(7, "forward by 7.0 s"), (-5, "back by 5.0 s")]:
                self.prepare(format)

                def set(line: Sent, by: int = jump) -> Sent:
                    return line._replace(shown=line.shown + by * (line.tick > 4))

                self.read(0.5, 9, set)
                found = self.diagnosis()
                self.assertEqual([each.code for each in found], ["clock-set"])
                self.assertIn(f"The time jumped {text}, while", found[0].text)

    def test_clockSetOften(self) -> None:
        """
        The first of several jumps is reported. A jump at the second line counts.
        """

        def set(line: Sent) -> Sent:
            return line._replace(shown=line.shown + 3 * (line.tick > 0) * line.tick)

        self.read(0.5, 4, set)
        seen = "^The time jumped forward by .* s \\(the first of 3 jumps\\), while"
        self.assertDiagnosis("clock-set", seen)

    def test_earlyLine(self) -> None:
        """
        A server that sends a line too early shows the previous interval. Its clock was
        not set.
        """
        self.prepare("%H:%M:%S")
        self.read(
            0.5, 9, lambda line: line._replace(shown=line.shown - (0 < line.tick < 4))
        )
        self.assertDiagnosis("unclear", "^Seen: 1 repeated; 1 skipped. This check")

    def test_oldLine(self) -> None:
        """
        A line that comes again later does not mean that the clock was set.
        """
        lines = served(0.5, 9)
        self.connect(0.5)
        lines[5] = Sent(5, 2, 5)
        self.receive(lines)
        self.assertEqual([each.code for each in self.diagnosis()], ["unclear"])
        self.prepare()
        self.connect(0.5)
        self.receive([*served(0.5, 9), Sent(9, 2, 9)])
        self.assertDiagnosis("unclear", "^Seen: 1 repeated. This check does not show")

    def test_otherRate(self) -> None:
        """
        If the time that is shown passes faster, or more slowly, than here, the
        server's clock has another rate.
        """
        for rate, text in [(1.1, "1.100 .* too fast"), (0.9, "0.900 .* too slowly")]:
            self.prepare()

            def deliver(line: Sent, rate: float = rate) -> Sent:
                return line._replace(at=line.at / rate)

            self.connect(0.4)
            self.receive(map(deliver, served(0.5, 21)))
            found = self.diagnosis()
            self.assertEqual([each.code for each in found], ["other-rate"])
            self.assertRegex(found[0].text, f"^The lines show {text}")

    def test_sameRate(self) -> None:
        """
        Lines that become late once do not come at another rate.
        """
        self.read(0.5, 20, lambda line: line.later(0.45 * (line.at > 12)))
        self.assertEqual(self.diagnosis(), [])

    def test_otherInterval(self) -> None:
        """
        If all lines come at another interval than expected, and the time passes as it
        does here, the server has another interval.
        """
        for format in ("json", "%H:%M:%S", "%A"):
            for interval in (0.5, 2):
                self.prepare(format)
                self.connect(0.25)
                self.receive(served(0.25, 12, interval))
                found = self.diagnosis()
                self.assertEqual([each.code for each in found], ["other-interval"])
                seen = f"^Lines come every {interval:g} s, not every 1 s: the .* try "
                self.assertRegex(found[0].text, f"{seen}--interval {interval:g}")

    def test_otherIntervalOfNumbers(self) -> None:
        """
        If lines show a number and no time, then another interval is not another rate,
        and neither is a delay.
        """
        for gap, codes in [(0.5, ["other-interval"]), (1.15, [])]:
            self.prepare()
            self.connect(0)
            for number in range(12):
                now = number * gap
                self.judge.history.lineReceived(now, Transition(1, 0, None), False)
            found = diagnose(self.judge.history, 1, 2.5, 12 * gap, [])
            self.assertEqual([each.code for each in found], codes)

    def test_everySecondLine(self) -> None:
        """
        If every second number is missing, the interval is the same.
        """
        self.connect(0.5)
        self.receive(line for line in served(0.5, 16) if line.tick % 2)
        self.assertDiagnosis("lines-lost", "^The numbers of 7 lines are missing")

    def test_unreadable(self) -> None:
        """
        Lines without a time, on a stream that is on time, have no known cause. The
        lines around them are judged.
        """
        self.prepare("%H:%M:%S")
        lines = served(0.5, 9)
        self.connect(0.5)
        self.receive(lines[:4])
        self.advance(4)
        self.judge.lineReceived(Line("hello"))
        self.receive(lines[5:])
        self.assertEqual([each.code for each in self.diagnosis()], ["unclear"])

    def test_forgotten(self) -> None:
        """
        A stream is still diagnosed after its history has dropped the start of a
        connection.
        """
        self.read(0.5, 9, lambda line: line)
        self.judge.history.arrivals.popleft()
        self.assertEqual(self.diagnosis(), [])
