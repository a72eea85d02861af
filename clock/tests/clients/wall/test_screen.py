"""
Tests for L{clock.clients.wall.screen}.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from importlib.util import find_spec
from io import BytesIO, StringIO, TextIOWrapper

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from clock.clients.reading.lines import Line
from clock.clients.wall.monitor import ClockMonitor

if find_spec("rich") is None:
    skip = "rich is not installed: pip install 'txclock[wall]'"
else:
    from rich.console import Console, ConsoleDimensions

    from clock.clients.wall import screen as screen_module
    from clock.clients.wall.screen import (
        BATCH_DELAY,
        ENTER_SCREEN,
        EXIT_SCREEN,
        MAX_REDRAW,
        MIN_REDRAW,
        Screen,
        Terminal,
    )


class ScreenTests(SynchronousTestCase):
    """
    When the table is drawn.
    """

    def setUp(self) -> None:
        """
        Make a screen on a fake terminal of five rows.
        """
        self.clock = Clock()
        self.clock.advance(100)
        self.file = StringIO()
        self.console = Console(
            file=self.file, width=60, height=5, force_terminal=True, _environ={}
        )
        self.screen = Screen(self.clock, self.console)

    def start(self, *names: str) -> list[ClockMonitor]:
        """
        Show clocks of these names.
        """
        monitors = [
            ClockMonitor(name, self.clock, 1, self.screen.update) for name in names
        ]
        self.screen.start(monitors)
        return monitors

    def takeOutput(self) -> str:
        """
        Return what was written since the last call.
        """
        written = self.file.getvalue()
        self.file.seek(0)
        self.file.truncate()
        return written

    def test_start(self) -> None:
        """
        The first picture is drawn on the alternate screen, without a cursor. No thread
        is started.
        """
        threads = threading.active_count()
        self.start("Tokyo")
        self.assertEqual(threading.active_count(), threads)
        drawn = self.takeOutput()
        self.assertIn("\x1b[?1049h", drawn)
        self.assertIn("\x1b[?25l", drawn)
        self.assertIn("Tokyo", drawn)

    def test_ages(self) -> None:
        """
        Without a change, the table is drawn again, because the ages grow.
        """
        (monitor,) = self.start("Tokyo")
        monitor.connected()
        monitor.lineReceived(Line("19:03:13"))
        self.clock.advance(MAX_REDRAW)
        self.takeOutput()
        self.clock.advance(MAX_REDRAW)
        self.assertIn("0.5 s", self.takeOutput())

    def test_changes(self) -> None:
        """
        A change is drawn soon, and changes at the same time are drawn together.
        """
        tokyo, london = self.start("Tokyo", "London")
        self.clock.advance(MIN_REDRAW)
        self.takeOutput()
        tokyo.lineReceived(Line("19:03:13"))
        london.lineReceived(Line("10:03:13"))
        self.assertEqual(self.takeOutput(), "")
        self.clock.advance(BATCH_DELAY)
        drawn = self.takeOutput()
        self.assertIn("19:03:13", drawn)
        self.assertIn("10:03:13", drawn)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_manyChanges(self) -> None:
        """
        The number of pictures per second is limited, for any number of changes.
        """
        (monitor,) = self.start("Tokyo")
        self.takeOutput()
        for each in range(1000):
            monitor.lineReceived(Line(str(each)))
            self.clock.advance(0.001)
        pictures = self.takeOutput().count("Tokyo")
        self.assertLessEqual(pictures, 1 / MIN_REDRAW + 1)
        self.assertGreater(pictures, 1 / MIN_REDRAW / 2)

    def test_changeBeforeStart(self) -> None:
        """
        A change before the start draws nothing.
        """
        self.screen.update(ClockMonitor("Tokyo", self.clock, 1, self.screen.update))
        self.assertEqual(self.takeOutput(), "")

    def test_tooMany(self) -> None:
        """
        Clocks that do not fit into the window are counted.
        """
        self.start("A", "B", "C", "D", "E")
        rows = self.takeOutput().splitlines()
        self.assertIn("C", rows[3])
        self.assertIn("(2 more: 2 connecting)", rows[4])
        self.assertEqual(len(rows), 5)
        self.console.size = ConsoleDimensions(20, 5)
        self.clock.advance(MAX_REDRAW)
        self.assertIn("(2 more: 2 connecti…", self.takeOutput())

    def test_oneRow(self) -> None:
        """
        A window of one row shows only one line.
        """
        self.console.size = ConsoleDimensions(60, 1)
        self.start("A", "B")
        self.assertEqual(len(self.takeOutput().splitlines()), 1)

    def test_justEnough(self) -> None:
        """
        If all clocks fit into the window, all are shown.
        """
        self.start("A", "B", "C", "D")
        drawn = self.takeOutput()
        self.assertIn("D", drawn)
        self.assertNotIn("more", drawn)

    def test_slow(self) -> None:
        """
        On a slow terminal the table is drawn less often.
        """
        (monitor,) = self.start("Tokyo")
        update = self.screen._live.update

        def slow(*arguments: object, **keywords: object) -> None:
            update(*arguments, **keywords)  # type: ignore[arg-type]
            self.clock.rightNow += 1

        self.patch(self.screen._live, "update", slow)
        self.clock.advance(MAX_REDRAW)
        self.takeOutput()
        monitor.lineReceived(Line("19:03:13"))
        self.clock.advance(2.9)
        self.assertEqual(self.takeOutput(), "")
        self.clock.advance(0.1)
        self.assertIn("19:03:13", self.takeOutput())

    def test_terminalThatAcceptsNothing(self) -> None:
        """
        A terminal that is closed, or accepts no output, is not restored.
        """
        reading, writing = os.pipe()
        with os.fdopen(writing, "w") as file:
            screen = Screen(self.clock, Console(file=file))
            os.set_blocking(writing, False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(writing, b"x" * 65536)
            self.patch(screen_module, "RESTORE_TIMEOUT", 0)
            screen.restoreTerminal()
            os.close(reading)
            screen.restoreTerminal()

    def test_terminal(self) -> None:
        """
        rich writes to standard output unbuffered, in its encoding.
        """
        self.patch(sys, "stdout", TextIOWrapper(BytesIO(), "latin-1"))
        written: list[str] = []
        terminal = Terminal(written.append)
        self.assertEqual(terminal.write("x\n"), 2)
        self.assertEqual(written, ["x\n"])
        self.assertTrue(terminal.isatty())
        self.assertEqual((terminal.encoding, terminal.fileno()), ("latin-1", 1))

    def test_restoreAndPrepare(self) -> None:
        """
        The terminal is restored at once, and prepared again.
        """
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        with os.fdopen(writing, "w") as file:
            screen = Screen(self.clock, Console(file=file))
            screen.restoreTerminal()
            self.assertEqual(os.read(reading, 99), EXIT_SCREEN)
            screen.prepareTerminal()
            self.assertEqual(os.read(reading, 99), ENTER_SCREEN)
