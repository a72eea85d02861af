"""
Tests of the clock: in memory, with no sockets and no waiting.
"""

from datetime import datetime, timedelta

from twisted.internet.protocol import connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from step4_clock import ClockFactory

MIDNIGHT = datetime(2026, 1, 1)


class ClockProtocolTests(SynchronousTestCase):
    """
    One client, on a clock that stands still until a test advances it.
    """

    def setUp(self) -> None:
        """
        Connect a client at midnight.
        """
        self.clock = Clock()
        factory = ClockFactory(self.clock, self.now)
        self.client = factory.buildProtocol(None)
        self.transport = StringTransport()
        self.client.makeConnection(self.transport)

    def now(self) -> datetime:
        return MIDNIGHT + timedelta(seconds=self.clock.seconds())

    def test_connecting(self) -> None:
        """
        A client gets the first line as soon as it connects.
        """
        self.assertEqual(self.transport.value(), b"00:00:00\n")

    def test_everySecond(self) -> None:
        """
        A client gets one more line each second.
        """
        self.clock.pump([1, 1])
        self.assertEqual(self.transport.value(), b"00:00:00\n00:00:01\n00:00:02\n")

    def test_disconnecting(self) -> None:
        """
        No timer is left after the client has disconnected.
        """
        self.client.connectionLost(connectionDone)
        self.assertEqual(self.clock.getDelayedCalls(), [])
