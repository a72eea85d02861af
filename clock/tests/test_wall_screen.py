"""
Tests for L{clock.wall.screen}.
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

from clock.wall.lines import Line
from clock.wall.watch import Watch

if find_spec("rich") is None:
    skip = "rich is not installed: pip install 'clock[wall]'"
else:
    from rich.console import Console, ConsoleDimensions

    from clock.wall import screen as screen_module
    from clock.wall.screen import (
        ENTER,
        GATHER,
        LEAVE,
        REDRAW_EVERY,
        SPACING,
        Screen,
        Terminal,
    )


class ScreenTests(SynchronousTestCase):
    """
    When it is drawn.
    """

    def setUp(self) -> None:
        """
        Open a screen on a fake terminal of five rows.
        """
        self.clock = Clock()
        self.clock.advance(100)
        self.file = StringIO()
        self.console = Console(
            file=self.file, width=60, height=5, force_terminal=True, _environ={}
        )
        self.screen = Screen(self.clock, self.console)

    def open(self, *names: str) -> list[Watch]:
        """
        Show clocks of these names.
        """
        watches = [Watch(name, self.clock, 1, self.screen.changed) for name in names]
        self.screen.open(watches)
        return watches

    def drawn(self) -> str:
        """
        Give what was written since the last time.
        """
        written = self.file.getvalue()
        self.file.seek(0)
        self.file.truncate()
        return written

    def test_open(self) -> None:
        """
        It begins on a screen of its own, without a cursor, with a picture, and draws
        in no thread of its own.
        """
        threads = threading.active_count()
        self.open("Tokyo")
        self.assertEqual(threading.active_count(), threads)
        drawn = self.drawn()
        self.assertIn("\x1b[?1049h", drawn)
        self.assertIn("\x1b[?25l", drawn)
        self.assertIn("Tokyo", drawn)

    def test_agesGrow(self) -> None:
        """
        There is a picture every now and then though nothing has changed.
        """
        (watch,) = self.open("Tokyo")
        watch.connected()
        watch.lineReceived(Line("19:03:13"))
        self.clock.advance(REDRAW_EVERY)
        self.drawn()
        self.clock.advance(REDRAW_EVERY)
        self.assertIn("0.5 s", self.drawn())

    def test_changes(self) -> None:
        """
        What changes is drawn very soon, and all that changes together at once.
        """
        tokyo, london = self.open("Tokyo", "London")
        self.clock.advance(SPACING)
        self.drawn()
        tokyo.lineReceived(Line("19:03:13"))
        london.lineReceived(Line("10:03:13"))
        self.assertEqual(self.drawn(), "")
        self.clock.advance(GATHER)
        drawn = self.drawn()
        self.assertIn("19:03:13", drawn)
        self.assertIn("10:03:13", drawn)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_manyChanges(self) -> None:
        """
        However much changes, there are so many pictures a second, and no more.
        """
        (watch,) = self.open("Tokyo")
        self.drawn()
        for each in range(1000):
            watch.lineReceived(Line(str(each)))
            self.clock.advance(0.001)
        pictures = self.drawn().count("Tokyo")
        self.assertLessEqual(pictures, 1 / SPACING + 1)
        self.assertGreater(pictures, 1 / SPACING / 2)

    def test_changesBeforeItIsOpen(self) -> None:
        """
        What happens before it is open is no reason to draw.
        """
        self.screen.changed(Watch("Tokyo", self.clock, 1, self.screen.changed))
        self.assertEqual(self.drawn(), "")

    def test_tooMany(self) -> None:
        """
        Clocks that there is no room for are counted.
        """
        self.open("A", "B", "C", "D", "E")
        rows = self.drawn().splitlines()
        self.assertIn("C", rows[3])
        self.assertIn("(2 more: 2 connecting)", rows[4])
        self.assertEqual(len(rows), 5)
        self.console.size = ConsoleDimensions(20, 5)
        self.clock.advance(REDRAW_EVERY)
        self.assertIn("(2 more: 2 connecti…", self.drawn())

    def test_flat(self) -> None:
        """
        A window of one row is no reason to end.
        """
        self.console.size = ConsoleDimensions(60, 1)
        self.open("A", "B")
        self.assertEqual(len(self.drawn().splitlines()), 1)

    def test_justEnough(self) -> None:
        """
        Where there is room for all, all are shown.
        """
        self.open("A", "B", "C", "D")
        drawn = self.drawn()
        self.assertIn("D", drawn)
        self.assertNotIn("more", drawn)

    def test_slow(self) -> None:
        """
        Where drawing takes long, it is done more rarely.
        """
        (watch,) = self.open("Tokyo")
        update = self.screen._live.update

        def slow(*arguments: object, **keywords: object) -> None:
            update(*arguments, **keywords)  # type: ignore[arg-type]
            self.clock.rightNow += 1

        self.patch(self.screen._live, "update", slow)
        self.clock.advance(REDRAW_EVERY)
        self.drawn()
        watch.lineReceived(Line("19:03:13"))
        self.clock.advance(2.9)
        self.assertEqual(self.drawn(), "")
        self.clock.advance(0.1)
        self.assertIn("19:03:13", self.drawn())

    def test_gone(self) -> None:
        """
        A terminal that is gone, or takes nothing, is left at that.
        """
        reading, writing = os.pipe()
        with os.fdopen(writing, "w") as file:
            screen = Screen(self.clock, Console(file=file))
            os.set_blocking(writing, False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(writing, b"x" * 65536)
            self.patch(screen_module, "PATIENCE", 0)
            screen.leave()
            os.close(reading)
            screen.leave()

    def test_terminal(self) -> None:
        """
        rich writes to standard output straight away, in its encoding.
        """
        self.patch(sys, "stdout", TextIOWrapper(BytesIO(), "latin-1"))
        written: list[str] = []
        terminal = Terminal(written.append)
        self.assertEqual(terminal.write("x\n"), 2)
        self.assertEqual(written, ["x\n"])
        self.assertTrue(terminal.isatty())
        self.assertEqual((terminal.encoding, terminal.fileno()), ("latin-1", 1))

    def test_leaveAndEnter(self) -> None:
        """
        The terminal is given back at once, and taken again.
        """
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        with os.fdopen(writing, "w") as file:
            screen = Screen(self.clock, Console(file=file))
            screen.leave()
            self.assertEqual(os.read(reading, 99), LEAVE)
            screen.enter()
            self.assertEqual(os.read(reading, 99), ENTER)
