"""
Tests for L{clock.loop}.
"""

from __future__ import annotations

from twisted.internet import task
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from twisted.test import test_task
from twisted.trial.unittest import SynchronousTestCase

from clock.loop import LeanLoopingCall


class TestableLoopingCall(LeanLoopingCall):
    """
    The subclass that Twisted's tests define under this name, with L{LeanLoopingCall} as
    its base.
    """

    def __init__(self, clock: IReactorTime, *a: object, **kw: object) -> None:
        super().__init__(*a, **kw)  # type: ignore[arg-type]
        self.clock = clock


class LeanLoopTests(test_task.LoopTests):
    """
    Twisted's own tests of C{LoopingCall}, run with L{LeanLoopingCall}.
    """

    def setUp(self) -> None:
        """
        Replace C{LoopingCall}.
        """
        self.patch(task, "LoopingCall", LeanLoopingCall)
        self.patch(test_task, "TestableLoopingCall", TestableLoopingCall)


class LeanLoopingCallTests(SynchronousTestCase):
    """
    The difference from C{LoopingCall}.
    """

    def test_oneCallAfterAnother(self) -> None:
        """
        Calls are made at whole intervals, and missed ones are skipped.
        """
        clock = Clock()
        made: list[float] = []
        loop = LeanLoopingCall(lambda: made.append(clock.seconds()))
        loop.clock = clock
        ended = loop.start(1)
        clock.pump([0.5, 0.5, 1, 2.5, 0.5])
        self.assertEqual(made, [0, 1, 2, 4.5, 5])
        loop.stop()
        self.assertIs(self.successResultOf(ended), loop)
        self.assertEqual(clock.getDelayedCalls(), [])
