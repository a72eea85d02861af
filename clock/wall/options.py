"""
The command line of C{clockwall}.
"""

from __future__ import annotations

from typing import NamedTuple

from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.python import usage

from clock.address import endpointFromText
from clock.arguments import CommandOptions, seconds
from clock.wall.watch import STALE_AFTER
from clock.wording import oneLine


class Clock(NamedTuple):
    """
    A clock to read.

    @ivar name: what the user calls it.
    @ivar endpoint: where it is.
    """

    name: str
    endpoint: IStreamClientEndpoint


class Options(CommandOptions):
    """
    The options of C{clockwall}.

    @ivar clocks: what to read, in order.
    """

    synopsis = "Usage: clockwall [options] NAME=HOST:PORT | NAME=ENDPOINT ..."
    longdesc = (
        "Shows what several clock servers tell, a row each, and connects again to "
        "those that go away. With --check it reads them for a while and judges: the "
        "exit status is 0 if every stream was whole, 1 if one was not, and 2 if one "
        "could not be reached."
    )
    examples = (
        ("NewYork=localhost:8010 Tokyo=[::1]:8020", "two clocks"),
        ("Here=unix:/tmp/clock", "any Twisted client endpoint"),
        ("--check --for 60 Proxy=localhost:8081", "is the stream whole?"),
    )
    optFlags = [
        ["check", None, "Draw nothing; judge each stream for as long as --for says."],
        ["json", None, "With --check: print JSON rather than a table."],
    ]
    optParameters = [
        [
            "interval",
            None,
            None,
            "Seconds between two lines, 0.01 to 86400, as the servers have it. "
            "[default: what the lines of each clock show; 1 with --check]",
            seconds("--interval", 0.01),
        ],
        [
            "for",
            None,
            None,
            "With --check, which needs it: how long to read, in seconds, 0.1 to 86400.",
            seconds("--for", 0.1),
        ],
        [
            "max-gap",
            None,
            None,
            "With --check: the longest time that may pass without a line, in "
            "seconds. [default: 2.5 intervals]",
            seconds("--max-gap", 0.01),
        ],
    ]

    compData = usage.Completions(
        optActions={
            option: usage.Completer(descr="seconds")
            for option in ("interval", "for", "max-gap")
        },
        extraActions=[usage.Completer(descr=r"NAME=HOST\:PORT", repeat=True)],
    )

    def parseArgs(self, *clocks: str) -> None:
        """
        Take the clocks.
        """
        self["clocks"] = clocks

    def postOptions(self) -> None:
        """
        Check what the options mean, and make what they ask for.

        @raise usage.UsageError: names the value, and what would be right.
        """
        if not self["clocks"]:
            raise usage.UsageError("no clock to read: try Here=localhost:8080")
        if self["check"] and self["for"] is None:
            raise usage.UsageError("--check needs --for SECONDS")
        for option in ("json", "for", "max-gap"):
            if self[option] and not self["check"]:
                raise usage.UsageError(f"--{option} goes with --check")
        if self["check"]:
            self["interval"] = self["interval"] or 1.0
            self["max-gap"] = self["max-gap"] or STALE_AFTER * self["interval"]
        self.clocks = [self._clock(text) for text in self["clocks"]]
        names = [clock.name for clock in self.clocks]
        for name in names:
            if names.count(name) > 1:
                raise usage.UsageError(f"there are two clocks named {name!r}")

    def _clock(self, text: str) -> Clock:
        name, equals, where = text.partition("=")
        if not (name and equals):
            raise usage.UsageError(
                f"{text!r} is not NAME=HOST:PORT: try Here=localhost:8080"
            )
        try:
            return Clock(name, endpointFromText(self.reactor, where))
        except ValueError as error:
            raise usage.UsageError(f"{text!r}: {oneLine(error)}") from None
