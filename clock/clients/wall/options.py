"""
The command line of C{clockwall}.
"""

from __future__ import annotations

from twisted.python import usage

from clock.clients.reading.options import ADDRESS_HELP, FIELD, ReadingOptions
from clock.clients.reading.targets import parseTargets
from clock.console.options import seconds


class Options(ReadingOptions):
    """
    The options of C{clockwall}.

    @ivar targets: the clocks to read, in order.
    """

    synopsis = "Usage: clockwall [options] [NAME=]ADDRESS ..."
    longdesc = (
        "Shows several clock servers, one in each row. Reconnects if a connection is "
        f"lost. {ADDRESS_HELP}"
    )
    examples = (
        ("NewYork=localhost:8010 Tokyo=[::1]:8020", "two clocks"),
        ("Web=http://localhost:8000/events", "server-sent events"),
        ("Here=unix:/tmp/clock", "any Twisted client endpoint"),
    )
    optParameters = [
        FIELD,
        [
            "interval",
            None,
            None,
            "Seconds between two lines, 0.01 to 86400, as set on the servers. "
            "[default: measured for each clock]",
            seconds("--interval", 0.01),
        ],
    ]
    compData = usage.Completions(
        optActions={"interval": usage.Completer(descr="seconds")},
        extraActions=[usage.Completer(descr=r"NAME=HOST\:PORT", repeat=True)],
    )

    def parseArgs(self, *texts: str) -> None:
        """
        Parse the clocks to read.
        """
        self.targets = parseTargets(texts)
