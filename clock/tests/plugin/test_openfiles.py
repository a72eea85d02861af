"""
Tests for L{clock.plugin.openfiles}.
"""

from __future__ import annotations

import resource

from twisted.trial.unittest import SynchronousTestCase

from clock.plugin.openfiles import MAX_CLIENTS, raiseOpenFileLimit


class OpenFileLimitTests(SynchronousTestCase):
    """
    The limit of open files.
    """

    def raised(
        self, soft: int, hard: int, reactor: str = "EPollReactor"
    ) -> list[object]:
        """
        Return the number of files allowed with these limits, and the limits set.
        """
        done: list[object] = []
        self.patch(resource, "getrlimit", lambda _: (soft, hard))
        self.patch(resource, "setrlimit", lambda _, new: done.append(new))
        return [raiseOpenFileLimit(reactor), *done]

    def test_raised(self) -> None:
        """
        The soft limit is raised to the hard one.
        """
        self.assertEqual(self.raised(1024, 4096), [4096, (4096, 4096)])

    def test_high(self) -> None:
        """
        A soft limit that equals the hard limit is not changed.
        """
        self.assertEqual(self.raised(4096, 4096), [4096])

    def test_veryHigh(self) -> None:
        """
        A limit is not raised above C{MAX_CLIENTS}, and never lowered.
        """
        huge, none = 2**30, resource.RLIM_INFINITY
        self.assertEqual(self.raised(1024, huge), [MAX_CLIENTS, (MAX_CLIENTS, huge)])
        self.assertEqual(self.raised(1024, none), [MAX_CLIENTS, (MAX_CLIENTS, none)])
        self.assertEqual(self.raised(none, none), [MAX_CLIENTS])

    def test_select(self) -> None:
        """
        C{select} cannot wait for more than 1,024 files.
        """
        allowed, *_ = self.raised(1024, 4096, "SelectReactor")
        self.assertEqual(allowed, 1024)

    def test_refused(self) -> None:
        """
        If the limit cannot be raised, the old one still applies.
        """

        def refuse(*_: object) -> None:
            raise ValueError("not allowed to raise maximum limit")

        self.patch(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
        self.patch(resource, "setrlimit", refuse)
        self.assertEqual(raiseOpenFileLimit("KQueueReactor"), 256)
