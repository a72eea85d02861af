"""
Tests for L{clock.plugin.options} and L{clock.console.options}.
"""

from __future__ import annotations

import sys
from io import BytesIO, TextIOWrapper
from types import SimpleNamespace
from unittest import mock

from clock import __version__
from clock.console import options as _cli
from clock.plugin.options import Options
from clock.tests.plugin.fixture import CommandLineTests, shape

DEFAULTS: dict[str, object] = {
    "allow-origin": [],
    "port": None,
    "interface": None,
    "listen": [],
    "sequential-port": [],
    "web": [],
    "zone": [],
    "interval": 1.0,
    "max-clients": None,
    "stall-timeout": 30.0,
    "tz": None,
    "format": "%H:%M:%S",
    "reuse-port": 0,
    "sequential": 0,
    "verbose": 0,
}


class OptionsTests(CommandLineTests):
    """
    The command line of C{twistd clock}.
    """

    def test_defaults(self) -> None:
        """
        Without arguments, every option has its default.
        """
        options = self.parse()
        self.assertEqual(options, DEFAULTS)
        self.assertEqual(shape(options), [(None, ["localhost:8080"])])

    def test_everything(self) -> None:
        """
        Every option has a long form, and some have a short one.
        """
        long = (
            "--port 0 --interface ::1 --sequential --interval 0.1 --tz UTC "
            "--format unix --verbose --max-clients 9 --stall-timeout 0 "
            "--zone Asia/Tokyo=0 --web 0 --allow-origin https://example.org"
        )
        expected = {
            "allow-origin": ["https://example.org"],
            "port": 0,
            "interface": "::1",
            "listen": [],
            "sequential-port": [],
            "web": ["0"],
            "zone": ["Asia/Tokyo=0"],
            "interval": 0.1,
            "max-clients": 9,
            "stall-timeout": 0.0,
            "tz": "UTC",
            "format": "unix",
            "reuse-port": 0,
            "sequential": 1,
            "verbose": 1,
        }
        options = self.parse(*long.split())
        self.assertEqual(options, expected)
        zones = [("UTC", ["[::1]:0"]), ("Asia/Tokyo", ["[::1]:0"])]
        self.assertEqual(shape(options), zones)
        short = (
            "-p 0 -i ::1 -s --interval .1 -z UTC -f unix -v --max-clients 9 "
            "--stall-timeout 0 --zone Asia/Tokyo=0 --web 0 "
            "--allow-origin https://example.org"
        )
        self.assertEqual(self.parse(*short.split()), expected)

    def test_allowOrigin(self) -> None:
        """
        C{--allow-origin} converts an origin to the form that browsers send. It needs
        C{--web}.
        """
        for text, origin in [
            ("*", "*"),
            ("HTTPS://Example.org:443/", "https://example.org"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:80", "http://[::1]"),
        ]:
            options = self.parse("--web", "0", "--allow-origin", text)
            self.assertEqual(options["allow-origin"], [origin])
        for text in (
            "example.org",
            "https://example.org/x",
            "ftp://x",
            "null",
            "http://ü",
        ):
            self.assertRefused(
                ["--web", "0", "--allow-origin", text],
                f"--allow-origin {text!r} is not an origin: try https://example.org, "
                "http://localhost:3000 or *",
            )
        self.assertRefused(["--allow-origin", "*"], "--allow-origin needs --web")

    def test_reusePort(self) -> None:
        """
        Ports can be shared with other processes, but not in sequential mode, and not
        on a system without C{SO_REUSEPORT}.
        """
        self.assertEqual(self.parse("--reuse-port"), {**DEFAULTS, "reuse-port": 1})
        for argument in ("--sequential", "--sequential-port=1"):
            option = argument.partition("=")[0]
            self.assertRefused(
                ["--reuse-port", argument],
                f"--reuse-port and {option} cannot be combined: each process would "
                "serve one client",
            )
        message = "--reuse-port: this system has no SO_REUSEPORT"
        with mock.patch("clock.plugin.options.socket", SimpleNamespace()):
            self.assertRefused(["--reuse-port"], message)

    def test_sequential(self) -> None:
        """
        C{--sequential-port} is for a server whose other ports are concurrent.
        """
        self.assertRefused(
            ["--sequential", "--sequential-port", "8081"],
            "--sequential and --sequential-port cannot be combined: with --sequential, "
            "all addresses are sequential; use --port or --listen",
        )

    def test_listenIsNotShared(self) -> None:
        """
        The endpoints of one command line are not those of the next.
        """
        self.parse("--listen", "tcp:1")
        self.assertEqual(self.parse()["listen"], [])

    def test_badPort(self) -> None:
        """
        A port is a whole number from 0 to 65535, in ASCII digits.
        """
        for value in ["x", "-1", "65536", "8080.0", "", "8_0", "８０"]:
            self.assertRefused(
                ["--port", value],
                f"--port {value!r} is not a whole number from 0 to 65535",
            )

    def test_badInterval(self) -> None:
        """
        An interval is a number from 0.01 to 86,400.
        """
        for value in ["x", "0", "-1", "0.009", "86401", "1_0", "nan", "inf", ""]:
            self.assertRefused(
                ["--interval", value],
                f"--interval {value!r} is not a number of seconds from 0.01 to 86400",
            )

    def test_badStallTimeout(self) -> None:
        """
        A stall timeout is a number from 1 to 86400, or 0.
        """
        for value in ["x", "-1", "0.5", "86401", "1_0", "nan", ""]:
            self.assertRefused(
                ["--stall-timeout", value],
                f"--stall-timeout {value!r} is not a number of seconds from 1 to "
                "86400, or 0 for never",
            )

    def test_badMaxClients(self) -> None:
        """
        The limit of clients is a positive whole number.
        """
        for value in ["x", "-1", "0", "1.5", ""]:
            self.assertRefused(
                ["--max-clients", value],
                f"--max-clients {value!r} is not a whole number from 1 to 1048576",
            )

    def test_intervalLimits(self) -> None:
        """
        The shortest and the longest interval are valid.
        """
        self.assertEqual(self.parse("--interval", "0.01")["interval"], 0.01)
        self.assertEqual(self.parse("--interval", "86400")["interval"], 86400)

    def test_emptyInterface(self) -> None:
        """
        An empty interface is refused.
        """
        message = "--interface '' is not an address: try localhost, 0.0.0.0 or ::"
        self.assertRefused(["--interface", ""], message)

    def test_argument(self) -> None:
        """
        Arguments that are not options are refused.
        """
        message = "'8080' is not an option; to choose a port, use --port N"
        self.assertRefused(["8080"], message)

    def test_unknownOption(self) -> None:
        """
        An option that does not exist is also refused in one line.
        """
        message = "option --colour not recognized"
        self.assertRefused(["--colour", "red"], message)

    def test_help(self) -> None:
        """
        The help names every option, and shows each example on a line of its own.
        """
        text = str(self.parse())
        for name in DEFAULTS:
            self.assertIn(f"--{name}", text)
        examples = text.partition("\nExamples:\n")[2].splitlines()
        self.assertEqual(len(examples), 6)
        for example in examples:
            command = example.partition("#")[0].split()
            self.assertEqual(command[:3], ["twistd", "-n", "clock"])
            self.parse(*command[3:])

    def test_helpForTwist(self) -> None:
        """
        Under C{twist} the examples begin with C{twist}.
        """
        self.patch(sys, "argv", ["twist"])
        self.assertIn("\n  twist clock --port 8080 ", str(self.parse()))

    def test_helpAndVersion(self) -> None:
        """
        C{--help}, C{-h} and C{--version} are written to standard output.
        """
        written: list[str] = []
        self.patch(_cli, "write", lambda *written_: written.extend(written_))
        for option, start in [
            ("--help", "[options]\n"),
            ("-h", "[options]\n"),
            ("--version", f"clock {__version__}, Twisted "),
        ]:
            error = self.assertRaises(SystemExit, self.parse, option)
            self.assertEqual(error.code, 0)
            text, command = written
            self.assertEqual((text[: len(start)], command), (start, "twistd clock"))
            self.assertEqual(text[-1], "\n")
            written.clear()

    def test_completion(self) -> None:
        """
        zsh can complete every option, and the zones.
        """
        stdout = TextIOWrapper(BytesIO())
        self.patch(Options, "_shellCompFile", stdout)
        arguments = ["", "--_shell-completion", "zsh:2"]
        self.assertRaises(SystemExit, self.parse, *arguments)
        stdout.seek(0)
        completion = stdout.read()
        for name in DEFAULTS:
            self.assertIn(f"--{name}", completion)
        self.assertIn("Asia/Tokyo", completion)
