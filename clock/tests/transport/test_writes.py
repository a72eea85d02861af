"""
Tests for L{clock.transport.writes} without a real socket. The tests in C{tests/} use
real sockets.
"""

from __future__ import annotations

import errno
import socket

from twisted.internet import tcp
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from clock.transport.writes import ImmediateWrites


class ImmediateServer(ImmediateWrites, tcp.Server):
    """
    The transport under test.
    """


class Socket:
    """
    A socket whose sends have outcomes that were set before.

    @ivar outcomes: for each send, the number of bytes to take or the exception to
        raise.
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
        Record an option, or refuse it.
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
        Accept a part of the data, or fail.
        """
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, OSError):
            raise outcome
        self.sent += bytes(data[:outcome])
        return min(outcome, len(data))


@implementer(IPushProducer)
class Producer:
    """
    A producer that records how it is called.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []

    def pauseProducing(self) -> None:
        """
        Record the call.
        """
        self.calls.append("pause")

    def resumeProducing(self) -> None:
        """
        Record the call.
        """
        self.calls.append("resume")

    def stopProducing(self) -> None:
        """
        Record the call.
        """
        self.calls.append("stop")


class ImmediateWritesTests(SynchronousTestCase):
    """
    When a write sends at once.
    """

    def connect(self, *outcomes: int | OSError) -> ImmediateServer:
        """
        Make a connected transport.
        """
        self.reactor = MemoryReactorClock()
        self.socket = Socket(*outcomes)
        port = tcp.Port(0, Factory(), reactor=self.reactor)
        peer = ("127.0.0.1", 1)
        return ImmediateServer(self.socket, Protocol(), peer, port, 1, self.reactor)  # type: ignore[arg-type]

    def assertBuffered(self, transport: ImmediateServer, data: bytes) -> None:
        """
        Assert that exactly these bytes are buffered, and that the reactor will send
        them.
        """
        self.assertEqual(b"".join(transport._tempDataBuffer), data)
        self.assertEqual(transport in self.reactor.writers, bool(data))

    def test_atOnce(self) -> None:
        """
        Bytes that the kernel accepts are sent at once, without the reactor.
        """
        transport = self.connect(9)
        transport.write(b"19:03:13\n")
        self.assertEqual(self.socket.sent, b"19:03:13\n")
        self.assertBuffered(transport, b"")

    def test_inPart(self) -> None:
        """
        Bytes that the kernel does not accept are buffered, and sent before bytes that
        are written later.
        """
        transport = self.connect(3, 100)
        transport.write(b"19:03:13\n")
        self.assertBuffered(transport, b"03:13\n"[-6:])
        transport.write(b"19:03:14\n")
        self.assertBuffered(transport, b"03:13\n19:03:14\n")
        transport.doWrite()
        self.assertEqual(self.socket.sent, b"19:03:13\n19:03:14\n")

    def test_blocked(self) -> None:
        """
        If the socket accepts nothing, the reactor sends later.
        """
        transport = self.connect(BlockingIOError(errno.EAGAIN, "later"), 9)
        transport.write(b"19:03:13\n")
        self.assertBuffered(transport, b"19:03:13\n")
        transport.doWrite()
        self.assertEqual(self.socket.sent, b"19:03:13\n")

    def test_disconnecting(self) -> None:
        """
        After C{loseConnection}, the reactor sends what is written, and then closes.
        """
        transport = self.connect(9)
        transport.loseConnection()
        transport.write(b"19:03:13\n")
        self.assertBuffered(transport, b"19:03:13\n")
        self.assertIsInstance(transport.doWrite(), ConnectionDone)

    def test_lost(self) -> None:
        """
        If the connection is lost, the reactor notices it later.
        """
        reset = ConnectionResetError(errno.ECONNRESET, "reset")
        transport = self.connect(reset, reset)
        transport.write(b"19:03:13\n")
        self.assertTrue(transport.connected)
        self.assertBuffered(transport, b"19:03:13\n")
        self.assertIsInstance(transport.doWrite(), Exception)

    def test_notConnected(self) -> None:
        """
        After the connection is lost, nothing is sent.
        """
        transport = self.connect()
        transport.connected = 0
        transport.write(b"19:03:13\n")
        self.assertBuffered(transport, b"")

    def test_producerIsStopped(self) -> None:
        """
        When the connection is lost, the producer is stopped.
        """
        transport = self.connect()
        producer = Producer()
        transport.registerProducer(producer, True)
        transport.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(producer.calls, ["stop"])

    def test_notBytes(self) -> None:
        """
        Text is refused, as by any transport.
        """
        text = "19:03:13\n"
        self.assertRaises(TypeError, self.connect(9).write, text)

    def test_streamingProducerIsPaused(self) -> None:
        """
        A streaming producer is paused when one byte is buffered, and resumed when none
        is.
        """
        transport = self.connect(8, 1)
        producer = Producer()
        transport.registerProducer(producer, True)
        transport.write(b"19:03:13\n")
        self.assertEqual(producer.calls, ["pause"])
        transport.doWrite()
        self.assertEqual(producer.calls, ["pause", "resume"])

    def test_pullProducerIsWoken(self) -> None:
        """
        The reactor sends the data of a pull producer, and then resumes it.
        """
        transport = self.connect(9)
        producer = Producer()
        transport.registerProducer(producer, False)
        transport.write(b"19:03:13\n")
        self.assertBuffered(transport, b"19:03:13\n")
        transport.doWrite()
        self.assertEqual(producer.calls, ["resume", "resume"])
