"""
The options that all client commands share.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from twisted.python import usage

from clock.clients.reading.addresses import hostAndPort
from clock.clients.reading.urls.endpoint import WebOptions, parseHeader
from clock.clients.reading.urls.settings import basicAuthorization
from clock.console.options import CommandOptions
from clock.console.output import warn
from clock.console.text import oneLine

#: The most bytes of C{--data}: a file may have no end.
MAX_DATA = 64_000_000

#: The name of a header, or what else comes before its value.
_BEFORE_VALUE = re.compile(r"[^:=\s]*")

#: The characters of an address in ASCII.
_ADDRESS = re.compile(r"[!-~]+")

#: A method is a token (RFC 9110).
_METHOD = re.compile(r"[!#$%&'*+.^_`|~\w-]+", re.ASCII)


class ReadingOptions(CommandOptions):
    """
    Options for addresses that are URLs. They have the names and letters of curl's
    options. What browsers write if they copy a GET or POST "as cURL" is accepted.

    @ivar headers: for each header to send, the name of its stream, or C{None} for all
        streams, and its own name and value.
    @ivar data: the body of requests, or the first message of a WebSocket; C{None} for
        none.
    @ivar method: the method of requests; C{None} for the default.
    """

    optFlags = [
        [
            "insecure",
            "k",
            "Accept any certificate of an https or wss server, such as a test server.",
        ],
        ["http1.1", None, "Do not use HTTP/2."],
    ]
    compData = usage.Completions(
        optActions={
            "header": usage.Completer(descr="Name: value"),
            "cookie": usage.Completer(descr="name=value"),
            "data": usage.Completer(descr="text or @FILE"),
            "data-binary": usage.Completer(descr="text or @FILE"),
            "data-raw": usage.Completer(descr="text"),
            "request": usage.Completer(descr="method"),
            "proxy": usage.Completer(descr="URL"),
            "connect-to": usage.Completer(descr=r"HOST\:PORT"),
            "user": usage.Completer(descr=r"NAME\:PASSWORD"),
        }
    )
    # What browsers and tutorials write for curl. What these turn on is always on here,
    # or means nothing here.
    unusedNames = (
        *("compressed", "fail", "globoff", "http2", "include", "location"),
        *("no-buffer", "show-error", "silent", "verbose"),
    )
    unusedLetters = "fgiLNSsv"
    _isWarned = False

    def __init__(self) -> None:
        """
        Start without headers.
        """
        super().__init__()
        self.headers: list[tuple[str | None, tuple[str, str]]] = []
        self.data: bytes | None = None
        self.method: str | None = None
        self._proxies: dict[str | None, str] = {}
        self._connectTo: dict[str | None, str] = {}
        # Twisted would keep the indentation.
        self.docs.update({name: oneLine(text) for name, text in self.docs.items()})

    def opt_header(self, text: str) -> None:
        """
        Send this header to http and ws servers: 'Name: value'. It replaces a default of
        the same name. May be repeated.
        """
        name, header = _split("--header", text)
        try:
            self.headers.append((name, parseHeader(header)))
        except ValueError as error:
            # The value may be a secret.
            shown = _BEFORE_VALUE.match(text)[0]  # type: ignore[index]
            more = "" if shown == text else "..."
            raise usage.UsageError(f"--header {shown + more!r} {error}") from None

    def opt_cookie(self, text: str) -> None:
        """
        Send these cookies to http and ws servers: 'name=value; name=value'.
        """
        try:
            if "=" not in text:
                raise ValueError
            self.headers.append((None, parseHeader(f"Cookie: {text}")))
        except ValueError:
            raise usage.UsageError(
                "--cookie is not 'name=value; name=value' in printable ASCII"
            ) from None

    def opt_user(self, text: str) -> None:
        """
        Send this NAME:PASSWORD to http and ws servers (Basic authentication).
        """
        if ":" not in text:
            raise usage.UsageError("--user is not NAME:PASSWORD")
        value = basicAuthorization(os.fsencode(text))
        self.headers.append((None, ("Authorization", value)))

    def opt_data(self, text: str) -> None:
        """
        Send this text to http servers, in a POST request, and to ws servers, as the
        first message. @FILE sends a file, and @- standard input.
        """
        try:
            data = _readData(text)
        except OSError as error:
            raise usage.UsageError(f"--data {text!r}: {error.strerror}") from None
        self._setData(data)

    def opt_data_raw(self, text: str) -> None:
        """
        Send this text as --data does, also if it begins with @.
        """
        self._setData(os.fsencode(text))

    def opt_data_binary(self, text: str) -> None:
        """
        The same as --data.
        """
        self.opt_data(text)

    def _setData(self, data: bytes) -> None:
        if self.data is not None:
            raise usage.UsageError("--data is given twice: leave one out")
        if len(data) > MAX_DATA:
            raise usage.UsageError(f"--data is longer than {MAX_DATA} bytes")
        self.data = data

    def opt_request(self, method: str) -> None:
        """
        Method of http requests. [default: GET, or POST with --data]
        """
        if not _METHOD.fullmatch(method):
            raise usage.UsageError(f"--request {method!r} is not a method: try POST")
        self.method = method

    def opt_proxy(self, text: str) -> None:
        """
        URL of the proxy for http and ws servers; empty for none. [default: http_proxy,
        https_proxy and no_proxy in the environment]
        """
        name, self._proxies[name] = _split("--proxy", text)

    def opt_connect_to(self, text: str) -> None:
        """
        Connect to this HOST:PORT instead of the host and the port of the URL.
        """
        name, address = _split("--connect-to", text)
        try:
            isAddress = hostAndPort(address) is not None
        except ValueError as error:
            raise usage.UsageError(f"--connect-to {text!r}: {error}") from None
        # A proxy gets the host as it is.
        if not isAddress or not _ADDRESS.fullmatch(address):
            raise usage.UsageError(f"--connect-to {text!r} is not HOST:PORT")
        self._connectTo[name] = address

    opt_H = opt_header
    opt_b = opt_cookie
    opt_d = opt_data
    opt_u = opt_user
    opt_X = opt_request
    opt_x = opt_proxy

    def postOptions(self) -> None:
        """
        Refuse values for streams that do not exist.
        """
        self.checkNames(())

    def checkNames(self, names: Iterable[str]) -> None:
        """
        Refuse values for other streams than these.

        @param names: the names of the streams.

        @raise usage.UsageError: if a value has another name.
        """
        known = {None, *names}
        for option, used in (
            ("--header", [name for name, _ in self.headers]),
            ("--proxy", self._proxies),
            ("--connect-to", self._connectTo),
            ("--http1.1-for", [self.get("http1.1-for")]),
        ):
            for name in used:
                if name not in known:
                    raise usage.UsageError(f"{option}: no stream is named {name!r}")

    def webOptions(self, command: str, name: str = "") -> WebOptions:
        """
        Return the user's settings for the requests of a stream. Warn on standard error
        once if certificates are not verified.

        @param command: the name of the command.
        @param name: the name of the stream.
        """
        if self["insecure"] and not self._isWarned:
            self._isWarned = True
            warn(command, "certificates are not verified (--insecure)")
        return WebOptions(
            [header for each, header in self.headers if each in (None, name)],
            verify=not self["insecure"],
            method=self.method,
            data=self.data,
            proxy=self._proxies.get(name, self._proxies.get(None)),
            connectTo=self._connectTo.get(name, self._connectTo.get(None)),
            http1=bool(self["http1.1"]) or self.get("http1.1-for") == name,
        )


def _split(option: str, text: str) -> tuple[str | None, str]:
    """
    Split C{NAME=VALUE}, as in the arguments of the command. Without a name, it is
    C{None}.
    """
    name, equals, value = text.partition("=")
    if not equals or ":" in name:
        return None, text
    if not name:
        raise usage.UsageError(f"{option} {text!r} has an empty name")
    return name, value


def _readData(text: str) -> bytes:
    if not text.startswith("@"):
        return os.fsencode(text)
    with open(0 if text == "@-" else text[1:], "rb") as file:
        return file.read(MAX_DATA + 1)
