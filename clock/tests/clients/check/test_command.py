"""
Tests for L{clock.clients.check.options} and L{clock.clients.check.command}.
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
from typing import Any
from unittest import SkipTest, skipUnless

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from clock.clients.check import command
from clock.clients.check.judge import Limits
from clock.clients.check.options import Options
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
        ("", "no address: try localhost:8080 or https://example.org/events"),
        ("--for 0 x=:1", "--for '0' is not a number of seconds from 0.1 "),
        ("--max-gap x x=:1", "--max-gap 'x' is not a number of seconds from 0.01"),
        ("--quiet --json x=:1", "--quiet and --json contradict each other: leave"),
        ("--junit a --plot a x=:1", "--junit, --plot and --log name the same file"),
        ("--junit a --log ./a x=:1", "--junit, --plot and --log name the same file"),
        ("--max-late 0 x=:1", "--max-late '0' is not a number of seconds from 0.001"),
        ("--proxy y= x=:1", "--proxy: no stream is named 'y'"),
        ("--interval 1_0 x=:1", "--interval '1_0' is not a number of seconds "),
    )

    def setUp(self) -> None:
        """
        Make the file that an example names.
        """
        super().setUp()
        self.addCleanup(os.chdir, os.getcwd())
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "request.json").write_text("{}")
        os.chdir(folder)

    def test_defaults(self) -> None:
        """
        By default a check takes 10 seconds, and finds the interval.
        """
        options = self.parse("x=:1", ":2")
        expected = {
            **{"for": 10, "interval": None, "max-gap": None, "max-late": None},
            **{"field": None, "event": None, "http1.1": 0, "http1.1-for": None},
            **{"json": 0, "insecure": 0, "quiet": 0, "until-broken": 0, "once": 0},
            **{"junit": None, "plot": None, "log": None},
        }
        self.assertEqual(options, expected)
        self.assertEqual(options.targets, [("x", ":1"), (":2", ":2")])
        self.assertEqual(options.limits(), Limits(None, None, False))

    def test_curl(self) -> None:
        """
        The first word of a command of curl is left out.
        """
        options = self.parse("x=:1", "curl", "http://y/", "-H", "A: b")
        self.assertEqual([name for name, _ in options.targets], ["x", "http://y/"])
        self.assertEqual(options.headers, [(None, ("A", "b"))])

    def test_curlBrackets(self) -> None:
        """
        A URL of a command of curl may have backslashes before its brackets, as Chromium
        and Safari write it. They are not part of the URL.
        """
        (target,) = self.parse("curl", r"http://\[::1\]/?a\[b\]=\{c\}\d").targets
        self.assertEqual(target.address, r"http://[::1]/?a[b]={c}\d")
        (target,) = self.parse(r"http://y/\[").targets
        self.assertEqual(target.address, r"http://y/\[")

    def test_curlURL(self) -> None:
        """
        Chromium writes C{--url} before the URL of a command of curl.
        """
        options = self.parse("x=:1", "curl", "--url", r"http://y/\[", "-H", "A: b")
        self.assertEqual(options.targets, [("x", ":1"), ("http://y/[", "http://y/[")])

    def test_files(self) -> None:
        """
        Reports may go to different files.
        """
        options = self.parse("--junit=a", "--plot=b", "--log=c", "x=:1")
        files = options["junit"], options["plot"], options["log"]
        self.assertEqual(files, ("a", "b", "c"))

    def test_limits(self) -> None:
        """
        The default of C{--max-gap} is 2.5 intervals, or 2.5 seconds if none is known.
        """
        limits = self.parse("x=:1").limits()
        self.assertEqual((limits.gap(60), limits.gap(None)), (150, 2.5))
        limits = self.parse("--max-gap=3", "--max-late=2", "--once", "x=:1").limits()
        self.assertEqual(limits, Limits(3, 2, True))
        self.assertEqual((limits.gap(60), limits.gap(None)), (3, 3))

    def test_for(self) -> None:
        """
        C{--until-broken} takes up to a day, and C{--once} five minutes, unless C{--for}
        says otherwise.
        """
        for arguments, seconds in (
            (["--until-broken"], 86_400),
            (["--until-broken", "--for=60"], 60),
            (["--once"], 300),
            (["--once", "--until-broken"], 300),
            (["--once", "--for=60"], 60),
        ):
            self.assertEqual(self.parse(*arguments, "x=:1")["for"], seconds)

    def test_data(self) -> None:
        """
        A request with data is sent once, and so is one with another method than GET and
        HEAD.
        """
        options = self.parse("--data", "", "x=http://x/")
        self.assertEqual((options["once"], options["for"]), (True, 300))
        for method, once in (("POST", True), ("GET", False), ("HEAD", False)):
            options = self.parse("--request", method, "x=http://x/")
            self.assertEqual(options["once"], once)


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
        self.assertRegex(self.written, rb"\nx +0.000 +1 .* no line for 10 s\n\nx: 1")
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

    def test_once(self) -> None:
        """
        With C{--once}, a check ends when each stream has ended, and an end in good
        order is whole.
        """
        checked = self.check("--once", "--json")
        protocol = self.connect(b"a\n")
        self.reactor.pump([0.1] * 5)
        self.assertNoResult(checked)
        protocol.connectionLost(Failure(ConnectionDone()))
        self.reactor.pump([0.1] * 2)
        self.assertEqual(self.successResultOf(checked), 0)
        self.assertLess(json.loads(self.written)["seconds"], 0.8)
        self.assertEqual(len(self.reactor.tcpClients), 1)

    def test_onceOpen(self) -> None:
        """
        C{--for} ends the check of a stream that does not end.
        """
        checked = self.check("--once", "--for=1", "--max-gap=9")
        self.connect(b"a\n")
        self.reactor.pump([0.1] * 9)
        self.assertNoResult(checked)
        self.reactor.pump([0.1] * 2)
        self.assertEqual(self.successResultOf(checked), 0)

    def test_onceBroken(self) -> None:
        """
        With C{--once} and C{--until-broken}, a check ends at the first of both.
        """
        checked = self.check("--once", "--until-broken")
        self.connect(b"a\n")
        self.reactor.pump([0.1] * 27)
        self.assertEqual(self.successResultOf(checked), 1)

    def test_compare(self) -> None:
        """
        Each stream is compared with the first.
        """
        checked = self.check("--json", "y=tcp:127.0.0.1:81")
        protocols: list[Any] = []
        for _, _, factory, *_ in self.reactor.tcpClients:
            protocol: Any = factory.buildProtocol(None)
            protocol.makeConnection(fixture.Connection(self.reactor, protocol))
            protocols.append(protocol)
        for number in range(10):
            self.reactor.advance(0.5)
            protocols[0].dataReceived(b"x%d\n" % number)
            self.reactor.advance(0.5)
            protocols[1].dataReceived(b"x%d\n" % number)
        self.assertEqual(self.successResultOf(checked), 0)
        first, second = json.loads(self.written)["streams"]
        self.assertIsNone(first["comparison"])
        self.assertEqual(second["comparison"]["later"]["p50"], 0.5)

    def test_log(self) -> None:
        """
        C{--log} writes each arrival to a file, as it comes.
        """
        path = self.mktemp()
        self.check("--log", path)
        self.reactor.advance(0.5)
        self.connect(b"22:13:20\n")
        entries = [json.loads(each) for each in Path(path).read_text().splitlines()]
        self.assertEqual(
            [each["what"] for each in entries],
            ["connecting", "connected", "bytes", "line"],
        )
        self.assertEqual((entries[0]["time"], entries[-1]["time"]), (0, 0.5))
        self.assertEqual(entries[-1]["text"], "22:13:20")

    def test_fullLog(self) -> None:
        """
        If the log cannot be written, the check goes on, and says so at its end.
        """
        stderr = StringIO()
        self.patch(sys, "stderr", stderr)
        checked = self.check("--log", "/dev/full", "--max-gap=20")
        self.connect(b"0\n")
        self.reactor.advance(10)
        self.assertEqual(self.successResultOf(checked), 1)
        self.assertIn(b" whole\n", self.written)
        expected = "clock-check: /dev/full: No space left on device\n"
        self.assertEqual(stderr.getvalue(), expected)

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
        self.assertTrue(self.written.startswith(b"stream "))

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

    def test_main(self) -> None:
        """
        The command runs with the options of the process.
        """
        calls: list[tuple[object, ...]] = []
        self.patch(command, "runMain", lambda *call: calls.append(call))
        command.main()
        ((options, check),) = calls
        self.assertIsInstance(options, Options)
        self.assertIs(check, command.check)

    def test_badAddress(self) -> None:
        """
        An address that is not valid is one line, and nothing is shown.
        """
        error = self.failureResultOf(self.check("y=:0"), SystemExit).value
        reason = "a port is a whole number from 1 to 65535"
        self.assertEqual(str(error), f"clock-check: 'y=:0': {reason}")
        self.assertEqual((self.progress, self.signals), ([], {}))
