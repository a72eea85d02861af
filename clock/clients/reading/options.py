"""
The options that all client commands share.
"""

from __future__ import annotations

from twisted.python import usage

from clock.clients.reading.urls.endpoint import WebOptions, parseHeader
from clock.console.options import CommandOptions
from clock.console.output import warn
from clock.console.text import oneLine

#: The help on addresses, for the commands that read lines.
ADDRESS_HELP = (
    "An ADDRESS is HOST:PORT, an http, https, ws or wss URL, or a Twisted client "
    "endpoint."
)

#: The option of the commands that read lines.
FIELD = [
    "field",
    None,
    None,
    "Field of JSON lines that has the time or a counter. [default: time and tick]",
]


class ReadingOptions(CommandOptions):
    """
    Options for addresses that are URLs.

    @ivar headers: the names and values of the headers to send.
    """

    optFlags = [
        [
            "insecure",
            None,
            "Accept any certificate of an https or wss server, such as a test server.",
        ]
    ]
    compData = usage.Completions(
        optActions={"header": usage.Completer(descr="Name: value")}
    )

    def __init__(self) -> None:
        """
        Start without headers.
        """
        super().__init__()
        self.headers: list[tuple[str, str]] = []
        # Twisted would keep the indentation.
        self.docs["header"] = oneLine(self.docs["header"])

    def opt_header(self, text: str) -> None:
        """
        Send this header to http and ws servers: 'Name: value'. It replaces a default of
        the same name. May be repeated.
        """
        try:
            self.headers.append(parseHeader(text))
        except ValueError as error:
            raise usage.UsageError(f"--header {text!r} {error}") from None

    def webOptions(self, command: str) -> WebOptions:
        """
        Return the user's settings for requests. Warn on standard error if certificates
        are not verified.

        @param command: the name of the command.
        """
        if self["insecure"]:
            warn(command, "certificates are not verified (--insecure)")
        return WebOptions(self.headers, verify=not self["insecure"])
