"""
Tests for L{clock.limits}.
"""

from __future__ import annotations

import resource

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from clock.limits import MOST, REPORT_EVERY, ClientLimit, openFiles
from clock.tests.fixture import House, caughtEvents


class Guest:
    """
    A client that notes its dismissal.
    """

    def __init__(self, limit: ClientLimit) -> None:
        self.limit = limit
        self.dismissed = False
        limit.came()

    def dismiss(self) -> None:
        """
        Note it, and go.
        """
        self.dismissed = True
        self.limit.left(self)


class ClientLimitTests(SynchronousTestCase):
    """
    Who may come, and who makes room.
    """

    def setUp(self) -> None:
        """
        Have room for two.
        """
        self.clock = Clock()
        self.limit = ClientLimit(2, self.clock)
        self.events = caughtEvents(self)

    def test_none(self) -> None:
        """
        Without a limit everyone may come.
        """
        limit = ClientLimit(None, self.clock)
        for _ in range(1000):
            self.assertTrue(limit.admit())
            Guest(limit)

    def test_full(self) -> None:
        """
        As many may come as there is room for, and one more when one has left.
        """
        guests = []
        for admitted in (True, True, False, False):
            self.assertEqual(self.limit.admit(), admitted)
            if admitted:
                guests.append(Guest(self.limit))
        self.limit.left(guests[0])
        self.assertTrue(self.limit.admit())

    def test_halfClosedMakesRoom(self) -> None:
        """
        When it is full, the one who half-closed first makes room.
        """
        first, second = Guest(self.limit), Guest(self.limit)
        self.limit.halfClosed(second)
        self.limit.halfClosed(first)
        self.assertTrue(self.limit.admit())
        third = Guest(self.limit)
        # Not while connections are being accepted.
        self.assertFalse(second.dismissed)
        self.clock.advance(0)
        self.assertTrue(second.dismissed)
        self.assertFalse(first.dismissed or third.dismissed)
        self.assertEqual(self.limit.refused, 0)

    def test_eachMakesRoomForOne(self) -> None:
        """
        As many are let in, before those who make room are closed, as there are of
        these.
        """
        first, second = Guest(self.limit), Guest(self.limit)
        for guest in (first, second):
            self.limit.halfClosed(guest)
        admitted = []
        for _ in range(4):
            admitted.append(self.limit.admit())
            if admitted[-1]:
                Guest(self.limit)
        self.assertEqual(admitted, [True, True, False, False])
        # One of them goes by itself.
        self.limit.left(first)
        self.clock.advance(0)
        self.assertEqual([first.dismissed, second.dismissed], [False, True])
        self.assertEqual(self.limit.count, 2)

    def test_nobody(self) -> None:
        """
        A limit that would let nobody in is a mistake.
        """
        error = self.assertRaises(ValueError, ClientLimit, 0, self.clock)
        self.assertEqual(str(error), "a limit of 0 clients lets nobody in")

    def test_log(self) -> None:
        """
        Those turned away are counted, and logged once a minute at most.
        """
        for _ in range(2):
            Guest(self.limit)
        logged: list[list[object]] = []
        for step in (0, REPORT_EVERY - 1, 1, REPORT_EVERY, REPORT_EVERY):
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


class OpenFilesTests(SynchronousTestCase):
    """
    The limit of open files.
    """

    def raised(
        self, soft: int, hard: int, reactor: str = "EPollReactor"
    ) -> list[object]:
        """
        Tell what is allowed where the limits are these, and what they are then.
        """
        done: list[object] = []
        self.patch(resource, "getrlimit", lambda _: (soft, hard))
        self.patch(resource, "setrlimit", lambda _, new: done.append(new))
        return [openFiles(reactor), *done]

    def test_raised(self) -> None:
        """
        The soft limit becomes the hard one.
        """
        self.assertEqual(self.raised(1024, 4096), [4096, (4096, 4096)])

    def test_enough(self) -> None:
        """
        A soft limit that is as high already is left alone.
        """
        self.assertEqual(self.raised(4096, 4096), [4096])

    def test_huge(self) -> None:
        """
        A limit beyond all need is not reached for, nor is one lowered.
        """
        huge, none = 2**30, resource.RLIM_INFINITY
        self.assertEqual(self.raised(1024, huge), [MOST, (MOST, huge)])
        self.assertEqual(self.raised(1024, none), [MOST, (MOST, none)])
        self.assertEqual(self.raised(none, none), [MOST])

    def test_select(self) -> None:
        """
        C{select} cannot wait for more than 1,024.
        """
        allowed, *_ = self.raised(1024, 4096, "SelectReactor")
        self.assertEqual(allowed, 1024)

    def test_refused(self) -> None:
        """
        Where the limit cannot be raised, what it was is allowed.
        """

        def refuse(*_: object) -> None:
            raise ValueError("not allowed to raise maximum limit")

        self.patch(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
        self.patch(resource, "setrlimit", refuse)
        self.assertEqual(openFiles("KQueueReactor"), 256)


class FactoryTests(SynchronousTestCase):
    """
    The limit in its place.
    """

    def test_counted(self) -> None:
        """
        Whoever is connected is counted, served or not, until the end.
        """
        house = House.new(sequential=True)
        clients = [house.connect() for _ in range(3)]
        self.assertEqual(house.factory.limit.count, 3)
        for client in clients:
            client.leave()
        self.assertEqual(house.factory.limit.count, 0)

    def test_dismissed(self) -> None:
        """
        A half-closed client that makes room is gone at once.
        """
        house = House.new()
        house.factory.limit.most = 2
        first, second = house.connect(), house.connect()
        second.halfClose()
        self.assertTrue(house.factory.limit.admit())
        house.clock.advance(0)
        self.assertEqual(house.factory.limit.count, 1)
        self.assertTrue(second.transport.lost)
        house.clock.advance(1)
        self.assertEqual(first.received, b"22:13:20\n22:13:21\n")
        self.assertEqual(second.received, b"22:13:20\n")

    def test_withoutAnEndpointThatAsks(self) -> None:
        """
        A client too many is closed when it has connected, whatever the endpoint; it is
        sent nothing, and keeps nobody from a turn.
        """
        house = House.new(sequential=True)
        house.factory.limit.most = 1
        first, second = house.connect(), house.connect()
        self.assertTrue(second.dropped)
        second.leave()
        first.leave()
        third = house.connect()
        self.assertEqual(second.received, b"")
        self.assertEqual(third.received, b"22:13:20\n")
        house.factory.limit.close()
        third.leave()
        self.assertEqual(house.timers(), 0)
