"""
Find the time in a line: the instant it shows, and the number of its tick. Some lines
have only one of the two.

A time of day, such as C{19:03:13}, names neither the day nor the time zone. Days, and
the offsets of time zones, are whole multiples of 15 minutes. A time of day therefore
stands for one instant in every 15 minutes. The one nearest to the line's arrival is
used. A date does not help without an offset, so such a time is read as a time of day.

A line may be long, so only its beginning is searched, and JSON is parsed only if it may
have a time.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, NamedTuple, cast

#: One second, in nanoseconds.
SECOND = 1_000_000_000

#: The greatest common divisor of days and of time zone offsets, in nanoseconds.
QUARTER_HOUR = 900 * SECOND

#: The most digits of a number that only counts. A longer one is a time since 1970: in
#: seconds up to 11 digits, in milliseconds up to 14, in microseconds up to 17, in
#: nanoseconds up to 20.
COUNTER_DIGITS = 8

_NUMBER = re.compile(r"([0-9]{1,20})(?:\.([0-9]{1,9}))?")

#: A time since 1970 before other text, as in a padded line.
_SINCE_1970 = re.compile(r"([0-9]{10,20})(?:\.([0-9]{1,9}))?(?= )")

#: RFC 3339, and what ISO 8601 and databases allow besides: a comma, a shorter offset.
_RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:[.,]([0-9]{1,9}))?(?:[Zz]|([+-][0-9]{2})(?::?([0-5][0-9]))?)(?= |\Z)"
)

#: After a comma there are three digits, as Python's C{logging} writes them. Others may
#: be the next value of a table.
_TIME_OF_DAY = re.compile(
    r"(?<![0-9:])([01]?[0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])"
    r"(?:\.([0-9]{1,9})|,([0-9]{3})(?![.,]))?(?![0-9:])"
)

#: The characters to search for the beginning of a time of day.
SEARCHED = 256

#: The most characters of a time of day, and one more.
_LONGEST = len("00:00:00.000000000 ")

#: The beginnings of an array in JSON. Which of its times would be the line's?
_ARRAYS = ("[[", "[{", '["')

#: The fields of an object in JSON that may have the time: the first that exists. Not
#: C{created}: the chunks of a language model's answer all have the same one.
_TIME_FIELDS = ("time", "timestamp", "ts")

#: The fields to look for, as they are in JSON.
_FIELDS = tuple(f'"{field}"' for field in (*_TIME_FIELDS, "tick"))


class Reading(NamedTuple):
    """
    The time or the number that a line shows.

    @ivar instant: the instant, in nanoseconds since 1970; C{None} if the line has only
        a number.
    @ivar resolution: the smallest step that the line can show, in nanoseconds.
    @ivar tick: the number of the tick, or C{None} if the line has none.
    @ivar shown: what to show instead of a line in JSON: its C{HH:MM:SS}, or the number
        or the field that was read; otherwise C{None}.
    @ivar timeOfDay: the time of day as shown, in nanoseconds, if the instant is known
        only modulo 15 minutes; otherwise C{None}.
    """

    instant: int | None
    resolution: int = SECOND
    tick: int | None = None
    shown: str | None = None
    timeOfDay: int | None = None


def findTime(text: str, near: int, field: str | None = None) -> Reading | None:
    """
    Find the time or the number in a line.

    @param text: the line: a number, a JSON object, text that begins with a time since
        1970 or with RFC 3339, or other text with a time of day, with seconds, in its
        first L{SEARCHED} characters.
    @param near: the expected instant, in nanoseconds since 1970, such as the line's
        arrival. A time of day is read as the instant nearest to this one.
    @param field: the field of a JSON object that has the time or the number. Without
        it, the number is in C{tick}, as the server sends it with C{--format json}, and
        the time in C{time}, C{timestamp} or C{ts}. A nested object is not searched.

    @return: what the line shows, or C{None} if it shows neither the second nor a
        number.
    """
    if text.startswith("{"):
        return _fromJSON(text, near, field)
    return _fromText(text, near)


def _fromText(text: str, near: int) -> Reading | None:
    if number := _NUMBER.fullmatch(text) or _SINCE_1970.match(text):
        return _fromNumber(number[1], number[2])
    if rfc3339 := _RFC3339.match(text):
        return _fromRFC3339(rfc3339)
    if not text.startswith(_ARRAYS) and (timeOfDay := _searchTimeOfDay(text)):
        return _fromTimeOfDay(timeOfDay, near)
    return None


def _searchTimeOfDay(text: str) -> re.Match[str] | None:
    match = _TIME_OF_DAY.search(text, 0, SEARCHED + _LONGEST)
    return match if match and match.start() < SEARCHED else None


def _fromNumber(whole: str, digits: str | None) -> Reading | None:
    if len(whole) <= COUNTER_DIGITS:
        # A fraction counts nothing.
        return None if digits else Reading(None, tick=int(whole))
    # One more group of three digits each time.
    unit = SECOND // 1000 ** ((len(whole) - COUNTER_DIGITS - 1) // 3)
    return _withFraction(int(whole) * unit, digits, unit)


def _withFraction(instant: int, digits: str | None, unit: int = SECOND) -> Reading:
    """
    Add the fraction of a unit, if there is one.
    """
    if not digits:
        return Reading(instant, unit)
    resolution = max(1, unit // 10 ** len(digits))
    return Reading(instant + int(digits) * unit // 10 ** len(digits), resolution)


def _fromTimeOfDay(match: re.Match[str], near: int) -> Reading:
    hours, minutes, seconds = int(match[1]), int(match[2]), int(match[3])
    second = (hours * 3600 + minutes * 60 + seconds) * SECOND
    reading = _withFraction(second, match[4] or match[5])
    half = QUARTER_HOUR // 2
    shown = cast(int, reading.instant)
    distance = (near - shown + half) % QUARTER_HOUR - half
    return reading._replace(instant=near - distance, timeOfDay=shown)


def _fromRFC3339(match: re.Match[str]) -> Reading | None:
    date, timeOfDay, digits, hours, minutes = match.groups()
    offset = f"{hours or '+00'}:{minutes or '00'}"
    try:
        moment = datetime.fromisoformat(f"{date}T{timeOfDay}{offset}")
    except ValueError:
        return None
    return _withFraction(int(moment.timestamp()) * SECOND, digits)


def _fromJSON(text: str, near: int, field: str | None) -> Reading | None:
    # To parse 64 KB in vain, such as a truncated line, takes a millisecond.
    mayHave = field is not None or any(each in text for each in _FIELDS)
    if not mayHave or not text.rstrip().endswith("}"):
        return None
    try:
        # The digits of a fraction matter.
        fields = json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return None
    names = _TIME_FIELDS if field is None else (field,)
    value: Any = next((fields[each] for each in names if each in fields), None)
    reading = _fromText(value, near) if isinstance(value, str) else None
    if field is not None:
        return reading and reading._replace(shown=value)
    tick = _tick(fields.get("tick"))
    if reading is None or reading.instant is None:
        return None if tick is None else Reading(None, tick=tick)
    timeOfDay = _searchTimeOfDay(value)
    shown = value[timeOfDay.start(1) : timeOfDay.end(3)] if timeOfDay else value
    return reading._replace(tick=tick, shown=shown)


def _tick(value: object) -> int | None:
    number = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    return int(number[1]) if number and number[2] is None else None
