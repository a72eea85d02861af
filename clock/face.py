"""
What the clock shows: an instant in, a line out.

An instant is a whole number of nanoseconds since 1970-01-01 00:00 UTC, as from
C{time.time_ns}. It becomes a C{datetime} by way of UTC, so that both sides of a
daylight-saving change come out right, and the fraction of a second is exact.
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


#: Makes a line, less its newline, of a moment and the number of its tick.
Rendering = Callable[[datetime, int], str]


def _rfc3339(moment: datetime, _: int) -> str:
    """
    Show what Go's C{time.RFC3339} shows: whole seconds, and C{Z} wherever the
    offset is zero.
    """
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _kitchen(moment: datetime, _: int) -> str:
    """
    Show what Go's C{time.Kitchen} shows: C{3:04PM}.
    """
    return f"{moment.hour % 12 or 12}:{moment:%M}{'AM' if moment.hour < 12 else 'PM'}"


def _unix(moment: datetime, _: int) -> str:
    """
    Show the whole seconds since 1970.
    """
    return str((moment - _EPOCH) // timedelta(seconds=1))


def _json(moment: datetime, tick: int) -> str:
    """
    Show all there is to tell, as a JSON object: the number of the tick, the time as
    of RFC 3339 and in seconds since 1970, both to the microsecond, the zone (by its
    IANA name, or an abbreviation for local time), and the name of this host.
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


def _strftime(format: str) -> Rendering:
    """
    Make a rendering from strftime text.

    C{%s} is ours, whatever flags and width it has: the C library takes the time
    to be local, whatever the zone.
    """

    def render(moment: datetime, tick: int) -> str:
        def mend(directive: re.Match[str]) -> str:
            return "%%" if directive[0] == "%%" else _unix(moment, tick)

        return moment.strftime(re.sub("%%|%[-_0^#EO+]*[0-9]*s", mend, format))

    return render


#: The formats that have a name. All but C{json} and C{unix} are layouts of Go's
#: C{time}.
WELL_KNOWN: dict[str, Rendering] = {
    "ansic": _strftime("%a %b %e %H:%M:%S %Y"),
    "json": _json,
    "kitchen": _kitchen,
    "rfc1123": _strftime("%a, %d %b %Y %H:%M:%S %Z"),
    "rfc3339": _rfc3339,
    "unix": _unix,
}


#: Two instants that have no part of a date or a time in common, nor the century.
_APART = (
    datetime(1985, 2, 3, 4, 5, 6, 789, timezone.utc),
    datetime(2010, 7, 16, 17, 18, 19, 202122, timezone.utc),
)


class Face:
    """
    The face of the clock: its format and its zone.

    @ivar format: the strftime text or well-known name it was made from.
    @ivar zone: the zone it shows, or C{None} for the system's local time.
    """

    def __init__(self, format: str = "%H:%M:%S", zone: tzinfo | None = None) -> None:
        """
        @param format: strftime text, or a name from L{WELL_KNOWN}.
        @param zone: the zone to show; C{None} means local time as the C library
            knows it. L{localZone} knows zones that it does not.

        @raise ValueError: if the format shows nothing, more than one line, or
            something that UTF-8 cannot encode, or if it is nearly a well-known name.
            The message says which.
        """
        self.format = format
        self.zone = zone
        self._render = WELL_KNOWN.get(format.lower()) or _strftime(format)
        self._tryOut()

    def line(self, instant: int, tick: int = 0) -> bytes:
        """
        Show one instant.

        @param instant: nanoseconds since 1970.
        @param tick: the number of the tick that it belongs to, for those formats
            that show it.

        @return: the line, in UTF-8, with its newline.
        """
        return self._render(self.moment(instant), tick).encode() + b"\n"

    def moment(self, instant: int) -> datetime:
        """
        Place one instant in the face's zone, to the microsecond.

        @param instant: nanoseconds since 1970.

        @return: an aware datetime.
        """
        return (_EPOCH + timedelta(microseconds=instant // 1000)).astimezone(self.zone)

    def zoneName(self, instant: int) -> str:
        """
        Name the zone, for people.

        @param instant: nanoseconds since 1970: local time has a name for summer
            and another for winter.

        @return: the zone's IANA name, or C{local time} and its abbreviation.
        """
        if self.zone is not None:
            return str(self.zone)
        return f"local time ({self.moment(instant).tzname()})"

    def constant(self) -> bool:
        """
        Tell whether every line is the same, because the format has nothing in it
        that changes.

        @return: whether it is.
        """
        first, second = [each.astimezone(self.zone) for each in _APART]
        return self._render(first, 0) == self._render(second, 1)

    def _tryOut(self) -> None:
        """
        Find out now, with the reason, whether the format makes lines at all.
        """
        name = self.format.lower()
        if "%" not in name and name not in WELL_KNOWN:
            for near in get_close_matches(name, WELL_KNOWN, n=1):
                raise ValueError(f"it never changes; did you mean {near}?")
        try:
            shown = self.line(0).decode().removesuffix("\n")
        except UnicodeEncodeError:
            raise ValueError("it cannot be encoded in UTF-8") from None
        if not shown:
            raise ValueError("it shows nothing")
        if shown.splitlines() != [shown]:
            raise ValueError("it holds a line break")


def zoneNames() -> list[str]:
    """
    List the zones of the IANA time zone database: those of the system, and of
    C{tzdata}.

    @return: their names, in order.
    """
    return sorted(available_timezones())


def zoneNamed(name: str) -> tzinfo:
    """
    Look a zone up in the IANA time zone database.

    @param name: a key of the database, such as C{Europe/London}.

    @return: the zone.

    @raise ValueError: if there is no such zone. The message says what would be
        right.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        near = get_close_matches(name, zoneNames(), n=1)
    hint = f"did you mean {near[0]}?" if near else "a name is like Europe/London"
    raise ValueError(f"no such zone in the IANA database; {hint}")


#: What POSIX (Base Definitions, 8.3) lets C{TZ} hold beside the names of files:
#: C{EST5EDT,M3.2.0,M11.1.0}, C{<+0330>-3:30}. The rules may be missing, and their
#: times may be negative or as late as 167 o'clock (tzset(3)).
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
    Find the zone that a C{TZ} variable names.

    The C library finds only those zones that the system has files for, and takes
    any other name for UTC.

    @param variable: the value of C{TZ}, with or without the colon that POSIX allows.

    @return: a zone of the IANA time zone database; C{None} if the C library knows
        best: for a POSIX string, the path of a zone's file, or nothing.

    @raise ValueError: if it is none of these. The message says what would be right.
    """
    name = variable.removeprefix(":")
    if not name or _isZoneFile(name):
        return None
    try:
        return zoneNamed(name)
    except ValueError as error:
        if _POSIX_ZONE.fullmatch(variable):
            return None
        raise ValueError(f"no POSIX TZ string, and {error}") from None


def _isZoneFile(path: str) -> bool:
    """
    Tell whether there is a file in TZif format (RFC 8536) at an absolute path.
    """
    if not (os.path.isabs(path) and os.path.isfile(path)):
        return False
    with suppress(OSError), open(path, "rb") as file:
        return file.read(4) == b"TZif"
    return False
