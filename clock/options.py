"""
The command line of C{twistd clock}.
"""

from __future__ import annotations

import os
from datetime import datetime, tzinfo
from typing import NamedTuple

from twisted.internet.interfaces import IReactorCore
from twisted.python import usage

from clock.arguments import CommandOptions, seconds, whole
from clock.face import WELL_KNOWN, Face, localZone, zoneNamed, zoneNames
from clock.limits import MOST, RESERVE, openFiles
from clock.places import Place, endpointPlace, portPlace
from clock.wording import commandName, oneLine

DEFAULT_PORT = 8080
DEFAULT_INTERFACE = "localhost"


def _interface(value: str) -> str:
    if not value:
        raise usage.UsageError(
            "--interface '' is not an address: try localhost, 0.0.0.0 or ::"
        )
    return value


class Clock(NamedTuple):
    """
    What to show, and where.

    @ivar face: shows the time of one zone.
    @ivar places: where to listen.
    """

    face: Face
    places: list[Place]


class Options(CommandOptions):
    """
    The options of C{twistd clock}.

    @ivar mostClients: how many clients there may be, in all zones.
    @ivar clocks: what to show, a face for each zone, and where.
    """

    synopsis = "[options]"
    longdesc = (
        "Tells every client that connects the time, one line a second, for as "
        "long as it stays; what a client sends is ignored. With --sequential one "
        "client is served at a time, while the others wait in the order they came."
    )
    examples = (
        ("--port 8080", "then: nc localhost 8080"),
        ("--sequential --tz Asia/Tokyo", "one client at a time"),
        ("-l tcp:8080 -l unix:/tmp/clock", "two endpoints"),
        ("--zone Asia/Tokyo=8020", "Tokyo's time beside local time"),
    )

    optFlags = [
        ["sequential", "s", "Serve one client at a time; the others wait."],
        ["verbose", "v", "Log each client's coming and going."],
    ]
    optParameters = [
        [
            "port",
            "p",
            None,
            "TCP port to listen on, 0 to 65535; 0 takes any free one, and the log "
            "tells which. [default: 8080]",
            whole("--port", 0, 65535),
        ],
        [
            "interface",
            "i",
            None,
            "Address to listen on: localhost, 0.0.0.0, ::, or one of this "
            "machine's. [default: localhost]",
            _interface,
        ],
        [
            "interval",
            None,
            1.0,
            "Seconds between two lines, 0.01 to 86400; they come on whole multiples "
            "since 1970, UTC.",
            seconds("--interval", 0.01),
        ],
        [
            "tz",
            "z",
            None,
            "Time zone by its IANA name, such as Europe/London. Without it the "
            "zone is that of the TZ variable, or the system's.",
        ],
        [
            "format",
            "f",
            "%H:%M:%S",
            "What a line looks like: strftime text, or one of "
            f"{', '.join(sorted(WELL_KNOWN))} (seconds since 1970); json tells the "
            "number of the tick, too: one more each time, the same for every client, "
            "from 1 on; none are counted while there are no clients.",
        ],
        [
            "max-clients",
            None,
            None,
            "How many clients there may be in all, served or waiting; one more is "
            "turned away, unless one that has closed its sending half can make "
            "room. [default: what the limit of open files allows]",
            whole("--max-clients", 1, MOST),
        ],
        [
            "stall-timeout",
            None,
            30.0,
            "Seconds after which a client is dropped that acknowledges nothing, 1 "
            "to 86400; 0 means never. (TCP only.)",
            seconds("--stall-timeout", 1, ", or 0 for never"),
        ],
    ]
    compData = usage.Completions(
        multiUse=["listen", "zone"],
        mutuallyExclusive=[("listen", "port"), ("listen", "interface")],
        optActions={
            "port": usage.Completer(descr="TCP port"),
            # A colon ends a word in zsh's descriptions of options.
            "interface": usage.CompleteList(
                ["localhost", "0.0.0.0", r"\:\:", r"\:\:1"]
            ),
            "listen": usage.Completer(descr="Twisted endpoint string"),
            "zone": lambda: usage.CompleteList([f"{name}=" for name in zoneNames()]),
            "interval": usage.Completer(descr="seconds"),
            "max-clients": usage.Completer(descr="number of clients"),
            "stall-timeout": usage.Completer(descr="seconds"),
            "tz": lambda: usage.CompleteList(zoneNames(), descr="time zone"),
            "format": usage.CompleteList([*sorted(WELL_KNOWN), r"%H\:%M\:%S"]),
        },
    )

    def __init__(self, reactor: IReactorCore | None = None) -> None:
        """
        @param reactor: what the endpoints are for; by default the global one.
        """
        super().__init__(reactor)
        for option in ("listen", "zone"):
            self[option] = []
            self.docs[option] = oneLine(self.docs[option])

    def opt_listen(self, endpoint: str) -> None:
        """
        Listen on a Twisted endpoint, such as tcp:8080 (every IPv4 address),
        tcp6:8080 (on Linux, of both kinds), unix:/tmp/clock,
        ssl:8443:privateKey=server.pem, systemd:domain=INET:index=0 or
        haproxy:tcp:8080. May be repeated; takes the place of --port and --interface.
        """
        self["listen"].append(endpoint)

    opt_l = opt_listen

    def opt_zone(self, place: str) -> None:
        """
        Tell the time of another zone, besides that on --port or --listen: ZONE=PORT,
        on --interface, or ZONE=ENDPOINT, such as Asia/Tokyo=8020 or
        Europe/London=unix:/tmp/london. May be repeated. In sequential mode each zone
        has a turn of its own.
        """
        self["zone"].append(place)

    def commandName(self) -> str:
        """
        Name the command, as errors are to begin.

        @return: C{twistd clock} or C{twist clock}.
        """
        return commandName()

    def exampleName(self) -> str:
        """
        Name the command, as an example is to begin.

        @return: what stays in the foreground.
        """
        return commandName().replace("twistd clock", "twistd -n clock")

    def parseArgs(self, *args: str) -> None:
        """
        Refuse whatever is not an option.
        """
        if args:
            raise usage.UsageError(
                f"{args[0]!r} is not an option; a port is given as --port N"
            )

    def postOptions(self) -> None:
        """
        Check what the options mean, and make what they ask for.

        @raise usage.UsageError: names the value, and what would be right.
        """
        self.clocks = self._makeClocks()
        self.mostClients = self._mostClients()

    def _makeClocks(self) -> list[Clock]:
        zone = (
            self._localZone()
            if self["tz"] is None
            else self._zone(f"--tz {self['tz']!r}", self["tz"])
        )
        clocks = {zone: Clock(self._makeFace(zone), self._makePlaces())}
        for text in self["zone"]:
            option = f"--zone {text!r}"
            name, equals, where = text.partition("=")
            if not (equals and where):
                raise usage.UsageError(
                    f"{option} is not ZONE=PORT or ZONE=ENDPOINT: try Asia/Tokyo=8020"
                )
            zone = self._zone(option, name)
            place = self._zonePlace(option, where)
            taken = {place.name for clock in clocks.values() for place in clock.places}
            if place.name in taken and not place.name.endswith(":0"):
                raise usage.UsageError(f"{option}: {place.name} is taken already")
            if zone not in clocks:
                clocks[zone] = Clock(self._makeFace(zone), [])
            clocks[zone].places.append(place)
        return [*clocks.values()]

    def _zonePlace(self, option: str, where: str) -> Place:
        if not where.isdecimal():
            return self._endpointPlace(f"{option}: ", where)
        port = whole(f"{option}: port", 0, 65535)(where)
        return self._portPlace(port)

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

    def _makeFace(self, zone: tzinfo | None) -> Face:
        try:
            return Face(self["format"], zone)
        except ValueError as error:
            raise usage.UsageError(
                f"--format {self['format']!r}: {oneLine(error)}; it takes one line "
                f"of strftime text, or one of {', '.join(sorted(WELL_KNOWN))}"
            ) from None

    def _mostClients(self) -> int:
        # One place to listen is in the reserve.
        others = sum(len(clock.places) for clock in self.clocks) - 1
        allowed = openFiles(type(self.reactor).__name__) - RESERVE - others
        if allowed < 1:
            raise usage.UsageError(
                f"the limit of open files, {allowed + RESERVE + others}, leaves room "
                "for no client: raise it (ulimit -Hn)"
            )
        asked: int = self["max-clients"] or allowed
        if asked > allowed:
            raise usage.UsageError(
                f"--max-clients {asked} is more than the limit of open files leaves "
                f"room for: {allowed} (ulimit -Hn)"
            )
        return asked

    def _makePlaces(self) -> list[Place]:
        if not self["listen"]:
            port = DEFAULT_PORT if self["port"] is None else self["port"]
            return [self._portPlace(port)]
        for other in ("port", "interface"):
            if other == "interface" and self._zonesHavePorts():
                continue
            if self[other] is not None:
                raise usage.UsageError(
                    f"--listen {self['listen'][0]!r} takes the place of --{other} "
                    f"{self[other]}: give one or the other"
                )
        return [self._endpointPlace("--listen ", text) for text in self["listen"]]

    def _zonesHavePorts(self) -> bool:
        return any(text.rpartition("=")[2].isdecimal() for text in self["zone"])

    def _portPlace(self, port: int) -> Place:
        interface = self["interface"] or DEFAULT_INTERFACE
        return portPlace(self.reactor, port, interface)

    def _endpointPlace(self, option: str, text: str) -> Place:
        try:
            return endpointPlace(self.reactor, text)
        except ValueError as error:
            raise usage.UsageError(f"{option}{error}") from None
