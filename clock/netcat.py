"""
C{clock-netcat}: connect, and copy what arrives to standard output.

It is C{netcat1} of I{The Go Programming Language}: it reads until the server
closes, and does nothing to the bytes. Writing blocks, on purpose: while standard
output takes nothing, nothing more is read, and the server can tell.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import react
from twisted.python import usage
from twisted.python.failure import Failure

from clock._start import endOnInterrupt
from clock.address import endpointFromText
from clock.arguments import CommandOptions, whole
from clock.output import requireOutput, writeAll
from clock.wording import connectionError, oneLine

#: The command, as its errors name it.
NAME = "clock-netcat"

#: What a client that is turned away can know.
NOTHING = "closed by the server, which sent nothing: it may be at its client limit"


class Options(CommandOptions):
    """
    The options of C{clock-netcat}: where to connect is C{"address"}.
    """

    synopsis = f"Usage: {NAME} [options] [[HOST]:PORT | HOST PORT | ENDPOINT]"
    longdesc = (
        "Connects, and copies what arrives to standard output until the server closes. "
        "The exit status is 1 if that fails, or if nothing arrives."
    )
    examples = (
        ("", "localhost:8080"),
        (":8000", "localhost:8000"),
        ("localhost 8000", "the same, as netcat takes it"),
        ("[::1]:8080", "an IPv6 address, in brackets"),
        ("unix:/tmp/clock", "any Twisted client endpoint"),
    )
    compData = usage.Completions(
        extraActions=[
            usage.Completer(descr=r"HOST\:PORT, HOST or ENDPOINT"),
            usage.Completer(descr="PORT"),
        ]
    )

    def commandName(self) -> str:
        """
        Name the command, though it may be run as a module.

        @return: C{clock-netcat}.
        """
        return NAME

    def parseArgs(self, *arguments: str) -> None:
        """
        Take the address.
        """
        if len(arguments) > 2:
            raise usage.UsageError(f"one address at most; see {NAME} --help")
        self["address"] = ":".join(arguments) or "localhost:8080"
        if len(arguments) == 2:
            host, port = arguments
            whole("port", 1, 65535)(port)
            if ":" in host and "[" not in host:
                self["address"] = f"[{host}]:{port}"


class CopyProtocol(Protocol):
    """
    Hand on all that arrives.

    @ivar done: fires when the connection has ended, with C{None} if the server
        closed it or nobody takes the output any more, else with the reason. It is
        an C{EOFError} if the server closed before it sent anything.
    """

    transport: ITCPTransport
    _received = False

    def __init__(self, write: Callable[[bytes], object]) -> None:
        """
        @param write: takes all bytes it is given; may raise C{OSError}.
        """
        self.done: Deferred[None] = Deferred()
        self._write = write

    def dataReceived(self, data: bytes) -> None:
        """
        Hand bytes on, unchanged, and stop where they can go no further.
        """
        self._received = True
        try:
            self._write(data)
        except BrokenPipeError:
            self._finish(None)
        except OSError as error:
            self._finish(Failure(error))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Tell that the connection has ended.
        """
        if not reason.check(ConnectionDone):
            self._finish(reason)
        elif self._received:
            self._finish(None)
        else:
            self._finish(Failure(EOFError(NOTHING)))

    def _finish(self, result: Failure | None) -> None:
        if not self.done.called:
            self.done.callback(result)
            self.transport.abortConnection()


async def copy(
    reactor: Any, text: str, write: Callable[[bytes], object] = writeAll
) -> None:
    """
    Connect, and copy until the end.

    @param reactor: what to connect with.
    @param text: where to, as L{endpointFromText} takes it.
    @param write: what to do with the bytes.

    @raise SystemExit: with one line that says what went wrong.
    """
    # The reactor's own handler would close the connection and blame the server.
    reactor.callWhenRunning(signal.signal, signal.SIGTERM, signal.SIG_DFL)
    try:
        endpoint = endpointFromText(reactor, text)
        connection = await connectProtocol(endpoint, CopyProtocol(write))
        await connection.done
    except Exception as error:
        why = connectionError(error)
        raise SystemExit(f"{NAME}: {oneLine(text)}: {why}") from None


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Run the command.

    @param arguments: the command line, less the command; by default the real one.

    @raise SystemExit: always: 0 when the server has closed or nobody reads the
        output any more, 1 with a line on standard error for every failure.
    """
    options = Options()
    options.parseOptions(arguments)
    requireOutput(NAME)
    endOnInterrupt()
    react(copy, [options["address"]])


if __name__ == "__main__":
    main()
