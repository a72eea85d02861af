"""
Tests for L{clock.handshake}, and for what the protocol does before a handshake is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import (
    IHandshakeListener,
    IProtocolFactory,
    ISSLTransport,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.protocols.haproxy._wrapper import (
    HAProxyProtocolWrapper,
    HAProxyWrappingFactory,
)
from twisted.protocols.policies import WrappingFactory
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides, implementer

from clock.handshake import HeaderFirst, judgeHeaders, shakesHands
from clock.protocol import GRACE, HANDSHAKE_TIMEOUT
from clock.tests.fixture import House, caughtEvents

HEADER = b"PROXY TCP4 192.0.2.7 192.0.2.8 4711 80\r\n"


class ProtocolTests(SynchronousTestCase):
    """
    A client whose transport is not ready when it connects.
    """

    def test_turn(self) -> None:
        """
        The turn begins when the handshake is done, in the order in which these are.
        """
        house = House.new(sequential=True)
        slow, quick, last = (house.connect(tls=True) for _ in range(3))
        quick.protocol.handshakeCompleted()
        slow.protocol.handshakeCompleted()
        self.assertEqual(quick.received, b"22:13:20\n")
        self.assertEqual(slow.received + last.received, b"")
        quick.leave()
        self.assertEqual(slow.received, b"22:13:20\n")

    def test_tooSlow(self) -> None:
        """
        A client that is not done in time is cut off, and never had a turn.
        """
        house = House.new(sequential=True)
        mute = house.connect(tls=True)
        house.clock.advance(HANDSHAKE_TIMEOUT - 0.1)
        self.assertFalse(mute.dropped)
        house.clock.advance(0.1)
        self.assertTrue(mute.transport.aborted)
        mute.leave()
        self.assertEqual(mute.received, b"")
        self.assertEqual(house.timers(), 0)

    def test_inTime(self) -> None:
        """
        A client that is done in time is served for as long as it stays.
        """
        house = House.new()
        client = house.connect(tls=True)
        client.protocol.handshakeCompleted()
        for _ in range(20):
            house.clock.advance(1)
        self.assertFalse(client.dropped)
        self.assertEqual(client.received.count(b"\n"), 21)

    def test_leaves(self) -> None:
        """
        A client that leaves before is forgotten.
        """
        house = House.new()
        house.connect(tls=True).leave()
        self.assertEqual(house.timers(), 0)
        self.assertEqual(house.factory.limit.count, 0)

    def test_theEnd(self) -> None:
        """
        At the end it is closed like the others, and is not served if it is done then.
        """
        house = House.new()
        client = house.connect(tls=True)
        gone = house.factory.disconnectAll()
        client.protocol.handshakeCompleted()
        self.assertTrue(client.transport.disconnecting)
        house.clock.advance(GRACE)
        self.assertTrue(client.transport.aborted)
        self.assertNoResult(gone)
        client.leave()
        self.assertIsNone(self.successResultOf(gone))
        self.assertEqual(client.received, b"")
        self.assertEqual(house.timers(), 0)

    def test_tooMany(self) -> None:
        """
        A client too many is closed before its handshake.
        """
        house = House.new()
        house.factory.limit.most = 1
        house.connect()
        second = house.connect(tls=True)
        self.assertTrue(second.dropped)
        second.leave()
        house.clock.advance(HANDSHAKE_TIMEOUT)
        self.assertFalse(second.transport.aborted)

    def test_log(self) -> None:
        """
        Its coming is logged when the handshake is done; one that was not done is not
        said to have come, or to have left.
        """
        events = caughtEvents(self)
        house = House.new(verbose=True)
        house.connect(tls=True).leave()
        client = house.connect(tls=True)
        self.assertEqual(events, [])
        client.protocol.handshakeCompleted()
        client.leave()
        self.assertEqual(len(events), 2)


@implementer(IHandshakeListener)
class Listener(Protocol):
    """
    A protocol that notes what happens to it.
    """

    def __init__(self) -> None:
        self.events: list[object] = []

    def handshakeCompleted(self) -> None:
        """
        Note it.
        """
        self.events.append("ready")

    def dataReceived(self, data: bytes) -> None:
        """
        Note them.
        """
        self.events.append(data)


@dataclass
class Proxied:
    """
    A protocol behind the PROXY protocol.
    """

    protocol: Any
    transport: StringTransport

    @classmethod
    def new(cls, protocol: type[Protocol] = Listener) -> Proxied:
        """
        Connect.
        """
        factory = HAProxyWrappingFactory(Factory.forProtocol(protocol))
        # As with TLS below: a factory around it.
        judgeHeaders(WrappingFactory(factory))
        wrapper = factory.buildProtocol(None)
        assert isinstance(wrapper, HeaderFirst)
        transport = StringTransport()
        wrapper.makeConnection(transport)
        return cls(wrapper, transport)


class HeaderTests(SynchronousTestCase):
    """
    The PROXY header.
    """

    def test_good(self) -> None:
        """
        The wrapped protocol is told when the header has come, and once; what comes
        later is handed on.
        """
        proxied = Proxied.new()
        proxied.protocol.dataReceived(HEADER[:20])
        listener = proxied.protocol.wrappedProtocol
        self.assertEqual(listener.events, [])
        proxied.protocol.dataReceived(HEADER[20:])
        self.assertEqual(listener.events, ["ready"])
        proxied.protocol.dataReceived(b"x")
        self.assertEqual(listener.events, ["ready", b"x"])

    def test_bad(self) -> None:
        """
        A bad header is one line in the log, and ends the connection.
        """
        for header in (
            b"GET / HTTP/1.0\r\n\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.8 x 80\r\n",
            b"PROXY TCP4 \xff 192.0.2.8 4711 80\r\n",
            b"PROXY TCP9 192.0.2.7 192.0.2.8 4711 80\r\n",
        ):
            events = caughtEvents(self)
            proxied = Proxied.new()
            proxied.protocol.dataReceived(header)
            proxied.protocol.dataReceived(HEADER)
            self.assertTrue(proxied.transport.disconnecting)
            self.assertEqual(proxied.protocol.wrappedProtocol.events, [])
            self.assertEqual([event["peer"] for event in events], ["192.168.1.1:54321"])

    def test_anyProtocol(self) -> None:
        """
        A protocol that does not care is served as by Twisted's own wrapper.
        """
        proxied = Proxied.new(Protocol)
        proxied.protocol.dataReceived(HEADER)
        self.assertEqual(proxied.protocol.getPeer().host, "192.0.2.7")

    def test_twistedsOwn(self) -> None:
        """
        What is private in Twisted and needed here is there; and its own wrapper, on
        TLS, is not taken for one that tells of its header.
        """
        factory: IProtocolFactory = Factory.forProtocol(Protocol)
        wrapper = HAProxyWrappingFactory(factory).buildProtocol(None)
        assert isinstance(wrapper, HAProxyProtocolWrapper)
        self.assertIsNone(wrapper._proxyInfo)
        transport = StringTransport()
        alsoProvides(transport, ISSLTransport)
        wrapper.makeConnection(transport)
        self.assertTrue(ISSLTransport.providedBy(wrapper))
        self.assertFalse(shakesHands(wrapper))
        self.assertTrue(shakesHands(transport))
        self.assertFalse(shakesHands(StringTransport()))
        self.assertTrue(shakesHands(HeaderFirst(None, Protocol())))  # type: ignore[arg-type]
