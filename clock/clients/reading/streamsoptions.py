"""
The options that the commands share that read several streams.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from twisted.python import usage

from clock.clients.reading.options import ReadingOptions
from clock.clients.reading.targets import parseTargets

#: The help on addresses, for the commands that read lines.
ADDRESS_HELP = (
    "An ADDRESS is HOST:PORT, an http, https, ws or wss URL, or a Twisted client "
    "endpoint. The values of --header, --proxy and --connect-to may begin with NAME=: "
    "then they are for the stream of this name only."
)

#: A bracket that curl would otherwise expand, as C{[1-9]} to each of these numbers.
_ESCAPED = re.compile(r"\\([][{}])")


class StreamsOptions(ReadingOptions):
    """
    The options of a command that reads several streams.

    @ivar targets: the streams to read, in order.
    """

    optParameters: Sequence[Sequence[Any]] = [
        [
            "field",
            None,
            None,
            "Field of JSON lines that has the time or a counter. [default: time, "
            "timestamp or ts, and tick]",
        ],
        [
            "event",
            None,
            None,
            "Name of the server-sent events that are lines; message for those without "
            "a name. [default: any]",
        ],
        ["http1.1-for", None, None, "Name of a stream that does not use HTTP/2."],
    ]
    compData = usage.Completions(
        optActions={"url": usage.Completer(descr="URL")},
        extraActions=[usage.Completer(descr=r"NAME=HOST\:PORT", repeat=True)],
    )
    _urls: Sequence[str] = ()

    def opt_url(self, url: str) -> None:
        """
        URL to read, as for curl.
        """
        self._urls = [*self._urls, url]

    def parseArgs(self, *texts: str) -> None:
        """
        Parse the streams to read. A browser copies a request as a command of curl: its
        first word is left out, and so are the backslashes before brackets in its URL.
        """
        self.targets = parseTargets(_withoutCurl((*texts, *self._urls)))

    def postOptions(self) -> None:
        """
        Refuse values for streams that do not exist.
        """
        self.checkNames(target.name for target in self.targets)


def _withoutCurl(words: Sequence[str]) -> Sequence[str]:
    """
    Return the URLs of a command of curl, without the backslashes before their brackets.

    @param words: the words of the command without its options. If C{curl} is not one of
        them, they are returned.
    """
    if "curl" not in words:
        return words
    return [_ESCAPED.sub(r"\1", each) for each in words if each != "curl"]
