"""
Tests for L{clock.wall.progress} and L{clock.wall.spread}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from clock.face import Face, zoneNamed
from clock.ticker import SECOND
from clock.wall.progress import Progress, Step
from clock.wall.spread import Spread, Tally

#: A boundary of every interval here, in nanoseconds since 1970.
START = 1_700_000_100 * SECOND


def nanoseconds(seconds: float) -> int:
    """
    Give an instant so many seconds after the start.
    """
    return START + round(seconds * SECOND)


class ProgressTests(SynchronousTestCase):
    """
    From line to line.
    """

    def steps(
        self,
        interval: float,
        format: str,
        first: float,
        boundaries: list[int],
        zone: str = "UTC",
    ) -> list[int]:
        """
        Let a server tell the instant C{first}, in seconds, and then boundaries by
        their numbers, all of which arrive 1 ms later, and give the intervals.
        """
        face = Face(format, zoneNamed(zone))
        progress = Progress(interval)
        period = round(interval * SECOND)
        zero = START // period
        instants = [nanoseconds(first)]
        instants += [(zero + number) * period for number in boundaries]
        found = []
        late: set[int | None] = set()
        for instant in instants:
            line = face.line(instant).decode().strip()
            step = progress.step(line, instant + 1_000_000, instant)
            assert step is not None
            found.append(step.intervals)
            if len(found) > 1:
                late.add(step.late)
        if found == [1] * len(found):
            self.assertLessEqual(late, {1_000_000, None})
        return found

    def test_everyInterval(self) -> None:
        """
        Whatever the interval is, and however coarse the format, a stream that is
        whole goes on by one each time, wherever it was entered.
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
                        found = self.steps(
                            interval,
                            format,
                            zero + (entry + part) * interval,
                            list(range(entry + 1, entry + count)),
                        )
                        where = interval, format, entry, part
                        self.assertEqual(found, [1] * count, where)

    def test_skip(self) -> None:
        """
        A boundary that is not shown is an interval more, even where the format shows
        several boundaries alike, if not always at once.
        """
        for interval in (0.1, 0.5, 1, 1.5, 60):
            whole = [*range(1, 25), *range(26, 40), *range(77, 120)]
            found = self.steps(interval, "%H:%M:%S", 0, whole)
            skipped = sum(each - 1 for each in found)
            self.assertEqual(skipped, 38, interval)
            self.assertGreaterEqual(min(found), 1)

    def test_repeat(self) -> None:
        """
        A boundary that is shown again is no step, and an earlier one is a step back;
        then the clock goes on from there.
        """
        for format in ("%H:%M:%S", "json"):
            found = self.steps(1.5, format, 0, [1, 2, 2, 3, 1, 2])
            self.assertEqual(found, [1, 1, 1, 0, 1, -2, 1])

    def test_anotherInterval(self) -> None:
        """
        Lines that come between the boundaries of the interval that was expected are
        repeats.
        """
        progress = Progress(60)
        lines = [Face("unix").line(nanoseconds(each)) for each in range(4)]
        found = [progress.step(line.decode().strip(), 0, 0) for line in lines]
        self.assertEqual([step and step.intervals for step in found], [1, 0, 0, 0])

    def test_late(self) -> None:
        """
        A line is late by the time since its boundary, though it shows no more than
        the second; a first line is late if it shows the fraction.
        """
        progress = Progress(1.5)
        arrived = nanoseconds(1.75)
        self.assertEqual(
            progress.step(f"{START // SECOND}", arrived, 0), Step(1, None, None)
        )
        self.assertEqual(
            progress.step(f"{START // SECOND + 1}", arrived, 0),
            Step(1, None, SECOND // 4),
        )
        progress = Progress(1)
        late = progress.step(f"{START // SECOND}.5", arrived, 0)
        self.assertEqual(late, Step(1, None, SECOND * 5 // 4))

    def test_clockThatIsWrong(self) -> None:
        """
        A server's clock may be wrong by just so much that its time of day could be
        early as well as late: it is taken to be the one or the other, and stays it.
        """
        progress = Progress(1)
        found = []
        for second in range(6):
            line = Face("%H:%M:%S", zoneNamed("UTC")).line(nanoseconds(second))
            wrong = 450 + (0.002 if second % 2 else -0.002)
            arrived = nanoseconds(second + wrong)
            step = progress.step(line.decode().strip(), arrived, second * SECOND)
            found.append(step and step.intervals)
        self.assertEqual(found, [1] * 6)

    def test_localClockThatIsSet(self) -> None:
        """
        A time of day is told by how much time has passed, not by a clock that is set.
        """
        progress = Progress(1)
        found = []
        for second in range(6):
            line = Face("%H:%M:%S", zoneNamed("UTC")).line(nanoseconds(second))
            arrived = nanoseconds(second + (600 if second > 2 else 0))
            step = progress.step(line.decode().strip(), arrived, second * SECOND)
            found.append(step and step.intervals)
        self.assertEqual(found, [1] * 6)

    def test_unreadable(self) -> None:
        """
        A line that does not tell the time is no step, and the next is one from before.
        """
        progress = Progress(1)
        told = START // SECOND
        progress.step(f"{told}", START, 0)
        self.assertIsNone(progress.step("hello", START, 0))
        step = progress.step(f"{told + 1}", START + SECOND, SECOND)
        self.assertEqual(step, Step(1, None, 0))

    def test_ticks(self) -> None:
        """
        Numbers that are left out are lost.
        """
        progress = Progress(1)
        lost = []
        for second, tick in enumerate([3, 4, 7, 7, 0]):
            line = Face("json").line(nanoseconds(second), tick).decode().strip()
            step = progress.step(line, nanoseconds(second), 0)
            lost.append(step and step.lost)
        self.assertEqual(lost, [None, 0, 2, 0, 0])


class TallyTests(SynchronousTestCase):
    """
    Percentiles.
    """

    def spread(self, *times: float) -> Spread | None:
        """
        Measure some times.
        """
        tally = Tally()
        for time in times:
            tally.add(time)
        return tally.spread()

    def test_nearestRank(self) -> None:
        """
        Each is one of the times, in whatever order they came.
        """
        self.assertEqual(self.spread(*range(200, 0, -1)), Spread(100, 198, 200))
        self.assertEqual(self.spread(3, 1, 2), Spread(2, 3, 3))
        self.assertEqual(self.spread(1.5), Spread(1.5, 1.5, 1.5))
        self.assertEqual(self.spread(*[1] * 99, -2), Spread(1, 1, 1))

    def test_none(self) -> None:
        """
        Of nothing there is nothing to tell.
        """
        self.assertIsNone(self.spread())

    def test_memory(self) -> None:
        """
        However many times there are, those that are alike are kept once.
        """
        tally = Tally()
        for each in range(10_000):
            tally.add(0.001 + each / 1e12)
        self.assertEqual(len(tally._counts), 1)
        for each in range(10_000):
            tally.add(100 + each / 10_000)
            tally.add(1e9 + each)
            tally.add(-1e9 - each)
        self.assertEqual(len(tally._counts), 5)
        self.assertEqual(tally.spread(), Spread(0.001, 100_000, 100_000))
