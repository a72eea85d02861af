"""
Tests for L{clock.clients.reading.observer} and L{clock.clients.reading.ends}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from clock.clients.reading.ends import MAX_TEXT, EndError, How
from clock.clients.reading.observer import Response


class ResponseTests(SynchronousTestCase):
    """
    The head of a response.
    """

    def test_header(self) -> None:
        """
        A header is found in any case. Several of the same name are joined.
        """
        headers = (("Via", "a"), ("X", "b"), ("via", "c"))
        response = Response("HTTP/1.1", 200, "OK", headers)
        self.assertEqual(response.header("VIA"), "a, c")
        self.assertEqual(response.header("Age"), "")


class EndErrorTests(SynchronousTestCase):
    """
    An end, as an exception.
    """

    def test_longText(self) -> None:
        """
        A long text is shortened, such as a status of 16 KB.
        """
        for size, expected in [
            (MAX_TEXT, "x" * MAX_TEXT),
            (MAX_TEXT + 1, "x" * MAX_TEXT + "..."),
        ]:
            error = EndError(How.STATUS, "x" * size, 500)
            self.assertEqual((error.end.text, str(error)), (expected, expected))
