"""
Tests for L{clock.clients.check.diagnosis.drift}.
"""

from __future__ import annotations

from clock.tests.clients.check.fixture import START, DiagnosisTestCase, Sent, served


class DriftTests(DiagnosisTestCase):
    """
    Clocks that are set, or run at another rate.
    """

    def test_clockSet(self) -> None:
        """
        If the time jumps, and lines keep coming on time, the server's clock was set.
        """
        for format in ("json", "%H:%M:%S"):
            for jump, text in [(7, "forward by 7.0 s"), (-5, "back by 5.0 s")]:
                self.prepare(format)

                def set(line: Sent, by: int = jump) -> Sent:
                    return line._replace(shown=line.shown + by * (line.tick > 4))

                self.stream.read(0.5, 9, set)
                self.assertDiagnosis("clock-set", f"The time jumped {text}, while")

    def test_clockSetOften(self) -> None:
        """
        The first of several jumps is reported. A jump at the second line counts.
        """

        def set(line: Sent) -> Sent:
            return line._replace(shown=line.shown + 3 * (line.tick > 0) * line.tick)

        self.prepare(interval=1)
        self.stream.read(0.5, 4, set)
        seen = "^The time jumped forward by .* s \\(the first of 3 jumps\\), while"
        self.assertDiagnosis("clock-set", seen)

    def test_earlyLine(self) -> None:
        """
        A server that sends a line too early shows the previous second. Its clock was
        not set, and no second is missing.
        """
        self.prepare("%H:%M:%S")
        self.stream.read(
            0.5, 9, lambda line: line._replace(shown=line.shown - (0 < line.tick < 4))
        )
        verdict = self.stream.verdict()
        self.assertEqual((verdict.trouble, verdict.diagnosis), ([], []))

    def test_oldLine(self) -> None:
        """
        A line that comes again later does not mean that the clock was set.
        """
        lines = served(0.5, 9)
        lines[5] = Sent(5, 2, 5)
        self.stream.connect(0.5)
        self.stream.send(lines)
        self.assertEqual(self.stream.codes(), ["unclear"])
        self.prepare()
        self.stream.connect(0.5)
        self.stream.send([*served(0.5, 9), Sent(9, 2, 9)])
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

            self.stream.connect(0.4)
            self.stream.send(map(deliver, served(0.5, 21)))
            self.assertDiagnosis("other-rate", f"^The lines show {text}")

    def test_otherPeriod(self) -> None:
        """
        A server that takes a little longer than an interval for each line has a right
        clock.
        """
        for format in ("json", "%H:%M:%S"):
            for period in (1.002, 1.01, 1 / 3):
                self.prepare(format)
                self.stream.connect(0.3)
                self.stream.send(
                    Sent(0.3 + each * period, 0.3 + each * period, each)
                    for each in range(600)
                )
                verdict = self.stream.verdict()
                self.assertEqual((verdict.trouble, verdict.diagnosis), ([], []))

    def test_coarseRate(self) -> None:
        """
        Times in whole seconds show another rate only if the drift is longer than that.
        """
        for seconds, codes in ((10, []), (40, ["other-rate"])):
            self.prepare("%H:%M:%S")
            self.stream.connect(0.5)
            lines = served(0.5, seconds)
            self.stream.send(line._replace(at=line.at / 1.1) for line in lines)
            self.assertEqual(self.stream.codes(), codes)

    def test_sameRate(self) -> None:
        """
        Lines that become late once do not come at another rate.
        """
        self.stream.read(0.5, 20, lambda line: line.later(0.45 * (line.at > 12)))
        self.assertEqual(self.stream.diagnosis(), [])

    def test_hourJump(self) -> None:
        """
        A time of day that jumps by an hour within a connection is in another zone.
        """
        for hours, seen in ((1, "forward by 1 h"), (-0.5, "back by 0.5 h")):
            self.prepare("%H:%M:%S")
            self.stream.read(
                0.5,
                9,
                lambda line, by=hours: line._replace(  # type: ignore[misc]
                    shown=line.shown + 3600 * by * (line.tick > 4)
                ),
            )
            self.assertDiagnosis("hour-jump", f"^The time of day jumped {seen} within ")
            self.assertEqual(self.stream.verdict().trouble, [])

    def test_noHourJump(self) -> None:
        """
        Midnight is no jump, and neither is another connection, or a line that shows
        something else in between.
        """
        self.prepare("%H:%M:%S")
        midnight = 86_400 - START % 86_400
        self.stream.read(midnight - 4.5, midnight + 5)
        self.assertEqual(self.stream.text(midnight), "00:00:00")
        self.assertEqual(self.stream.diagnosis(), [])
        self.prepare("%H:%M:%S")
        self.stream.read(0.5, 5)
        self.stream.disconnect(4.5)
        self.stream.connect(4.7)
        lines = served(4.7, 12)
        self.stream.send(line._replace(shown=line.shown + 3600) for line in lines)
        self.assertEqual(self.stream.codes(), ["closed"])
        self.prepare("%H:%M:%S")
        self.stream.read(0.5, 9)
        self.stream.receive("hello")
        self.stream.receive("2023-11-14T23:13:20Z")
        self.assertNotIn("hour-jump", self.stream.codes())

    def test_plainLines(self) -> None:
        """
        Lines without a time do not change the drift.
        """
        self.stream.connect(0.5)
        for each in served(0.5, 12):
            self.stream.send([each])
            self.stream.receive("{}")
        self.assertEqual(self.stream.diagnosis(), [])
