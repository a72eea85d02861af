"""
Tests for L{clock.clients.reading.urls.proxy.tunnel}.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import (
    ConnectingCancelledError,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    VerifyError,
)
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.testing import (
    AccumulatingProtocol,
    MemoryReactorClock,
    StringTransport,
)
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

import clock
from clock.clients.reading.ends import End, EndError, How
from clock.clients.reading.observer import Observer, Step
from clock.clients.reading.urls.proxy.selection import Proxy
from clock.clients.reading.urls.proxy.tunnel import MAX_ANSWER, TunnelEndpoint

#: The answer of a proxy that has connected.
OK = b"HTTP/1.1 200 OK\r\n\r\n"

PROXY = Proxy("http://p:3128", "p", 3128)


class Steps(Observer):
    """
    An observer that records the steps.
    """

    def __init__(self) -> None:
        self.steps: list[tuple[Step, str]] = []

    def stepReached(self, step: Step, detail: str = "") -> None:
        """
        Record a step.
        """
        self.steps.append((step, detail))


class Greeter(AccumulatingProtocol):
    """
    A protocol that sends something at once.
    """

    transport: Any

    def connectionMade(self) -> None:
        """
        Send a greeting.
        """
        super().connectionMade()
        self.transport.write(b"hello")


class TunnelTests(SynchronousTestCase):
    """
    Connecting through a proxy.
    """

    def begin(self, proxy: Proxy = PROXY, host: str = "x") -> None:
        """
        Start to connect to the proxy.
        """
        self.reactor = MemoryReactorClock()
        self.steps = Steps()
        self.inner = Greeter()
        endpoint = TunnelEndpoint(
            TCP4ClientEndpoint(self.reactor, "127.0.0.1", 3128),
            proxy,
            host,
            443,
            self.steps,
        )
        verifyObject(IStreamClientEndpoint, endpoint)
        factory: Any = Factory.forProtocol(lambda: self.inner)
        factory.protocolConnectionMade = None
        self.attempt = endpoint.connect(factory)

    def connect(self, proxy: Proxy = PROXY, host: str = "x") -> None:
        """
        Connect to the proxy.
        """
        self.begin(proxy, host)
        self.transport = StringTransport()
        factory: Any = self.reactor.tcpClients[-1][2]
        self.protocol: Any = factory.buildProtocol(None)
        self.protocol.makeConnection(self.transport)

    def assertEnd(self, text: str, code: int | None = None) -> None:
        """
        Assert how the attempt has failed.
        """
        error = self.failureResultOf(self.attempt, EndError).value
        self.assertEqual(error.end, End(How.PROXY, text, code))
        self.assertEqual(self.steps.steps, [])

    def assertRefused(self, answer: bytes, text: str, code: int | None = None) -> None:
        """
        Assert that an answer ends the attempt, and aborts the connection. What comes
        later is ignored.
        """
        self.connect()
        self.protocol.dataReceived(answer)
        self.assertTrue(self.transport.disconnected)
        self.protocol.dataReceived(OK)
        self.protocol.connectionLost(Failure(ConnectionLost()))
        self.assertEnd(text, code)

    def test_request(self) -> None:
        """
        The request has the host and the port, and who asks for it.
        """
        agent = f"User-Agent: txclock/{clock.__version__}\r\n"
        for host, authority in {"x": "x:443", "::1": "[::1]:443"}.items():
            request = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{agent}"
            self.connect(PROXY, host)
            self.assertEqual(self.transport.value().decode(), f"{request}\r\n")
            self.connect(PROXY._replace(authorization="Basic a"), host)
            request += "Proxy-Authorization: Basic a\r\n"
            self.assertEqual(self.transport.value().decode(), f"{request}\r\n")

    def test_tunnel(self) -> None:
        """
        After the proxy's answer, the protocol has the transport. It receives what comes
        after the answer, and the end of the connection.
        """
        self.connect()
        self.transport.clear()
        for byte in OK[:-1]:
            self.protocol.dataReceived(bytes([byte]))
        self.assertNoResult(self.attempt)
        self.assertEqual((self.inner.made, self.steps.steps), (0, []))
        self.protocol.dataReceived(OK[-1:])
        self.assertIs(self.successResultOf(self.attempt), self.inner)
        self.assertIs(self.inner.transport, self.transport)
        self.assertEqual(self.steps.steps, [(Step.TUNNEL, "http://p:3128")])
        self.assertEqual(self.transport.value(), b"hello")
        self.protocol.dataReceived(b"a")
        self.protocol.dataReceived(OK)
        self.assertEqual(self.inner.data, b"a" + OK)
        reason = Failure(ConnectionDone())
        self.protocol.connectionLost(reason)
        self.assertIs(self.inner.closedReason, reason)

    def test_answers(self) -> None:
        """
        Headers, and interim responses, come before the tunnel's bytes.
        """
        for answer in (
            b"HTTP/1.0 200\r\n\r\n",
            b"HTTP/1.1 299 \xff\r\nContent-Length: 5\r\n\r\n",
            b"HTTP/1.1 200 OK\nVia: x\n\n",
            b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 999 + OK,
        ):
            self.connect()
            self.protocol.dataReceived(answer + b"a\r\n\r\nb")
            self.assertIs(self.successResultOf(self.attempt), self.inner)
            self.assertEqual(self.inner.data, b"a\r\n\r\nb")

    def test_status(self) -> None:
        """
        The proxy may refuse. Its words are shown on one line.
        """
        self.assertRefused(
            b"HTTP/1.1 407 Proxy Authentication Required\r\nA: b\r\n\r\n<html>",
            "the proxy http://p:3128 answered 407 Proxy Authentication Required",
            407,
        )
        text = "the proxy http://p:3128 answered 302 \\xff \\x1b"
        self.assertRefused(b"HTTP/1.1 302 \xff \x1b\r\n\r\n", text, 302)
        text = "the proxy http://p:3128 answered 503"
        self.assertRefused(b"HTTP/1.0 503\r\n\r\n", text, 503)

    def test_notHTTP(self) -> None:
        """
        Another protocol is noticed at its first bytes.
        """
        for answer in (
            b"SSH-2.0",
            b"\x15",
            b"HTTP/2 200\r\n\r\n",
            b"HTTP/1.1 OK\r\n\r\n",
            b"HTTP/1.1 2000 OK\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nSSH",
        ):
            text = "the proxy http://p:3128 did not answer in HTTP/1"
            self.assertRefused(answer, text)

    def test_long(self) -> None:
        """
        Headers and interim responses without an end are not read forever.
        """
        text = "the proxy http://p:3128 sent too long an answer"
        answer = OK[:-2] + b"A: b\r\n" * (MAX_ANSWER // 6)
        self.assertRefused(answer, text)
        interim = b"HTTP/1.1 100 Continue\r\n\r\n"
        self.assertRefused(interim * (MAX_ANSWER // len(interim) + 1), text)
        self.connect()
        self.protocol.dataReceived(answer[:MAX_ANSWER])
        self.assertNoResult(self.attempt)

    def test_refused(self) -> None:
        """
        The proxy may be unreachable.
        """
        self.begin()
        factory: Any = self.reactor.tcpClients[-1][2]
        error = ConnectionRefusedError(osError=111)
        factory.clientConnectionFailed(None, Failure(error))
        self.assertEnd("the proxy http://p:3128: Connection refused")

    def test_lost(self) -> None:
        """
        The proxy may end the connection before its answer is complete.
        """
        for error, text in {
            ConnectionDone(): " closed the connection without an answer",
            ConnectionLost(): " reset the connection",
            VerifyError("no name."): ": no name",
        }.items():
            self.connect()
            self.protocol.dataReceived(OK[:-1])
            self.protocol.connectionLost(Failure(error))
            self.assertEnd(f"the proxy http://p:3128{text}")

    def test_cancel(self) -> None:
        """
        Cancelling stops the attempt to connect to the proxy, or aborts the connection.
        """
        self.begin()
        self.attempt.cancel()
        self.failureResultOf(self.attempt, ConnectingCancelledError)
        self.assertTrue(self.reactor.connectors[-1].stoppedConnecting)
        self.connect()
        self.attempt.cancel()
        self.failureResultOf(self.attempt, CancelledError)
        self.assertTrue(self.transport.disconnected)
        self.protocol.connectionLost(Failure(ConnectionDone()))
