"""
Tests for L{clock.clients.reading.stream}.
"""

from __future__ import annotations

import errno
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import (
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    DNSLookupError,
)
from twisted.internet.interfaces import IHandshakeListener, ISSLTransport
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides

from clock.clients.reading import stream
from clock.clients.reading.connection import MAX_REST
from clock.clients.reading.ends import End, EndError, How
from clock.clients.reading.lines import Line
from clock.clients.reading.observer import Other, Step
from clock.clients.reading.stream import (
    MAX_RETRY,
    MAX_RETRY_AFTER,
    RETURN_WITHIN,
    STEADY_AFTER,
    TOO_MUCH,
    Stream,
)
from clock.tests.clients.fixture import Connection, Observer
from clock.tests.clients.reading.test_lines import whole

ADDRESS = IPv4Address("TCP", "127.0.0.1", 8080)

#: What is reported when a connection is made, and when it is closed.
CONNECTED = ["connecting", (Step.CONNECTED, "127.0.0.1:8080"), "connected"]
CLOSED = End(How.CLOSED, "closed by the server")


class Body(StringTransport):
    """
    The transport of a body over HTTP.
    """

    isEventStream = False


class Handle:
    """
    A TLS connection of OpenSSL.
    """

    def get_protocol_version_name(self) -> str:
        """
        Return the version.
        """
        return "TLSv1.3"


class StreamTests(SynchronousTestCase):
    """
    One connection after another.
    """

    def setUp(self) -> None:
        """
        Start a stream whose retry delay is the number of failures, in seconds.
        """
        self.patch(stream, "backoffPolicy", self.backoffPolicy)
        self.reactor = MemoryReactorClock()
        self.observer = Observer()
        self.takeEvents = self.observer.takeEvents
        endpoint = TCP4ClientEndpoint(self.reactor, "127.0.0.1", 8080)
        self.stream = Stream(endpoint, self.observer, self.reactor)
        self.stream.startService()

    def backoffPolicy(self, first: float, last: float) -> object:
        """
        Make a policy without randomness.
        """
        self.assertLess(first, last)
        self.assertEqual(last, MAX_RETRY)
        return lambda attempts: attempts

    def connect(self, transport: Any = None) -> Any:
        """
        Let the latest attempt succeed.
        """
        factory: Any = self.reactor.tcpClients[-1][2]
        protocol: Any = factory.buildProtocol(ADDRESS)
        self.transport: Any = transport or Connection(self.reactor, protocol)
        protocol.makeConnection(self.transport)
        return protocol

    def connectBody(self, isEventStream: bool = False) -> Any:
        """
        Let the latest attempt succeed over HTTP. Return the protocol that receives the
        body.
        """
        transport = Body()
        transport.isEventStream = isEventStream
        protocol: Any = self.connect(transport)
        self.takeEvents()
        return protocol

    def test_lines(self) -> None:
        """
        The attempt, the connection and each line are reported.
        """
        protocol = self.connect()
        protocol.dataReceived(b"19:03:13\n19:0")
        protocol.dataReceived(b"3:14\n")
        lines = [whole("19:03:13"), whole("19:03:14")]
        self.assertEqual(self.takeEvents(), [*CONNECTED, *lines])
        self.assertEqual(self.observer.bytes, 18)

    def test_reconnect(self) -> None:
        """
        After a connection is lost, the stream reconnects. The unfinished line is not
        continued on the new connection.
        """
        protocol = self.connect()
        protocol.dataReceived(b"19:0")
        self.takeEvents()
        protocol.connectionLost(Failure(ConnectionDone()))
        end = End(How.CLOSED_WITHIN_LINE, "closed in the middle of a line")
        expected = [Line("19:0", truncated=True, size=4), (end, 1)]
        self.assertEqual(self.takeEvents(), expected)
        self.reactor.advance(1)
        self.connect().dataReceived(b"19:03:14\n")
        self.assertEqual(self.takeEvents(), [*CONNECTED, whole("19:03:14")])

    def test_once(self) -> None:
        """
        With C{once}, there is one connection, or one attempt, and no delayed call after
        it.
        """
        for isRefused in (False, True):
            endpoint = TCP4ClientEndpoint(self.reactor, "127.0.0.1", 8080)
            Stream(endpoint, self.observer, self.reactor, once=True).startService()
            self.takeEvents()
            if isRefused:
                factory: Any = self.reactor.tcpClients[-1][2]
                factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
            else:
                self.connect().connectionLost(Failure(ConnectionDone()))
            ((_, retryIn),) = self.takeEvents()[-1:]
            self.assertIsNone(retryIn)
            attempts = len(self.reactor.tcpClients)
            self.reactor.advance(0)
            self.assertEqual(self.reactor.getDelayedCalls(), [])
            self.assertEqual(len(self.reactor.tcpClients), attempts)

    def test_retryAfter(self) -> None:
        """
        The delay is at least what the server asks for, up to a day. A shorter delay is
        not.
        """
        for asked, expected in [(None, 1), (0.5, 2), (60, 60), (1e9, MAX_RETRY_AFTER)]:
            factory: Any = self.reactor.tcpClients[-1][2]
            error = EndError(How.STATUS, "429 Too Many Requests", 429, "", asked)
            factory.clientConnectionFailed(None, Failure(error))
            self.assertEqual(self.takeEvents()[-1], (error.end, expected))
            self.reactor.advance(expected)

    def test_refused(self) -> None:
        """
        A failed attempt is reported with its reason, in the system's words if there are
        any. The delay grows with each failure.
        """
        refused = ConnectionRefusedError(errno.ECONNREFUSED, "x")
        other = ConnectionRefusedError("by\nhand")
        for reason, how, words in [
            (refused, How.REFUSED, "Connection refused"),
            (other, How.REFUSED, "Connection was refused"),
            (DNSLookupError("no host"), How.DNS, "DNS lookup failed: no host"),
        ]:
            factory: Any = self.reactor.tcpClients[-1][2]
            factory.clientConnectionFailed(None, Failure(reason))
            attempts = len(self.reactor.tcpClients)
            connecting, (end, retryIn) = self.takeEvents()
            self.assertEqual(connecting, "connecting")
            self.assertEqual((end.how, end.text[: len(words)]), (how, words))
            self.assertEqual(retryIn, attempts)
            self.reactor.advance(attempts)
            self.assertEqual(len(self.reactor.tcpClients), attempts + 1)

    def test_connectionLost(self) -> None:
        """
        A connection that is reset is not reported as closed.
        """
        protocol = self.connect()
        self.takeEvents()
        protocol.connectionLost(Failure(ConnectionLost()))
        ((end, _),) = self.takeEvents()
        self.assertEqual(end, End(How.RESET, "reset by the server"))

    def test_events(self) -> None:
        """
        In an event stream, what is not a line is reported too. The layer below counts
        the bytes. An end within an event is not one within a line.
        """
        protocol = self.connectBody(isEventStream=True)
        protocol.dataReceived(b": x\n\ndata: a\nid: 7\n\ndata: b")
        line = Line("a", id="7", size=1)
        self.assertEqual(self.takeEvents(), [Other.COMMENT, Other.DATA, line])
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.takeEvents(), [Other.UNFINISHED, (CLOSED, 1)])
        self.assertEqual(self.observer.bytes, 0)

    def test_pace(self) -> None:
        """
        Many lines are reported at the pace of the connection, also after it is lost. If
        too many are left then, that is how it ends.
        """
        line = whole("x")
        self.observer.lineReceived = self.takeTime  # type: ignore[method-assign]
        for count, end in [(30, CLOSED), (600, End(How.OTHER, TOO_MUCH))]:
            protocol = self.connect()
            self.takeEvents()
            protocol.dataReceived(b"x\n" * count)
            self.assertEqual(self.observer.events[:-1], [line] * 5)
            protocol.connectionLost(Failure(ConnectionDone()))
            self.assertEqual(len(self.observer.events), 6)
            self.reactor.pump([MAX_REST / 100] * 100)
            ends = [each[0] for each in self.takeEvents() if type(each) is tuple]
            self.assertEqual(ends[1], end)
            self.reactor.advance(MAX_RETRY)

    def takeTime(self, line: Line) -> None:
        """
        Take a millisecond for a line.
        """
        self.observer.events.append(line)
        self.reactor.rightNow += 0.0011

    def test_wantedEvents(self) -> None:
        """
        Events with another name than the one to read are not lines.
        """
        self.stream.event = "a"
        protocol = self.connectBody(isEventStream=True)
        protocol.dataReceived(b"data: x\n\nevent: a\ndata: y\n\n")
        line = Line("y", name="a", size=1)
        expected = [Other.DATA, Other.OTHER_EVENT, Other.DATA, line]
        self.assertEqual(self.takeEvents(), expected)

    def test_messages(self) -> None:
        """
        A message is a line, also with newlines within, or without one.
        """
        protocol = self.connectBody()
        for message, text in [(b"a\nb\n", "a\nb"), (b"c", "c"), (b"\n\n", "\n")]:
            protocol._wrappedProtocol.messageReceived(message, len(message))
            self.assertEqual(self.takeEvents(), [whole(text)])

    def test_bodyWithinLine(self) -> None:
        """
        How a body ended is known to the layer below.
        """
        protocol = self.connectBody()
        protocol.dataReceived(b"x")
        complete = EndError(How.COMPLETE, "complete")
        protocol.connectionLost(Failure(complete))
        expected = [Line("x", truncated=True, size=1), (complete.end, 1)]
        self.assertEqual(self.takeEvents(), expected)

    def test_handshake(self) -> None:
        """
        Over TLS, the connection is reported after the handshake. A failed handshake is
        reported with OpenSSL's reasons.
        """
        transport: Any = StringTransport(peerAddress=ADDRESS)
        transport.getHandle = Handle
        directlyProvides(transport, ISSLTransport)
        protocol: Any = self.connect(transport)
        self.assertTrue(IHandshakeListener.providedBy(protocol))
        connecting, connected = CONNECTED[:-1], CONNECTED[-1]
        self.assertEqual(self.takeEvents(), connecting)
        failed = ValueError([("SSL routines", "", "no shared cipher"), "a mismatch"])
        protocol.connectionLost(Failure(failed))
        end = End(How.TLS, "no shared cipher, a mismatch")
        self.assertEqual(self.takeEvents(), [(end, 1)])
        self.reactor.advance(1)
        protocol = self.connect(transport)
        protocol.handshakeCompleted()
        secured = (Step.SECURED, "TLSv1.3")
        self.assertEqual(self.takeEvents(), [*connecting, secured, connected])

    def test_backoff(self) -> None:
        """
        The delay grows if the server accepts the connection but sends no whole line. A
        whole line resets it.
        """
        line, half = b"x\n", b"x"
        for expected, data in [(1, b""), (2, half), (1, line), (1, line), (2, b"")]:
            protocol = self.connect()
            protocol.dataReceived(data)
            self.takeEvents()
            protocol.connectionLost(Failure(ConnectionDone()))
            self.assertEqual(self.takeEvents()[-1][1], expected)
            self.reactor.advance(expected)

    def test_steady(self) -> None:
        """
        A stream that has delivered lines for a while reconnects soon after it is lost.
        If that attempt fails, the delay grows as usual.
        """
        self.patch(stream, "random", lambda: 0.5)
        protocol = self.connect()
        protocol.dataReceived(b"x\n")
        self.reactor.advance(STEADY_AFTER)
        protocol.dataReceived(b"x\n")
        self.takeEvents()
        protocol.connectionLost(Failure(ConnectionDone()))
        soon = RETURN_WITHIN / 2
        self.assertEqual(self.takeEvents(), [(CLOSED, soon)])
        self.reactor.advance(soon)
        self.assertEqual(self.takeEvents(), ["connecting"])
        factory: Any = self.reactor.tcpClients[-1][2]
        factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        self.assertEqual(self.takeEvents()[-1][1], 2)

    def test_unsteady(self) -> None:
        """
        A server that disconnects a client soon after its first line is not tried again
        at once, however long it waited before that line.
        """
        protocol = self.connect()
        self.reactor.advance(STEADY_AFTER)
        protocol.dataReceived(b"x\n")
        self.reactor.advance(STEADY_AFTER / 2)
        self.takeEvents()
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.takeEvents(), [(CLOSED, 1)])

    def test_stop(self) -> None:
        """
        A stopped stream leaves no delayed call.
        """
        protocol = self.connect()
        protocol.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(self.stream.stopService())
        self.assertEqual(self.reactor.getDelayedCalls(), [])
