"""
A client of HTTP in memory.
"""

from __future__ import annotations

import os
from typing import Any
from unittest import mock

from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import (
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
)
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from clock.clients.reading import stream
from clock.clients.reading.ends import End, How
from clock.clients.reading.observer import Response, Step
from clock.clients.reading.stream import Stream
from clock.clients.reading.urls import connector
from clock.clients.reading.urls.endpoint import DEFAULTS, WebOptions, addressEndpoint
from clock.tests.clients.fixture import Connection, Observer

#: The headers of a response without a length.
OK = b"HTTP/1.1 200 OK\r\n"

#: What is reported until the connection is made.
CONNECTED = ["connecting", (Step.CONNECTED, "127.0.0.1:8080")]

#: What is reported until the headers of a response arrive.
START = [*CONNECTED, (Step.REQUESTED, "GET")]


class Transport(Connection):
    """
    A transport as HTTP needs it.
    """

    def setTcpNoDelay(self, enabled: bool) -> None:
        """
        Do nothing.
        """


class WebClientTestCase(SynchronousTestCase):
    """
    A test case that reads a URL.

    @ivar responses: the heads that were reported.
    """

    def setUp(self) -> None:
        """
        Make a reactor that resolves each host to the loopback address.
        """
        self.addresses: list[str] = []
        self.patch(connector, "clientEndpoint", self.clientEndpoint)
        # The proxies of this machine.
        environ = mock.patch.dict(os.environ, clear=True)
        environ.start()
        self.addCleanup(environ.stop)
        self.patch(stream, "backoffPolicy", lambda *_: lambda attempts: attempts)
        self.reactor = MemoryReactorClock()
        self.observer = Observer()
        self.responses: list[Response] = []
        self.patch(self.observer, "responded", self.responses.append)
        self.takeEvents = self.observer.takeEvents

    def clientEndpoint(self, reactor: Any, address: str) -> TCP4ClientEndpoint:
        """
        Record an address.
        """
        self.addresses.append(address)
        return TCP4ClientEndpoint(reactor, "127.0.0.1", 80)

    def endpoint(
        self, url: str, options: WebOptions = DEFAULTS
    ) -> IStreamClientEndpoint:
        """
        Make the endpoint of a URL.
        """
        return addressEndpoint(self.reactor, url, options, self.observer)

    def read(self, url: str, options: WebOptions = DEFAULTS) -> None:
        """
        Start to read a URL.
        """
        endpoint = self.endpoint(url, options)
        self.stream = Stream(endpoint, self.observer, self.reactor)
        self.stream.startService()
        self.connect()

    def connect(self) -> None:
        """
        Let the latest attempt to connect succeed.
        """
        factory: Any = self.reactor.tcpClients[-1][2]
        self.protocol: Any = factory.buildProtocol(None)
        self.transport: Any = Transport(self.reactor, self.protocol)
        self.protocol.makeConnection(self.transport)

    def refuse(self) -> None:
        """
        Let the latest attempt to connect fail.
        """
        factory: Any = self.reactor.tcpClients[-1][2]
        factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))

    def request(self) -> tuple[str, dict[str, str]]:
        """
        Return the request line and the headers that were sent.
        """
        first, *lines = (
            self.transport.value().partition(b"\r\n\r\n")[0].decode().splitlines()
        )
        fields = (line.partition(": ") for line in lines if line)
        return first, {name: value for name, _, value in fields}

    def receive(self, data: bytes) -> None:
        """
        Let bytes arrive.
        """
        self.protocol.dataReceived(data)

    def close(self) -> None:
        """
        Let the server close the connection.
        """
        self.protocol.connectionLost(Failure(ConnectionDone()))

    def reset(self) -> None:
        """
        Let the server reset the connection.
        """
        self.protocol.connectionLost(Failure(ConnectionLost()))

    def takeEnd(self) -> End:
        """
        Return the last event, which is the end of the connection.
        """
        end = self.takeEvents()[-1][0]
        self.assertIsInstance(end, End)
        return end  # type: ignore[no-any-return]

    def assertDown(self, how: How, text: str) -> None:
        """
        Assert that the last event is that the stream is down.
        """
        self.assertEqual(self.takeEnd()[:2], (how, text))
