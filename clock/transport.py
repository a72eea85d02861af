"""
Listening endpoints whose connections send at once.

C{write} of a Twisted transport keeps the data, asks the reactor to say when the
socket is writable, sends when it says so, and asks it to stop saying so: three
system calls and a trip through the reactor. That is right for a transfer. For a
few bytes a second the socket is nearly always writable already, and sending them
straight away takes 7 of 22 microseconds off each line.

What is new here is only the case in which nothing is held back. All the rest is
the transport's own: what the kernel does not take, and what fails.

A peer whose host or link has died says nothing, and TCP by itself takes a quarter
of an hour to notice. C{TCP_USER_TIMEOUT} (tcp(7)) ends a connection on which
nothing was acknowledged for so long, and keepalive asks those who have nothing to
acknowledge. Both are set on the listening socket, from which each connection
inherits them: five system calls less for each.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, cast

from twisted.internet import tcp
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from zope.interface import implementer

from clock.handshake import judgeHeaders

_log = Logger()


class PromptWrites:
    """
    To be mixed into a C{tcp.Server} or one of its kind.

    A registered streaming producer is paused as soon as anything is held back,
    rather than after 64 KiB: whoever tells the time has no use for a backlog.
    """

    # Descriptors that are to go with the next bytes: a UNIX transport has some.
    _sendmsgQueue: Any = ()

    def write(self: Any, data: bytes) -> None:
        """
        Send at once what the kernel takes, and keep the rest to send later.

        A connection that proves to be lost is left for the reactor to find, so
        nothing is called back from here.

        @param data: to send.
        """
        if (
            self.dataBuffer
            or self._tempDataBuffer
            or self._sendmsgQueue
            or self.TLS
            or self._writeDisconnected
            or not self.connected
            or self.disconnecting
            or (self.producer is not None and not self.streamingProducer)
        ):
            # Something must be sent before this, or woken by its being sent.
            super().write(data)  # type: ignore[misc]
            return
        try:
            sent = self.socket.send(data)
        except OSError:
            sent = 0
        if sent < len(data):
            super().write(data[sent:])  # type: ignore[misc]

    def _isSendBufferFull(self: Any) -> bool:
        return bool(self.dataBuffer or self._tempDataBuffer)


def stallOptions(seconds: float) -> Sequence[tuple[int, int, int]]:
    """
    Find the socket options that end a connection whose peer has stalled.

    @param seconds: how long nothing may be acknowledged; 0 means for ever.

    @return: level, option and value of each; those that this platform lacks are
        left out, and if C{TCP_USER_TIMEOUT} is, the log says so.
    """
    if not seconds:
        return ()
    # macOS has another name for it.
    idle = "TCP_KEEPIDLE" if hasattr(socket, "TCP_KEEPIDLE") else "TCP_KEEPALIVE"
    tcpOptions = {
        "TCP_USER_TIMEOUT": round(seconds * 1000),
        idle: max(1, min(10, round(seconds))),
        "TCP_KEEPINTVL": max(1, min(5, round(seconds))),
        "TCP_KEEPCNT": 3,
    }
    if not hasattr(socket, "TCP_USER_TIMEOUT"):
        _log.warn("No TCP_USER_TIMEOUT here: who stalls is noticed late, if at all")
    return [
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        *(
            (socket.IPPROTO_TCP, getattr(socket, name), value)
            for name, value in tcpOptions.items()
            if hasattr(socket, name)
        ),
    ]


def setSocketOptions(
    socketOf: socket.socket, options: Iterable[tuple[int, int, int]]
) -> None:
    """
    Set options of TCP, if it is TCP.

    @param socketOf: a listening port's or a connection's.
    @param options: as from L{stallOptions}; where the system refuses one, the
        others are set.
    """
    if socketOf.family in (socket.AF_INET, socket.AF_INET6):
        for option in options:
            with suppress(OSError):
                socketOf.setsockopt(*option)


@cache
def _prompt(transport: type) -> type:
    """
    Derive from a port's class of transports the one that writes promptly.
    """
    return type(f"Prompt{transport.__name__}", (PromptWrites, transport), {})


#: How many connections are taken in one turn of the reactor at the most. A port takes
#: L{_MORE} more each time that it could take as many as it wanted, so that a storm of
#: connections keeps timers waiting for longer and longer: up to 60 ms were seen.
MOST_ACCEPTS = 100

_MORE = 20


@implementer(IProtocolFactory)
class _Gate:
    """
    A factory that refuses a connection before anything is made of it, and keeps
    its port from taking too many at once.
    """

    def __init__(self, port: tcp.Port, admit: Callable[[], bool], most: int) -> None:
        self._port = port
        self._factory = cast(IProtocolFactory, port.factory)
        self._admit = admit
        self._most = most
        port.numberAccepts = min(port.numberAccepts, most)

    def doStart(self) -> None:
        self._factory.doStart()

    def doStop(self) -> None:
        self._factory.doStop()

    def buildProtocol(self, addr: IAddress) -> IProtocol | None:
        if self._port.numberAccepts + _MORE > self._most:
            # Having taken less than it finds here, the port will not want more.
            self._port.numberAccepts = self._most + 1
        # What the port gets for None it closes at once. The factories that wrap
        # another, for TLS and the PROXY protocol, do not expect None of it.
        return self._factory.buildProtocol(addr) if self._admit() else None


@implementer(IStreamServerEndpoint)
class PromptEndpoint:
    """
    A listening endpoint around another, whose connections send at once.

    TCP over IPv4 and IPv6, UNIX sockets and adopted ones do, and so does what
    lies beneath TLS and the PROXY protocol. An endpoint with another kind of
    port is left as it is.
    """

    def __init__(
        self,
        endpoint: IStreamServerEndpoint,
        *,
        socketOptions: Sequence[tuple[int, int, int]] = (),
        admit: Callable[[], bool] = lambda: True,
        mostAccepts: int = MOST_ACCEPTS,
    ) -> None:
        """
        @param endpoint: where to listen.
        @param socketOptions: what to set on each TCP connection, as from
            L{stallOptions}.
        @param admit: is asked before each connection is taken; where it says
            C{False}, that is closed at once.
        @param mostAccepts: how many connections are taken before others are heard
            again, L{MOST_ACCEPTS} at most.
        """
        self._endpoint = endpoint
        self._socketOptions = socketOptions
        self._admit = admit
        self._mostAccepts = min(mostAccepts, MOST_ACCEPTS)

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """
        Listen.

        @param protocolFactory: makes a protocol for each connection.

        @return: fires with the port, or with the endpoint's own failure.
        """
        listening: Deferred[IListeningPort] = self._endpoint.listen(protocolFactory)
        return listening.addCallback(self._adapt)

    def _adapt(self, port: IListeningPort) -> IListeningPort:
        # The class to make transports of is an attribute that tcp.Port invites
        # to replace, as is the factory; unix.Port is a tcp.Port.
        if isinstance(port, tcp.Port):
            judgeHeaders(port.factory)
            port.transport = cast("type[tcp.Server]", _prompt(port.transport))
            port.factory = cast(Factory, _Gate(port, self._admit, self._mostAccepts))
            # From the port every connection that is accepted has them.
            setSocketOptions(port.socket, self._socketOptions)
        return port
