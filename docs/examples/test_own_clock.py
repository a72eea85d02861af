"""
Test a program that serves the time, without a socket and without waiting.

Run it with C{trial test_own_clock.py}.
"""

from datetime import timezone

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from clock import ClockFactory, Ticker, TimeFormat

START = 1_700_000_000  # 2023-11-14, 22:13:20 UTC


class OwnClockTests(SynchronousTestCase):
    """
    One client, on a reactor and a wall clock that the test sets.
    """

    def test_lines(self) -> None:
        """
        A client is sent the time at once, and then each second.
        """
        reactor = Clock()

        def wallClock() -> int:
            return round((START + reactor.seconds()) * 1e9)

        factory = ClockFactory(
            TimeFormat("%H:%M:%S", timezone.utc),
            ticker=Ticker(reactor, wallClock=wallClock),
        )
        protocol = factory.buildProtocol(None)
        transport = StringTransport()
        protocol.makeConnection(transport)
        reactor.advance(1)
        self.assertEqual(transport.value(), b"22:13:20\n22:13:21\n")
