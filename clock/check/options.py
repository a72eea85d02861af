"""
The command line of C{clock-check}.
"""

from __future__ import annotations

from twisted.python import usage

from clock._cli import CommandOptions, seconds
from clock.reading.targets import parseTargets

#: The default of C{--max-gap}, in intervals.
MAX_GAP = 2.5


class Options(CommandOptions):
    """
    The options of C{clock-check}.

    @ivar targets: the clocks to read, in order.
    """

    synopsis = "Usage: clock-check [options] [NAME=]ADDRESS ..."
    longdesc = (
        "Reads clock servers for a while, and reports what is wrong with their "
        "streams: lines that are repeated, skipped, lost or late, and connections that "
        "are lost. An ADDRESS is HOST:PORT or a Twisted client endpoint. The exit "
        "status is 0 if every stream is whole, 1 if a stream is not, and 2 if a server "
        "cannot be reached. Ctrl-C ends the check early and prints the report; the "
        "exit status is then 130."
    )
    examples = (
        ("localhost:8080", "read for 10 seconds"),
        ("--for 60 Direct=:8080 Proxy=:8081", "compare two paths"),
        ("--json Here=unix:/tmp/clock", "any Twisted client endpoint"),
    )
    optFlags = [["json", None, "Print the report as JSON."]]
    optParameters = [
        [
            "for",
            None,
            10,
            "Seconds to read, 0.1 to 86400.",
            seconds("--for", 0.1),
        ],
        [
            "interval",
            None,
            1,
            "Seconds between two lines, 0.01 to 86400, as set on the servers.",
            seconds("--interval", 0.01),
        ],
        [
            "max-gap",
            None,
            None,
            "Longest time without a line that is allowed, in seconds. "
            f"[default: {MAX_GAP} intervals]",
            seconds("--max-gap", 0.01),
        ],
    ]
    compData = usage.Completions(
        optActions={
            option: usage.Completer(descr="seconds")
            for option in ("for", "interval", "max-gap")
        },
        extraActions=[usage.Completer(descr=r"NAME=HOST\:PORT", repeat=True)],
    )

    def parseArgs(self, *texts: str) -> None:
        """
        Parse the clocks to read.
        """
        self.targets = parseTargets(texts)

    def postOptions(self) -> None:
        """
        Set the default that depends on another option.
        """
        if self["max-gap"] is None:
            self["max-gap"] = MAX_GAP * self["interval"]
