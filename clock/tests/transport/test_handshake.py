"""
Tests for L{clock.transport.handshake}.
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

from clock.tests.fixture import capturedEvents
from clock.transport.handshake import HeaderFirst, hasHandshake, useHeaderFirst

HEADER = b"PROXY TCP4 192.0.2.7 192.0.2.8 4711 80\r\n"


@implementer(IHandshakeListener)
class Listener(Protocol):
    """
    A protocol that records how it is called.
    """

    def __init__(self) -> None:
        self.events: list[object] = []

    def handshakeCompleted(self) -> None:
        """
        Record the call.
        """
        self.events.append("ready")

    def dataReceived(self, data: bytes) -> None:
        """
        Record the bytes.
        """
        self.events.append(data)


@dataclass
class Proxied:
    """
    A protocol behind Twisted's wrapper for the PROXY protocol.
    """

    protocol: Any
    transport: StringTransport

    @classmethod
    def new(cls, protocol: type[Protocol] = Listener) -> Proxied:
        """
        Connect.
        """
        factory = HAProxyWrappingFactory(Factory.forProtocol(protocol))
        # As with TLS, another factory wraps the one for the PROXY protocol.
        useHeaderFirst(WrappingFactory(factory))
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
        The wrapped protocol is notified once, when the header is complete. Later bytes
        are delivered to it.
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
        A bad header is logged in one line, and the connection is closed.
        """
        for header in (
            b"GET / HTTP/1.0\r\n\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.8 x 80\r\n",
            b"PROXY TCP4 \xff 192.0.2.8 4711 80\r\n",
            b"PROXY TCP9 192.0.2.7 192.0.2.8 4711 80\r\n",
        ):
            events = capturedEvents(self)
            proxied = Proxied.new()
            proxied.protocol.dataReceived(header)
            proxied.protocol.dataReceived(HEADER)
            self.assertTrue(proxied.transport.disconnecting)
            self.assertEqual(proxied.protocol.wrappedProtocol.events, [])
            self.assertEqual([event["peer"] for event in events], ["192.168.1.1:54321"])

    def test_closedByData(self) -> None:
        """
        A protocol that closes the connection because of the data after the header, as
        one for HTTP does after its response, is not logged. An exception that it raises
        is not taken for a bad header.
        """

        class Closing(Protocol):
            def dataReceived(self, data: bytes) -> None:
                assert self.transport is not None
                self.transport.loseConnection()
                raise ValueError(data)

        events = capturedEvents(self)
        proxied = Proxied.new(Closing)
        with self.assertRaisesRegex(ValueError, "GET"):
            proxied.protocol.dataReceived(HEADER + b"GET")
        self.assertTrue(proxied.transport.disconnecting)
        self.assertEqual(events, [])

    def test_anyProtocol(self) -> None:
        """
        A protocol that does not provide C{IHandshakeListener} is served as by Twisted's
        own wrapper.
        """
        proxied = Proxied.new(Protocol)
        proxied.protocol.dataReceived(HEADER)
        self.assertEqual(proxied.protocol.getPeer().host, "192.0.2.7")

    def test_twistedsOwn(self) -> None:
        """
        The private names of Twisted that are used here exist. Twisted's own wrapper,
        which does not notify, is distinguished from a TLS transport below it.
        """
        factory: IProtocolFactory = Factory.forProtocol(Protocol)
        wrapper = HAProxyWrappingFactory(factory).buildProtocol(None)
        assert isinstance(wrapper, HAProxyProtocolWrapper)
        self.assertIsNone(wrapper._proxyInfo)
        transport = StringTransport()
        alsoProvides(transport, ISSLTransport)
        wrapper.makeConnection(transport)
        self.assertTrue(ISSLTransport.providedBy(wrapper))
        self.assertFalse(hasHandshake(wrapper))
        self.assertTrue(hasHandshake(transport))
        self.assertFalse(hasHandshake(StringTransport()))
        self.assertTrue(hasHandshake(HeaderFirst(None, Protocol())))  # type: ignore[arg-type]
