"""
A site in memory, and HTTP clients that connect to it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, cast

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from clock.tests.fixture import ClockFixture, Receiver
from clock.web import ClockSite
from clock.web.channel import ClockChannel

#: A request.
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


class WebTransport(StringTransport):
    """
    A transport that records how it is closed, and lets the test pause its producer.
    """

    aborted = False
    halfClosed = False
    lost = False

    def connectionLost(self, reason: Failure) -> None:
        """
        Record that the connection was lost at once.
        """
        self.lost = True

    def unregisterProducer(self) -> None:
        """
        Forget the producer. As with a real transport, there need not be one.
        """
        self.producer = None

    def setTcpNoDelay(self, enabled: bool) -> None:
        """
        Do nothing.
        """

    def loseWriteConnection(self) -> None:
        """
        Record that the sending half was closed.
        """
        self.halfClosed = True

    def abortConnection(self) -> None:
        """
        Record that the connection was aborted.
        """
        self.aborted = True


@dataclass
class WebClient(Receiver):
    """
    One HTTP connection: its channel, and its transport.
    """

    channel: ClockChannel
    transport: WebTransport

    @property
    def head(self) -> list[str]:
        """
        The lines of the response's head.
        """
        return self.received.partition(b"\r\n\r\n")[0].decode().split("\r\n")

    @property
    def status(self) -> int:
        """
        The status of the response.
        """
        return int(self.head[0].split()[1])

    @property
    def body(self) -> bytes:
        """
        The data after the head.
        """
        return self.received.partition(b"\r\n\r\n")[2]

    @property
    def closed(self) -> bool:
        """
        Whether the server has closed the connection.
        """
        transport = self.transport
        return bool(
            transport.disconnecting or transport.halfClosed or transport.aborted
        )

    @property
    def producer(self) -> IPushProducer:
        """
        The producer that the transport pauses when the client does not read.
        """
        return cast(IPushProducer, self.transport.producer)

    def chunks(self) -> list[bytes]:
        """
        Parse the chunks of the response; the last one is empty.
        """
        chunks, rest = [], self.body
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size, 16)
            chunks.append(rest[:length])
            assert rest[length : length + 2] == b"\r\n"
            rest = rest[length + 2 :]
        return chunks

    def events(self) -> list[Any]:
        """
        Parse the data of all events as JSON.
        """
        return [json.loads(chunk.removeprefix(b"data: ")) for chunk in self.chunks()]

    def disconnect(self) -> None:
        """
        Lose the connection.
        """
        self.channel.connectionLost(Failure(ConnectionDone()))


@dataclass
class WebFixture(ClockFixture):
    """
    A site of one factory, and each client that ever connected.
    """

    site: ClockSite = field(init=False)

    def serve(self) -> ClockSite:
        """
        Make the site.
        """
        self.site = ClockSite([("", self.factory)])
        return self.site

    def open(self) -> WebClient:
        """
        Connect, and send nothing yet.
        """
        channel: Any = self.site.buildProtocol(None)
        transport = WebTransport(peerAddress=IPv4Address("TCP", "192.0.2.1", 4000))
        channel.makeConnection(transport)
        return WebClient(channel, transport)

    def get(
        self,
        path: str,
        method: str = "GET",
        version: str = "1.1",
        headers: str = "",
    ) -> WebClient:
        """
        Connect, and send a request.
        """
        client = self.open()
        head = f"{method} {path} HTTP/{version}\r\nHost: x\r\n{headers}\r\n"
        client.channel.dataReceived(head.encode())
        return client


def fixture(
    *,
    format: str = "%H:%M:%S",
    interval: float = 1.0,
    sequential: bool = False,
    verbose: bool = False,
) -> WebFixture:
    """
    Make a factory and its site.
    """
    made = WebFixture.new(
        format=format, interval=interval, sequential=sequential, verbose=verbose
    )
    assert isinstance(made, WebFixture)
    made.serve()
    return made
