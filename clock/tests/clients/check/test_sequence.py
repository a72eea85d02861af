"""
Tests for L{clock.clients.check.sequence} and L{clock.clients.check.report.histogram}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from clock.clients.check.report.histogram import Histogram, Percentiles
from clock.clients.check.sequence import SequenceChecker, Transition
from clock.clients.reading.timestamps import SECOND
from clock.timeformat import TimeFormat, zoneNamed

#: A boundary of every interval here, in nanoseconds since 1970.
START = 1_700_000_100 * SECOND


def nanoseconds(seconds: float) -> int:
    """
    Return the instant some seconds after the start.
    """
    return START + round(seconds * SECOND)


class SequenceCheckerTests(SynchronousTestCase):
    """
    The step from line to line.
    """

    def intervals(
        self,
        interval: float,
        format: str,
        first: float,
        boundaries: list[int],
        zone: str = "UTC",
    ) -> list[int]:
        """
        Let a server send the instant C{first}, in seconds from the start, and then
        these boundaries, by number. Each line arrives 1 ms late. Return the intervals
        between the lines.
        """
        timeFormat = TimeFormat(format, zoneNamed(zone))
        checker = SequenceChecker(interval)
        period = round(interval * SECOND)
        zero = START // period
        instants = [nanoseconds(first)]
        instants += [(zero + number) * period for number in boundaries]
        found = []
        late: set[int | None] = set()
        for instant in instants:
            line = timeFormat.line(instant).decode().strip()
            step = checker.check(line, instant + 1_000_000, instant)
            assert step is not None
            found.append(step.intervals)
            if len(found) > 1:
                late.add(step.lateness)
        if found == [1] * len(found):
            self.assertLessEqual(late, {1_000_000, None})
        return found

    def test_everyInterval(self) -> None:
        """
        In a whole stream each step is one interval, for any interval, format and start.
        """
        for interval in (0.01, 0.1, 1 / 3, 0.5, 0.7, 1, 1.5, 2.5, 7, 60, 3600):
            period = round(interval * SECOND)
            # The boundaries of 7 s and 1/3 s do not meet the start.
            zero = (START // period * period - START) / SECOND
            count = round(max(5, 3 / interval))
            for format in ("%H:%M:%S", "rfc3339", "unix", "json", "%T.%f"):
                perSecond = round(max(1, 1 / interval))
                for entry in range(0, perSecond, max(1, perSecond // 7)):
                    for part in (0, 0.3, 0.99):
                        found = self.intervals(
                            interval,
                            format,
                            zero + (entry + part) * interval,
                            list(range(entry + 1, entry + count)),
                        )
                        where = interval, format, entry, part
                        self.assertEqual(found, [1] * count, where)

    def test_skip(self) -> None:
        """
        A skipped boundary adds an interval. With a coarse format, the checker may
        detect it some lines later.
        """
        for interval in (0.1, 0.5, 1, 1.5, 60):
            whole = [*range(1, 25), *range(26, 40), *range(77, 120)]
            found = self.intervals(interval, "%H:%M:%S", 0, whole)
            skipped = sum(each - 1 for each in found)
            self.assertEqual(skipped, 38, interval)
            self.assertGreaterEqual(min(found), 1)

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
        Lines between the boundaries of the expected interval are repeats.
        """
        checker = SequenceChecker(60)
        lines = [TimeFormat("unix").line(nanoseconds(each)) for each in range(4)]
        found = [checker.check(line.decode().strip(), 0, 0) for line in lines]
        self.assertEqual([step and step.intervals for step in found], [1, 0, 0, 0])

    def test_late(self) -> None:
        """
        Lateness is the time since the boundary, even if the format shows only whole
        seconds. That of a first line is known if it shows the fraction.
        """
        checker = SequenceChecker(1.5)
        arrived = nanoseconds(1.75)
        self.assertEqual(
            checker.check(f"{START // SECOND}", arrived, 0), Transition(1, None, None)
        )
        self.assertEqual(
            checker.check(f"{START // SECOND + 1}", arrived, 0),
            Transition(1, None, SECOND // 4),
        )
        checker = SequenceChecker(1)
        late = checker.check(f"{START // SECOND}.5", arrived, 0)
        self.assertEqual(late, Transition(1, None, SECOND * 5 // 4))

    def test_serverClockIsWrong(self) -> None:
        """
        A server's clock may be wrong by half of 15 minutes, so that its time of day is
        as near to one instant as to another. The choice for the first line is kept.
        """
        checker = SequenceChecker(1)
        found = []
        for second in range(6):
            line = TimeFormat("%H:%M:%S", zoneNamed("UTC")).line(nanoseconds(second))
            wrong = 450 + (0.002 if second % 2 else -0.002)
            arrived = nanoseconds(second + wrong)
            step = checker.check(line.decode().strip(), arrived, second * SECOND)
            found.append(step and step.intervals)
        self.assertEqual(found, [1] * 6)

    def test_localClockIsSet(self) -> None:
        """
        A local wall clock that is set does not change how a time of day is read.
        """
        checker = SequenceChecker(1)
        found = []
        for second in range(6):
            line = TimeFormat("%H:%M:%S", zoneNamed("UTC")).line(nanoseconds(second))
            arrived = nanoseconds(second + (600 if second > 2 else 0))
            step = checker.check(line.decode().strip(), arrived, second * SECOND)
            found.append(step and step.intervals)
        self.assertEqual(found, [1] * 6)

    def test_unreadable(self) -> None:
        """
        An unreadable line is no step. The next line is compared with the one before it.
        """
        checker = SequenceChecker(1)
        shown = START // SECOND
        checker.check(f"{shown}", START, 0)
        self.assertIsNone(checker.check("hello", START, 0))
        step = checker.check(f"{shown + 1}", START + SECOND, SECOND)
        self.assertEqual(step, Transition(1, None, 0))

    def test_ticks(self) -> None:
        """
        Tick numbers that are missing are lost.
        """
        checker = SequenceChecker(1)
        lost = []
        for second, tick in enumerate([3, 4, 7, 7, 0]):
            line = TimeFormat("json").line(nanoseconds(second), tick).decode().strip()
            step = checker.check(line, nanoseconds(second), 0)
            lost.append(step and step.lost)
        self.assertEqual(lost, [None, 0, 2, 0, 0])


class HistogramTests(SynchronousTestCase):
    """
    Percentiles.
    """

    def percentiles(self, *times: float) -> Percentiles | None:
        """
        Return the percentiles of some times.
        """
        histogram = Histogram()
        for time in times:
            histogram.add(time)
        return histogram.percentiles()

    def test_nearestRank(self) -> None:
        """
        Each percentile is one of the times. Their order does not matter.
        """
        self.assertEqual(
            self.percentiles(*range(200, 0, -1)), Percentiles(100, 198, 200)
        )
        self.assertEqual(self.percentiles(3, 1, 2), Percentiles(2, 3, 3))
        self.assertEqual(self.percentiles(1.5), Percentiles(1.5, 1.5, 1.5))
        self.assertEqual(self.percentiles(*[1] * 99, -2), Percentiles(1, 1, 1))

    def test_none(self) -> None:
        """
        Without times there are no percentiles.
        """
        self.assertIsNone(self.percentiles())

    def test_memory(self) -> None:
        """
        Times that round to the same value are stored once.
        """
        histogram = Histogram()
        for each in range(10_000):
            histogram.add(0.001 + each / 1e12)
        self.assertEqual(len(histogram._counts), 1)
        for each in range(10_000):
            histogram.add(100 + each / 10_000)
            histogram.add(1e9 + each)
            histogram.add(-1e9 - each)
        self.assertEqual(len(histogram._counts), 5)
        self.assertEqual(histogram.percentiles(), Percentiles(0.001, 100_000, 100_000))
