"""
The service of one endpoint: it opens the listening port, and closes it at the end.
"""

from __future__ import annotations

import errno
import select
import sys
from contextlib import suppress
from typing import Protocol, cast

from twisted.application.internet import StreamServerEndpointService
from twisted.internet import tcp
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.lockfile import FilesystemLock

from clock.console.output import printError
from clock.console.text import addressText, commandName, oneLine, shorten
from clock.plugin.addresses import isPassed

#: The most times that a port accepts connections before it is closed. It accepts up to
#: 100 connections each time, so this empties the listen queue.
MAX_LAST_ACCEPTS = 50

#: Advice for the common errors of opening a port.
_ADVICE: dict[int | None, str] = {
    errno.EACCES: "a port below 1024 needs root; twistd --uid drops it afterwards",
    errno.EADDRINUSE: "stop the process that listens there, or use another port",
    errno.EADDRNOTAVAIL: "it must be an address of this machine",
}

#: Advice for UNIX sockets, which Twisted locks.
_UNIX_ADVICE: dict[int | None, str] = {
    errno.EADDRINUSE: "if no server listens there, remove the file",
    errno.EPERM: "another user's server listens there",
}


class StartError(SystemExit, Exception):
    """
    The server cannot start, and the reason was printed.

    As a C{SystemExit} it ends the process with exit status 1. As an C{Exception} it
    makes C{twistd} remove its pidfile, and report to the parent process of a daemon,
    which would otherwise wait forever.
    """

    def __init__(self, message: str) -> None:
        """
        @param message: the reason, in one short line: the parent process of a daemon
            shows only about 70 bytes of it.
        """
        super().__init__(message)
        self.code = 1


class ServedFactory(Protocol):
    """
    A protocol factory that L{ClockService<clock.plugin.service.ClockService>} can
    serve.
    """

    def logStart(self, addresses: list[str]) -> None:
        """
        Log what the factory serves, and on which addresses.

        @param addresses: the addresses that the server listens on.
        """

    def disconnectAll(self) -> Deferred[None]:
        """
        Disconnect every client.

        @return: fires when the last connection is lost.
        """


class ListeningService(StreamServerEndpointService):
    """
    Listen on one endpoint, or fail at the start.

    @ivar endpointName: the endpoint, as the user wrote it.
    @ivar port: the listening port; C{None} while there is none.
    """

    _log = Logger()

    # By default, the base class logs a failure and continues without a port. With this
    # it raises, as it does for strports.service.
    _raiseSynchronously = True

    factory: ServedFactory
    port: IListeningPort | None = None

    def __init__(
        self, endpointName: str, endpoint: IStreamServerEndpoint, factory: ServedFactory
    ) -> None:
        """
        @param endpointName: the endpoint, as the user wrote it.
        @param endpoint: the endpoint to listen on.
        @param factory: the factory that serves its clients.
        """
        super().__init__(endpoint, cast(IProtocolFactory, factory))
        self.endpointName = endpointName

    def privilegedStartService(self) -> None:
        """
        Listen, before the process drops its privileges.

        @raise StartError: if that fails. The reason was printed to standard error and
            logged, in one line each.
        """
        try:
            super().privilegedStartService()
        except Exception as error:
            _removeLock(error)
            name, reason = oneLine(self.endpointName), self._reason(error)
            # twistd has replaced sys.stderr with the log.
            printError(f"{commandName()}: {name}: {reason}", sys.__stderr__)
            self._log.error(
                "Cannot listen on {name}: {reason}", name=name, reason=reason
            )
            raise StartError(f"{shorten(name)}: {reason}") from None
        listening = cast("Deferred[IListeningPort]", self._waitingForPort)
        listening.addCallback(self._listening)

    def stopService(self) -> Deferred[None]:
        """
        Stop listening. A service that is started again listens again.

        The connections that wait in the listen queue are accepted first, because the
        kernel resets those that are left there. A socket that systemd passed stays
        open, so the next process accepts them. The port is closed at once:
        C{stopListening} closes it in the next iteration of the reactor, and until then
        more connections could arrive.

        @return: fires when the port is closed; at once if the service is not running.
        """
        if self._waitingForPort is None:
            return succeed(None)
        if isinstance(self.port, tcp.Port):
            if not isPassed(self.endpointName):
                self._acceptWaiting(self.port)
            self.closePort()
        stopped: Deferred[None] = super().stopService()
        self._waitingForPort = self.port = None
        return stopped

    def address(self, port: IListeningPort) -> str:
        """
        Return the address of the listening port, for logs.

        @param port: the port.

        @return: the address as text, after C{tls:} if its clients need TLS.
        """
        tls = "tls:" if self.endpointName.startswith(("ssl:", "tls:")) else ""
        return f"{tls}{addressText(port.getHost())}"

    def closePort(self) -> None:
        """
        Close the port at once. Unlike C{stopListening}, this does not need a running
        reactor.
        """
        if isinstance(self.port, tcp.Port):
            self.port.connectionLost(Failure(ConnectionDone()))

    def _acceptWaiting(self, port: tcp.Port) -> None:
        """
        Accept the connections that wait in the listen queue, and close the socket.
        """
        port.stopReading()
        waiting = select.poll()
        waiting.register(port.socket, select.POLLIN)
        for _ in range(MAX_LAST_ACCEPTS):
            if not waiting.poll(0):
                break
            port.doRead()
        # connectionLost also closes the socket, but first it writes to the log, which
        # takes 0.1 ms or more.
        port.socket.close()

    def _listening(self, port: IListeningPort) -> IListeningPort:
        self.port = port
        return port

    def _reason(self, error: Exception) -> str:
        unix = self.endpointName.startswith("unix:")
        if isinstance(error, CannotListenError):
            error = error.socketError
            if unix and not isinstance(error, OSError):
                return "a server listens there; stop it, or use another path"
        if not isinstance(error, OSError) or not error.strerror:
            return oneLine(error)
        # The file name is omitted: for the lock of a UNIX socket it is a number.
        advice = (_UNIX_ADVICE if unix else _ADVICE).get(error.errno)
        return "; ".join(filter(None, (error.strerror, advice)))


def _removeLock(error: Exception) -> None:
    """
    Remove the lock of a UNIX socket that could not be bound. Twisted leaves it behind.
    """
    if (
        isinstance(error, CannotListenError)
        # Any other error means that another process, or another port, holds the lock.
        and isinstance(error.socketError, OSError)
        and isinstance(error.port, bytes)
    ):
        with suppress(OSError, ValueError):
            FilesystemLock(error.port + b".lock").unlock()
