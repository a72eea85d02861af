"""
Tests for L{clock.timeformat}.
"""

from __future__ import annotations

import json
import os
import platform
from datetime import datetime, timezone
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from clock.tests.fixture import setLocalTime
from clock.timeformat import WELL_KNOWN, TimeFormat, localZone, zoneNamed, zoneNames

SECOND = 1_000_000_000


def utc(year: int, month: int, day: int, hour: int, minute: int = 0) -> int:
    """
    Make an instant from a date and a time in UTC.
    """
    moment = datetime(year, month, day, hour, minute, tzinfo=timezone.utc)
    return int(moment.timestamp()) * SECOND


class TimeFormatTests(SynchronousTestCase):
    """
    The lines of L{TimeFormat}, and the formats that it refuses.
    """

    def test_default(self) -> None:
        """
        By default a line is hours, minutes and seconds, and a newline.
        """
        instant = 1_700_000_000 * SECOND
        self.assertEqual(TimeFormat(zone=timezone.utc).line(instant), b"22:13:20\n")

    def test_fraction(self) -> None:
        """
        C{%f} shows the microseconds exactly. Seconds are truncated, not rounded.
        """
        shown = TimeFormat("%S.%f", timezone.utc).line(SECOND * 59 + 999_999_999)
        self.assertEqual(shown, b"59.999999\n")

    def test_unicode(self) -> None:
        """
        A format may contain any text. It is sent as UTF-8.
        """
        shown = TimeFormat("%H时%M分%S秒 🕰", timezone.utc).line(1_700_000_000 * SECOND)
        self.assertEqual(shown.decode(), "22时13分20秒 🕰\n")

    def test_literalPercent(self) -> None:
        """
        C{%%} is a percent sign: C{%%n} is not a line break, and C{%%s} not a time.
        """
        shown = TimeFormat("%%n%%s%H", timezone.utc).line(1_700_000_000 * SECOND)
        self.assertEqual(shown, b"%n%s22\n")

    def test_epochSeconds(self) -> None:
        """
        C{%s} is the time since 1970 in any zone.
        """
        shown = TimeFormat("%s", zoneNamed("Australia/Lord_Howe")).line(
            1_700_000_000 * SECOND
        )
        self.assertEqual(shown, b"1700000000\n")

    def test_goLayouts(self) -> None:
        """
        The well-known names render the same lines as the layouts of Go's C{time}
        package. (The expected lines were printed by Go 1.19.)
        """
        names = ["ansic", "rfc1123", "rfc3339", "kitchen", "unix"]
        expected = {
            "America/New_York": [
                "Fri May 31 20:05:00 2024",
                "Fri, 31 May 2024 20:05:00 EDT",
                "2024-05-31T20:05:00-04:00",
                "8:05PM",
                "1717200300",
            ],
            "Australia/Lord_Howe": [
                "Sat Jun  1 10:35:00 2024",
                "Sat, 01 Jun 2024 10:35:00 +1030",
                "2024-06-01T10:35:00+10:30",
                "10:35AM",
                "1717200300",
            ],
            "UTC": [
                "Sat Jun  1 00:05:00 2024",
                "Sat, 01 Jun 2024 00:05:00 UTC",
                "2024-06-01T00:05:00Z",
                "12:05AM",
                "1717200300",
            ],
        }
        for zone, lines in expected.items():
            shown = [
                TimeFormat(name, zoneNamed(zone)).line(1_717_200_300 * SECOND).decode()
                for name in names
            ]
            self.assertEqual(shown, [f"{line}\n" for line in lines], zone)

    def test_winterInLondon(self) -> None:
        """
        As in Go, C{rfc3339} shows C{Z} in any zone while its offset is zero.
        """
        shown = TimeFormat("rfc3339", zoneNamed("Europe/London")).line(
            1_700_000_000 * SECOND
        )
        self.assertEqual(shown, b"2023-11-14T22:13:20Z\n")

    def test_json(self) -> None:
        """
        C{json} is one object: the tick, the time twice, the zone and the host.
        """
        self.patch(platform, "node", lambda: "höst")
        shown = TimeFormat("json", zoneNamed("Asia/Tokyo"))
        self.assertEqual(
            shown.line(1_700_000_000_123_456_789, 7),
            b'{"tick": 7, "time": "2023-11-15T07:13:20.123456+09:00", '
            b'"unix": 1700000000.123456, "zone": "Asia/Tokyo", "host": "h\\u00f6st"}\n',
        )

    def test_jsonInLocalTime(self) -> None:
        """
        Local time has no IANA name, so its abbreviation is shown.
        """
        setLocalTime(self, "XYZ-5:45")
        shown = json.loads(TimeFormat("json").line(1_700_000_000 * SECOND))
        self.assertEqual(shown["zone"], "XYZ")

    def test_jsonWithoutAnyName(self) -> None:
        """
        Where local time has no abbreviation, it is called local.
        """
        setLocalTime(self, "/nonexistent")
        shown = json.loads(TimeFormat("json").line(0))
        self.assertEqual(shown["zone"], "local")

    def test_nameInCapitals(self) -> None:
        """
        The well-known names may be written in capitals, as in Go.
        """
        shown = TimeFormat("RFC3339", timezone.utc).line(0)
        self.assertEqual(shown, b"1970-01-01T00:00:00Z\n")

    def test_badFormats(self) -> None:
        """
        A format is refused with the reason if it renders no line, several lines, or
        bytes that are not UTF-8, or if it resembles a well-known name.
        """
        for format, reason in [
            ("", "it renders nothing"),
            ("%H%n%M", "it contains a line break"),
            ("%H\n", "it contains a line break"),
            ("%H\r%M", "it contains a line break"),
            ("%H\u2028", "it contains a line break"),
            ("%H\udcff", "it cannot be encoded in UTF-8"),
            ("jsn", "it never changes; did you mean json?"),
            ("RFC339", "it never changes; did you mean rfc3339?"),
        ]:
            error = self.assertRaises(ValueError, TimeFormat, format)
            self.assertEqual(str(error), reason, ascii(format))

    def test_whole(self) -> None:
        """
        Most formats show whole seconds.
        """
        for format in ("%H:%M:%S", "%c", "ansic", "kitchen", "rfc3339", "unix"):
            self.assertTrue(TimeFormat(format, timezone.utc).isWhole(), format)
        for format in ("%H:%M:%S.%f", "%f", "json"):
            self.assertFalse(TimeFormat(format, timezone.utc).isWhole(), format)

    def test_constant(self) -> None:
        """
        A format that does not depend on the time is detected.
        """
        zone = zoneNamed("Asia/Tokyo")
        for format in ["hello", "%%", "%%H", "%t.", "%Z %z"]:
            self.assertTrue(TimeFormat(format, zone).isConstant(), format)
        for format in [*WELL_KNOWN, *(f"%{each}" for each in "aAbBcCdfHIjmMpSuUyYs")]:
            self.assertFalse(TimeFormat(format, zone).isConstant(), format)
        self.assertFalse(TimeFormat("%Z", zoneNamed("Europe/London")).isConstant())


class SummerTimeTests(SynchronousTestCase):
    """
    The times before and after each change between winter and summer time.
    """

    def assertChange(self, zone: str, change: int, before: str, after: str) -> None:
        """
        Assert the lines one second before an instant, and at it.
        """
        shown = TimeFormat("%H:%M:%S %z", zoneNamed(zone))
        self.assertEqual(shown.line(change - SECOND).decode(), f"{before}\n")
        self.assertEqual(shown.line(change).decode(), f"{after}\n")

    def test_newYork(self) -> None:
        """
        New York skips the hour from 2 and repeats the hour from 1.
        """
        zone = "America/New_York"
        spring, autumn = utc(2024, 3, 10, 7), utc(2024, 11, 3, 6)
        self.assertChange(zone, spring, "01:59:59 -0500", "03:00:00 -0400")
        self.assertChange(zone, autumn, "01:59:59 -0400", "01:00:00 -0500")

    def test_lordHowe(self) -> None:
        """
        Lord Howe Island changes by half an hour.
        """
        zone = "Australia/Lord_Howe"
        autumn, spring = utc(2024, 4, 6, 15), utc(2024, 10, 5, 15, 30)
        self.assertChange(zone, autumn, "01:59:59 +1100", "01:30:00 +1030")
        self.assertChange(zone, spring, "01:59:59 +1030", "02:30:00 +1100")

    def test_utc(self) -> None:
        """
        UTC has no change.
        """
        change = utc(2024, 3, 10, 7)
        self.assertChange("UTC", change, "06:59:59 +0000", "07:00:00 +0000")


class LocalTimeTests(SynchronousTestCase):
    """
    The system's local time, which the C{TZ} variable sets.
    """

    def test_tzVariable(self) -> None:
        """
        Without a zone, C{TZ} is used, and the times before and after each change are
        right.
        """
        setLocalTime(self, "EST5EDT,M3.2.0,M11.1.0")
        shown = TimeFormat("%H:%M:%S %Z")
        change = utc(2024, 3, 10, 7)
        self.assertEqual(shown.line(change - SECOND), b"01:59:59 EST\n")
        self.assertEqual(shown.line(change), b"03:00:00 EDT\n")
        self.assertEqual(shown.zoneName(change), "local time (EDT)")


class ZoneTests(SynchronousTestCase):
    """
    L{zoneNamed}, and its errors.
    """

    def test_known(self) -> None:
        """
        A zone of the database is found, and listed, under its name.
        """
        zone = zoneNamed("Asia/Tokyo")
        self.assertEqual(TimeFormat(zone=zone).zoneName(0), "Asia/Tokyo")
        self.assertIn("Asia/Tokyo", zoneNames())

    def test_unknown(self) -> None:
        """
        A name that is not in the database is refused. The error suggests the nearest
        name.
        """
        for name, hint in [
            ("Asia/Tokio", "did you mean Asia/Tokyo?"),
            ("", "a name is like Europe/London"),
            ("/etc/passwd", "a name is like Europe/London"),
            ("../../etc/passwd", "a name is like Europe/London"),
            ("America/New York", "did you mean America/New_York?"),
            ("\udcff", "a name is like Europe/London"),
        ]:
            error = self.assertRaises(ValueError, zoneNamed, name)
            said = f"no such zone in the IANA database; {hint}"
            self.assertEqual(str(error), said, ascii(name))

    def test_folder(self) -> None:
        """
        A folder of the database is not a zone.
        """
        error = self.assertRaises(ValueError, zoneNamed, "America")
        self.assertTrue(str(error).startswith("no such zone"), error)


class LocalZoneTests(SynchronousTestCase):
    """
    L{localZone}, for each kind of C{TZ} variable.
    """

    def test_zone(self) -> None:
        """
        The name of a zone is that zone, with a colon or without.
        """
        for variable in ["Asia/Tokyo", ":Asia/Tokyo"]:
            self.assertEqual(localZone(variable), zoneNamed("Asia/Tokyo"))

    def test_posix(self) -> None:
        """
        A POSIX string is left to the C library, and so is an empty one.
        """
        for variable in [
            "",
            ":",
            "XYZ0",
            "EST5EDT,M3.2.0,M11.1.0",
            "<+0330>-3:30",
            "NZST-12:00:00NZDT-13:00:00,M10.1.0,M3.3.0",
            "WGT3WGST,M3.5.0/-2,M10.5.0/-1:30",
            "AAA24BBB,J1/0,365/167:59:59",
        ]:
            self.assertIsNone(localZone(variable), variable)

    def test_file(self) -> None:
        """
        The path of a zone's file is left to the C library, too.
        """
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(b"TZif2")
        self.assertIsNone(localZone(os.path.abspath(path)))
        self.assertIsNone(localZone(f":{os.path.abspath(path)}"))
        self.assertRaises(ValueError, localZone, path)

    def test_otherFiles(self) -> None:
        """
        A file that is not a zone's, or cannot be read, is refused.
        """
        path = os.path.abspath(self.mktemp())
        self.assertRaises(ValueError, localZone, path)
        with open(path, "wb") as file:
            file.write(b"TZ")
        self.assertRaises(ValueError, localZone, path)

        with mock.patch("builtins.open", side_effect=PermissionError):
            self.assertRaises(ValueError, localZone, path)

    def test_neither(self) -> None:
        """
        Any other value is refused. The error suggests the nearest name.
        """
        for variable in [
            "Mars/Phobos",
            "EST5EDT,M3.2.0",
            "EST5EDT,M13.2.0,M11.1.0",
            "EST25",
            ":<+0330>-3:30",
            "AB1",
            "EST٥",
        ]:
            self.assertRaises(ValueError, localZone, variable)
        error = self.assertRaises(ValueError, localZone, "Europe/Lundon")
        self.assertEqual(
            str(error),
            "not a POSIX TZ string, and no such zone in the IANA database; did you "
            "mean Europe/London?",
        )
