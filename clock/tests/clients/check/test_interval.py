"""
Tests for L{clock.clients.check.interval}.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from clock.clients.check.interval import Point, areRegular, findInterval
from clock.clients.reading.timestamps import SECOND


def points(
    times: Sequence[float], shown: Sequence[float] | None = None, resolution: int = 1
) -> list[Point]:
    """
    Return lines at these times, of one connection, which show them, or others.
    """
    pairs = zip(times, shown or times, strict=True)
    return [
        Point(
            at,
            number == 0,
            round(shows * SECOND) // resolution * resolution,
            resolution,
        )
        for number, (at, shows) in enumerate(pairs)
    ]


class FindIntervalTests(SynchronousTestCase):
    """
    The interval of a stream.
    """

    def test_fine(self) -> None:
        """
        Fine times show the interval, however their lines arrive.
        """
        shown = [0.3, 1, 2, 3, 4]
        self.assertEqual(findInterval(points(shown)), 1)
        self.assertEqual(findInterval(points([4, 4, 4, 4, 4], shown)), 1)

    def test_coarse(self) -> None:
        """
        If times are coarse, the arrivals show the interval.
        """
        for interval in (0.2, 0.7, 1, 1.5, 2.5):
            times = [0.1, *(interval * each for each in range(1, 30))]
            found = findInterval(points(times, resolution=SECOND))
            self.assertEqual(found, interval)

    def test_coarseHeldBack(self) -> None:
        """
        Coarse times show the interval if their lines do not arrive regularly, and it is
        not shorter than a second.
        """
        shown: list[float] = [*range(12)]
        times = [each // 4 * 4 + 4 for each in shown]
        found = findInterval(points(times, shown, SECOND))
        self.assertEqual(found, 1)
        shown = [each / 2 for each in range(24)]
        times = [each // 4 * 4 + 4 for each in shown]
        self.assertIsNone(findInterval(points(times, shown, SECOND)))

    def test_coarseRounded(self) -> None:
        """
        Coarse times that do not arrive regularly, and that round the interval, do not
        show it.
        """
        for interval in (1.2, 1.63):
            shown = [each * interval for each in range(24)]
            times = [each // 4 * 4 + 4 for each in shown]
            self.assertIsNone(findInterval(points(times, shown, SECOND)))
            self.assertEqual(findInterval(points(times, shown)), interval)

    def test_otherRate(self) -> None:
        """
        If coarse times go on faster than they arrive, they show the interval, if they
        are regular.
        """
        times = [each / 2 for each in range(12)]
        self.assertEqual(findInterval(points(times, range(12), SECOND)), 1)
        self.assertIsNone(findInterval(points(times, [0] * 12, SECOND)))

    def test_irregular(self) -> None:
        """
        Times that are not regular show no interval, unless most are.
        """
        self.assertIsNone(findInterval(points([0, 1, 2, 2.5, 5, 5.1, 8, 9.5])))
        self.assertEqual(findInterval(points([0, 1, 2, 3, 5, 6, 7, 7.5])), 1)

    def test_short(self) -> None:
        """
        An interval under ten milliseconds is none.
        """
        for interval, found in ((0.011, 0.011), (0.009, None)):
            times = [interval * each for each in range(20)]
            self.assertEqual(findInterval(points(times)), found)
            coarse = points(times, resolution=SECOND)
            self.assertEqual(findInterval(coarse), found)

    def test_few(self) -> None:
        """
        Fewer than two steps, other than to or from the first line of a connection, show
        no interval.
        """
        self.assertIsNone(findInterval([]))
        self.assertIsNone(findInterval(points([0, 1, 2])))
        self.assertEqual(findInterval(points([0, 1, 2, 3])), 1)
        self.assertIsNone(findInterval([*points([0, 1, 2]), *points([3, 4, 5])][:5]))

    def test_rounded(self) -> None:
        """
        The interval is rounded to two digits if that changes it by less than 0.5 %,
        otherwise to three.
        """
        for interval, rounded in (
            (1.0013, 1),
            (0.3333, 0.333),
            (1.97, 1.97),
            (59.8, 60),
            (1.234, 1.23),
            (1.05, 1.05),
            (86400, 86000),
        ):
            found = findInterval(points([interval * each for each in range(9)]))
            self.assertEqual(found, rounded)


class AreRegularTests(SynchronousTestCase):
    """
    Whether lines keep to an interval.
    """

    def test_steps(self) -> None:
        """
        Lines may be skipped, repeated, and a little early or late. A quarter may be
        irregular.
        """
        self.assertTrue(areRegular([1, 1.1, 3, 0, 1, 0.9, 0.5, 1.4], 1, 0))
        self.assertFalse(areRegular([1, 1, 0.5, 1.4, 0.1], 1, 0))
        self.assertTrue(areRegular([], 1, 0))

    def test_coarse(self) -> None:
        """
        A time that is rounded may be off by its resolution.
        """
        self.assertTrue(areRegular([2, 1, 2, 1], 1.5, 1))
