"""
Tests for L{clock.plugin.zones}.
"""

from __future__ import annotations

from clock.plugin.addresses import listenName
from clock.tests.fixture import setLocalTime
from clock.tests.plugin.fixture import CommandLineTests, shape


class ServedZonesTests(CommandLineTests):
    """
    The time zones and the addresses of a command line.
    """

    def test_listen(self) -> None:
        """
        C{--listen} takes any endpoint, and may be repeated.
        """
        options = self.parse("--listen", "tcp:1", "-l", "unix:/tmp/clock")
        listen = ["tcp:1", "unix:/tmp/clock"]
        self.assertEqual(options["listen"], listen)
        self.assertEqual(shape(options), [(None, listen)])

    def test_zones(self) -> None:
        """
        Each zone has a time format of its own. A zone that is given twice has two
        addresses.
        """
        options = self.parse(
            *("--zone", "Asia/Tokyo=8020", "--zone", "Europe/London=unix:/tmp/london"),
            *("--zone", "Asia/Tokyo=tcp:8021", "--format", "%H"),
        )
        zones: list[tuple[str | None, list[str]]] = [
            (None, ["localhost:8080"]),
            ("Asia/Tokyo", ["localhost:8020", "tcp:8021"]),
            ("Europe/London", ["unix:/tmp/london"]),
        ]
        self.assertEqual(shape(options), zones)
        self.assertEqual(options.zones[1].timeFormat.line(0), b"09\n")

    def test_zoneOfTheMainClock(self) -> None:
        """
        If C{--zone} names the zone of C{--tz}, its address is added to the main clock.
        """
        options = self.parse("--tz", "Asia/Tokyo", "--zone", "Asia/Tokyo=1")
        zones = [("Asia/Tokyo", ["localhost:8080", "localhost:1"])]
        self.assertEqual(shape(options), zones)

    def test_zonesOnFreePorts(self) -> None:
        """
        Any number of zones may use port 0, which picks a free port.
        """
        arguments = ["--port=0", "--zone=UTC=0", "--zone=Asia/Tokyo=0"]
        self.assertEqual(len(self.parse(*arguments).zones), 3)

    def test_web(self) -> None:
        """
        C{--web} takes a port or an endpoint, may be repeated, and needs addresses of
        its own.
        """
        options = self.parse("--web", "8000", "--web", "unix:/tmp/web")
        names = [listenName(each.text, options.interface) for each in options.web]
        self.assertEqual(names, ["localhost:8000", "unix:/tmp/web"])
        self.parse("--listen", "tcp:1", "--interface", "::1", "--web", "8000")
        for value, why in [
            ("8080", "localhost:8080 is used twice"),
            ("65536", "port '65536' is not a whole number from 0 to 65535"),
        ]:
            self.assertRefused(["--web", value], f"--web {value!r}: {why}")

    def test_sequentialPort(self) -> None:
        """
        C{--sequential-port} takes a port or an endpoint, may be repeated, and serves
        the first zone in sequential mode, with the same format.
        """
        options = self.parse(
            *("--sequential-port", "8081", "--sequential-port", "unix:/tmp/one"),
            *("--zone", "Asia/Tokyo=8020", "--format", "unix"),
        )
        zones: list[tuple[str | None, list[str]]] = [
            (None, ["localhost:8080"]),
            (None, ["localhost:8081", "unix:/tmp/one"]),
            ("Asia/Tokyo", ["localhost:8020"]),
        ]
        self.assertEqual(shape(options), zones)
        modes = [zone.sequential for zone in options.zones]
        self.assertEqual(modes, [False, True, False])
        self.assertIs(options.zones[0].timeFormat, options.zones[1].timeFormat)
        for arguments, value, why in [
            ([], "8080", "localhost:8080 is used twice"),
            (["--sequential-port=1"], "1", "localhost:1 is used twice"),
            ([], "65536", "port '65536' is not a whole number from 0 to 65535"),
        ]:
            self.assertRefused(
                [*arguments, "--sequential-port", value],
                f"--sequential-port {value!r}: {why}",
            )

    def test_zonesBesideEndpoints(self) -> None:
        """
        With C{--listen}, C{--interface} applies to the ports of the zones and to
        C{--sequential-port}. Without such a port, it is an error.
        """
        arguments = ["--listen=tcp:1", "--interface=::1"]
        options = self.parse(*arguments, "--zone=UTC=2")
        self.assertEqual(shape(options), [(None, ["tcp:1"]), ("UTC", ["[::1]:2"])])
        options = self.parse(*arguments, "--sequential-port=2")
        self.assertEqual(shape(options), [(None, ["tcp:1"]), (None, ["[::1]:2"])])
        message = "--listen 'tcp:1' replaces --interface ::1: use one or the other"
        self.assertRefused([*arguments, "--zone=UTC=tcp:2"], message)

    def test_localZone(self) -> None:
        """
        A C{TZ} that names a zone is used like C{--tz}, which takes precedence.
        """
        setLocalTime(self, "US/Eastern")
        options = self.parse("--zone", "US/Eastern=1")
        places = ["localhost:8080", "localhost:1"]
        self.assertEqual(shape(options), [("US/Eastern", places)])
        self.assertEqual(
            shape(self.parse("--tz", "UTC")), [("UTC", ["localhost:8080"])]
        )

    def test_badLocalTime(self) -> None:
        """
        A C{TZ} that is not valid, or that Python cannot use, is an error that names it.
        With C{--tz} it is ignored.
        """
        for variable, why in [("Mars/Phobos", "not a POSIX"), ("XYZ-24", "offset mu")]:
            setLocalTime(self, variable)
            error = self.assertRaises(SystemExit, self.parse)
            start = f"twistd clock: TZ={variable!r}: {why}"
            self.assertEqual(str(error)[: len(start)], start)
            self.parse("--tz", "UTC")

    def test_badZoneOption(self) -> None:
        """
        A zone needs a name from the database and an address.
        """
        for value in ["Asia/Tokyo", "Asia/Tokyo=", "=", "8020", ""]:
            self.assertRefused(
                ["--zone", value],
                f"--zone {value!r} is not ZONE=PORT or ZONE=ENDPOINT: try "
                "Asia/Tokyo=8020",
            )
        for value, why in [
            ("Asia/Tokio=1", ": no such zone in the IANA database; did you mean "),
            ("=1", ": no such zone in the IANA database; a name is like "),
            ("UTC=65536", ": port '65536' is not a whole number from 0 to 65535"),
            ("UTC=8080", ": localhost:8080 is used twice"),
        ]:
            error = self.assertRaises(SystemExit, self.parse, "--zone", value)
            start = f"twistd clock: --zone {value!r}{why}"
            self.assertEqual(str(error)[: len(start)], start)

    def test_badZone(self) -> None:
        """
        An unknown zone is refused. The error suggests the nearest name.
        """
        self.assertRefused(
            ["--tz", "Europe/Lundon"],
            "--tz 'Europe/Lundon': no such zone in the IANA database; did you mean "
            "Europe/London?",
        )

    def test_badFormat(self) -> None:
        """
        A format that does not render exactly one line is refused.
        """
        self.assertRefused(
            ["--format", "%H%n"],
            "--format '%H%n': it contains a line break; use one line of strftime "
            "text, or one of ansic, json, kitchen, rfc1123, rfc3339, unix",
        )

    def test_twice(self) -> None:
        """
        Each C{--listen} is an endpoint of its own, even if two are the same.
        """
        options = self.parse("--listen", "tcp:0", "--listen", "tcp:0")
        self.assertEqual(len(options.zones[0].addresses), 2)

    def test_listenAndPort(self) -> None:
        """
        C{--listen} cannot be combined with C{--port} or C{--interface}.
        """
        for option, value in [("--port", "8080"), ("--interface", "localhost")]:
            self.assertRefused(
                ["--listen", "tcp:1", option, value],
                f"--listen 'tcp:1' replaces {option} {value}: use one or the other",
            )
