"""
Tests for L{clock.clients.check.diagnosis.timeouts} and
L{clock.clients.check.diagnosis.words}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from clock.clients.check.diagnosis.timeouts import IDLE, TOTAL, defaultText
from clock.clients.check.diagnosis.words import countText, rangeText


class DefaultsTests(SynchronousTestCase):
    """
    Well-known timeouts.
    """

    def test_named(self) -> None:
        """
        A timeout has all the names whose default it is.
        """
        expected = (
            "60 s is the default of nginx, Apache, Varnish, nghttpx and AWS's ALB"
        )
        self.assertEqual(defaultText(IDLE, 60.5), expected)
        self.assertEqual(defaultText(IDLE, 55), "55 s is the default of Heroku")
        expected = "15 s is the default of Envoy's routes"
        self.assertEqual(defaultText(TOTAL, 14.9), expected)

    def test_unknown(self) -> None:
        """
        Other times are nobody's default.
        """
        for seconds in (0, 58, 62, 15, 1e9):
            self.assertEqual(defaultText(IDLE, seconds), "")
        self.assertEqual(defaultText(TOTAL, 15.2), "")

    def test_later(self) -> None:
        """
        gunicorn notices the end of its timeout up to a second late.
        """
        expected = "30 s is the default of gunicorn's sync worker"
        for seconds in (30.73, 31.2):
            self.assertEqual(defaultText(TOTAL, seconds), expected)
        for seconds in (29.5, 31.4):
            self.assertEqual(defaultText(TOTAL, seconds), "")


class WordsTests(SynchronousTestCase):
    """
    Words that sentences have in common.
    """

    def test_count(self) -> None:
        """
        Once is a word.
        """
        self.assertEqual((countText(1), countText(2)), ("once", "2 times"))

    def test_range(self) -> None:
        """
        Times that are about the same are one time.
        """
        self.assertEqual(rangeText([4, 4.1, 4.2]), "4.1 s")
        self.assertEqual(rangeText([4, 8, 5]), "4 to 8 s")
