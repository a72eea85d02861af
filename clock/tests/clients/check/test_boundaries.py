"""
Tests for L{clock.clients.check.boundaries}.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from clock.clients.check.boundaries import Arrival, Boundaries
from clock.clients.reading.timestamps import SECOND, Reading
from clock.tests.clients.check.fixture import START, FakeStream, Sent


class RoundedTests(SynchronousTestCase):
    """
    Lateness, if the interval was found.
    """

    def test_lateness(self) -> None:
        """
        An interval that was found is rounded, so a line is not compared with its
        boundaries. One that was given is exact.
        """
        for tolerance, late in ((SECOND // 10, [200, 200]), (0, [-760, -740])):
            boundaries = Boundaries(98 * SECOND // 100, tolerance)
            arrivals = [Arrival(0.5, 0.5, True)]
            arrivals += [Arrival(each + 0.2, 1, False) for each in (1, 2)]
            for number, each in enumerate(arrivals):
                instant = number * SECOND
                each.reading = Reading(instant)
                each.arrived = round(each.at * SECOND)
                boundaries.add(each, instant, SECOND)
            found = [each.lateness for each in arrivals[1:]]
            self.assertEqual(found, [each * SECOND // 1000 for each in late])


class AlignedTests(SynchronousTestCase):
    """
    The step from line to line, if lines are sent at the boundaries.
    """

    def intervals(
        self, interval: float, format: str, first: float, boundaries: Sequence[int]
    ) -> list[int | None]:
        """
        Let a server send the instant C{first}, in seconds from the start, and then
        these boundaries, by number. Each line arrives 1 ms late. Return the intervals
        between the lines.
        """
        stream = FakeStream(format, interval)
        period = round(interval * SECOND)
        zero = (START * SECOND // period * period - START * SECOND) / SECOND
        stream.clock.advance(first - 1)
        stream.connect()
        stream.send([Sent(first + 0.001, first)])
        for number in boundaries:
            at = zero + number * period / SECOND
            stream.send([Sent(at + 0.001, at)])
        arrivals = stream.evidence.arrivals
        found = [each.intervals for each in arrivals]
        if found == [1] * len(found):
            for each in arrivals:
                # With several boundaries in a second, it is not known.
                if each.lateness is not None and not each.uncertainty:
                    self.assertLess(abs(each.lateness - 1_000_000), 1_000_000)
        return found

    def test_everyInterval(self) -> None:
        """
        In a whole stream each step is one interval, for any interval, format and start.
        """
        for interval in (0.01, 0.1, 1 / 3, 0.5, 0.7, 1, 1.5, 2.5, 7, 60, 3600):
            period = round(interval * SECOND)
            # The boundaries of 7 s and 1/3 s do not meet the start.
            zero = (START * SECOND // period * period - START * SECOND) / SECOND
            count = round(max(5, 3 / interval))
            for format in ("%H:%M:%S", "rfc3339", "unix", "json", "%T.%f"):
                perSecond = round(max(1, 1 / interval))
                for entry in range(0, perSecond, max(1, perSecond // 3)):
                    for part in (0, 0.3, 0.99):
                        found = self.intervals(
                            interval,
                            format,
                            zero + (entry + part) * interval,
                            range(entry + 1, entry + count),
                        )
                        where = interval, format, entry, part
                        self.assertEqual(found, [1] * count, where)

    def test_skip(self) -> None:
        """
        A skipped boundary adds an interval. If there are several boundaries in each
        second that the lines show, not all skips are certain.
        """
        for interval, missed in ((0.1, 8), (0.5, 1), (1, 0), (1.5, 0), (60, 0)):
            whole = [*range(1, 25), *range(26, 40), *range(77, 120)]
            found = self.intervals(interval, "%H:%M:%S", 0, whole)
            skipped = sum((each or 0) - 1 for each in found)
            self.assertEqual(skipped, 38 - missed, interval)
            self.assertGreaterEqual(min(each or 0 for each in found), 1)

    def test_repeat(self) -> None:
        """
        A repeated boundary is a step of 0, and an earlier one a negative step. The
        lines after that are compared with it.
        """
        for format in ("%H:%M:%S", "json"):
            found = self.intervals(1.5, format, 0, [1, 2, 2, 3, 1, 2])
            self.assertEqual(found, [1, 1, 1, 0, 1, -2, 1])

    def test_anotherInterval(self) -> None:
        """
        Lines between the boundaries of the expected interval are repeats. The second
        line of a connection may be one.
        """
        stream = FakeStream("unix", 60)
        stream.connect()
        stream.send(Sent(each, each) for each in range(4))
        found = [each.intervals for each in stream.evidence.arrivals]
        self.assertEqual(found, [1, 1, 0, 0])

    def test_late(self) -> None:
        """
        Lateness is the time since the boundary, even if the format shows only whole
        seconds; then it may be less by a second. That of a first line is known if it
        shows the fraction.
        """
        stream = FakeStream("unix", 1.5)
        stream.connect()
        stream.send([Sent(1.75, 0), Sent(1.75, 1)])
        first, second = stream.evidence.arrivals
        self.assertEqual((first.intervals, first.lateness), (1, None))
        self.assertEqual((second.intervals, second.lateness), (1, SECOND // 4))
        self.assertEqual((first.uncertainty, second.uncertainty), (SECOND, SECOND))
        stream = FakeStream("%T.%f", 1)
        stream.connect()
        stream.send([Sent(1.75, 0.5)])
        (first,) = stream.evidence.arrivals
        self.assertEqual((first.lateness, first.uncertainty), (SECOND * 5 // 4, 0))


class PhaseTests(SynchronousTestCase):
    """
    The step from line to line, if lines are sent at any phase.
    """

    def arrivals(
        self, format: str, *shown: float, at: Sequence[float]
    ) -> list[Arrival]:
        """
        Receive lines at these times, one a second. Return their arrivals.
        """
        stream = FakeStream(format, 1)
        stream.connect(shown[0] - 0.01)
        stream.send(map(Sent, at, shown))
        return [*stream.evidence.arrivals]

    def intervals(
        self, format: str, *shown: float, at: Sequence[float] | None = None
    ) -> list[int | None]:
        """
        Return the intervals between lines that arrive when they show, or at these
        times.
        """
        arrivals = self.arrivals(format, *shown, at=at or shown)
        return [each.intervals for each in arrivals]

    def test_anyPhase(self) -> None:
        """
        Lines may come at any phase, also after a first line that is sent on connecting.
        """
        for format in ("%T.%f", "%T"):
            for first in (1.05, 1.3, 1.65, 1.72):
                later = [1.7 + each for each in range(6) if 1.7 + each > first]
                found = self.intervals(format, first, *later)
                self.assertEqual(found, [1] * len(found), first)
            for first in (0.001, 0.5, 0.95, 0.9995):
                # A server that sleeps for a second after each line.
                shown = [first + 1.001 * each for each in range(9)]
                self.assertEqual(self.intervals(format, *shown), [1] * 9, first)

    def test_fineSkip(self) -> None:
        """
        Fine times show each skip and each repeat, at any phase.
        """
        found = self.intervals("%T.%f", 1.7, 2.7, 4.7, 5.7, 5.7, 6.7, 8.71)
        self.assertEqual(found, [1, 1, 2, 1, 0, 1, 2])

    def test_jitter(self) -> None:
        """
        Fine times may be early or late by up to three quarters of an interval.
        """
        found = self.intervals("%T.%f", 1, 2, 3.7, 4, 5, 5.4, 7, 8, 9.7, 10)
        self.assertEqual(found, [1] * 10)
        shown = [1 + 1.1 * each for each in range(40)]
        self.assertEqual(self.intervals("%T.%f", *shown), [1] * 40)
        found = self.intervals("%T.%f", 1, 2, 3.8, 5, 6)
        self.assertEqual(sum(each - 1 for each in found if each), 1)

    def test_fineSecondLine(self) -> None:
        """
        The second line is a skip if it comes after more than an interval, and a repeat
        if it shows the same instant.
        """
        self.assertEqual(self.intervals("%T.%f", 1.7, 3.2), [1, 2])
        self.assertEqual(self.intervals("%T.%f", 1.7, 1.7), [1, 0])

    def test_coarseSecondLine(self) -> None:
        """
        If times are coarse, the second line may show the same second. It is a skip if
        it comes, or shows, more than an interval later.
        """
        for second in (1.202, 1.9):
            self.assertEqual(self.intervals("%T", 1.2, second), [1, 1])
        self.assertEqual(self.intervals("%T", 1.2, 3.0), [1, 2])
        self.assertEqual(self.intervals("%T", 1.2, 4.2, at=(1.2, 2)), [1, 3])

    def test_coarse(self) -> None:
        """
        If lines come one interval apart, their times may be off by their resolution,
        but not by more.
        """
        times = [1.0, 2, 3, 4, 5]
        found = self.intervals("%T", 1.0, 2, 2.9, 4.1, 5, at=times)
        self.assertEqual(found, [1] * 5)
        found = self.intervals("%T", 1.0, 2, 2.9, 6.1, 7, at=times)
        self.assertEqual(found, [1, 1, 1, 4, 1])

    def test_coarseGap(self) -> None:
        """
        If lines do not come one interval apart, a coarse time that is off is a skip or
        a repeat.
        """
        found = self.intervals("%T", 1.5, 2.5, 4.1, 5.1, 5.3)
        self.assertEqual(found, [1, 1, 2, 1, 0])
