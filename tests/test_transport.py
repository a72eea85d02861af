"""
Prompt writes against the real reactors: Twisted's own tests of its transports,
with ours in the place of its own, and what is ours to promise.
"""

from __future__ import annotations

import gc
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest
from processes import need_module

# Twisted's tests want it.
need_module("hamcrest")

from reactors import on_each_reactor
from twisted.internet import tcp, unix
from twisted.internet.endpoints import TCP4ServerEndpoint, UNIXServerEndpoint
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.test import test_tcp, test_unix
from twisted.internet.test.reactormixins import ReactorBuilder
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from clock._writes import ImmediateWrites
from clock.endpoint import ImmediateEndpoint

# Twisted's tests leave sockets to the garbage collector, and use what Python and
# Twisted have deprecated since.
pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("event_loop"),
]


@pytest.fixture(autouse=True, scope="module")
def garbage() -> Iterator[None]:
    """
    Collect them while they are forgiven.
    """
    yield
    gc.collect()


class Server(ImmediateWrites, tcp.Server):
    """
    What listens, with prompt writes.
    """


class Client(ImmediateWrites, tcp.Client):
    """
    What connects, with prompt writes: most of Twisted's tests write from there.
    """


class UNIXServer(ImmediateWrites, unix.Server):
    """
    What listens on a UNIX socket, with prompt writes.
    """


class UNIXClient(ImmediateWrites, unix.Client):
    """
    What connects to one, with prompt writes.
    """


class ImmediateServers:
    """
    To be mixed into a builder of tests: what listens has prompt writes.
    """

    def setUp(self: Any) -> None:
        """
        Put ours in the place of Twisted's.
        """
        super().setUp()  # type: ignore[misc]
        self.patch(tcp.Port, "transport", Server)
        self.patch(unix.Port, "transport", UNIXServer)


class ImmediateBoth(ImmediateServers):
    """
    The same, and for what connects as well.
    """

    def setUp(self: Any) -> None:
        """
        Put ours in the place of Twisted's.
        """
        super().setUp()
        self.patch(tcp, "Client", Client)
        self.patch(unix, "Client", UNIXClient)


# Of those left out, the clients of AbortConnectionTests count on it that what is
# written before an abort in the same turn is not sent. Ours is.
BUILDERS = [
    (ImmediateBoth, test_tcp.TCP4ClientTestsBuilder),
    (ImmediateServers, test_tcp.TCPPortTestsBuilder),
    (ImmediateBoth, test_tcp.TCPConnectionTestsBuilder),
    (ImmediateBoth, test_tcp.TCPTransportTestsBuilder),
    (ImmediateServers, test_tcp.AbortConnectionTests),
    (ImmediateBoth, test_unix.UNIXTestsBuilder),
]


for mixin, builder in BUILDERS:
    ours: Any = type(f"Immediate{builder.__name__}", (mixin, builder), {})
    globals().update(on_each_reactor(ours))


class AnyProtocol(Protocol):
    """
    A protocol on any kind of transport.
    """

    transport: Any


class OnARealReactor(ReactorBuilder, SynchronousTestCase):
    """
    What we promise, on each reactor that there is.
    """

    def serve(self, protocol: Any) -> tuple[Any, socket.socket]:
        """
        Listen with prompt writes, and connect a plain socket.
        """
        reactor = self.buildReactor()
        endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        listening = ImmediateEndpoint(endpoint).listen(Factory.forProtocol(protocol))
        ports: list[Any] = []
        listening.addCallback(ports.append)
        client = socket.create_connection(("127.0.0.1", ports[0].getHost().port), 5)
        self.addCleanup(client.close)
        return reactor, client

    def test_sentBeforeTheReactorTurns(self) -> None:
        """
        What is written has been sent when C{write} returns.
        """
        seen: list[bytes] = []

        class Writer(AnyProtocol):
            def connectionMade(self) -> None:
                self.transport.write(b"19:03:13\n")
                seen.append(client.recv(100))
                reactor.stop()

        reactor, client = self.serve(Writer)
        self.runReactor(reactor)
        self.assertEqual(seen, [b"19:03:13\n"])

    def test_everythingArrivesInOrder(self) -> None:
        """
        Writes that the kernel takes in part, or not at all, arrive whole and in
        order, and C{loseConnection} comes after them.
        """
        pieces = [bytes([number]) * 100_000 for number in range(100)]

        class Writer(AnyProtocol):
            def connectionMade(self) -> None:
                for piece in pieces:
                    self.transport.write(piece)
                self.transport.loseConnection()
                reactor.callInThread(read)

        received: list[bytes] = []

        def read() -> None:
            while data := client.recv(1 << 20):
                received.append(data)
            reactor.callFromThread(reactor.stop)

        reactor, client = self.serve(Writer)
        self.runReactor(reactor)
        self.assertEqual(b"".join(received), b"".join(pieces))

    def test_resetInsideWrite(self) -> None:
        """
        A connection whose reset is noticed by a write is lost by the reactor,
        not from inside the write.
        """
        events: list[str] = []

        class Writer(AnyProtocol):
            def connectionMade(self) -> None:
                self.transport.pauseProducing()
                linger = struct.pack("ii", 1, 0)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                client.close()
                time.sleep(0.01)
                for _ in range(3):
                    self.transport.write(b"19:03:13\n")
                    events.append("written")

            def connectionLost(self, reason: object = None) -> None:
                events.append("lost")
                reactor.stop()

        reactor, client = self.serve(Writer)
        self.runReactor(reactor)
        self.assertEqual(events, ["written"] * 3 + ["lost"])

    def test_halfClosed(self) -> None:
        """
        A peer that has closed its sending half is written to promptly, too.
        """
        seen: list[bytes] = []

        @implementer(IHalfCloseableProtocol)
        class Writer(AnyProtocol):
            def connectionMade(self) -> None:
                client.shutdown(socket.SHUT_WR)

            def writeConnectionLost(self) -> None:
                raise AssertionError("we have not closed ours")

            def readConnectionLost(self) -> None:
                self.transport.write(b"19:03:13\n")
                seen.append(client.recv(100))
                reactor.stop()

        reactor, client = self.serve(Writer)
        self.runReactor(reactor)
        self.assertEqual(seen, [b"19:03:13\n"])

    def test_unixWithDescriptors(self) -> None:
        """
        On a UNIX socket, a descriptor that waits to be sent goes before what is
        written after it.
        """
        path = self.mktemp()
        reactor = self.buildReactor()

        class Writer(AnyProtocol):
            def connectionMade(self) -> None:
                self.transport.sendFileDescriptor(client.fileno())
                self.transport.write(b"19:03:13\n")
                reactor.callLater(0.05, reactor.stop)

        endpoint = UNIXServerEndpoint(reactor, path)
        ImmediateEndpoint(endpoint).listen(Factory.forProtocol(Writer))
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.settimeout(5)
        client.connect(path)
        self.runReactor(reactor)
        data, descriptors, _, _ = socket.recv_fds(client, 100, 1)
        for descriptor in descriptors:
            socket.close(descriptor)
        self.assertEqual((data[:1], len(descriptors)), (b"1", 1))


globals().update(on_each_reactor(OnARealReactor))
del OnARealReactor
