"""
What a line says: which instant, and which tick.

A time of day says neither the day nor the zone. But zones, daylight saving and days
differ by whole quarters of an hour, so together with the time at which the line has
arrived it says all that is needed: of the instants at which some clock shows it, the
one nearest to the arrival.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import NamedTuple

from clock.ticker import SECOND

#: What all zones and days are whole multiples of, in nanoseconds.
QUARTER = 900 * SECOND

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
    What a line says.

    @ivar instant: nanoseconds since 1970.
    @ivar resolution: how finely it says that, in nanoseconds.
    @ivar tick: the number of the tick, if it tells one.
    @ivar timeOfDay: the C{HH:MM:SS} of a line that is for programs.
    """

    instant: int
    resolution: int = SECOND
    tick: int | None = None
    timeOfDay: str | None = None


def read(text: str, arrived: int) -> Reading | None:
    """
    Read a line in one of the clock's own formats, as far as they tell the second.

    @param text: the line: seconds since 1970, RFC 3339, an object as of C{--format
        json}, or anything with a time of day in it.
    @param arrived: when the line arrived, in nanoseconds since 1970.

    @return: what it says, or C{None} if that cannot be told.
    """
    if text.startswith("{"):
        return _readJSON(text)
    if unix := _UNIX.fullmatch(text):
        return _withFraction(int(unix[1]) * SECOND, unix[2])
    if rfc3339 := _RFC3339.fullmatch(text):
        return _readRFC3339(rfc3339)
    if timeOfDay := _TIME_OF_DAY.search(text):
        return _nearest(timeOfDay, arrived)
    return None


def _withFraction(instant: int, digits: str | None) -> Reading:
    """
    Add the fraction of a second, if there is one.
    """
    if not digits:
        return Reading(instant)
    resolution = SECOND // 10 ** len(digits)
    return Reading(instant + int(digits) * resolution, resolution)


def _nearest(shown: re.Match[str], arrived: int) -> Reading:
    hours, minutes, seconds = int(shown[1]), int(shown[2]), int(shown[3])
    second = (hours * 3600 + minutes * 60 + seconds) * SECOND
    reading = _withFraction(second, shown[4])
    late = (arrived - reading.instant + QUARTER // 2) % QUARTER - QUARTER // 2
    return reading._replace(instant=arrived - late)


def _readRFC3339(shown: re.Match[str]) -> Reading | None:
    date, timeOfDay, digits, offset = shown.groups()
    offset = "+00:00" if offset in "Zz" else offset
    try:
        moment = datetime.fromisoformat(f"{date}T{timeOfDay}{offset}")
    except ValueError:
        return None
    return _withFraction(int(moment.timestamp()) * SECOND, digits)


def _readJSON(text: str) -> Reading | None:
    try:
        told = json.loads(text)
    except ValueError:
        return None
    tick, time = told.get("tick"), told.get("time")
    shown = _RFC3339.fullmatch(time) if isinstance(time, str) else None
    reading = _readRFC3339(shown) if shown else None
    if shown is None or reading is None:
        return None
    return reading._replace(
        tick=tick if isinstance(tick, int) else None, timeOfDay=shown[2]
    )
