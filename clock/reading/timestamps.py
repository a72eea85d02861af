"""
Find the time in a line: the instant it shows, and the number of its tick.

A time of day, such as C{19:03:13}, names neither the day nor the time zone. Days, and
the offsets of time zones, are whole multiples of 15 minutes. A time of day therefore
stands for one instant in every 15 minutes. The one nearest to the line's arrival is
used.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import NamedTuple

#: One second, in nanoseconds.
SECOND = 1_000_000_000

#: The greatest common divisor of days and of time zone offsets, in nanoseconds.
QUARTER_HOUR = 900 * SECOND

_UNIX = re.compile(r"([0-9]{9,11})(?:\.([0-9]{1,9}))?")

_RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:\.([0-9]{1,9}))?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)

_TIME_OF_DAY = re.compile(
    r"(?<![0-9:])([01]?[0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])"
    r"(?:\.([0-9]{1,9}))?(?![0-9:])"
)


class Reading(NamedTuple):
    """
    The time that a line shows.

    @ivar instant: the instant, in nanoseconds since 1970.
    @ivar resolution: the smallest step that the line can show, in nanoseconds.
    @ivar tick: the number of the tick, or C{None} if the line has none.
    @ivar timeOfDay: the C{HH:MM:SS} of a line in JSON, else C{None}.
    """

    instant: int
    resolution: int = SECOND
    tick: int | None = None
    timeOfDay: str | None = None


def findTime(text: str, near: int) -> Reading | None:
    """
    Find the time in a line.

    @param text: the line: seconds since 1970, RFC 3339, an object as sent with
        C{--format json}, or any text that contains a time of day with seconds.
    @param near: the expected instant, in nanoseconds since 1970, such as the line's
        arrival. Of the instants that a time of day may stand for, the nearest one is
        used.

    @return: the time, or C{None} if the line does not show the second.
    """
    if text.startswith("{"):
        return _fromJSON(text)
    if unix := _UNIX.fullmatch(text):
        return _withFraction(int(unix[1]) * SECOND, unix[2])
    if rfc3339 := _RFC3339.fullmatch(text):
        return _fromRFC3339(rfc3339)
    if timeOfDay := _TIME_OF_DAY.search(text):
        return _fromTimeOfDay(timeOfDay, near)
    return None


def _withFraction(instant: int, digits: str | None) -> Reading:
    """
    Add the fraction of a second, if there is one.
    """
    if not digits:
        return Reading(instant)
    resolution = SECOND // 10 ** len(digits)
    return Reading(instant + int(digits) * resolution, resolution)


def _fromTimeOfDay(match: re.Match[str], near: int) -> Reading:
    hours, minutes, seconds = int(match[1]), int(match[2]), int(match[3])
    second = (hours * 3600 + minutes * 60 + seconds) * SECOND
    reading = _withFraction(second, match[4])
    half = QUARTER_HOUR // 2
    distance = (near - reading.instant + half) % QUARTER_HOUR - half
    return reading._replace(instant=near - distance)


def _fromRFC3339(match: re.Match[str]) -> Reading | None:
    date, timeOfDay, digits, offset = match.groups()
    offset = "+00:00" if offset in "Zz" else offset
    try:
        moment = datetime.fromisoformat(f"{date}T{timeOfDay}{offset}")
    except ValueError:
        return None
    return _withFraction(int(moment.timestamp()) * SECOND, digits)


def _fromJSON(text: str) -> Reading | None:
    try:
        fields = json.loads(text)
    except ValueError:
        return None
    tick, time = fields.get("tick"), fields.get("time")
    match = _RFC3339.fullmatch(time) if isinstance(time, str) else None
    reading = _fromRFC3339(match) if match else None
    if match is None or reading is None:
        return None
    return reading._replace(
        tick=tick if isinstance(tick, int) else None, timeOfDay=match[2]
    )
