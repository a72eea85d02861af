"""
Tests for L{clock.wall.reading}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from clock.face import Face, zoneNamed
from clock.ticker import SECOND
from clock.wall.reading import Reading, read

#: 2023-11-14, 22:13:20 UTC.
NOW = 1_700_000_000 * SECOND


class ReadTests(SynchronousTestCase):
    """
    What lines say.
    """

    def test_ownFormats(self) -> None:
        """
        Every format of the server's that tells the second is read, in any zone,
        wherever near the instant the line arrives.
        """
        zones = ["UTC", "Asia/Kathmandu", "Pacific/Chatham", "America/St_Johns"]
        formats = ["%H:%M:%S", "%T.%f", "ansic", "rfc1123", "rfc3339", "unix", "json"]
        for zone in zones:
            for format in formats:
                line = Face(format, zoneNamed(zone)).line(NOW, 7).decode().strip()
                for late in (-400, -0.001, 0, 0.5, 400):
                    reading = read(line, NOW + round(late * SECOND))
                    assert reading is not None
                    self.assertEqual(reading.instant, NOW, (zone, format, late))

    def test_fraction(self) -> None:
        """
        A fraction of a second is read to the digit, and how fine that is.
        """
        for text, resolution in (
            ("1700000000.25", 10_000_000),
            ("2023-11-14T22:13:20.25Z", 10_000_000),
            ("2023-11-14t22:13:20.250000000z", 1),
            ("2023-11-14 23:13:20.250+01:00", 1_000_000),
            ("22:13:20.250000", 1_000),
        ):
            quarter = Reading(NOW + SECOND // 4, resolution)
            self.assertEqual(read(text, NOW), quarter)
        self.assertEqual(read("22:13:20", NOW), Reading(NOW, SECOND))

    def test_aroundMidnight(self) -> None:
        """
        A time of day is the nearest, though the day is another by then.
        """
        midnight = 1_700_006_400 * SECOND
        late = read("23:59:59", midnight + SECOND)
        self.assertEqual(late, Reading(midnight - SECOND))
        early = read("00:00:00", midnight - SECOND)
        self.assertEqual(early, Reading(midnight))

    def test_json(self) -> None:
        """
        An object tells its tick, too, and the time of day for people.
        """
        line = '{"tick": 7, "time": "2023-11-15T07:13:20.500000+09:00"}'
        reading = Reading(NOW + SECOND // 2, 1_000, 7, "07:13:20")
        self.assertEqual(read(line, 0), reading)

    def test_jsonWithoutTick(self) -> None:
        """
        Without a tick an object is read like any other line.
        """
        for tick in ("", '"tick": null, ', '"tick": 1.5, '):
            reading = read(f'{{{tick}"time": "2023-11-14T22:13:20Z"}}', 0)
            self.assertEqual(reading, Reading(NOW, SECOND, None, "22:13:20"))

    def test_unreadable(self) -> None:
        """
        What is no time is not taken for one.
        """
        for text in (
            *(
                "",
                "19:03",
                "7:03PM",
                "25:00:00",
                "19:60:00",
                "1:19:03:13",
                "19:03:13:1",
            ),
            *(
                "12345",
                "17000000000000",
                "2023-13-14T22:13:20Z",
                "{",
                "{}",
                '{"time": 1}',
            ),
            *('{"time": "now"}', '{"time": "2023-02-30T22:13:20Z"}', "{[" * 120),
            *("٢٢:١٣:٢٠"),
        ):
            self.assertIsNone(read(text, NOW), text)
