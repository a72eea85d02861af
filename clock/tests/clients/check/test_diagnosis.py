"""
Tests for L{clock.clients.check.diagnosis.diagnose}.

Each diagnosis has a test that makes it happen, and one for what looks almost the same:
in the test module of the same name as the module that makes it.
"""

from __future__ import annotations

from clock.tests.clients.check.fixture import DiagnosisTestCase, served


class DiagnosisTests(DiagnosisTestCase):
    """
    What is said about a stream.
    """

    def test_whole(self) -> None:
        """
        A stream that is whole and on time has no diagnosis, in any format and at any
        interval, however the client connects.
        """
        for format in ("json", "%H:%M:%S", "unix"):
            for interval in (0.2, 1, 1.5, 60):
                for phase in (0, 0.02, 0.5, 0.98):
                    for given in (None, interval):
                        self.prepare(format, given)
                        start = phase * interval
                        self.stream.connect(start)
                        lines = served(start, 20 * interval, interval)
                        self.stream.send(line.later(0.001) for line in lines)
                        where = format, interval, phase, given
                        verdict = self.stream.verdict()
                        self.assertEqual(verdict.trouble, [], where)
                        self.assertEqual(verdict.diagnosis, [], where)
                        self.assertEqual(verdict.interval, interval, where)

    def test_unreadable(self) -> None:
        """
        Lines without a time, on a stream that is on time, have no known cause. The
        lines around them are judged.
        """
        self.prepare("%H:%M:%S")
        lines = served(0.5, 9)
        self.stream.connect(0.5)
        self.stream.send(lines[:4])
        self.stream.advance(4)
        self.stream.receive("hello")
        self.stream.send(lines[5:])
        self.assertEqual(self.stream.codes(), ["unclear"])

    def test_forgotten(self) -> None:
        """
        A stream is still diagnosed after the start of a connection was forgotten.
        """
        self.stream.read(0.5, 9)
        self.stream.evidence.arrivals.popleft()
        self.assertEqual(self.stream.diagnosis(), [])
