"""
Tests for L{clock.clients.check.diagnosis.lateness}.
"""

from __future__ import annotations

import math

from clock.tests.clients.check.fixture import DiagnosisTestCase, Sent, served


class LatenessTests(DiagnosisTestCase):
    """
    Lines that are late, or early.
    """

    def test_oneBehind(self) -> None:
        """
        A line that waits until the next one is sent is one behind. So is the first line
        of a connection.
        """
        for format in ("json", "%H:%M:%S"):
            self.prepare(format)
            self.stream.read(
                0.5, 9, lambda line: line._replace(at=math.floor(line.at) + 1)
            )
            self.assertDiagnosis("one-behind", "^Each line came 1.00 s late, when the ")

    def test_delayed(self) -> None:
        """
        If all lines wait equally long, even the first one of each connection, then
        something delays them.
        """
        for format in ("json", "%H:%M:%S"):
            self.prepare(format)
            for start in (0.5, 9.5):
                self.stream.connect(start)
                lines = served(start, start + 5)
                self.stream.send(
                    line.later(0.2 + 0.01 * (line.tick % 2)) for line in lines
                )
                self.stream.disconnect(start + 6)
            found = self.stream.diagnosis()
            self.assertEqual([each.code for each in found], ["cut-every", "delayed"])
            seen = r"^Each line came 0\.2\d s late, and so did the first line of each "
            self.assertRegex(found[1].text, seen)

    def test_notDelayed(self) -> None:
        """
        If the first line comes at once, the clocks differ, by too little to mention. A
        delay that varies is not mentioned either.
        """
        self.stream.read(0.5, 9, lambda line: line.later(0.2 * (line.tick > 0)))
        self.assertEqual(self.stream.diagnosis(), [])
        self.prepare()
        self.stream.read(0.5, 9, lambda line: line.later(0.2 + 0.2 * (line.tick % 2)))
        self.assertEqual(self.stream.diagnosis(), [])
        self.prepare()
        self.stream.read(0.5, 9, lambda line: line.later(0.1))
        self.assertEqual(self.stream.diagnosis(), [])

    def test_delayedByChance(self) -> None:
        """
        If a server sends the first line at the start of an interval, its clock may
        differ by the time that this line takes.
        """
        self.stream.connect(4)
        self.stream.send(line.later(0.2) for line in served(3.5, 13)[1:])
        self.assertEqual(self.stream.diagnosis(), [])

    def test_clockDiffers(self) -> None:
        """
        If all lines are equally late, but the first one comes at once, then the clocks
        differ. If lines are early, the server's clock is certainly ahead.
        """
        for format in ("json", "%H:%M:%S"):
            for offset, text in [(-2, "2.00 s behind"), (2, "2.00 s ahead of")]:
                self.prepare(format)

                def shift(line: Sent, by: int = offset) -> Sent:
                    return line._replace(shown=line.shown + by)

                self.stream.read(0.5, 9, shift)
                seen = f"^The server's clock is {text} this machine's; "
                self.assertDiagnosis("clock-differs", seen)

    def test_coarse(self) -> None:
        """
        A time in whole seconds may be a second old, at any interval. A time in
        milliseconds may not.
        """
        for interval in (1, 3):
            for format, codes in (("%T", []), ("%T.%f", ["clock-differs"])):
                self.prepare(format)
                self.stream.connect(0.1)
                self.stream.send(
                    Sent(0.1 + each * interval, 0.1 + each * interval - 0.8)
                    for each in range(12)
                )
                self.assertEqual(self.stream.codes(), codes)

    def test_varies(self) -> None:
        """
        If lines are late by different times, at a long interval, the clock is right.
        """
        for delay, codes in ((0, ["late"]), (1, [])):
            self.prepare()
            self.stream.connect(6)
            lines = served(6, 600, 60)
            self.stream.send(line.later(1 + delay * (line.tick % 2)) for line in lines)
            self.assertEqual(self.stream.codes(), codes)

    def test_late(self) -> None:
        """
        If the first line waits for longer than until the next one, the diagnosis names
        both causes of late lines. If it comes at once, it was not held back. If only
        some lines are late, nothing is said.
        """
        self.stream.connect(0)
        self.stream.send(line._replace(shown=line.shown - 1) for line in served(2, 9))
        seen = "^Each line came 1.00 s late: the server's clock is behind this "
        self.assertDiagnosis("late", seen)
        self.prepare()
        self.stream.connect(0.05)
        self.stream.send(
            line._replace(at=line.at + 0.05, shown=line.shown - 1)
            for line in served(0.05, 9)
        )
        self.assertDiagnosis("clock-differs", "^The server's clock is 1.05 s behind ")
        self.prepare()
        self.stream.read(0.5, 9, lambda line: line.later(0.7 * (line.tick % 2)))
        self.assertEqual(self.stream.diagnosis(), [])
