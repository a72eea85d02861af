"""
Tests for L{clock.clients.reading.observer}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

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
