"""
Render an instant as a line of text, in a format and a time zone.

An instant is a number of nanoseconds since 1970-01-01 00:00 UTC, as C{time.time_ns}
returns it. It is converted to a C{datetime} in UTC first, and then to the zone.
Therefore the time is right before and after a daylight-saving change, and fractions of
a second are exact.
"""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta, timezone, tzinfo
from difflib import get_close_matches
from zoneinfo import ZoneInfo, available_timezones

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


#: A function that renders a line, without its newline, from a datetime and the number
#: of a tick.
Renderer = Callable[[datetime, int], str]


def _rfc3339(moment: datetime, _: int) -> str:
    """
    Render as Go's C{time.RFC3339} does: whole seconds, and C{Z} if the offset is zero.
    """
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _kitchen(moment: datetime, _: int) -> str:
    """
    Render as Go's C{time.Kitchen} does: C{3:04PM}.
    """
    return f"{moment.hour % 12 or 12}:{moment:%M}{'AM' if moment.hour < 12 else 'PM'}"


def _unix(moment: datetime, _: int) -> str:
    """
    Render the whole seconds since 1970.
    """
    return str((moment - _EPOCH) // timedelta(seconds=1))


def _json(moment: datetime, tick: int) -> str:
    """
    Render a JSON object: the number of the tick; the time as in RFC 3339 and in seconds
    since 1970, both to the microsecond; the zone, by its IANA name, or by its
    abbreviation for local time; and the name of this host.
    """
    return json.dumps(
        {
            "tick": tick,
            "time": moment.isoformat(timespec="microseconds"),
            "unix": (moment - _EPOCH).total_seconds(),
            "zone": getattr(moment.tzinfo, "key", None) or moment.tzname() or "local",
            "host": platform.node(),
        }
    )


def _strftime(format: str) -> Renderer:
    """
    Make a renderer from strftime text.

    C{%s}, with any flags and width, is replaced by the result of L{_unix}, because the
    C library always computes it as if the time were local.
    """

    def render(moment: datetime, tick: int) -> str:
        def replace(directive: re.Match[str]) -> str:
            return "%%" if directive[0] == "%%" else _unix(moment, tick)

        return moment.strftime(re.sub("%%|%[-_0^#EO+]*[0-9]*s", replace, format))

    return render


#: The formats that have a name. All except C{json} and C{unix} are layouts of Go's
#: package C{time}.
WELL_KNOWN: dict[str, Renderer] = {
    "ansic": _strftime("%a %b %e %H:%M:%S %Y"),
    "json": _json,
    "kitchen": _kitchen,
    "rfc1123": _strftime("%a, %d %b %Y %H:%M:%S %Z"),
    "rfc3339": _rfc3339,
    "unix": _unix,
}


#: Two instants that differ in every part of the date and the time.
_DIFFERENT = (
    datetime(1985, 2, 3, 4, 5, 6, 789, timezone.utc),
    datetime(2010, 7, 16, 17, 18, 19, 202122, timezone.utc),
)


class TimeFormat:
    """
    A format and a time zone, in which instants are rendered as lines.

    @ivar format: strftime text, or the name of a well-known format.
    @ivar zone: the time zone; C{None} for the system's local time.
    """

    def __init__(self, format: str = "%H:%M:%S", zone: tzinfo | None = None) -> None:
        """
        @param format: strftime text, or a name from L{WELL_KNOWN}.
        @param zone: the time zone; C{None} for the local time of the C library.
            L{localZone} supports more values of C{TZ}.

        @raise ValueError: if a line would be empty, would contain a line break, or
            cannot be encoded in UTF-8, or if the format resembles a well-known name.
            The message names the reason.
        """
        self.format = format
        self.zone = zone
        self._render = WELL_KNOWN.get(format.lower()) or _strftime(format)
        self._check()

    def line(self, instant: int, tick: int = 0) -> bytes:
        """
        Render an instant.

        @param instant: nanoseconds since 1970.
        @param tick: the number of the tick, for formats that include it.

        @return: the line in UTF-8, with its newline.
        """
        return self._render(self.moment(instant), tick).encode() + b"\n"

    def moment(self, instant: int) -> datetime:
        """
        Convert an instant to a datetime in the time zone, to the microsecond.

        @param instant: nanoseconds since 1970.

        @return: an aware datetime.
        """
        return (_EPOCH + timedelta(microseconds=instant // 1000)).astimezone(self.zone)

    def zoneName(self, instant: int) -> str:
        """
        Return the name of the time zone, for logs.

        @param instant: nanoseconds since 1970; the abbreviation of local time depends
            on it.

        @return: the IANA name, or C{local time} and its abbreviation.
        """
        if self.zone is not None:
            return str(self.zone)
        return f"local time ({self.moment(instant).tzname()})"

    def isConstant(self) -> bool:
        """
        Return whether every line is the same, because no part of the format depends on
        the time.
        """
        first, second = [each.astimezone(self.zone) for each in _DIFFERENT]
        return self._render(first, 0) == self._render(second, 1)

    def isWhole(self) -> bool:
        """
        Return whether the format shows whole seconds, so that all lines of one tick
        within one second are the same.
        """
        whole = datetime(2000, 1, 1, tzinfo=timezone.utc).astimezone(self.zone)
        return self._render(whole, 0) == self._render(
            whole.replace(microsecond=654_321), 0
        )

    def _check(self) -> None:
        """
        Raise C{ValueError} if the format does not render one line.
        """
        name = self.format.lower()
        if "%" not in name and name not in WELL_KNOWN:
            for near in get_close_matches(name, WELL_KNOWN, n=1):
                raise ValueError(f"it never changes; did you mean {near}?")
        try:
            text = self.line(0).decode().removesuffix("\n")
        except UnicodeEncodeError:
            raise ValueError("it cannot be encoded in UTF-8") from None
        if not text:
            raise ValueError("it renders nothing")
        if text.splitlines() != [text]:
            raise ValueError("it contains a line break")


def zoneNames() -> list[str]:
    """
    Return the names of all zones in the IANA time zone databases of the system and of
    the package C{tzdata}, in alphabetical order.
    """
    return sorted(available_timezones())


def zoneNamed(name: str) -> tzinfo:
    """
    Look up a zone in the IANA time zone database.

    @param name: its name, such as C{Europe/London}.

    @return: the zone.

    @raise ValueError: if there is no such zone. The message suggests a name.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        near = get_close_matches(name, zoneNames(), n=1)
    hint = f"did you mean {near[0]}?" if near else "a name is like Europe/London"
    raise ValueError(f"no such zone in the IANA database; {hint}")


#: The syntax of C{TZ} in POSIX (Base Definitions, 8.3), such as
#: C{EST5EDT,M3.2.0,M11.1.0} or C{<+0330>-3:30}. Rules are optional, and their times are
#: from -167 to 167 hours (tzset(3)).
_NAME = r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)"
_OFFSET = r"[+-]?(?:[01]?\d|2[0-4])(?::[0-5]\d){0,2}"
_RULE = (
    r",(?:M(?:[1-9]|1[0-2])\.[1-5]\.[0-6]|J?\d{1,3})"
    r"(?:/[+-]?\d{1,3}(?::[0-5]\d){0,2})?"
)
_POSIX_ZONE = re.compile(
    f"{_NAME}{_OFFSET}(?:{_NAME}(?:{_OFFSET})?(?:{_RULE}{_RULE})?)?", re.ASCII
)


def localZone(variable: str) -> tzinfo | None:
    """
    Return the zone that a C{TZ} variable names.

    The C library finds only zones that have a file on this system. It treats any other
    name as UTC, so such a name is looked up in the IANA time zone database.

    @param variable: the value of C{TZ}, with or without the colon that POSIX allows.

    @return: a zone of the IANA time zone database; C{None} for a value that the C
        library understands: a POSIX string, the path of a zone's file, or an empty
        text.

    @raise ValueError: if it is none of these. The message suggests a name.
    """
    name = variable.removeprefix(":")
    if not name or _isZoneFile(name):
        return None
    try:
        return zoneNamed(name)
    except ValueError as error:
        if _POSIX_ZONE.fullmatch(variable):
            return None
        raise ValueError(f"not a POSIX TZ string, and {error}") from None


def _isZoneFile(path: str) -> bool:
    """
    Return whether a text is the absolute path of a file in TZif format (RFC 8536).
    """
    if not (os.path.isabs(path) and os.path.isfile(path)):
        return False
    with suppress(OSError), open(path, "rb") as file:
        return file.read(4) == b"TZif"
    return False
