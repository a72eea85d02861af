"""
From start to stop: listening ports that open or say why not, and a clean end.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import cast

from twisted.application.internet import StreamServerEndpointService
from twisted.application.service import MultiService
from twisted.internet import tcp
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.lockfile import FilesystemLock

from clock.address import addressText
from clock.protocol import ClockFactory
from clock.wording import commandName, oneLine, shorten

#: What to try when listening fails for one of the usual reasons.
_ADVICE: dict[int | None, str] = {
    errno.EACCES: "a port below 1024 needs root, which twistd --uid then sheds",
    errno.EADDRINUSE: "stop who listens there, or take another port",
    errno.EADDRNOTAVAIL: "it must be an address of this machine",
}

#: The same for a UNIX socket. Twisted's lock of one names the process that has it.
_UNIX_ADVICE: dict[int | None, str] = {
    errno.EADDRINUSE: "if no server listens there, remove the file",
    errno.EPERM: "another user's server listens there",
}


class StartError(SystemExit, Exception):
    """
    The program cannot start, and has said why.

    It ends the process with exit status 1, as a C{SystemExit}; and it is an
    C{Exception}, because those alone make C{twistd} remove its pidfile and,
    daemonised, tell the parent process, which would otherwise wait for ever.
    """

    def __init__(self, message: str) -> None:
        """
        @param message: one line, and a short one: the parent of a daemon shows
            no more than its first 70 bytes or so.
        """
        super().__init__(message)
        self.code = 1


class ListeningService(StreamServerEndpointService):
    """
    Listen on one endpoint, or fail at the start.

    @ivar where: the endpoint, as the user would know it.
    @ivar port: the listening port, once there is one.
    """

    _log = Logger()

    # The base class would log the failure and go on, serving nothing. This is
    # how strports.service makes it raise instead.
    _raiseSynchronously = True

    factory: ClockFactory
    port: IListeningPort | None = None

    def __init__(
        self, where: str, endpoint: IStreamServerEndpoint, factory: ClockFactory
    ) -> None:
        """
        @param where: the endpoint, as the user would know it.
        @param endpoint: where to listen.
        @param factory: whom to serve.
        """
        super().__init__(endpoint, factory)
        self.where = where

    def privilegedStartService(self) -> None:
        """
        Listen, while the process still has the rights it was started with.

        @raise StartError: if that fails; one line on standard error and in the
            log has said why.
        """
        try:
            super().privilegedStartService()
        except Exception as error:
            _removeLock(error)
            name, why = oneLine(self.where), self._why(error)
            # Under twistd, sys.stderr is the log by now.
            print(f"{commandName()}: {name}: {why}", file=sys.__stderr__)
            self._log.error("Cannot listen on {name}: {why}", name=name, why=why)
            raise StartError(f"{shorten(name)}: {why}") from None
        listening = cast("Deferred[IListeningPort]", self._waitingForPort)
        listening.addCallback(self._listening)

    def stopService(self) -> Deferred[None]:
        """
        Stop listening; a later start listens anew.

        @return: fires when the port is closed.
        """
        stopped: Deferred[None] = super().stopService()
        self._waitingForPort = self.port = None
        return stopped

    def abandon(self) -> None:
        """
        Close the port at once: C{stopListening} would need the reactor to run,
        and it will not.
        """
        if isinstance(self.port, tcp.Port):
            self.port.connectionLost(Failure(ConnectionDone()))

    def _listening(self, port: IListeningPort) -> IListeningPort:
        self.port = port
        return port

    def _why(self, error: Exception) -> str:
        unix = self.where.startswith("unix:")
        if isinstance(error, CannotListenError):
            error = error.socketError
            if unix and not isinstance(error, OSError):
                return "a server listens there; stop it, or take another path"
        if not isinstance(error, OSError) or not error.strerror:
            return oneLine(error)
        # Not the name of the file, which for a UNIX socket's lock is a number.
        advice = (_UNIX_ADVICE if unix else _ADVICE).get(error.errno)
        return "; ".join(filter(None, (error.strerror, advice)))


def _removeLock(error: Exception) -> None:
    """
    Remove the lock of a UNIX socket that could not be bound: Twisted leaves it there.
    """
    if (
        isinstance(error, CannotListenError)
        # What was locked by another process, or port, is not our own to remove.
        and isinstance(error.socketError, OSError)
        and isinstance(error.port, bytes)
    ):
        with suppress(OSError, ValueError):
            FilesystemLock(error.port + b".lock").unlock()


class ClockService(MultiService):
    """
    The clocks of one process, one for each zone, on all their endpoints.

    @ivar listeners: who listens, one for each endpoint.
    @ivar factories: the factories that they listen for.
    """

    _log = Logger()

    def __init__(self, listeners: Iterable[ListeningService]) -> None:
        """
        @param listeners: where to listen, and whom to serve there; endpoints that
            share a factory share its turn.
        """
        super().__init__()
        self.listeners = [*listeners]
        self.factories = [*dict.fromkeys(each.factory for each in self.listeners)]
        for listener in self.listeners:
            listener.setServiceParent(self)

    def privilegedStartService(self) -> None:
        """
        Listen on every endpoint.

        @raise StartError: if one cannot be listened on; then none is.
        """
        try:
            super().privilegedStartService()
        except StartError:
            for listener in self.listeners:
                listener.abandon()
            raise

    def startService(self) -> None:
        """
        Start, and log what is served where, a line for each factory.

        @raise StartError: if an endpoint cannot be listened on; then none is.
        """
        if all(listener.port is None for listener in self.listeners):
            # Unlike twistd, twist has no privileged start.
            self.privilegedStartService()
        super().startService()
        for factory in self.factories:
            self._sayStart(factory)

    def stopService(self) -> Deferred[None]:
        """
        Stop listening, then let every client go.

        @return: fires when the last has gone, L{clock.protocol.GRACE} seconds
            later at most.
        """
        stopped: Deferred[object] = super().stopService()
        return stopped.addCallback(self._letGo).addCallback(self._sayEnd)

    def _sayStart(self, factory: ClockFactory) -> None:
        self._log.info(
            "Telling {zone} as {shape}, every {interval:g} s, {mode}, on {addresses}",
            zone=factory.face.zoneName(factory.ticker.now()),
            shape=factory.face.format,
            interval=factory.ticker.interval,
            mode="to one client at a time"
            if factory.sequential
            else "to all clients at once",
            addresses=", ".join(
                addressText(listener.port.getHost())
                for listener in self.listeners
                if listener.factory is factory and listener.port is not None
            ),
        )
        if factory.face.constant():
            self._log.warn(
                "The format {shape} shows no time: every line is the same",
                shape=factory.face.format,
            )

    def _letGo(self, _: object) -> Deferred[list[None]]:
        return gatherResults([each.disconnectAll() for each in self.factories])

    def _sayEnd(self, _: object) -> None:
        self._log.info("The clock has stopped")
