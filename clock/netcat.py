"""
C{clock-netcat}: connect, and copy what arrives to standard output.

It is C{netcat1} of I{The Go Programming Language}: it reads until the server
closes, and does nothing to the bytes. Writing blocks, on purpose: while standard
output takes nothing, nothing more is read, and the server can tell.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import react
from twisted.python.failure import Failure

from clock.address import endpointFromText
from clock.output import endNow, writeAll
from clock.wording import oneLine

USAGE = """\
Usage: clock-netcat [HOST]:PORT | ENDPOINT

Connects, and copies what arrives to standard output until the server closes.

  clock-netcat                     localhost:8080
  clock-netcat :8000               localhost:8000
  clock-netcat [::1]:8080          an IPv6 address, in brackets
  clock-netcat unix:/tmp/clock     any Twisted client endpoint
"""

#: What a shell reports of a command that Ctrl-C ended: 128 and SIGINT's number.
INTERRUPTED = 130


class CopyProtocol(Protocol):
    """
    Hand on all that arrives.

    @ivar done: fires when the connection has ended, with C{None} if the server
        closed it or nobody takes the output any more, else with the reason.
    """

    transport: ITCPTransport

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
        self._finish(None if reason.check(ConnectionDone) else reason)

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
        where = oneLine(text)
        raise SystemExit(f"clock-netcat: {where}: {oneLine(error)}") from None


def interrupt(*_: object) -> None:
    """
    End at once: a write that waits for its reader would keep an exception, or
    the reactor's end, waiting too.
    """
    endNow(INTERRUPTED)


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Run the command.

    @param arguments: the command line, less the command; by default the real one.

    @raise SystemExit: always: 0 when the server has closed or nobody reads the
        output any more, 1 with a line on standard error for every failure.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] in ("-h", "--help"):
        print(USAGE, end="")
        raise SystemExit(0)
    if arguments and arguments[0].startswith("-"):
        raise SystemExit(
            f"clock-netcat: {arguments[0]!r} is not an address; see clock-netcat --help"
        )
    if len(arguments) > 1:
        raise SystemExit("clock-netcat: one address at most; see clock-netcat --help")
    if sys.stdout is None:
        raise SystemExit("clock-netcat: standard output is closed")
    signal.signal(signal.SIGINT, interrupt)
    react(copy, [*arguments] or ["localhost:8080"])


if __name__ == "__main__":
    main()
