"""
Tests for L{clock.clients.check.report.histogram}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from clock.clients.check.report.histogram import Histogram, Percentiles


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
