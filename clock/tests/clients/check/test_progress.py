"""
Tests for L{clock.clients.check.report.progress}.
"""

from __future__ import annotations

import errno
import os
import sys
from importlib.util import find_spec
from io import StringIO
from unittest import SkipTest, mock

from clock.clients.check.evidence import Evidence
from clock.clients.check.report.progress import (
    ERASE_LINE,
    ERASE_LINE_ABOVE,
    UPDATE_INTERVAL,
    showProgress,
    stateText,
)
from clock.clients.reading.ends import End, How
from clock.clients.reading.lines import Line
from clock.clients.reading.observer import Step
from clock.tests.clients.check.fixture import FakeStream
from clock.tests.clients.fixture import ClientTestCase


class Terminal(StringIO):
    """
    Standard error on a terminal.

    @ivar broken: whether writing fails.
    """

    broken = False

    def isatty(self) -> bool:
        """
        Return C{True}.
        """
        return True

    def fileno(self) -> int:
        """
        Return the descriptor of standard error.
        """
        return 2

    def write(self, text: str) -> int:
        """
        Write text, or fail.
        """
        if self.broken:
            raise OSError(errno.EIO, "Input/output error")
        return super().write(text)


class StateTests(ClientTestCase):
    """
    The state of a stream.
    """

    def test_states(self) -> None:
        """
        A stream is connecting, waits for headers, is connected, has ended, or is down.
        """
        stream = FakeStream()
        self.assertEqual(stateText(stream.evidence), "connecting")
        stream.begin()
        self.assertEqual(stateText(stream.evidence), "connecting")
        stream.request()
        self.assertEqual(stateText(stream.evidence), "waiting for headers")
        stream.respond()
        self.assertEqual(stateText(stream.evidence), "connected")
        stream.disconnect(end=End(How.COMPLETE, "complete\x1b"))
        self.assertEqual(stateText(stream.evidence), r"ended: complete\x1b")
        stream.disconnect(end=End(How.DNS, "no such host"))
        self.assertEqual(stateText(stream.evidence), "down: no such host")


class ProgressTests(ClientTestCase):
    """
    The progress bar.
    """

    def setUp(self) -> None:
        """
        Put standard error on a terminal.
        """
        super().setUp()
        if find_spec("rich") is None:
            raise SkipTest("rich is not installed: pip install 'txclock[wall]'")
        self.terminal = Terminal()
        self.streams = [
            Evidence(name, None, self.reactor.seconds, lambda: 0)
            for name in ("x", "y" * 30)
        ]
        self.sent: list[tuple[int, bytes]] = []
        self.patch(sys, "stderr", self.terminal)
        self.patch(os, "write", lambda *call: self.sent.append(call))
        environment = {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
        patched = mock.patch.dict(os.environ, environment)
        patched.start()
        self.addCleanup(patched.stop)

    def test_bar(self) -> None:
        """
        The bar shows the seconds that have passed, and keeps the cursor visible. At the
        end it is erased, and no delayed call is left.
        """
        self.reactor.advance(100)
        remove = showProgress(self.reactor, 10, self.streams)
        self.assertIn("0 of 10 s", self.terminal.getvalue())
        self.reactor.pump([UPDATE_INTERVAL] * 12)
        shown = self.terminal.getvalue()
        self.assertIn("3 of 10 s", shown)
        self.assertGreater(shown.rfind("\x1b[?25h"), shown.rfind("\x1b[?25l"))
        remove()
        self.assertEqual(self.sent, [(2, ERASE_LINE + 2 * ERASE_LINE_ABOVE)])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_streams(self) -> None:
        """
        Above the bar is a line for each stream: its name, how many lines have arrived,
        the last time, and its state.
        """
        stream, other = self.streams
        remove = showProgress(self.reactor, 10, self.streams)
        self.assertIn("x                         0 lines    connecting", self.shown())
        stream.connecting()
        other.connecting()
        stream.stepReached(Step.REQUESTED, "GET")
        self.reactor.advance(UPDATE_INTERVAL)
        self.assertIn(
            "x                         0 lines    waiting for headers", self.shown()
        )
        stream.connected()
        stream.lineReceived(Line("a"))
        stream.lineReceived(Line("\x1b" + "b" * 30))
        other.disconnected(End(How.STATUS, "502 Bad\x1bGateway"), 1)
        self.reactor.advance(UPDATE_INTERVAL)
        self.assertIn(
            f"x                         2 lines  \\x1b{'b' * 19}…  connected",
            self.shown(),
        )
        name = "y" * 23 + "…"
        expected = f"{name}  0 lines                            down: 502 Bad\\x1bG…"
        self.assertIn(expected, self.shown())
        remove()

    def test_small(self) -> None:
        """
        Streams that do not fit are left out. The bar stays.
        """
        with mock.patch.dict(os.environ, {"LINES": "3"}):
            remove = showProgress(self.reactor, 10, self.streams)
        shown = self.shown()
        self.assertIn("x", shown)
        self.assertNotIn("yyy", shown)
        self.assertIn("0 of 10 s", shown)
        remove()
        self.assertEqual(self.sent, [(2, ERASE_LINE + ERASE_LINE_ABOVE)])

    def shown(self) -> str:
        """
        Return what was written to the terminal.
        """
        return self.terminal.getvalue()

    def test_brokenTerminal(self) -> None:
        """
        If writing to the terminal fails, the bar stops, and the check continues.
        """

        def write(descriptor: int, data: bytes) -> int:
            raise OSError(errno.EIO, "Input/output error")

        remove = showProgress(self.reactor, 10, self.streams)
        self.terminal.broken = True
        self.patch(os, "write", write)
        self.reactor.advance(UPDATE_INTERVAL)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        remove()

    def test_noTerminal(self) -> None:
        """
        Without a terminal, or on a dumb one, there is no bar, even if colors are
        forced.
        """
        with mock.patch.dict(os.environ, {"TERM": "dumb"}):
            showProgress(self.reactor, 10, self.streams)()
        stderr = StringIO()
        for each in (stderr, None):
            self.patch(sys, "stderr", each)
            with mock.patch.dict(os.environ, {"FORCE_COLOR": "1"}):
                showProgress(self.reactor, 10, self.streams)()
        self.assertEqual((stderr.getvalue(), self.terminal.getvalue()), ("", ""))
        self.assertEqual(self.sent, [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_withoutRich(self) -> None:
        """
        Without rich there is no bar.
        """
        with mock.patch.dict(sys.modules, {"rich.console": None}):
            showProgress(self.reactor, 10, self.streams)()
        self.assertEqual((self.terminal.getvalue(), self.sent), ("", []))
