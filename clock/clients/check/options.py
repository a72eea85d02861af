"""
The command line of C{clock-check}.
"""

from __future__ import annotations

from twisted.python import usage

from clock.clients.reading.options import ADDRESS_HELP, FIELD, ReadingOptions
from clock.clients.reading.targets import parseTargets
from clock.console.options import seconds

#: The default of C{--max-gap}, in intervals.
MAX_GAP = 2.5

#: The default of C{--for}, in seconds, without and with C{--until-broken}.
FOR, FOR_UNTIL_BROKEN = 10, 86_400


class Options(ReadingOptions):
    """
    The options of C{clock-check}.

    @ivar targets: the clocks to read, in order.
    """

    synopsis = "Usage: clock-check [options] [NAME=]ADDRESS ..."
    longdesc = (
        "Reads clock servers for a while, and reports what is wrong with their "
        "streams: lines that are repeated, skipped, lost or late, and connections that "
        "are lost. It also says what usually causes each of these. "
        f"{ADDRESS_HELP} The exit status is 0 if every stream is whole, 1 if "
        "a stream is not, and 2 if a server cannot be reached. Ctrl-C ends the check "
        "early and prints the report; the exit status is then 130."
    )
    examples = (
        ("localhost:8080", "read for 10 seconds"),
        ("--for 60 Direct=:8080 Proxy=:8081", "compare two paths"),
        ("Proxy=https://example.org/events", "server-sent events"),
        ("--json Here=unix:/tmp/clock", "any Twisted client endpoint"),
        ("--quiet --junit check.xml Proxy=:8081", "as a test in a pipeline"),
    )
    optFlags = [
        ["json", None, "Print the report as JSON."],
        ["quiet", None, "Print nothing, and show no progress."],
        ["until-broken", None, "End as soon as a stream is not whole."],
    ]
    optParameters = [
        FIELD,
        [
            "for",
            None,
            None,
            "Seconds to read, 0.1 to 86400. "
            f"[default: {FOR}, or {FOR_UNTIL_BROKEN} with --until-broken]",
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
            "Longest time allowed without a line, in seconds. "
            f"[default: {MAX_GAP} intervals]",
            seconds("--max-gap", 0.01),
        ],
        ["junit", None, None, "File for a report in JUnit XML."],
        ["plot", None, None, "File for a plot of the arrivals, in SVG."],
    ]
    compData = usage.Completions(
        optActions={
            **{
                option: usage.Completer(descr="seconds")
                for option in ("for", "interval", "max-gap")
            },
            "junit": usage.CompleteFiles("*.xml"),
            "plot": usage.CompleteFiles("*.svg"),
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
        Set the defaults that depend on other options, and refuse options that
        contradict each other.
        """
        if self["quiet"] and self["json"]:
            raise usage.UsageError(
                "--quiet and --json contradict each other: leave one out"
            )
        if self["junit"] and self["junit"] == self["plot"]:
            raise usage.UsageError(
                f"--junit and --plot name the same file: {self['junit']!r}"
            )
        if self["for"] is None:
            self["for"] = FOR_UNTIL_BROKEN if self["until-broken"] else FOR
        if self["max-gap"] is None:
            self["max-gap"] = MAX_GAP * self["interval"]
