"""
What a command line serves: the time zones, their formats and modes, and the addresses
of each.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from twisted.python import usage

from clock.console.options import whole
from clock.console.text import oneLine
from clock.plugin.addresses import listenName
from clock.timeformat import WELL_KNOWN, TimeFormat, localZone, zoneNamed

DEFAULT_PORT = 8080


class ListenAddress(NamedTuple):
    """
    An address to listen on.

    @ivar option: the beginning of an error about the address, such as C{--listen } or
        C{--zone 'UTC=x': }.
    @ivar text: a port number, or the string of a Twisted server endpoint.
    """

    option: str
    text: str


class ZoneListener(NamedTuple):
    """
    A time zone and a mode, and the addresses where they are served.

    @ivar timeFormat: the format of the lines, and the time zone.
    @ivar sequential: whether one client is served at a time.
    @ivar addresses: the addresses to listen on.
    """

    timeFormat: TimeFormat
    sequential: bool
    addresses: list[ListenAddress]


class ServedZones:
    """
    The time zones that a command line serves, and the addresses of each. No address is
    used twice.

    @ivar zones: the time zones; that of C{--tz}, or local time, comes first. With
        C{--sequential-port} it also comes second, in sequential mode.
    @ivar web: the addresses where the same zones are served over HTTP.
    """

    def __init__(self, options: Mapping[str, Any], interface: str) -> None:
        """
        @param options: the values of the options, by their names.
        @param interface: the address or host name that ports are opened on.

        @raise usage.UsageError: if a value is wrong. The message names the value, and
            what to use instead.
        """
        self._interface = interface
        zone = (
            _localZone()
            if options["tz"] is None
            else _zone(f"--tz {options['tz']!r}", options["tz"])
        )
        sequential = bool(options["sequential"])
        first = ZoneListener(
            _timeFormat(options["format"], zone), sequential, _listenAddresses(options)
        )
        zones = {zone: first}
        self._taken = {self._name(address) for address in first.addresses}
        second = first._replace(
            sequential=True,
            addresses=[
                self._takenAddress(f"--sequential-port {text!r}", text)
                for text in options["sequential-port"]
            ],
        )
        self.web = [
            self._takenAddress(f"--web {text!r}", text) for text in options["web"]
        ]
        for text in options["zone"]:
            option = f"--zone {text!r}"
            name, equals, where = text.partition("=")
            if not (equals and where):
                raise usage.UsageError(
                    f"{option} is not ZONE=PORT or ZONE=ENDPOINT: try Asia/Tokyo=8020"
                )
            zone = _zone(option, name)
            address = self._takenAddress(option, where)
            if zone not in zones:
                timeFormat = _timeFormat(options["format"], zone)
                zones[zone] = ZoneListener(timeFormat, sequential, [])
            zones[zone].addresses.append(address)
        self.zones = [*zones.values()]
        if second.addresses:
            self.zones.insert(1, second)

    def _takenAddress(self, option: str, text: str) -> ListenAddress:
        """
        Check one more address, and add it to the addresses in use.
        """
        if text.isdecimal():
            text = str(whole(f"{option}: port", 0, 65535)(text))
        address = ListenAddress(f"{option}: ", text)
        name = self._name(address)
        if name in self._taken and text != "0":
            raise usage.UsageError(f"{option}: {name} is used twice")
        self._taken.add(name)
        return address

    def _name(self, address: ListenAddress) -> str:
        return listenName(address.text, self._interface)


def _zone(option: str, name: str) -> tzinfo:
    try:
        return zoneNamed(name)
    except ValueError as error:
        raise usage.UsageError(f"{option}: {error}") from None


def _localZone() -> tzinfo | None:
    variable = os.environ.get("TZ", "")
    try:
        zone = localZone(variable)
        # POSIX allows an offset of a whole day, and Python does not.
        datetime.now().astimezone(zone)
    except ValueError as error:
        raise usage.UsageError(f"TZ={variable!r}: {error}") from None
    return zone


def _timeFormat(format: str, zone: tzinfo | None) -> TimeFormat:
    try:
        return TimeFormat(format, zone)
    except ValueError as error:
        raise usage.UsageError(
            f"--format {format!r}: {oneLine(error)}; use one line of strftime "
            f"text, or one of {', '.join(sorted(WELL_KNOWN))}"
        ) from None


def _listenAddresses(options: Mapping[str, Any]) -> list[ListenAddress]:
    if not options["listen"]:
        port = DEFAULT_PORT if options["port"] is None else options["port"]
        return [ListenAddress("--port ", str(port))]
    for other in ("port", "interface"):
        if other == "interface" and _needsInterface(options):
            continue
        value = options[other]
        if value is not None:
            raise usage.UsageError(
                f"--listen {options['listen'][0]!r} replaces --{other} {value}: "
                "use one or the other"
            )
    return [ListenAddress("--listen ", text) for text in options["listen"]]


def _needsInterface(options: Mapping[str, Any]) -> bool:
    texts = [*options["web"], *options["sequential-port"]]
    texts += (text.partition("=")[2] for text in options["zone"])
    return any(text.isdecimal() for text in texts)
