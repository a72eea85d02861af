"""
Tests for L{clock.clients.check.options}, L{clock.clients.check.command} and
L{clock.clients.check.report.progress}.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from unittest import SkipTest, mock, skipUnless

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from clock.clients.check import command
from clock.clients.check.judge import Judge
from clock.clients.check.options import Options
from clock.clients.check.report.progress import (
    ERASE_LINE,
    ERASE_LINE_ABOVE,
    UPDATE_INTERVAL,
    ProgressObserver,
    showProgress,
)
from clock.clients.reading.lines import Line
from clock.console import output as _stdout
from clock.tests.clients import fixture
from clock.tests.clients.fixture import ClientTestCase, ExitError


class OptionsTests(fixture.OptionsTestCase):
    """
    The command line.
    """

    command = "clock-check"
    options = Options
    refused = (
        ("", "no clock to read: try Here=localhost:8080"),
        ("--for 0 x=:1", "--for '0' is not a number of seconds from 0.1 "),
        ("--max-gap x x=:1", "--max-gap 'x' is not a number of seconds from 0.01"),
        ("--quiet --json x=:1", "--quiet and --json contradict each other: leave"),
        ("--junit a --plot a x=:1", "--junit and --plot name the same file: 'a'"),
        ("--interval 1_0 x=:1", "--interval '1_0' is not a number of seconds "),
    )

    def test_defaults(self) -> None:
        """
        By default a check takes 10 seconds, at an interval of 1 second.
        """
        options = self.parse("x=:1", ":2")
        expected = {
            **{"for": 10, "interval": 1, "max-gap": 2.5, "field": None},
            **{"json": 0, "insecure": 0, "quiet": 0, "until-broken": 0},
            **{"junit": None, "plot": None},
        }
        self.assertEqual(options, expected)
        self.assertEqual(options.targets, [("x", ":1"), (":2", ":2")])

    def test_maxGap(self) -> None:
        """
        The default of C{--max-gap} is 2.5 intervals.
        """
        self.assertEqual(self.parse("--interval=60", "x=:1")["max-gap"], 150)
        options = self.parse("--interval=60", "--max-gap=3", "x=:1")
        self.assertEqual(options["max-gap"], 3)

    def test_untilBroken(self) -> None:
        """
        C{--until-broken} takes up to a day, unless C{--for} says otherwise.
        """
        self.assertEqual(self.parse("--until-broken", "x=:1")["for"], 86_400)
        options = self.parse("--until-broken", "--for=60", "x=:1")
        self.assertEqual(options["for"], 60)


class CommandTests(ClientTestCase):
    """
    The command.
    """

    def setUp(self) -> None:
        """
        Record the progress bar.
        """
        super().setUp()
        self.progress: list[object] = []
        self.patch(command, "showProgress", self.showProgress)

    def showProgress(self, reactor: object, seconds: float, watches: object) -> object:
        """
        Record that the progress bar is shown, and that it is removed.
        """
        self.progress.append(seconds)
        return lambda: self.progress.append("removed")

    def check(self, *arguments: str) -> Deferred[int]:
        """
        Start a check of ten seconds.
        """
        options = Options()
        options.parseOptions([*arguments, "x=tcp:127.0.0.1:80"])
        return ensureDeferred(command.check(self.reactor, options))

    def test_check(self) -> None:
        """
        A check reports at its end. The progress bar is removed before.
        """
        checked = self.check()
        self.connect(b"22:13:20\n")
        self.reactor.advance(9.9)
        self.assertEqual((self.written, self.progress), (b"", [10]))
        self.reactor.advance(0.1)
        self.assertEqual(self.successResultOf(checked), 1)
        self.assertRegex(self.written, rb"\nx +1 .* no line for 10 s\n\nx: No line")
        self.assertEqual(self.progress, [10, "removed"])

    def test_json(self) -> None:
        """
        The report may be JSON.
        """
        checked = self.check("--json")
        self.reactor.advance(10)
        self.assertEqual(self.successResultOf(checked), 2)
        self.assertEqual(json.loads(self.written)["seconds"], 10)

    def test_quiet(self) -> None:
        """
        A quiet check shows nothing. Its exit status is the result.
        """
        checked = self.check("--quiet")
        self.reactor.advance(10)
        self.assertEqual(self.successResultOf(checked), 2)
        self.assertEqual((self.written, self.progress), (b"", []))

    def test_untilBroken(self) -> None:
        """
        With C{--until-broken}, a check ends as soon as a stream is not whole.
        """
        checked = self.check("--until-broken", "--json")
        self.connect(b"22:13:20\n")
        self.reactor.pump([0.1] * 24)
        self.assertNoResult(checked)
        self.reactor.pump([0.1] * 2)
        self.assertEqual(self.successResultOf(checked), 1)
        self.assertLess(json.loads(self.written)["seconds"], 2.7)

    def test_untilTheEnd(self) -> None:
        """
        If no stream breaks, C{--for} ends the check.
        """
        checked = self.check("--until-broken", "--for=1")
        self.connect(b"22:13:20\n")
        self.reactor.pump([0.1] * 11)
        self.assertEqual(self.successResultOf(checked), 0)

    def test_junit(self) -> None:
        """
        C{--junit} writes a report to a file, beside the one on standard output.
        """
        path = self.mktemp()
        checked = self.check("--junit", path)
        self.reactor.advance(10)
        self.assertEqual(self.successResultOf(checked), 2)
        with open(path) as file:
            self.assertIn('<testcase classname="clock-check" name="x"', file.read())
        self.assertTrue(self.written.startswith(b"clock "))

    def test_plot(self) -> None:
        """
        C{--plot} draws a row for each clock, with its name, and a line where a
        connection ended.
        """
        if find_spec("matplotlib") is None:
            raise SkipTest("needs matplotlib: pip install 'txclock[plot]'")
        path = self.mktemp()
        checked = self.check("--plot", path, "--json", "$a$=tcp:127.0.0.1:81")
        protocol = self.connect(b"22:13:20\n")
        self.reactor.advance(1)
        protocol.connectionLost(Failure(ConnectionDone()))
        self.reactor.advance(9)
        self.assertEqual(self.successResultOf(checked), 2)
        with open(path) as file:
            picture = file.read()
        self.assertIn(">$a$</text>", picture)
        self.assertIn(">x</text>", picture)
        self.assertEqual(picture.count("stroke-dasharray"), 1)

    def test_keepsReport(self) -> None:
        """
        An error in an address, or a missing matplotlib, leaves an old report alone.
        """
        path = self.mktemp()
        Path(path).write_text("old")
        self.failureResultOf(self.check("--junit", path, "http://"), SystemExit)
        self.patch(command, "canPlot", lambda: False)
        self.failureResultOf(self.check("--plot", path), SystemExit)
        self.assertEqual(Path(path).read_text(), "old")

    def test_withoutMatplotlib(self) -> None:
        """
        Without matplotlib, C{--plot} is an error before the check.
        """
        self.patch(command, "canPlot", lambda: False)
        error = self.failureResultOf(self.check("--plot", self.mktemp()), SystemExit)
        self.assertEqual(
            str(error.value),
            "clock-check: --plot needs matplotlib: pip install 'txclock[plot]'",
        )

    def test_badFile(self) -> None:
        """
        A file that cannot be opened is an error before the check. A file that can be
        opened is not created before the end, and neither is the target of a symbolic
        link.
        """
        made, link = self.mktemp(), self.mktemp()
        os.symlink(os.path.abspath(made), link)
        for name in (made, link):
            self.check("--junit", name)
            self.assertFalse(os.path.exists(made))
        path = f"{self.mktemp()}/none"
        error = self.failureResultOf(self.check("--junit", path), SystemExit).value
        expected = f"clock-check: No such file or directory: {path}"
        self.assertEqual(str(error), expected)

    @skipUnless(os.path.exists("/dev/full"), "this system has no /dev/full")
    def test_fullDisk(self) -> None:
        """
        A file that cannot be written is an error after the check. The report is printed
        all the same.
        """
        errors = StringIO()
        self.patch(sys, "stderr", errors)
        checked = self.check("--junit", "/dev/full")
        self.connect(b"22:13:20\n")
        self.reactor.advance(10)
        self.assertEqual(self.successResultOf(checked), 1)
        error = "clock-check: /dev/full: No space left on device\n"
        self.assertEqual(errors.getvalue(), error)
        self.assertTrue(self.written)

    def test_interrupted(self) -> None:
        """
        Ctrl-C reports what was measured so far.
        """
        self.check("--json")
        self.reactor.advance(3)
        self.assertExits(signal.SIGINT)
        self.assertEqual(json.loads(self.written)["seconds"], 3)
        self.assertEqual(self.progress, [10, "removed"])

    def test_interruptedTwice(self) -> None:
        """
        Ctrl-C exits at once while the report of the end, or that of another Ctrl-C, is
        being made. What is not written yet leaves no file.
        """
        junit, picture = self.mktemp(), self.mktemp()
        self.patch(command, "canPlot", lambda: True)
        self.patch(command, "plot", lambda *_: self.signals[signal.SIGINT](2, None))
        checked = self.check("--junit", junit, "--plot", picture)
        self.reactor.advance(10)
        error = self.failureResultOf(checked, ExitError).value
        self.assertEqual(error.status, 130)
        self.check("--junit", junit, "--plot", picture)
        self.assertExits(signal.SIGINT)
        self.assertIn("</testsuites>", Path(junit).read_text())
        self.assertFalse(os.path.exists(picture))
        self.assertEqual(self.written, b"")

    def test_fifo(self) -> None:
        """
        A FIFO is opened once, when its reader gets the report.
        """
        path = self.mktemp()
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        self.check("--junit", path)
        # Without a writer, at the end.
        self.assertExits(signal.SIGINT)
        self.assertIn(b"</testsuites>", os.read(reader, 65536))

    def test_outputClosed(self) -> None:
        """
        If the reader of the report closes it, the exit status is still that of the
        check.
        """

        def writeBytes(data: bytes) -> None:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

        self.patch(_stdout, "writeBytes", writeBytes)
        checked = self.check()
        self.reactor.advance(10)
        self.assertEqual(self.failureResultOf(checked, ExitError).value.status, 2)

    def test_badAddress(self) -> None:
        """
        An address that is not valid is one line, and nothing is shown.
        """
        error = self.failureResultOf(self.check("y=:0"), SystemExit).value
        reason = "a port is a whole number from 1 to 65535"
        self.assertEqual(str(error), f"clock-check: 'y=:0': {reason}")
        self.assertEqual((self.progress, self.signals), ([], {}))


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
        judge = Judge("x", 1, 2.5, self.reactor.seconds, lambda: 0)
        self.watches = [
            ProgressObserver("x", judge, None),
            ProgressObserver("y" * 30, judge, None),
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
        remove = showProgress(self.reactor, 10, self.watches)
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
        watch, other = self.watches
        remove = showProgress(self.reactor, 10, self.watches)
        watch.connecting()
        watch.waitingForHeaders()
        watch.redirected("http://x/")
        self.reactor.advance(UPDATE_INTERVAL)
        self.assertIn(
            "x                         0 lines    waiting for headers", self.shown()
        )
        watch.connected()
        watch.lineReceived(Line('{"time": "2026-10-24T19:03:13Z"}'))
        watch.lineReceived(Line("\x1b"))
        other.disconnected("502 Bad\x1bGateway", 1)
        self.reactor.advance(UPDATE_INTERVAL)
        self.assertIn(
            "x                         2 lines  \\x1b  connected", self.shown()
        )
        name = "y" * 23 + "…"
        expected = f"{name}  0 lines        down: 502 Bad\\x1bGateway"
        self.assertIn(expected, self.shown())
        remove()

    def test_small(self) -> None:
        """
        Streams that do not fit are left out. The bar stays.
        """
        with mock.patch.dict(os.environ, {"LINES": "3"}):
            remove = showProgress(self.reactor, 10, self.watches)
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

        remove = showProgress(self.reactor, 10, self.watches)
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
            showProgress(self.reactor, 10, self.watches)()
        stderr = StringIO()
        for each in (stderr, None):
            self.patch(sys, "stderr", each)
            with mock.patch.dict(os.environ, {"FORCE_COLOR": "1"}):
                showProgress(self.reactor, 10, self.watches)()
        self.assertEqual((stderr.getvalue(), self.terminal.getvalue()), ("", ""))
        self.assertEqual(self.sent, [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_withoutRich(self) -> None:
        """
        Without rich there is no bar.
        """
        with mock.patch.dict(sys.modules, {"rich.console": None}):
            showProgress(self.reactor, 10, self.watches)()
        self.assertEqual((self.terminal.getvalue(), self.sent), ("", []))
