"""
Tests for L{clock.transport}, without a socket; C{tests/} has those with one.
"""

from __future__ import annotations

import errno
import os
import socket
from types import SimpleNamespace
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.address import IPv4Address
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

from clock import transport
from clock.tests.fixture import caughtEvents
from clock.transport import (
    MOST_ACCEPTS,
    PromptEndpoint,
    PromptWrites,
    stallOptions,
)


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
        self.family: int = socket.AF_INET
        self.refused: tuple[int, int, int] | None = None
        self.options: list[tuple[int, int, int]] = []

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """
        Note an option, or refuse it.
        """
        if (level, option, value) == self.refused:
            raise OSError(errno.ENOPROTOOPT, "no")
        self.options.append((level, option, value))

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

    def test_disconnecting(self) -> None:
        """
        What is written after C{loseConnection} is left to the reactor, which
        then closes.
        """
        transport = self.connect(9)
        transport.loseConnection()
        transport.write(b"19:03:13\n")
        self.assertHeld(transport, b"19:03:13\n")
        self.assertIsInstance(transport.doWrite(), ConnectionDone)

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

    def listen(self, port: IListeningPort, **keywords: Any) -> IListeningPort:
        """
        Listen on an endpoint that has this port.
        """
        if isinstance(port, tcp.Port) and not hasattr(port, "socket"):
            port.socket = Socket()
        if isinstance(port, tcp.Port):
            # As startListening has it.
            port.numberAccepts = 100
        endpoint = PromptEndpoint(Endpoint(succeed(port)), **keywords)
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

    def test_socketOptions(self) -> None:
        """
        The options are set on a TCP port, from which its connections inherit
        them, as far as the system takes them; and on no other port.
        """
        options = [(1, 2, 3), (4, 5, 6), (7, 8, 9)]
        tcpPort = tcp.Port(0, Factory(), reactor=MemoryReactorClock())
        unixPort = unix.Port(b"/x", Factory(), reactor=MemoryReactorClock())
        for port, family, expected in [
            (tcpPort, socket.AF_INET, [options[0], options[2]]),
            (unixPort, socket.AF_UNIX, []),
        ]:
            skt = Socket()
            skt.refused = options[1]
            skt.family = family
            port.socket = skt
            self.listen(port, socketOptions=options)
            self.assertEqual(skt.options, expected)

    def test_admit(self) -> None:
        """
        Nothing is made of a connection that is not admitted, and the factory is
        started and stopped as ever.
        """
        factory = Factory.forProtocol(Protocol)
        factory.noisy = False
        port = tcp.Port(0, factory, reactor=MemoryReactorClock())
        answers = [True, False]
        self.listen(port, admit=lambda: answers.pop(0))
        gate = port.factory
        assert gate is not None
        address = IPv4Address("TCP", "127.0.0.1", 1)
        self.assertIsInstance(gate.buildProtocol(address), Protocol)
        self.assertIsNone(gate.buildProtocol(address))
        gate.doStart()
        self.assertEqual(factory.numPorts, 1)
        gate.doStop()
        self.assertEqual(factory.numPorts, 0)

    def accepts(self, *crowds: int, **keywords: int) -> list[int]:
        """
        Let crowds connect, one after another has been taken, and tell how many were
        taken at a time.
        """
        null = os.open(os.devnull, os.O_RDONLY)
        self.addCleanup(os.close, null)
        waiting: list[Socket] = []

        class Listening:
            family = socket.AF_INET

            def accept(self) -> tuple[Socket, tuple[str, int]]:
                if not waiting:
                    raise BlockingIOError(errno.EAGAIN, "none")
                return waiting.pop(), ("127.0.0.1", 1)

        factory = Factory.forProtocol(Protocol)
        factory.noisy = False
        port = tcp.Port(0, factory, reactor=MemoryReactorClock())
        port.socket = Listening()
        self.listen(port, **keywords)
        taken = []
        for crowd in crowds:
            for _ in range(crowd):
                skt = Socket()
                # Some Twisteds set close-on-exec on what they have accepted.
                skt.fileno = lambda: null
                waiting.append(skt)
            while waiting:
                before = len(waiting)
                port.doRead()
                taken.append(before - len(waiting))
        self.assertEqual(sum(taken), sum(crowds))
        return taken

    def test_fewAccepts(self) -> None:
        """
        However many wait, a port takes so many at a time, and after a lull hardly
        fewer.
        """
        taken = self.accepts(1000, 1, 1, 2000)
        self.assertEqual(max(taken), MOST_ACCEPTS)
        self.assertGreater(taken[-2], MOST_ACCEPTS - 20)

    def test_fewerAccepts(self) -> None:
        """
        It takes even fewer where that is asked for, from the first on.
        """
        taken = self.accepts(200, 1, 200, mostAccepts=12)
        self.assertEqual(taken[0], 12)
        self.assertEqual(max(taken), 12)

    def test_failure(self) -> None:
        """
        A failure to listen is the endpoint's own.
        """
        error = CannotListenError("localhost", 80, "no")
        endpoint = PromptEndpoint(Endpoint(fail(error)))
        failure = self.failureResultOf(endpoint.listen(Factory()))
        self.assertIs(failure.value, error)


class StallOptionsTests(SynchronousTestCase):
    """
    The socket options that end a stalled connection.
    """

    def options(self, seconds: float, *missing: str) -> list[tuple[str, int]]:
        """
        Find the options on a platform that lacks some.
        """
        names = [
            "SO_KEEPALIVE",
            "TCP_USER_TIMEOUT",
            "TCP_KEEPIDLE",
            "TCP_KEEPALIVE",
            "TCP_KEEPINTVL",
            "TCP_KEEPCNT",
        ]
        known = {name: name for name in names if name not in missing}
        platform = SimpleNamespace(SOL_SOCKET=1, IPPROTO_TCP=6, **known)
        self.patch(transport, "socket", platform)
        return [(str(option), value) for _, option, value in stallOptions(seconds)]

    def test_all(self) -> None:
        """
        The timeout is in milliseconds, and keepalive asks well before its end.
        """
        expected = [
            ("SO_KEEPALIVE", 1),
            ("TCP_USER_TIMEOUT", 30_000),
            ("TCP_KEEPIDLE", 10),
            ("TCP_KEEPINTVL", 5),
            ("TCP_KEEPCNT", 3),
        ]
        self.assertEqual(self.options(30), expected)

    def test_short(self) -> None:
        """
        With a short timeout keepalive asks earlier.
        """
        options = dict(self.options(2))
        self.assertEqual((options["TCP_KEEPIDLE"], options["TCP_KEEPINTVL"]), (2, 2))

    def test_never(self) -> None:
        """
        Without a timeout nothing is set.
        """
        self.assertEqual(self.options(0), [])

    def test_missing(self) -> None:
        """
        Where the platform lacks the timeout, the log says so, and the rest is set.
        """
        events = caughtEvents(self)
        macOS = ["TCP_USER_TIMEOUT", "TCP_KEEPIDLE"]
        expected = [
            ("SO_KEEPALIVE", 1),
            ("TCP_KEEPALIVE", 10),
            ("TCP_KEEPINTVL", 5),
            ("TCP_KEEPCNT", 3),
        ]
        self.assertEqual(self.options(30, *macOS), expected)
        self.assertEqual(len(events), 1)
        openBSD = [*macOS, "TCP_KEEPALIVE", "TCP_KEEPINTVL", "TCP_KEEPCNT"]
        self.assertEqual(self.options(30, *openBSD), expected[:1])
