"""
The command line of C{clock-check}.
"""

from __future__ import annotations

import os

from twisted.python import usage

from clock.clients.check.judge import LEAST_GAP, MAX_GAP, Limits
from clock.clients.reading.streamsoptions import ADDRESS_HELP, StreamsOptions
from clock.console.options import seconds

#: The default of C{--for}, in seconds: without another option, with C{--once}, and with
#: C{--until-broken}.
FOR, FOR_ONCE, FOR_UNTIL_BROKEN = 10, 300, 86_400


class Options(StreamsOptions):
    """
    The options of C{clock-check}.
    """

    synopsis = "Usage: clock-check [options] [NAME=]ADDRESS ..."
    longdesc = (
        "Reads streams for a while, and reports what is wrong with them: lines that "
        "are held back, repeated, skipped, lost or late, and connections that are "
        "lost. It also says what usually causes each of these, and compares each "
        "stream with the first one. A stream is that of a clock server, or any other: "
        "lines, server-sent events, or the messages of a WebSocket. "
        "The page 'My stream does not arrive' of the documentation leads from what you "
        f"see to its cause. {ADDRESS_HELP} The exit status is 0 if every stream is "
        "whole, 1 if a stream is not, and 2 if a server cannot be reached. Ctrl-C ends "
        "the check early and prints the report; the exit status is then 130."
    )
    examples = (
        ("localhost:8080", "read for 10 seconds"),
        ("--for 60 Direct=:8080 Proxy=:8081", "compare two paths"),
        ("https://example.org/events", "server-sent events"),
        ("-d '{\"n\":1}' https://example.org/chat", "a POST, to its end"),
        ("curl https://example.org/chat --data-raw x", "copied by a browser"),
        ("--json Here=unix:/tmp/clock", "a Twisted endpoint"),
        ("--quiet --junit check.xml Proxy=:8081", "a test in a pipeline"),
    )
    optFlags = [
        ["json", None, "Print the report as JSON."],
        ["quiet", None, "Print nothing, and show no progress."],
        [
            "once",
            None,
            "Read each stream once, to its end, such as the answer of a language "
            "model. A complete end is whole.",
        ],
        ["until-broken", None, "End as soon as a stream is not whole."],
    ]
    optParameters = [
        [
            "for",
            None,
            None,
            "Seconds to read, 0.1 to 86400. "
            f"[default: {FOR}; {FOR_ONCE} with --once, {FOR_UNTIL_BROKEN} with "
            "--until-broken]",
            seconds("--for", 0.1),
        ],
        [
            "interval",
            None,
            None,
            "Seconds between two lines, 0.01 to 86400. [default: what the lines show]",
            seconds("--interval", 0.01),
        ],
        [
            "max-gap",
            None,
            None,
            "Longest time allowed without a line, in seconds. "
            f"[default: {MAX_GAP} intervals, but {LEAST_GAP:g} s at least; {MAX_GAP} s "
            "without an interval]",
            seconds("--max-gap", 0.01),
        ],
        [
            "max-late",
            None,
            None,
            "Longest time allowed from the time that a line shows to its arrival, in "
            "seconds. [default: any]",
            seconds("--max-late", 0.001),
        ],
        ["log", None, None, "File for a log of all arrivals, as lines of JSON."],
        ["junit", None, None, "File for a report in JUnit XML."],
        ["plot", None, None, "File for a plot of the arrivals, in SVG."],
    ]
    compData = usage.Completions(
        optActions={
            **{
                option: usage.Completer(descr="seconds")
                for option in ("for", "interval", "max-gap", "max-late")
            },
            "log": usage.CompleteFiles("*.jsonl"),
            "junit": usage.CompleteFiles("*.xml"),
            "plot": usage.CompleteFiles("*.svg"),
        }
    )

    def postOptions(self) -> None:
        """
        Set the defaults that depend on other options, and refuse options that
        contradict each other.
        """
        super().postOptions()
        if self["quiet"] and self["json"]:
            raise usage.UsageError(
                "--quiet and --json contradict each other: leave one out"
            )
        names = [self[name] for name in ("junit", "plot", "log") if self[name]]
        files = [*map(os.path.realpath, names)]
        if len({*files}) < len(files):
            raise usage.UsageError("--junit, --plot and --log name the same file")
        # A request that may change something is not sent twice.
        isSafe = self.data is None and self.method in (None, "GET", "HEAD")
        self["once"] = self["once"] or not isSafe
        if self["for"] is None:
            self["for"] = FOR_ONCE if self["once"] else FOR
            if self["until-broken"] and not self["once"]:
                self["for"] = FOR_UNTIL_BROKEN

    def limits(self) -> Limits:
        """
        Return what is allowed.
        """
        return Limits(self["max-gap"], self["max-late"], bool(self["once"]))
