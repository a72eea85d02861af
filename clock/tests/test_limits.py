"""
Tests for L{clock.limits}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from clock.limits import (
    REPORT_INTERVAL,
    ClientLimit,
)
from clock.tests.fixture import capturedEvents


class LimitedClient:
    """
    A client that records its eviction.
    """

    def __init__(self, limit: ClientLimit) -> None:
        self.limit = limit
        self.evicted = False
        self.stays = limit.add()

    def evict(self) -> None:
        """
        Record it, and disconnect.
        """
        self.evicted = True
        self.limit.remove(self)


class ClientLimitTests(SynchronousTestCase):
    """
    Which clients may connect, and which one is evicted.
    """

    def setUp(self) -> None:
        """
        Set a limit of two clients.
        """
        self.clock = Clock()
        self.limit = ClientLimit(2, self.clock)
        self.events = capturedEvents(self)

    def test_none(self) -> None:
        """
        Without a limit every client may connect.
        """
        limit = ClientLimit(None, self.clock)
        for _ in range(1000):
            self.assertTrue(limit.admit())
            LimitedClient(limit)

    def test_lessThanOne(self) -> None:
        """
        A limit of less than one client raises an error at once.
        """
        error = self.assertRaises(ValueError, ClientLimit, 0, self.clock)
        self.assertEqual(str(error), "a limit of 0 clients is less than 1")

    def test_full(self) -> None:
        """
        At the limit clients are refused, until one has disconnected.
        """
        clients = []
        for admitted in (True, True, False, False):
            self.assertEqual(self.limit.admit(), admitted)
            if admitted:
                clients.append(LimitedClient(self.limit))
        self.limit.remove(clients[0])
        self.assertTrue(self.limit.admit())

    def test_withoutAdmit(self) -> None:
        """
        A client that connects without a call of C{admit} may not stay connected at the
        limit.
        """
        clients = [LimitedClient(self.limit) for _ in range(3)]
        self.assertEqual([each.stays for each in clients], [True, True, False])
        self.assertEqual(len(self.events), 1)

    def test_move(self) -> None:
        """
        A client may take over the place of another one, even while a refused client is
        still connected.
        """
        stays = [LimitedClient(self.limit).stays for _ in range(3)]
        self.limit.move()
        stays.append(LimitedClient(self.limit).stays)
        self.assertEqual(stays, [True, True, False, True])
        self.assertEqual(self.limit.count, 3)

    def test_evict(self) -> None:
        """
        At the limit the client that half-closed first is evicted, in a later iteration
        of the reactor.
        """
        first, second = LimitedClient(self.limit), LimitedClient(self.limit)
        self.limit.halfClosed(second)
        self.limit.halfClosed(first)
        self.assertTrue(self.limit.admit())
        third = LimitedClient(self.limit)
        self.assertFalse(second.evicted)
        self.clock.advance(0)
        self.assertTrue(second.evicted)
        self.assertFalse(first.evicted or third.evicted)
        self.assertEqual(self.limit.refused, 0)

    def test_evictOneForEach(self) -> None:
        """
        Before evicted clients are closed, one new client is admitted for each.
        """
        first, second = LimitedClient(self.limit), LimitedClient(self.limit)
        for client in (first, second):
            self.limit.halfClosed(client)
        admitted = []
        for _ in range(4):
            admitted.append(self.limit.admit())
            if admitted[-1]:
                LimitedClient(self.limit)
        self.assertEqual(admitted, [True, True, False, False])
        # One of them disconnects by itself.
        self.limit.remove(first)
        self.clock.advance(0)
        self.assertEqual([first.evicted, second.evicted], [False, True])
        self.assertEqual(self.limit.count, 2)

    def test_log(self) -> None:
        """
        Refused clients are counted, and logged once a minute at most.
        """
        for _ in range(2):
            LimitedClient(self.limit)
        logged: list[list[object]] = []
        for step in (0, REPORT_INTERVAL - 1, 1, REPORT_INTERVAL, REPORT_INTERVAL):
            self.clock.advance(step)
            if len(logged) < 2:
                for _ in range(5):
                    self.limit.admit()
            logged.append([event["refused"] for event in self.events])
        self.assertEqual(logged, [[1], [1], [1, 9], [1, 9], [1, 9]])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.limit.admit()
        self.limit.admit()
        self.limit.close()
        self.assertEqual([event["refused"] for event in self.events], [1, 9, 1, 1])
        self.assertEqual(self.clock.getDelayedCalls(), [])
