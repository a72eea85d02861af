"""
Tests for L{clock.clients.check.diagnosis.steps}.
"""

from __future__ import annotations

from clock.tests.clients.check.fixture import DiagnosisTestCase, Sent, served


class StepsTests(DiagnosisTestCase):
    """
    The interval, and what is missing.
    """

    def test_linesLost(self) -> None:
        """
        If numbers are missing, lines were lost.
        """
        self.stream.connect(0.5)
        self.stream.send(line for line in served(0.5, 9) if line.tick not in (3, 4))
        self.assertDiagnosis("lines-lost", "^The numbers of 2 lines are missing: ")
        self.prepare()
        self.stream.connect(0.5)
        self.stream.send(line for line in served(0.5, 9) if line.tick != 3)
        self.assertDiagnosis("lines-lost", "^The number of one line is missing: ")

    def test_serverSlept(self) -> None:
        """
        If seconds are missing, but no number, then the server did not run.
        """
        lines = [*served(0.5, 4), *(Sent(each, each, each - 3) for each in (7, 8, 9))]
        self.stream.connect(0.5)
        self.stream.send(lines)
        self.assertDiagnosis("server-slept", "^3 intervals were without a line, and no")

    def test_linesMissing(self) -> None:
        """
        Without numbers, a line that was lost looks like a server that did not run.
        """
        self.prepare("%H:%M:%S")
        self.stream.connect(0.5)
        self.stream.send(line for line in served(0.5, 9) if line.tick != 4)
        self.assertDiagnosis("lines-missing", "^One interval was without a line: lines")

    def test_lostAndSlept(self) -> None:
        """
        Lines that are missing among those that are held back are lost.
        """
        self.stream.connect(0.5)
        held = [line._replace(at=line.at // 4 * 4 + 4) for line in served(0.5, 20.5)]
        self.stream.send(line for line in held if line.tick not in (6, 10))
        self.assertEqual(self.stream.codes(), ["held-back", "lines-lost"])

    def test_otherInterval(self) -> None:
        """
        If all lines come at another interval than the user says, and the time passes as
        it does here, the server has another interval.
        """
        for format in ("json", "%H:%M:%S", "%A"):
            for interval in (0.5, 2):
                self.prepare(format, interval=1)
                self.stream.read(0.25, 12, interval=interval)
                found = self.stream.diagnosis()
                self.assertEqual([each.code for each in found], ["other-interval"])
                seen = f"^Lines come every {interval:g} s, not every 1 s: the .* try "
                self.assertRegex(found[0].text, f"{seen}--interval {interval:g}")

    def test_noOtherInterval(self) -> None:
        """
        Without an interval of the user, that of the lines is right.
        """
        for format in ("json", "%H:%M:%S", "%A"):
            for interval in (0.5, 2):
                self.prepare(format)
                self.stream.read(0.25, 12, interval=interval)
                verdict = self.stream.verdict()
                found = None if format == "%A" else interval
                self.assertEqual(verdict.interval, found)
                self.assertEqual((verdict.trouble, verdict.diagnosis), ([], []))

    def test_otherIntervalOfNumbers(self) -> None:
        """
        If lines show a number and no time, then another interval is not another rate,
        and neither is a delay.
        """
        for gap, codes in [(0.5, ["other-interval"]), (1.15, [])]:
            self.prepare(interval=1)
            self.stream.connect(0)
            self.stream.receiveEach(gap, map(str, range(12)))
            self.assertEqual(self.stream.codes(), codes)

    def test_intervalAsAnOption(self) -> None:
        """
        An interval is said as C{--interval} takes it, or not at all if it is too short.
        """
        for gap, expected in (
            (120, r"another interval; try --interval 120\.$"),
            (0.002, r"another interval\.$"),
        ):
            self.prepare(interval=1)
            self.stream.connect(0)
            self.stream.receive("0")
            self.stream.receiveEach(gap, map(str, range(1, 12)))
            self.assertDiagnosis("other-interval", expected)

    def test_everySecondLine(self) -> None:
        """
        If every second number is missing, the interval is the same.
        """
        self.prepare(interval=1)
        self.stream.connect(0.5)
        self.stream.send(line for line in served(0.5, 16) if line.tick % 2)
        self.assertDiagnosis("lines-lost", "^The numbers of 7 lines are missing")
