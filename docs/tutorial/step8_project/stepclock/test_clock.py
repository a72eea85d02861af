"""
Tests of the clock: in memory, with no sockets and no waiting.
"""

from datetime import datetime, timedelta

from twisted.internet.protocol import connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from stepclock.factory import ClockFactory
from stepclock.protocol import ClockProtocol


class SequentialTests(SynchronousTestCase):
    """
    Two clients of a sequential clock, which connect half a second past midnight.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(0.5)
        self.factory = ClockFactory(self.clock, sequential=True, now=self.now)
        self.factory.doStart()
        self.first, self.toFirst = self.connect()
        self.second, self.toSecond = self.connect()

    def now(self) -> datetime:
        return datetime(2026, 1, 1) + timedelta(seconds=self.clock.seconds())

    def connect(self) -> tuple[ClockProtocol, StringTransport]:
        client, transport = ClockProtocol(), StringTransport()
        client.factory = self.factory
        client.makeConnection(transport)
        return client, transport

    def test_turn(self) -> None:
        """
        The second client gets the time as soon as the first disconnects.
        """
        self.clock.advance(0.5)
        self.assertEqual(self.toFirst.value(), b"00:00:00\n00:00:01\n")
        self.assertEqual(self.toSecond.value(), b"")
        self.first.connectionLost(connectionDone)
        self.assertEqual(self.toSecond.value(), b"00:00:01\n")

    def test_halfClosed(self) -> None:
        """
        A half-closed client loses its turn when another client waits.
        """
        self.first.readConnectionLost()
        self.assertTrue(self.toFirst.disconnecting)
        self.second.readConnectionLost()
        self.assertFalse(self.toSecond.disconnecting)
