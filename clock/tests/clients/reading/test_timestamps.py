"""
Tests for L{clock.clients.reading.timestamps}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from clock.clients.reading.timestamps import SECOND, Reading, findTime
from clock.timeformat import TimeFormat, zoneNamed

#: 2023-11-14, 22:13:20 UTC.
NOW = 1_700_000_000 * SECOND


class FindTimeTests(SynchronousTestCase):
    """
    Finding the time in a line.
    """

    def test_ownFormats(self) -> None:
        """
        Each format of the server that shows the second is read, in any time zone, up to
        400 seconds early or late, and padded.
        """
        zones = ["UTC", "Asia/Kathmandu", "Pacific/Chatham", "America/St_Johns"]
        formats = ["%H:%M:%S", "%T.%f", "ansic", "rfc1123", "rfc3339", "unix", "json"]
        for zone in zones:
            for format in formats:
                line = TimeFormat(format, zoneNamed(zone)).line(NOW, 7).decode().strip()
                for late in (-400, -0.001, 0, 0.5, 400):
                    reading = findTime(line, NOW + round(late * SECOND))
                    assert reading is not None
                    self.assertEqual(reading.instant, NOW, (zone, format, late))
                    padded = findTime(f"{line} x:yz", NOW + round(late * SECOND))
                    if format != "json":
                        self.assertEqual(padded, reading)

    def test_fraction(self) -> None:
        """
        A fraction of a second is read to the last digit, and its digits give the
        resolution.
        """
        for text, resolution in (
            ("1700000000.25", 10_000_000),
            ("2023-11-14T22:13:20.25Z", 10_000_000),
            ("2023-11-14t22:13:20.250000000z", 1),
            ("2023-11-14 23:13:20.250+01:00", 1_000_000),
            ("22:13:20.250000", 1_000),
        ):
            quarter = Reading(NOW + SECOND // 4, resolution)
            self.assertEqual(findTime(text, NOW), quarter)
        self.assertEqual(findTime("22:13:20", NOW), Reading(NOW, SECOND))

    def test_aroundMidnight(self) -> None:
        """
        Around midnight, a time of day may belong to the day before or after.
        """
        midnight = 1_700_006_400 * SECOND
        late = findTime("23:59:59", midnight + SECOND)
        self.assertEqual(late, Reading(midnight - SECOND))
        early = findTime("00:00:00", midnight - SECOND)
        self.assertEqual(early, Reading(midnight))

    def test_json(self) -> None:
        """
        A line in JSON has a tick and a time of day.
        """
        line = '{"tick": 7, "time": "2023-11-15T07:13:20.500000+09:00"}'
        reading = Reading(NOW + SECOND // 2, 1_000, 7, "07:13:20")
        self.assertEqual(findTime(line, 0), reading)

    def test_jsonWithoutTick(self) -> None:
        """
        A line in JSON without a valid tick is read without it.
        """
        for tick in ("", '"tick": null, ', '"tick": 1.5, '):
            reading = findTime(f'{{{tick}"time": "2023-11-14T22:13:20Z"}}', 0)
            self.assertEqual(reading, Reading(NOW, SECOND, None, "22:13:20"))

    def test_number(self) -> None:
        """
        A short number only counts. A long one is a time, whose unit follows from its
        length.
        """
        self.assertEqual(findTime("12345678", 0), Reading(None, tick=12345678))
        for text, resolution in [
            ("1700000000", SECOND),
            ("1700000000000", SECOND // 1_000),
            ("1700000000000000", 1_000),
            ("1700000000000000000", 1),
            ("1700000000000.0", SECOND // 10_000),
            ("1700000000000000000.0", 1),
        ]:
            self.assertEqual(findTime(text, 0), Reading(NOW, resolution), text)
        half = findTime("1700000000000.5", 0)
        self.assertEqual(half, Reading(NOW + 500_000, 100_000))

    def test_field(self) -> None:
        """
        The field that is asked for has the time or the counter. Other fields are
        ignored.
        """
        line = '{"id": 9, "ms": 1700000000000, "at": "2023-11-14T22:13:20Z", "s": 1.5, '
        line += '"time": "2023-11-14T22:13:21Z", "tick": 7, "unix": 1700000000.50}'
        for field, expected in [
            ("id", Reading(None, tick=9, shown="9")),
            ("ms", Reading(NOW, 1_000_000, shown="1700000000000")),
            ("at", Reading(NOW, shown="2023-11-14T22:13:20Z")),
            ("unix", Reading(NOW + SECOND // 2, 10_000_000, shown="1700000000.50")),
            ("none", None),
        ]:
            self.assertEqual(findTime(line, 0, field), expected)
        self.assertEqual(findTime('{"tick": 7}', 0), Reading(None, tick=7))

    def test_unreadable(self) -> None:
        """
        Text without a valid time is not read.
        """
        for text in (
            "",
            "19:03",
            "7:03PM",
            "25:00:00",
            "19:60:00",
            "1:19:03:13",
            "19:03:13:1",
            "2023-13-14T22:13:20Z",
            "{",
            "{}",
            '{"time": 1}',
            '{"tick": true}',
            '{"time": "now"}',
            '{"time": "2023-02-30T22:13:20Z"}',
            "{[" * 120,
            '{"a":' * 3000,
            "٢٢:١٣:٢٠",
        ):
            self.assertIsNone(findTime(text, NOW), text)
