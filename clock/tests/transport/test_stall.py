"""
Tests for L{clock.transport.stall}.
"""

from __future__ import annotations

from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase

from clock.tests.fixture import capturedEvents
from clock.transport import stall as _sockets
from clock.transport.stall import stallOptions


class StallOptionsTests(SynchronousTestCase):
    """
    The socket options that end a stalled connection.
    """

    def options(self, seconds: float, *missing: str) -> list[tuple[str, int]]:
        """
        Return the options on a platform that lacks some.
        """
        names = [
            "SO_KEEPALIVE",
            "TCP_USER_TIMEOUT",
            "TCP_KEEPIDLE",
            "TCP_KEEPALIVE",
            "TCP_KEEPINTVL",
            "TCP_KEEPCNT",
        ]
        known = {name: name for name in names if name not in missing}
        platform = SimpleNamespace(SOL_SOCKET=1, IPPROTO_TCP=6, **known)
        self.patch(_sockets, "socket", platform)
        return [(str(option), value) for _, option, value in stallOptions(seconds)]

    def test_all(self) -> None:
        """
        The timeout is in milliseconds, and keepalive probes well before it expires.
        """
        expected = [
            ("SO_KEEPALIVE", 1),
            ("TCP_USER_TIMEOUT", 30_000),
            ("TCP_KEEPIDLE", 10),
            ("TCP_KEEPINTVL", 5),
            ("TCP_KEEPCNT", 3),
        ]
        self.assertEqual(self.options(30), expected)

    def test_short(self) -> None:
        """
        With a short timeout, keepalive probes earlier.
        """
        options = dict(self.options(2))
        self.assertEqual((options["TCP_KEEPIDLE"], options["TCP_KEEPINTVL"]), (2, 2))

    def test_never(self) -> None:
        """
        Without a timeout, nothing is set.
        """
        self.assertEqual(self.options(0), [])

    def test_missing(self) -> None:
        """
        If the platform lacks the timeout, a warning is logged, and the rest is set.
        """
        events = capturedEvents(self)
        macOS = ["TCP_USER_TIMEOUT", "TCP_KEEPIDLE"]
        expected = [
            ("SO_KEEPALIVE", 1),
            ("TCP_KEEPALIVE", 10),
            ("TCP_KEEPINTVL", 5),
            ("TCP_KEEPCNT", 3),
        ]
        self.assertEqual(self.options(30, *macOS), expected)
        self.assertEqual(len(events), 1)
        openBSD = [*macOS, "TCP_KEEPALIVE", "TCP_KEEPINTVL", "TCP_KEEPCNT"]
        self.assertEqual(self.options(30, *openBSD), expected[:1])
