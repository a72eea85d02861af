"""
The command line of C{twistd clock}.
"""

from __future__ import annotations

import os
import socket
from datetime import datetime, tzinfo
from typing import NamedTuple

from twisted.python import usage

from clock.console.options import CommandOptions, seconds, whole
from clock.console.text import commandName, oneLine
from clock.plugin.addresses import listenName
from clock.plugin.openfiles import MAX_CLIENTS
from clock.timeformat import WELL_KNOWN, TimeFormat, localZone, zoneNamed, zoneNames
from clock.web.origins import normalOrigin

DEFAULT_PORT = 8080
DEFAULT_INTERFACE = "localhost"


def _interface(value: str) -> str:
    if not value:
        raise usage.UsageError(
            "--interface '' is not an address: try localhost, 0.0.0.0 or ::"
        )
    return value


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
    A time zone, and the addresses where its time is served.

    @ivar timeFormat: the format of its lines.
    @ivar addresses: the addresses to listen on.
    """

    timeFormat: TimeFormat
    addresses: list[ListenAddress]


class Options(CommandOptions):
    """
    The options of C{twistd clock}.

    @ivar interface: the address or host name that ports are opened on.
    @ivar zones: the time zones to serve; that of C{--tz}, or local time, comes first.
    @ivar web: the addresses where the same zones are served over HTTP.
    """

    synopsis = "[options]"
    longdesc = (
        "Sends each client the time, one line a second, until the client disconnects. "
        "Ignores what the client sends. With --sequential, one client is served at a "
        "time; the others wait in the order in which they connected."
    )
    examples = (
        ("--port 8080", "then: nc localhost 8080"),
        ("--sequential --tz Asia/Tokyo", "one client at a time"),
        ("-l tcp:8080 -l unix:/tmp/clock", "two endpoints"),
        ("--zone Asia/Tokyo=8020", "local time on 8080, Tokyo's time on 8020"),
        ("--web 8000", "then open http://localhost:8000/ in a browser"),
    )

    optFlags = [
        [
            "reuse-port",
            None,
            "Let several processes of the same user listen on the same TCP ports, also "
            "those of endpoints. Each process needs this option. Linux spreads the "
            "clients over them. Not with --sequential.",
        ],
        ["sequential", "s", "Serve one client at a time; the others wait."],
        ["verbose", "v", "Log each client that connects or disconnects."],
    ]
    optParameters = [
        [
            "port",
            "p",
            None,
            "TCP port to listen on, 0 to 65535; 0 picks a free port and logs it. "
            "[default: 8080]",
            whole("--port", 0, 65535),
        ],
        [
            "interface",
            "i",
            None,
            "Address to listen on: localhost, 0.0.0.0, ::, or another address of this "
            "machine. [default: localhost]",
            _interface,
        ],
        [
            "interval",
            None,
            1.0,
            "Seconds between two lines, 0.01 to 86400. Lines are sent at whole "
            "multiples of it since 1970, UTC.",
            seconds("--interval", 0.01),
        ],
        [
            "tz",
            "z",
            None,
            "Time zone, by its IANA name, such as Europe/London. [default: the zone of "
            "the environment variable TZ, or the system's]",
        ],
        [
            "format",
            "f",
            "%H:%M:%S",
            "Format of a line: strftime text, or one of "
            f"{', '.join(sorted(WELL_KNOWN))} (seconds since 1970). json includes the "
            "number of the tick, which starts at 1, grows by 1, and is the same for "
            "all clients. Without clients, no ticks are counted.",
        ],
        [
            "max-clients",
            None,
            None,
            "Largest number of clients, served or waiting. At the limit, the client "
            "that half-closed first is evicted for a new one; if there is none, the "
            "new one is refused. [default: as many as the limit of open files allows]",
            whole("--max-clients", 1, MAX_CLIENTS),
        ],
        [
            "stall-timeout",
            None,
            30.0,
            "Seconds after which a TCP client that acknowledges nothing is "
            "disconnected, 1 to 86400; 0 means never.",
            seconds("--stall-timeout", 1, ", or 0 for never"),
        ],
    ]
    compData = usage.Completions(
        multiUse=["allow-origin", "listen", "web", "zone"],
        mutuallyExclusive=[
            ("listen", "port"),
            ("listen", "interface"),
            ("reuse-port", "sequential"),
        ],
        optActions={
            "allow-origin": usage.Completer(descr="origin of a site, or *"),
            "port": usage.Completer(descr="TCP port"),
            # A colon ends a word in zsh's descriptions of options.
            "interface": usage.CompleteList(
                ["localhost", "0.0.0.0", r"\:\:", r"\:\:1"]
            ),
            "listen": usage.Completer(descr="Twisted endpoint string"),
            "web": usage.Completer(descr="port or Twisted endpoint string"),
            "zone": lambda: usage.CompleteList([f"{name}=" for name in zoneNames()]),
            "interval": usage.Completer(descr="seconds"),
            "max-clients": usage.Completer(descr="number of clients"),
            "stall-timeout": usage.Completer(descr="seconds"),
            "tz": lambda: usage.CompleteList(zoneNames(), descr="time zone"),
            "format": usage.CompleteList([*sorted(WELL_KNOWN), r"%H\:%M\:%S"]),
        },
    )

    def __init__(self) -> None:
        """
        Begin without endpoints and zones.
        """
        super().__init__()
        for option in ("allow-origin", "listen", "web", "zone"):
            self[option] = []
            self.docs[option] = oneLine(self.docs[option])

    def opt_allow_origin(self, origin: str) -> None:
        """
        Let the pages of another site, such as https://example.org, read the streams and
        the status over HTTP; * lets all sites. May be repeated.
        """
        normal = "*" if origin == "*" else normalOrigin(origin)
        if normal is None:
            raise usage.UsageError(
                f"--allow-origin {origin!r} is not an origin: try https://example.org, "
                "http://localhost:3000 or *"
            )
        self["allow-origin"].append(normal)

    def opt_listen(self, endpoint: str) -> None:
        """
        Listen on a Twisted endpoint, such as tcp:8080 (all IPv4 addresses), tcp6:8080
        (on Linux, all IPv4 and IPv6 addresses), unix:/tmp/clock,
        ssl:8443:privateKey=server.pem, systemd:domain=INET:index=0 or
        haproxy:tcp:8080. May be repeated. Replaces --port and --interface.
        """
        self["listen"].append(endpoint)

    opt_l = opt_listen

    def opt_web(self, address: str) -> None:
        """
        Also serve the clocks over HTTP, with a web page. Takes a port (on --interface)
        or a Twisted endpoint, such as ssl:8443:privateKey=server.pem. May be repeated.
        """
        self["web"].append(address)

    def opt_zone(self, zone: str) -> None:
        """
        Also serve another time zone: ZONE=PORT, on --interface, or ZONE=ENDPOINT, such
        as Asia/Tokyo=8020 or Europe/London=unix:/tmp/london. May be repeated. In
        sequential mode each zone serves one client at a time.
        """
        self["zone"].append(zone)

    def commandName(self) -> str:
        """
        Return the name with which errors begin: C{twistd clock} or C{twist clock}.
        """
        return commandName()

    def exampleName(self) -> str:
        """
        Return the command with which examples begin. With C{-n}, C{twistd} stays in the
        foreground.
        """
        return commandName().replace("twistd clock", "twistd -n clock")

    def parseArgs(self, *args: str) -> None:
        """
        Refuse arguments.
        """
        if args:
            raise usage.UsageError(
                f"{args[0]!r} is not an option; a port is given as --port N"
            )

    def postOptions(self) -> None:
        """
        Check the options, and combine those of each time zone.

        @raise usage.UsageError: if a value is wrong. The message names the value, and
            what to use instead.
        """
        if self["reuse-port"]:
            self._checkReusePort()
        self.interface: str = self["interface"] or DEFAULT_INTERFACE
        zone = (
            self._localZone()
            if self["tz"] is None
            else self._zone(f"--tz {self['tz']!r}", self["tz"])
        )
        zones = {zone: ZoneListener(self._timeFormat(zone), self._listenAddresses())}
        taken = {self._name(address) for address in zones[zone].addresses}
        self.web = []
        if self["allow-origin"] and not self["web"]:
            raise usage.UsageError("--allow-origin needs --web")
        for text in self["web"]:
            self.web.append(self._takenAddress(f"--web {text!r}", text, taken))
        for text in self["zone"]:
            option = f"--zone {text!r}"
            name, equals, where = text.partition("=")
            if not (equals and where):
                raise usage.UsageError(
                    f"{option} is not ZONE=PORT or ZONE=ENDPOINT: try Asia/Tokyo=8020"
                )
            zone = self._zone(option, name)
            address = self._takenAddress(option, where, taken)
            if zone not in zones:
                zones[zone] = ZoneListener(self._timeFormat(zone), [])
            zones[zone].addresses.append(address)
        self.zones = [*zones.values()]

    def _checkReusePort(self) -> None:
        if self["sequential"]:
            raise usage.UsageError(
                "--reuse-port and --sequential exclude each other: each process would "
                "serve a client"
            )
        if not hasattr(socket, "SO_REUSEPORT"):
            raise usage.UsageError("--reuse-port: this system has no SO_REUSEPORT")

    def _takenAddress(self, option: str, text: str, taken: set[str]) -> ListenAddress:
        """
        Check one more address, and add it to the addresses in use.
        """
        if text.isdecimal():
            text = str(whole(f"{option}: port", 0, 65535)(text))
        address = ListenAddress(f"{option}: ", text)
        name = self._name(address)
        if name in taken and text != "0":
            raise usage.UsageError(f"{option}: {name} is used twice")
        taken.add(name)
        return address

    def _name(self, address: ListenAddress) -> str:
        return listenName(address.text, self.interface)

    def _zone(self, option: str, name: str) -> tzinfo:
        try:
            return zoneNamed(name)
        except ValueError as error:
            raise usage.UsageError(f"{option}: {error}") from None

    def _localZone(self) -> tzinfo | None:
        variable = os.environ.get("TZ", "")
        try:
            zone = localZone(variable)
            # POSIX allows an offset of a whole day, and Python does not.
            datetime.now().astimezone(zone)
        except ValueError as error:
            raise usage.UsageError(f"TZ={variable!r}: {error}") from None
        return zone

    def _timeFormat(self, zone: tzinfo | None) -> TimeFormat:
        try:
            return TimeFormat(self["format"], zone)
        except ValueError as error:
            raise usage.UsageError(
                f"--format {self['format']!r}: {oneLine(error)}; use one line of "
                f"strftime text, or one of {', '.join(sorted(WELL_KNOWN))}"
            ) from None

    def _listenAddresses(self) -> list[ListenAddress]:
        if not self["listen"]:
            port = DEFAULT_PORT if self["port"] is None else self["port"]
            return [ListenAddress("--port ", str(port))]
        for other in ("port", "interface"):
            if other == "interface" and self._needsInterface():
                continue
            if self[other] is not None:
                raise usage.UsageError(
                    f"--listen {self['listen'][0]!r} replaces --{other} {self[other]}: "
                    "use one or the other"
                )
        return [ListenAddress("--listen ", text) for text in self["listen"]]

    def _needsInterface(self) -> bool:
        texts = [*self["web"], *(text.partition("=")[2] for text in self["zone"])]
        return any(text.isdecimal() for text in texts)
