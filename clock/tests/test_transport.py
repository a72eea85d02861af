"""
Tests for L{clock.transport}, without a socket; C{tests/} has those with one.
"""

from __future__ import annotations

import errno

from twisted.internet import tcp, unix
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IPushProducer,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from clock.transport import PromptEndpoint, PromptWrites


class PromptServer(PromptWrites, tcp.Server):
    """
    The transport under test.
    """


class Socket:
    """
    A socket whose every send has an outcome that was set before.

    @ivar outcomes: how many bytes it takes, or what it raises, send by send.
    """

    def __init__(self, *outcomes: int | OSError) -> None:
        self.outcomes = list(outcomes)
        self.sent = b""
        self.fileno = lambda: 42

    def setblocking(self, _: bool) -> None:
        """
        Do nothing.
        """

    def shutdown(self, _: int) -> None:
        """
        Do nothing.
        """

    def close(self) -> None:
        """
        Do nothing.
        """

    def send(self, data: bytes) -> int:
        """
        Take some of it, or fail.
        """
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, OSError):
            raise outcome
        self.sent += bytes(data[:outcome])
        return min(outcome, len(data))


@implementer(IPushProducer)
class Producer:
    """
    A producer that notes what it is told.
    """

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        """
        Note it.
        """
        self.told.append("pause")

    def resumeProducing(self) -> None:
        """
        Note it.
        """
        self.told.append("resume")

    def stopProducing(self) -> None:
        """
        Note it.
        """
        self.told.append("stop")


class PromptWritesTests(SynchronousTestCase):
    """
    When a write is a send.
    """

    def connect(self, *outcomes: int | OSError) -> PromptServer:
        """
        Make a connected transport.
        """
        self.reactor = MemoryReactorClock()
        self.socket = Socket(*outcomes)
        port = tcp.Port(0, Factory(), reactor=self.reactor)
        peer = ("127.0.0.1", 1)
        return PromptServer(self.socket, Protocol(), peer, port, 1, self.reactor)  # type: ignore[arg-type]

    def assertHeld(self, transport: PromptServer, data: bytes) -> None:
        """
        Assert that so much is kept, and that the reactor is asked to send it.
        """
        self.assertEqual(b"".join(transport._tempDataBuffer), data)
        self.assertEqual(transport in self.reactor.writers, bool(data))

    def test_atOnce(self) -> None:
        """
        What the kernel takes is sent at once, and the reactor not asked.
        """
        transport = self.connect(9)
        transport.write(b"19:03:13\n")
        self.assertEqual(self.socket.sent, b"19:03:13\n")
        self.assertHeld(transport, b"")

    def test_inPart(self) -> None:
        """
        What the kernel does not take is sent later, before what follows.
        """
        transport = self.connect(3, 100)
        transport.write(b"19:03:13\n")
        self.assertHeld(transport, b"03:13\n"[-6:])
        transport.write(b"19:03:14\n")
        self.assertHeld(transport, b"03:13\n19:03:14\n")
        transport.doWrite()
        self.assertEqual(self.socket.sent, b"19:03:13\n19:03:14\n")

    def test_blocked(self) -> None:
        """
        A socket that takes nothing now is left to the reactor.
        """
        transport = self.connect(BlockingIOError(errno.EAGAIN, "later"), 9)
        transport.write(b"19:03:13\n")
        self.assertHeld(transport, b"19:03:13\n")
        transport.doWrite()
        self.assertEqual(self.socket.sent, b"19:03:13\n")

    def test_lost(self) -> None:
        """
        A connection that proves to be lost is left for the reactor to find.
        """
        reset = ConnectionResetError(errno.ECONNRESET, "reset")
        transport = self.connect(reset, reset)
        transport.write(b"19:03:13\n")
        self.assertTrue(transport.connected)
        self.assertHeld(transport, b"19:03:13\n")
        self.assertIsInstance(transport.doWrite(), Exception)

    def test_notConnected(self) -> None:
        """
        Once the connection is lost, nothing is sent.
        """
        transport = self.connect()
        transport.connected = 0
        transport.write(b"19:03:13\n")
        self.assertHeld(transport, b"")

    def test_producerIsStopped(self) -> None:
        """
        A producer is stopped with the connection.
        """
        transport = self.connect()
        producer = Producer()
        transport.registerProducer(producer, True)
        transport.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(producer.told, ["stop"])

    def test_notBytes(self) -> None:
        """
        Text is refused, as ever.
        """
        text = "19:03:13\n"
        self.assertRaises(TypeError, self.connect(9).write, text)

    def test_streamingProducerIsPaused(self) -> None:
        """
        A streaming producer is paused by the first byte that is held back, and
        goes on when none is.
        """
        transport = self.connect(8, 1)
        producer = Producer()
        transport.registerProducer(producer, True)
        transport.write(b"19:03:13\n")
        self.assertEqual(producer.told, ["pause"])
        transport.doWrite()
        self.assertEqual(producer.told, ["pause", "resume"])

    def test_pullProducerIsWoken(self) -> None:
        """
        A pull producer goes on when its data were sent by the reactor, so they
        are left to it.
        """
        transport = self.connect(9)
        producer = Producer()
        transport.registerProducer(producer, False)
        transport.write(b"19:03:13\n")
        self.assertHeld(transport, b"19:03:13\n")
        transport.doWrite()
        self.assertEqual(producer.told, ["resume", "resume"])


@implementer(IStreamServerEndpoint)
class Endpoint:
    """
    An endpoint with the outcome of listening built in.
    """

    def __init__(self, outcome: Deferred[IListeningPort]) -> None:
        self.outcome = outcome

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        """
        Listen, or fail to.
        """
        return self.outcome


class PromptEndpointTests(SynchronousTestCase):
    """
    Which ports are adapted.
    """

    def listen(self, port: IListeningPort) -> IListeningPort:
        """
        Listen on an endpoint that has this port.
        """
        endpoint = PromptEndpoint(Endpoint(succeed(port)))
        verifyObject(IStreamServerEndpoint, endpoint)
        self.assertIs(self.successResultOf(endpoint.listen(Factory())), port)
        return port

    def test_tcp(self) -> None:
        """
        A TCP port makes prompt transports of its own kind.
        """
        port = tcp.Port(0, Factory(), reactor=MemoryReactorClock())
        self.listen(port)
        self.assertTrue(issubclass(port.transport, PromptWrites))
        self.assertTrue(issubclass(port.transport, tcp.Server))
        self.assertIs(tcp.Port.transport, tcp.Server)

    def test_unix(self) -> None:
        """
        So does a UNIX port.
        """
        port = unix.Port(b"/x", Factory(), reactor=MemoryReactorClock())
        self.listen(port)
        self.assertTrue(issubclass(port.transport, PromptWrites))
        self.assertTrue(issubclass(port.transport, unix.Server))

    def test_other(self) -> None:
        """
        Any other port is passed through.
        """
        reactor = MemoryReactorClock()
        port = reactor.listenTCP(0, Factory())
        self.listen(port)
        self.assertFalse(hasattr(port, "transport"))

    def test_failure(self) -> None:
        """
        A failure to listen is the endpoint's own.
        """
        error = CannotListenError("localhost", 80, "no")
        endpoint = PromptEndpoint(Endpoint(fail(error)))
        failure = self.failureResultOf(endpoint.listen(Factory()))
        self.assertIs(failure.value, error)
