"""
The command line of C{clockwall}.
"""

from __future__ import annotations

from twisted.python import usage

from clock.clients.reading.streamsoptions import ADDRESS_HELP, StreamsOptions
from clock.console.options import seconds


class Options(StreamsOptions):
    """
    The options of C{clockwall}.
    """

    synopsis = "Usage: clockwall [options] [NAME=]ADDRESS ..."
    longdesc = (
        "Shows several clock servers, one in each row. Reconnects if a connection is "
        f"lost. {ADDRESS_HELP}"
    )
    examples = (
        ("NewYork=localhost:8010 Tokyo=[::1]:8020", "two clocks"),
        ("Web=http://localhost:8000/events", "server-sent events"),
        ("Here=unix:/tmp/clock", "a Twisted endpoint"),
    )
    optParameters = [
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
        optActions={"interval": usage.Completer(descr="seconds")}
    )
