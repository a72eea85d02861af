"""
Tests for L{clock.clients.reading.connection}.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost, getConnectError
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from clock.clients.reading.connection import (
    MAX_PAUSE,
    MAX_REST,
    MIN_PAUSE,
    READ_SIZE,
    SHARE,
    lossOf,
    noteLoss,
    paceOf,
    prepareConnection,
    whenDone,
)
from clock.clients.reading.ends import How, endOf
from clock.tests.clients import fixture
from clock.tests.clients.fixture import Observer


class Socket:
    """
    A socket that records its options.

    @ivar error: the number of its error.
    """

    def __init__(self, family: int) -> None:
        self.family = family
        self.options: list[tuple[int, int, int]] = []
        self.error = 0

    def setsockopt(self, *option: int) -> None:
        """
        Record an option.
        """
        self.options.append(option)  # type: ignore[arg-type]

    def getsockopt(self, level: int, option: int) -> int:
        """
        Return the error.
        """
        assert (level, option) == (socket.SOL_SOCKET, socket.SO_ERROR)
        return self.error


class Reader(Protocol):
    """
    A protocol that needs a time for each byte.

    @ivar cost: the time, in seconds.
    @ivar done: the bytes for which it was taken.
    @ivar isComplete: whether all work was done when the loss was reported.
    """

    cost = 0.002
    done = b""
    isComplete: bool | None = None

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def dataReceived(self, data: bytes) -> None:
        """
        Read the bytes at the pace of the connection.
        """
        pace = paceOf(self.transport)
        assert pace is not None
        pace.take(self.read(data))

    def read(self, data: bytes) -> Iterator[None]:
        """
        Read byte by byte.
        """
        for each in data:
            self.clock.advance(self.cost)
            self.done += bytes([each])
            yield

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Note whether the rest was read.
        """
        pace = paceOf(self.transport)
        assert pace is not None
        self.isComplete = not pace.isCutShort


class PaceTests(SynchronousTestCase):
    """
    How much time is spent on a connection.
    """

    def setUp(self) -> None:
        """
        Make a connection.
        """
        self.clock = Clock()
        self.observer = Observer()
        self.reader = Reader(self.clock)
        self.transport = fixture.Connection(self.clock, self.reader)
        prepareConnection(self.transport, self.observer)
        self.reader.makeConnection(self.transport)

    def receive(self, data: bytes) -> None:
        """
        Let bytes arrive.
        """
        self.transport.protocol.dataReceived(data)

    def assertPaused(self, *pauses: float) -> None:
        """
        Assert that these pauses were reported since the last call.
        """
        reported = [round(pause, 6) for _, pause in self.observer.takeEvents()]
        self.assertEqual(reported, [*pauses])
        state = "paused" if self.clock.getDelayedCalls() else "producing"
        self.assertEqual(self.transport.producerState, state)

    def test_share(self) -> None:
        """
        A connection that has taken its time is paused for three times as long. The rest
        of what has arrived is read afterwards.
        """
        self.receive(b"x" * 8)
        self.assertEqual(len(self.reader.done), 3)
        self.assertPaused(0.018)
        self.clock.advance(0.0179)
        self.assertPaused()
        self.clock.advance(0.0002)
        self.assertEqual(len(self.reader.done), 6)
        self.assertPaused(0.018)
        self.clock.advance(0.0181)
        self.assertEqual(len(self.reader.done), 8)
        self.assertPaused()

    def test_order(self) -> None:
        """
        What arrives during a pause, as TLS delivers it, is read after what is left.
        """
        self.receive(b"x" * 4)
        self.receive(b"y")
        self.assertEqual(self.reader.done, b"xxx")
        self.clock.advance(0.02)
        self.assertEqual(self.reader.done, b"xxxxy")
        self.assertPaused(0.018)

    def test_notWithinRead(self) -> None:
        """
        Work that does not come from a read is done too, at the same pace.
        """
        self.clock.advance(100)
        Reader.dataReceived(self.reader, b"x" * 4)
        self.assertEqual(self.reader.done, b"xxx")
        self.assertPaused(0.018)
        Reader.dataReceived(self.reader, b"y")
        self.assertEqual(self.reader.done, b"xxx")
        self.clock.advance(0.0181)
        self.assertEqual(self.reader.done, b"xxxxy")

    def test_manyReads(self) -> None:
        """
        Reads in quick succession are added up. Reads at long intervals are not.
        """
        for _ in range(2):
            self.receive(b"x")
        self.assertPaused()
        self.receive(b"x")
        self.assertPaused(0.018)
        self.clock.advance(1)
        for _ in range(10):
            self.receive(b"x")
            self.clock.advance(0.0061)
        self.assertPaused()

    def test_suspended(self) -> None:
        """
        After a read that took long, because the process was suspended, the pause is
        limited.
        """
        self.reader.cost = 3600
        self.receive(b"x")
        self.assertPaused(MAX_PAUSE)

    def test_costBelow(self) -> None:
        """
        What the layers below the stream cost counts too.
        """
        self.reader.cost = 0
        layer = fixture.Connection(self.clock, Protocol())
        layer.protocol.dataReceived = lambda data: self.clock.advance(2 * MIN_PAUSE)
        prepareConnection(layer, self.observer)
        layer.protocol.dataReceived(b"")
        self.assertEqual(layer.producerState, "paused")
        self.assertEqual(self.observer.events, [("paused", 6 * MIN_PAUSE)])

    def test_lostWhilePaused(self) -> None:
        """
        When the connection is lost, the rest is read at the same pace, and then the
        loss is reported. Nothing is resumed.
        """
        self.receive(b"x" * 8)
        self.assertPaused(0.018)
        self.transport.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(len(self.reader.done), 3)
        self.clock.advance(0.02)
        self.assertEqual(len(self.reader.done), 6)
        self.assertIsNone(self.reader.isComplete)
        self.clock.advance(0.02)
        self.assertEqual(len(self.reader.done), 8)
        self.assertTrue(self.reader.isComplete)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.observer.takeEvents(), [])

    def test_lostWithoutRest(self) -> None:
        """
        If there is no rest, a loss is reported at once.
        """
        self.receive(b"x" * 2)
        self.transport.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertTrue(self.reader.isComplete)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_lostAfterWork(self) -> None:
        """
        A connection that is lost while it is paused, and has no more work, is not
        resumed.
        """
        layer = fixture.Connection(self.clock, Protocol())
        layer.protocol.dataReceived = lambda data: self.clock.advance(2 * MIN_PAUSE)
        prepareConnection(layer)
        layer.protocol.dataReceived(b"")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        layer.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_endBeforeLoss(self) -> None:
        """
        The end of a body is reported after the lines before it, and before the loss of
        the connection.
        """
        reported: list[str] = []
        self.reader.connectionLost = (  # type: ignore[method-assign]
            lambda *_: reported.append("lost")
        )
        transport = fixture.Connection(self.clock, self.reader)
        prepareConnection(transport)
        self.reader.makeConnection(transport)
        transport.protocol.dataReceived(b"x" * 8)
        whenDone(transport, lambda: reported.append("end"))
        transport.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(reported, [])
        self.clock.pump([0.02] * 2)
        self.assertEqual(reported, ["end", "lost"])

    def test_lostWithin(self) -> None:
        """
        A connection that is lost while it is read is not paused.
        """
        layer = fixture.Connection(self.clock, Protocol())

        def receive(data: bytes) -> None:
            self.clock.advance(2 * MIN_PAUSE)
            layer.protocol.connectionLost(Failure(ConnectionDone()))

        layer.protocol.dataReceived = receive
        prepareConnection(layer)
        layer.protocol.dataReceived(b"")
        self.assertEqual(layer.producerState, "producing")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_tooMuchRest(self) -> None:
        """
        If the rest takes too long, it is not read.
        """
        count = round(SHARE * MAX_REST / self.reader.cost)
        self.receive(b"x" * 2 * count)
        self.transport.protocol.connectionLost(Failure(ConnectionDone()))
        self.clock.pump([0.02] * count)
        self.assertFalse(self.reader.isComplete)
        self.assertTrue(0.8 * count < len(self.reader.done) <= count + 3)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ConnectionTests(SynchronousTestCase):
    """
    The socket, and how the connection is lost.
    """

    def test_keepalive(self) -> None:
        """
        A TCP connection gets keepalive options, over TLS as well. Other connections
        have no such options.
        """
        for family, expected in [(socket.AF_INET6, True), (socket.AF_UNIX, False)]:
            for isEncrypted in (False, True):
                lower: Any = StringTransport()
                lower.socket = Socket(family)
                upper: Any = StringTransport()
                upper.transport = lower
                prepareConnection(upper if isEncrypted else lower)
                keepalive = (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                self.assertEqual(keepalive in lower.socket.options, expected)
                self.assertEqual(lower.bufferSize, READ_SIZE)
                self.assertIsNone(paceOf(upper))

    def lose(self, below: Exception, reported: Exception, isDone: bool = True) -> How:
        """
        Lose a TLS connection. Return how it ended.
        """
        lower = fixture.Connection(Clock(), Protocol())
        upper: Any = StringTransport()
        upper.transport = lower
        upper._handshakeDone = isDone
        self.assertTrue(noteLoss(upper))
        lower.protocol.connectionLost(Failure(below))
        return endOf(lossOf(upper, Failure(reported))).how

    def test_truncatedTLS(self) -> None:
        """
        TLS that ends without C{close_notify} is told from a reset, from a connection
        that is closed in good order, from an error of TLS, and from a connection that
        is closed before the end of the handshake.
        """
        done, lost = ConnectionDone(), ConnectionLost()
        error = ValueError([("SSL routines", "", "bad record mac")])
        for below, reported, how in [
            (done, lost, How.TRUNCATED_TLS),
            (lost, lost, How.RESET),
            (done, done, How.CLOSED),
            (done, error, How.TLS),
        ]:
            self.assertEqual(self.lose(below, reported), how)
        self.assertEqual(self.lose(done, lost, isDone=False), How.TLS)
        self.assertEqual(self.lose(lost, lost, isDone=False), How.RESET)

    def test_refused(self) -> None:
        """
        Only some errors of connect(2) mean that there is no route to the host. A UNIX
        socket may be missing, or another user's.
        """
        for number, how in [
            (errno.ENETUNREACH, How.UNREACHABLE),
            (errno.EHOSTUNREACH, How.UNREACHABLE),
            (errno.ENOENT, How.OTHER),
            (errno.EACCES, How.OTHER),
        ]:
            error = getConnectError((number, "x"))
            self.assertEqual(endOf(Failure(error)).how, how)

    def test_resetAsEnd(self) -> None:
        """
        If Twisted takes a reset for a clean end, the socket's error tells. Without an
        error, the end is clean.
        """
        for error, kind in [(errno.ECONNRESET, ConnectionLost), (0, ConnectionDone)]:
            lost: list[Failure] = []
            connection: Any = fixture.Connection(Clock(), Protocol())
            connection.socket = Socket(socket.AF_INET)
            connection.socket.error = error
            connection.readConnectionLost = lost.append
            noteLoss(connection)
            connection.readConnectionLost(Failure(ConnectionDone()))
            self.assertEqual([reason.type for reason in lost], [kind])

    def test_notNoted(self) -> None:
        """
        The transports of other packages need not know their protocol.
        """
        transport = StringTransport()
        self.assertFalse(noteLoss(transport))
        lost = Failure(ConnectionLost())
        self.assertIs(lossOf(transport, lost), lost)
        reported: list[str] = []
        whenDone(transport, lambda: reported.append("end"))
        self.assertEqual(reported, ["end"])
