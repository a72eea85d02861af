"""
The interface of a stream over HTTP, and the transport that it writes to.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from socket import SO_SNDBUF, SOL_SOCKET
from typing import Any, Protocol

from twisted.internet.interfaces import IAddress, IPushProducer, ITransport
from twisted.python.failure import Failure
from zope.interface import implementer

#: The least size of the kernel's buffer for a padded stream, in bytes. Linux doubles
#: it.
MIN_BUFFER = 16_384


class Stream(Protocol):
    """
    A protocol that streams a response after a
    L{ClockChannel<clock.web.channel.ClockChannel>} has handed over the connection.
    """

    def dataReceived(self, data: bytes) -> None:
        """
        Read what the client sends after its request.

        @param data: the data.
        """

    def connectionLost(self, reason: Failure) -> None:
        """
        Note that the connection is lost.

        @param reason: the reason.
        """


@implementer(ITransport)
class ChannelTransport:
    """
    The base class of the transports of streams, on the transport of a channel.
    """

    __slots__ = ("_transport", "_write")

    def __init__(self, channel: Any) -> None:
        """
        @param channel: the channel, whose connection streams the response.
        """
        self._transport = channel.transport
        self._write = channel.transport.write

    def limitBuffer(self, size: int) -> None:
        """
        Let the kernel keep only some lines for a client that does not read. By default,
        it keeps up to 2.5 MB.

        @param size: the bytes of a padded line.
        """
        # A TLS transport wraps the transport of the connection.
        connection = getattr(self._transport, "transport", self._transport)
        if hasattr(connection, "socket"):
            size = max(size, MIN_BUFFER)
            connection.socket.setsockopt(SOL_SOCKET, SO_SNDBUF, size)

    def holdBack(self, head: bytes) -> bytes:
        """
        Send the head of the response together with the first data, as servers do that
        do not flush it.

        @param head: the head.

        @return: what is to be sent at once: nothing.
        """

        def write(data: bytes) -> None:
            self._write = self._transport.write
            self._write(head + data)

        self._write = write
        return b""

    def complete(self) -> None:
        """
        End a stream that is complete.
        """
        self.loseConnection()

    @abstractmethod
    def write(self, data: bytes) -> None:
        """
        Send a line.
        """

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """
        Send several lines.
        """
        for line in data:
            self.write(line)

    @abstractmethod
    def loseConnection(self) -> None:
        """
        End the stream gracefully.
        """

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        """
        Pause the producer while the client does not read.
        """
        self._transport.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """
        No longer pause the producer.
        """
        self._transport.unregisterProducer()

    def pauseProducing(self) -> None:
        """
        Read nothing from the client.
        """
        self._transport.pauseProducing()

    def resumeProducing(self) -> None:
        """
        Read from the client again.
        """
        self._transport.resumeProducing()

    def abortConnection(self) -> None:
        """
        Reset the connection.
        """
        self._transport.abortConnection()

    def getPeer(self) -> IAddress:
        """
        Return the client's address.
        """
        peer: IAddress = self._transport.getPeer()
        return peer

    def getHost(self) -> IAddress:
        """
        Return this server's address.
        """
        host: IAddress = self._transport.getHost()
        return host
