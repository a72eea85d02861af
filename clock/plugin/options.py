"""
The command line of C{twistd clock}.
"""

from __future__ import annotations

import socket

from twisted.python import usage

from clock.console.options import CommandOptions, seconds, whole
from clock.console.text import commandName, oneLine
from clock.plugin.openfiles import MAX_CLIENTS
from clock.plugin.zones import ServedZones
from clock.timeformat import WELL_KNOWN, zoneNames
from clock.web.origins import normalOrigin

DEFAULT_INTERFACE = "localhost"


def _interface(value: str) -> str:
    if not value:
        raise usage.UsageError(
            "--interface '' is not an address: try localhost, 0.0.0.0 or ::"
        )
    return value


class Options(CommandOptions):
    """
    The options of C{twistd clock}.

    @ivar interface: the address or host name that ports are opened on.
    @ivar zones: the time zones to serve, and the mode of each; that of C{--tz}, or
        local time, comes first.
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
        ("--zone Asia/Tokyo=8020", "8080: local; 8020: Tokyo"),
        ("--sequential-port 8081", "8081: one client at a time"),
        ("--web 8000", "see http://localhost:8000/"),
    )

    optFlags = [
        [
            "reuse-port",
            None,
            "Let several processes of the same user listen on the same TCP ports, "
            "including those of endpoints. Each process needs this option; Linux "
            "spreads the clients over the processes. Cannot be combined with "
            "--sequential or --sequential-port.",
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
        multiUse=["allow-origin", "listen", "sequential-port", "web", "zone"],
        mutuallyExclusive=[
            ("listen", "port"),
            ("listen", "interface"),
            ("reuse-port", "sequential", "sequential-port"),
        ],
        optActions={
            "allow-origin": usage.Completer(descr="origin of a site, or *"),
            "port": usage.Completer(descr="TCP port"),
            # A colon ends a word in zsh's descriptions of options.
            "interface": usage.CompleteList(
                ["localhost", "0.0.0.0", r"\:\:", r"\:\:1"]
            ),
            "listen": usage.Completer(descr="Twisted endpoint string"),
            "sequential-port": usage.Completer(descr="port or Twisted endpoint string"),
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
        for option in ("allow-origin", "listen", "sequential-port", "web", "zone"):
            self[option] = []
            self.docs[option] = oneLine(self.docs[option])

    def opt_allow_origin(self, origin: str) -> None:
        """
        Let the pages of another site, such as https://example.org, read the streams and
        the status over HTTP; * allows all sites. May be repeated.
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

    def opt_sequential_port(self, address: str) -> None:
        """
        Also serve the time zone of --tz to one client at a time, while --port or
        --listen serves all clients at once. Takes a port (on --interface) or a Twisted
        endpoint. May be repeated; all these addresses share one queue.
        """
        self["sequential-port"].append(address)

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
                f"{args[0]!r} is not an option; to choose a port, use --port N"
            )

    def postOptions(self) -> None:
        """
        Check the options, and combine those of each time zone.

        @raise usage.UsageError: if a value is wrong. The message names the value, and
            what to use instead.
        """
        if self["sequential"] and self["sequential-port"]:
            raise usage.UsageError(
                "--sequential and --sequential-port cannot be combined: with "
                "--sequential, all addresses are sequential; use --port or --listen"
            )
        if self["reuse-port"]:
            self._checkReusePort()
        if self["allow-origin"] and not self["web"]:
            raise usage.UsageError("--allow-origin needs --web")
        self.interface: str = self["interface"] or DEFAULT_INTERFACE
        served = ServedZones(self, self.interface)
        self.zones, self.web = served.zones, served.web

    def _checkReusePort(self) -> None:
        for option in ("sequential", "sequential-port"):
            if self[option]:
                raise usage.UsageError(
                    f"--reuse-port and --{option} cannot be combined: each process "
                    "would serve one client"
                )
        if not hasattr(socket, "SO_REUSEPORT"):
            raise usage.UsageError("--reuse-port: this system has no SO_REUSEPORT")
