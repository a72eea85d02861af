"""
Immediate writes on the real reactors: Twisted's own tests of its transports, run with
C{ImmediateWrites}, and tests of what C{ImmediateWrites} adds.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.harness.clients import reset_on_close
from tests.harness.requirements import need_module

# Twisted's tests need it.
need_module("hamcrest")

from twisted.internet import tcp, unix
from twisted.internet.endpoints import TCP4ServerEndpoint, UNIXServerEndpoint
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.test import test_tcp, test_unix
from twisted.internet.test.reactormixins import ReactorBuilder
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from clock.transport.endpoint import ImmediateEndpoint
from clock.transport.writes import ImmediateWrites
from tests.harness.reactors import on_each_reactor

# Twisted's tests leave sockets to the garbage collector, and use what Python and
# Twisted have deprecated since.
pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("event_loop"),
]


class Server(ImmediateWrites, tcp.Server):
    """
    A server transport with immediate writes.
    """


class Client(ImmediateWrites, tcp.Client):
    """
    A client transport with immediate writes: most of Twisted's tests write on the
    client's side.
    """


class UNIXServer(ImmediateWrites, unix.Server):
    """
    A server transport for UNIX sockets with immediate writes.
    """


class UNIXClient(ImmediateWrites, unix.Client):
    """
    A client transport for UNIX sockets with immediate writes.
    """


class ImmediateServers:
    """
    A mixin for Twisted's test builders: server transports have immediate writes.
    """

    def setUp(self: Any) -> None:
        """
        Replace Twisted's transports.
        """
        super().setUp()  # type: ignore[misc]
        self.patch(tcp.Port, "transport", Server)
        self.patch(unix.Port, "transport", UNIXServer)


class ImmediateBoth(ImmediateServers):
    """
    A mixin for Twisted's test builders: server and client transports have immediate
    writes.
    """

    def setUp(self: Any) -> None:
        """
        Replace Twisted's transports.
        """
        super().setUp()
        self.patch(tcp, "Client", Client)
        self.patch(unix, "Client", UNIXClient)


# AbortConnectionTests is not run with ImmediateBoth: its clients expect that data
# written before an abort in the same iteration is not sent. Immediate writes send it.
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

    @ivar send: what C{assertSentAtOnce} lets the protocol call.
    """

    transport: Any
    send: Callable[[], None]


class OnARealReactor(ReactorBuilder, SynchronousTestCase):
    """
    Tests of immediate writes for each installed reactor.
    """

    def serve(self, protocol: Any) -> tuple[Any, socket.socket]:
        """
        Listen with immediate writes, and connect a plain socket.
        """
        reactor = self.buildReactor()
        endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        listening = ImmediateEndpoint(endpoint).listen(Factory.forProtocol(protocol))
        ports: list[Any] = []
        listening.addCallback(ports.append)
        client = socket.create_connection(("127.0.0.1", ports[0].getHost().port), 5)
        self.addCleanup(client.close)
        return reactor, client

    def assertSentAtOnce(self, writer: Any, halfClosed: bool = False) -> None:
        """
        Serve a protocol that calls its method C{send} once, which writes a line. Assert
        that the line has been sent when C{write} returns.

        @param halfClosed: whether the peer closes its sending half.
        """
        seen: list[bytes] = []

        def send(protocol: Any) -> None:
            protocol.transport.write(b"19:03:13\n")
            seen.append(client.recv(100))
            reactor.stop()

        writer.send = send
        reactor, client = self.serve(writer)
        if halfClosed:
            client.shutdown(socket.SHUT_WR)
        self.runReactor(reactor)
        self.assertEqual(seen, [b"19:03:13\n"])

    def test_sentBeforeWriteReturns(self) -> None:
        """
        The data has been sent when C{write} returns.
        """

        class Writer(AnyProtocol):
            def connectionMade(self) -> None:
                self.send()

        self.assertSentAtOnce(Writer)

    def test_everythingArrivesInOrder(self) -> None:
        """
        If the kernel accepts writes in part, or not at all, all data still arrives in
        order, and C{loseConnection} takes effect after it.
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
        If a write detects a reset, the reactor loses the connection later, not inside
        the write.
        """
        events: list[str] = []

        class Writer(AnyProtocol):
            def connectionMade(self) -> None:
                self.transport.pauseProducing()
                reset_on_close(client)
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
        Writes to a peer that has closed its sending half are immediate, too.
        """

        @implementer(IHalfCloseableProtocol)
        class Writer(AnyProtocol):
            def writeConnectionLost(self) -> None:
                raise AssertionError("we have not closed ours")

            def readConnectionLost(self) -> None:
                self.send()

        self.assertSentAtOnce(Writer, halfClosed=True)

    def test_unixWithDescriptors(self) -> None:
        """
        On a UNIX socket, a queued descriptor is sent before data that is written after
        it.
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
