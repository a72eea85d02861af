"""
Tests for L{clock.clients.reading.timestamps}.
"""

from __future__ import annotations

from unittest.mock import ANY

from twisted.trial.unittest import SynchronousTestCase

from clock.clients.reading.timestamps import SEARCHED, SECOND, Reading, findTime
from clock.timeformat import TimeFormat, zoneNamed

#: 2023-11-14, 22:13:20 UTC.
NOW = 1_700_000_000 * SECOND


def find(line: str) -> Reading | None:
    """
    Find the time in a line.
    """
    return findTime(line, NOW)


def timeOfDay(instant: int = NOW, resolution: int = SECOND) -> Reading:
    """
    Return the reading of a time of day.
    """
    return Reading(instant, resolution, timeOfDay=ANY)


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

    def test_timeOfDay(self) -> None:
        """
        A time of day is also kept as shown. A time with an offset is none.
        """
        reading = find("x 01:00:02.5")
        assert reading is not None
        self.assertEqual(reading.timeOfDay, 3602_500_000_000)
        other = find("2023-11-14T22:13:20Z")
        assert other is not None
        self.assertIsNone(other.timeOfDay)

    def test_counter(self) -> None:
        """
        A short number counts, unless it has a fraction, as a price.
        """
        self.assertEqual(findTime("101", 0), Reading(None, tick=101))
        self.assertIsNone(findTime("101.25", 0))

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
            ("2023-11-14T22:13:20,25Z", 10_000_000),
            ("22:13:20.250000", 1_000),
            ("INFO 22:13:20,250 x", 1_000_000),
        ):
            isTimeOfDay = text[:2] != "20" and text[:2] != "17"
            shown = ANY if isTimeOfDay else None
            quarter = Reading(NOW + SECOND // 4, resolution, timeOfDay=shown)
            self.assertEqual(findTime(text, NOW), quarter)
        self.assertEqual(findTime("22:13:20", NOW), timeOfDay())

    def test_aroundMidnight(self) -> None:
        """
        Around midnight, a time of day may belong to the day before or after.
        """
        midnight = 1_700_006_400 * SECOND
        late = findTime("23:59:59", midnight + SECOND)
        self.assertEqual(late, timeOfDay(midnight - SECOND))
        early = findTime("00:00:00", midnight - SECOND)
        self.assertEqual(early, timeOfDay(midnight))

    def test_comma(self) -> None:
        """
        After a comma, a time of day has three digits. Others are the next value of a
        table.
        """
        for text in (
            "22:13:20,25",
            "22:13:20,2500",
            "22:13:20,250.5",
            "22:13:20,250,1",
        ):
            self.assertEqual(findTime(text, NOW), timeOfDay(), text)

    def test_offset(self) -> None:
        """
        With an offset in any form, one instant is known, however far away.
        """
        for offset in ("+01:00", "+0100", "+01", "-0830 x"):
            hours = "13:43" if offset[0] == "-" else "23:13"
            reading = findTime(f"2023-11-14 {hours}:20{offset}", 0)
            self.assertEqual(reading, Reading(NOW), offset)

    def test_noOffset(self) -> None:
        """
        Without an offset, a time stands for one instant in every 15 minutes, whatever
        its date is.
        """
        for text in (
            "2023-11-14T22:13:20",
            "2023-11-15 03:58:20",
            "2023-11-15 03:58:20 UTC",
            "[2023-11-14T22:13:20] x [y]",
            '{"time": "2023-11-14 22:13:20"}',
        ):
            reading = findTime(text, NOW - 400 * SECOND)
            assert reading is not None
            self.assertEqual(reading._replace(shown=None), timeOfDay())

    def test_longText(self) -> None:
        """
        Only the beginning of a text is searched. A time that begins there is read to
        its last digit.
        """
        time = "22:13:20.123456789"
        for before, after in ((SEARCHED - 1, 0), (SEARCHED - 1, 100_000)):
            reading = findTime(" " * before + time + " " * after, NOW)
            self.assertEqual(reading, timeOfDay(NOW + 123456789, 1))
        self.assertIsNone(findTime(" " * SEARCHED + time, NOW))
        # Another digit, after the text that is searched, makes it no time.
        self.assertIsNone(findTime(" " * (SEARCHED - 1) + "22:13:201", NOW))

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
        for tick in ("", '"tick": null, ', '"tick": 1.5, ', '"tick": "x", '):
            reading = findTime(f'{{{tick}"time": "2023-11-14T22:13:20Z"}}', 0)
            self.assertEqual(reading, Reading(NOW, SECOND, None, "22:13:20"))

    def test_jsonNumbers(self) -> None:
        """
        The time may be a number, or text with a number. A number that is no time only
        counts as a tick.
        """
        half = NOW + SECOND // 2
        for time, expected in [
            ("1700000000", Reading(NOW)),
            ("1700000000.50", Reading(half, 10_000_000)),
            ("1700000000500", Reading(half, 1_000_000)),
            ('"1700000000500"', Reading(half, 1_000_000)),
            ('"22:13:20"', timeOfDay()),
        ]:
            for tick in (None, 7):
                expected = expected._replace(tick=tick)
                line = f'{{"time": {time}, "tick": {tick or "null"}}}'
                reading = findTime(line, NOW)
                assert reading is not None
                self.assertEqual(reading.shown, time.strip('"'))
                self.assertEqual(reading._replace(shown=None), expected)
        self.assertIsNone(findTime('{"time": 7}', 0))
        for line in ('{"time": 7, "tick": 8}', '{"tick": "8"}'):
            self.assertEqual(findTime(line, 0), Reading(None, tick=8))

    def test_jsonNames(self) -> None:
        """
        The time is in the first field with a usual name. The second in which an answer
        was C{created} is not the time of its chunks.
        """
        fields = ('"created": 1', '"ts": 1700000002', '"timestamp": 1700000001')
        later = (f"{{{', '.join(fields[:count])}}}" for count in (1, 2, 3))
        instants = [reading and reading.instant for reading in map(find, later)]
        self.assertEqual(instants, [None, NOW + 2 * SECOND, NOW + SECOND])
        for line in (
            '{"created": 1700000000, "x": "time"}',
            '{"time": null, "ts": 1700000000}',
            '{"time": "now", "ts": 1700000000}',
            '{"x": {"ts": 1700000000}}',
            '{"ts": {"time": 1700000000}}',
            '{"ts": [1700000000]}',
            '[{"time": "2023-11-14T22:13:20Z"}]',
            '["22:13:20"]',
            '[["22:13:20", 1]]',
        ):
            self.assertIsNone(find(line), line)

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
        for value in ("null", "true", "[1700000000]", '{"x": 1700000000}', "NaN"):
            self.assertIsNone(findTime(f'{{"x": {value}}}', 0, "x"))

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
            '{"tick": ' + "9" * 5000 + "}",
            "{[" * 120,
            '"tick"'.join(["{[" * 120] * 2),
            '{"tick":' * 3000 + "}",
            '{"tick": 7,}',
            '{"tick": 7',
            "٢٢:١٣:٢٠",
        ):
            self.assertIsNone(findTime(text, NOW), text)
