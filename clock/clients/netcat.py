"""
C{clock-netcat}: connect, and copy what arrives to standard output.

This is C{netcat1} of I{The Go Programming Language}: it reads until the server closes
the connection, and copies the bytes unchanged. Writing blocks on purpose. While
standard output is blocked, the client reads nothing from the server, and TCP's flow
control stops the server from sending.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python import usage
from twisted.python.failure import Failure

from clock.clients.process import exitOnSignals, runMain
from clock.clients.reading.addresses import withoutPassword
from clock.clients.reading.connection import lossOf, noteLoss
from clock.clients.reading.ends import EndError, How, endOf
from clock.clients.reading.observer import Observer
from clock.clients.reading.options import ReadingOptions
from clock.clients.reading.urls.endpoint import addressEndpoint
from clock.console.options import whole
from clock.console.output import warn, writeBytes
from clock.console.text import oneLine, printable

#: The name of the command in errors.
NAME = "clock-netcat"

#: The error if the server closes the connection without sending anything. A server does
#: this when it refuses a client.
NO_DATA = "the server closed without sending anything: it may be at its client limit"


class Options(ReadingOptions):
    """
    The options of C{clock-netcat}. C{"address"} is the address to connect to.
    """

    synopsis = f"Usage: {NAME} [options] [[HOST]:PORT | HOST PORT | URL | ENDPOINT]"
    longdesc = (
        "Connects, and copies what arrives to standard output until the server closes "
        "the connection. The exit status is 1 if the connection fails or if nothing "
        "arrives. For an http or https URL it copies the body, and decodes it. For a "
        "ws or wss URL it copies each message as a line."
    )
    examples = (
        ("", "localhost:8080"),
        (":8000", "localhost:8000"),
        ("localhost 8000", "the same, in netcat's form"),
        ("[::1]:8080", "an IPv6 address, in brackets"),
        ("http://localhost:8000/lines", "the body of a response"),
        ("unix:/tmp/clock", "a Twisted endpoint"),
    )
    compData = usage.Completions(
        extraActions=[
            usage.Completer(descr=r"HOST\:PORT, HOST, URL or ENDPOINT"),
            usage.Completer(descr="PORT"),
        ]
    )

    def commandName(self) -> str:
        """
        Return C{clock-netcat}, even if it is run as C{python -m clock.clients.netcat}.
        """
        return NAME

    def parseArgs(self, *arguments: str) -> None:
        """
        Parse the address.
        """
        if len(arguments) > 2:
            raise usage.UsageError(f"more than one address; see {NAME} --help")
        self["address"] = ":".join(arguments) or "localhost:8080"
        if len(arguments) == 2:
            host, port = arguments
            whole("port", 1, 65535)(port)
            if ":" in host and "[" not in host:
                self["address"] = f"[{host}]:{port}"


class CopyProtocol(Protocol):
    """
    Copy everything that arrives.

    @ivar done: fires when the copy has ended: with C{None} if the server closed the
        connection in good order, or if the reader of the output closed it; otherwise
        with the error. The error is C{EOFError} if the server closed before it sent
        anything.
    """

    transport: ITCPTransport
    _received = False

    def __init__(self, write: Callable[[bytes], object]) -> None:
        """
        @param write: writes all the bytes it is given. It may raise C{OSError}.
        """
        self.done: Deferred[None] = Deferred()
        self._write = write

    def connectionMade(self) -> None:
        """
        Note how the connection is lost. The layers below do so over HTTP.
        """
        if not hasattr(self.transport, "isEventStream"):
            noteLoss(self.transport)

    def dataReceived(self, data: bytes) -> None:
        """
        Copy the bytes unchanged. If they cannot be written, disconnect.
        """
        self._received |= bool(data)
        try:
            self._write(data)
        except BrokenPipeError:
            self._finish(None)
        except OSError as error:
            self._finish(Failure(error))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Fire L{done}.
        """
        end = endOf(lossOf(self.transport, reason))
        if not end.isInOrder():
            self._finish(Failure(EndError(*end)))
        elif self._received or end.how is How.COMPLETE:
            self._finish(None)
        else:
            self._finish(Failure(EOFError(NO_DATA)))

    def _finish(self, result: Failure | None) -> None:
        if not self.done.called:
            self.done.callback(result)
            self.transport.abortConnection()


class RedirectPrinter(Observer):
    """
    Print redirects on standard error.
    """

    def redirected(self, url: str) -> None:
        """
        Print the address.
        """
        warn(NAME, f"redirected to {printable(url)}")


async def copy(
    reactor: Any, options: Options, write: Callable[[bytes], object] = writeBytes
) -> int:
    """
    Connect, and copy until the connection ends.

    @param reactor: the reactor that connects.
    @param options: the parsed options.
    @param write: writes the bytes.

    @return: the exit status: 0 if the server closed the connection, or if the reader of
        the output closed it.

    @raise SystemExit: with one line that names the address and the error.
    """
    address, web = options["address"], options.webOptions(NAME)
    try:
        endpoint = addressEndpoint(reactor, address, web, RedirectPrinter())
        connection = await connectProtocol(endpoint, CopyProtocol(write))
        await connection.done
    except Exception as error:
        reason = endOf(Failure(error)).text
        shown = oneLine(withoutPassword(address))
        raise SystemExit(f"{NAME}: {shown}: {reason}") from None
    return 0


def main() -> None:
    """
    Run the command, with the process's command line.
    """
    runMain(Options(), copy)


if __name__ == "__main__":
    exitOnSignals(lambda: None, [signal.SIGINT])
    main()
