"""
Tests for L{clock.web.channel}.
"""

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from typing import Any

from twisted.internet.interfaces import ISSLTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides

from clock.protocol import CLOSE_TIMEOUT
from clock.tests.web.fixture import HEALTH, WebClient, fixture
from clock.web import channel
from clock.web.channel import (
    IDLE_TIMEOUT,
    PIPELINE_PAUSE,
    REQUEST_TIMEOUT,
)
from clock.web.connections import MAX_REFUSALS
from clock.web.site import ClockRequest
from clock.web.status import HealthResource


class RequestTests(SynchronousTestCase):
    """
    Requests that are accepted, and requests that are refused.
    """

    def test_inputAfterTheRequest(self) -> None:
        """
        Data after the request of a stream is ignored, and read at most once a second.
        """
        web = fixture()
        client = web.get("/lines")
        client.channel.dataReceived(b"GET /lines HTTP/1.1\r\n\r\n" * 10)
        self.assertEqual(client.transport.producerState, "paused")
        web.clock.advance(1)
        self.assertEqual(client.transport.producerState, "producing")
        self.assertEqual(client.chunks(), [b"22:13:20\n", b"22:13:21\n"])

    def test_inputWithTheRequest(self) -> None:
        """
        Data that arrives together with the request of a stream is ignored too.
        """
        web = fixture()
        client = web.open()
        request = b"GET /lines HTTP/1.1\r\nHost: x\r\n\r\n"
        client.channel.dataReceived(request * 10)
        self.assertEqual(client.chunks(), [b"22:13:20\n"])
        self.assertEqual(client.transport.producerState, "paused")

    def test_inputDuringTheResponse(self) -> None:
        """
        If the response is not a stream, data after the request is not read.
        """
        client = fixture().get("/status/events")
        client.channel.dataReceived(b"GET /lines HTTP/1.1\r\n\r\n" * 10)
        self.assertEqual(client.transport.producerState, "paused")

    def test_slowRequest(self) -> None:
        """
        A request that does not arrive in time is refused, even if bytes keep arriving.
        """
        web = fixture()
        client = web.open()
        client.channel.dataReceived(b"GET / HTTP/1.1\r\n")
        for _ in range(int(REQUEST_TIMEOUT)):
            self.assertFalse(client.closed)
            client.channel.dataReceived(b"X: y\r\n")
            web.clock.advance(1)
        self.assertEqual(client.status, 408)
        self.assertEqual(client.body, b"the request did not arrive in time\n")
        self.assertTrue(client.transport.halfClosed)
        web.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(client.transport.aborted)
        client.disconnect()
        self.assertEqual(web.delayedCalls(), 0)

    def test_manySlowRequests(self) -> None:
        """
        Of many late requests, only some are refused in one iteration of the reactor.
        """
        web = fixture()
        clients = [web.open() for _ in range(2 * MAX_REFUSALS + 1)]
        closed = []

        def iteration() -> None:
            closed.append(sum(client.closed for client in clients))
            if len(closed) < 4:
                web.clock.callLater(0, iteration)

        web.clock.callLater(REQUEST_TIMEOUT, iteration)
        web.clock.advance(REQUEST_TIMEOUT)
        self.assertEqual(
            closed, [0, MAX_REFUSALS, 2 * MAX_REFUSALS, 2 * MAX_REFUSALS + 1]
        )

    def test_justInTime(self) -> None:
        """
        A late request that arrives before it is refused is served. A connection that is
        lost before it is refused is forgotten.
        """
        web = fixture()
        stream, served, lost = web.open(), web.open(), web.open()

        def iteration() -> None:
            stream.channel.dataReceived(b"GET /lines HTTP/1.1\r\nHost: x\r\n\r\n")
            served.channel.dataReceived(HEALTH)
            lost.disconnect()

        web.clock.callLater(REQUEST_TIMEOUT, iteration)
        web.clock.advance(REQUEST_TIMEOUT)
        for client in (stream, served):
            self.assertEqual(client.status, 200)
            self.assertFalse(client.closed)
        self.assertEqual(lost.received, b"")

    def test_dateAndServer(self) -> None:
        """
        Each response has a date, and shows no versions.
        """
        web = fixture()
        for request in (HEALTH, b"hello\r\n", b"GET /lines HTTP/1.0\r\n\r\n"):
            client = web.open()
            client.channel.dataReceived(request)
            self.assertIn("Server: clock", client.head)
            (date,) = (each for each in client.head if each.startswith("Date: "))
            parsedate_to_datetime(date.removeprefix("Date: "))

    def test_cookies(self) -> None:
        """
        Cookies are not parsed.
        """
        web = fixture()
        seen: list[Any] = []
        self.patch(
            HealthResource, "render_GET", lambda _, request: seen.append(request)
        )
        web.get("/healthz", headers="Cookie: a=b\r\n")
        self.assertEqual([each.received_cookies for each in seen], [{}])

    def test_responseIsNotTaken(self) -> None:
        """
        A client that does not read the last response or, over TLS, does not close its
        side is aborted after a while.
        """
        web = fixture()
        client = web.get("/healthz", headers="Connection: close\r\n")
        web.clock.advance(REQUEST_TIMEOUT - 0.1)
        self.assertFalse(client.transport.aborted)
        web.clock.advance(0.1)
        self.assertTrue(client.transport.aborted)

    def test_overTLS(self) -> None:
        """
        Over TLS, which has no half-close, a refused connection is closed completely.
        """
        web = fixture()
        client = web.open()
        alsoProvides(client.transport, ISSLTransport)
        client.channel.dataReceived(b"hello\r\n")
        self.assertTrue(client.transport.disconnecting)
        self.assertFalse(client.transport.halfClosed)


class PersistenceTests(SynchronousTestCase):
    """
    Connections that serve further requests.
    """

    def test_next(self) -> None:
        """
        A connection serves one request after the other.
        """
        web = fixture()
        client = web.open()
        for count in range(1, 4):
            client.channel.dataReceived(HEALTH)
            self.assertEqual(client.received.count(b"\r\n\r\nok\n"), count)
            web.clock.advance(IDLE_TIMEOUT - 1)
        client.channel.dataReceived(b"GET /lines HTTP/1.1\r\nHost: x\r\n\r\n")
        web.clock.advance(IDLE_TIMEOUT)
        self.assertFalse(client.closed)

    def test_close(self) -> None:
        """
        The connection is closed if the client asks for it, or uses HTTP/1.0.
        """
        web = fixture()
        for client in (
            web.get("/healthz", headers="Connection: close\r\n"),
            web.get("/healthz", headers="Connection: TE,Close\r\n"),
            web.get("/healthz", headers="Connection: TE\r\nConnection: close\r\n"),
            web.get("/healthz", version="1.0"),
        ):
            self.assertIn("Connection: close", client.head)
            self.assertTrue(client.transport.disconnecting)

    def test_count(self) -> None:
        """
        The number of requests on a connection is limited.
        """
        self.patch(channel, "MAX_REQUESTS", 3)
        web = fixture()
        client = web.open()
        for _ in range(3):
            client.channel.dataReceived(HEALTH)
            web.clock.advance(0)
        self.assertEqual(client.received.count(b"ok\n"), 3)
        self.assertEqual(client.received.count(b"Connection: close"), 1)
        self.assertTrue(client.transport.disconnecting)

    def test_idle(self) -> None:
        """
        A connection that waits too long for another request is closed, without a
        response.
        """
        web = fixture()
        client = web.get("/healthz")
        received = client.received
        web.clock.advance(0)
        web.clock.advance(IDLE_TIMEOUT - 1)
        # An empty line begins no request (RFC 9112, 2.2).
        client.channel.dataReceived(b"\r\n")
        web.clock.advance(0.9)
        self.assertFalse(client.closed)
        web.clock.advance(0.1)
        self.assertTrue(client.transport.halfClosed)
        self.assertEqual(client.received, received)

    def test_slowNextRequest(self) -> None:
        """
        A further request has as much time as the first one, counted from its first
        byte.
        """
        web = fixture()
        client = web.get("/healthz")
        web.clock.advance(IDLE_TIMEOUT - 1)
        client.channel.dataReceived(b"GET")
        web.clock.advance(REQUEST_TIMEOUT - 0.1)
        self.assertFalse(client.closed)
        web.clock.advance(0.1)
        self.assertIn(b" 408 ", client.received)

    def test_requestAtTheTimeout(self) -> None:
        """
        If a further request begins when the idle connection is about to be closed, it
        is served.
        """
        web = fixture()
        client = web.get("/healthz")
        web.clock.callLater(IDLE_TIMEOUT, client.channel.dataReceived, HEALTH[:9])
        web.clock.advance(IDLE_TIMEOUT)
        client.channel.dataReceived(HEALTH[9:])
        self.assertEqual(client.received.count(b"ok\n"), 2)
        self.assertFalse(client.closed)

    def test_pipelined(self) -> None:
        """
        Requests that arrive together are served in order, with a pause between them.
        Meanwhile nothing is read.
        """
        web = fixture()
        client = web.open()
        status = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"
        client.channel.dataReceived(HEALTH + status + HEALTH)
        codes = []
        for _ in range(3):
            codes.append(re.findall(rb"HTTP/1.1 (\d+)", client.received))
            self.assertEqual(
                client.transport.producerState,
                "producing" if len(codes) == 3 else "paused",
            )
            web.clock.advance(PIPELINE_PAUSE)
        self.assertEqual(codes, [[b"200"], [b"200", b"404"], [b"200", b"404", b"200"]])

    def test_inputAfterTheLast(self) -> None:
        """
        After the last response, nothing more is read. (TLS, which waits for the client
        to close its side, would go on reading.)
        """
        client = fixture().get("/healthz", headers="Connection: close\r\n")
        client.transport.disconnecting = False
        client.channel.dataReceived(HEALTH)
        self.assertEqual(client.transport.producerState, "paused")
        self.assertEqual(client.received.count(b"ok\n"), 1)

    def test_pipelinedOverTLS(self) -> None:
        """
        TLS delivers each record by itself, even while reading is paused. Only one
        request is served in one iteration of the reactor.
        """
        web = fixture()
        client = web.open()
        for _ in range(5):
            client.channel.dataReceived(HEALTH)
        counts = []
        for pause in (0, 0, *[PIPELINE_PAUSE] * 4):
            counts.append(client.received.count(b"ok\n"))
            web.clock.advance(pause)
        self.assertEqual(counts, [1, 2, 2, 3, 4, 5])
        self.assertEqual(client.transport.producerState, "producing")

    def test_manyPipelined(self) -> None:
        """
        If many requests have arrived together, the first one is the last.
        """
        client = fixture().open()
        client.channel.dataReceived(HEALTH * 1_000)
        self.assertIn("Connection: close", client.head)
        self.assertEqual(client.received.count(b"ok\n"), 1)
        self.assertTrue(client.closed)

    def test_emptyLine(self) -> None:
        """
        An empty line after a request is ignored.
        """
        web = fixture()
        client = web.open()
        client.channel.dataReceived(HEALTH + b"\r\n")
        web.clock.advance(0)
        web.clock.advance(REQUEST_TIMEOUT)
        self.assertFalse(client.closed)
        client.channel.dataReceived(HEALTH)
        self.assertEqual(client.received.count(b"ok\n"), 2)

    def test_disconnectsInThePause(self) -> None:
        """
        A client that disconnects between two requests leaves no delayed call.
        """
        web = fixture()
        client = web.open()
        client.channel.dataReceived(HEALTH * 2)
        client.disconnect()
        self.assertEqual(web.delayedCalls(), 0)

    def test_slowReader(self) -> None:
        """
        Until the client has read a response, nothing is read from it, and its next
        request is not served.
        """
        web = fixture()
        for requests in (1, 2):
            client = web.open()
            write = client.transport.writeSequence

            def slow(
                data: Iterable[bytes],
                write: Any = write,
                client: WebClient = client,
            ) -> None:
                write(data)
                client.producer.pauseProducing()

            client.transport.writeSequence = slow  # type: ignore[method-assign]
            client.channel.dataReceived(HEALTH * requests)
            web.clock.pump([PIPELINE_PAUSE] * 10)
            self.assertEqual(client.transport.producerState, "paused")
            self.assertEqual(client.received.count(b"ok\n"), 1)
            client.transport.writeSequence = write  # type: ignore[method-assign]
            client.producer.resumeProducing()
            state = {1: "producing", 2: "paused"}[requests]
            self.assertEqual(client.transport.producerState, state)
            web.clock.advance(PIPELINE_PAUSE)
            self.assertEqual(client.received.count(b"ok\n"), requests)
            web.clock.advance(IDLE_TIMEOUT - 1)
            self.assertFalse(client.closed)

    def test_stuckReader(self) -> None:
        """
        A client that does not read a response is aborted.
        """
        web = fixture()
        client = web.open()
        self.patch(
            client.transport, "write", lambda _: client.producer.pauseProducing()
        )
        client.channel.dataReceived(HEALTH)
        web.clock.advance(REQUEST_TIMEOUT)
        web.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(client.transport.aborted)
        self.assertIsNone(client.transport.producer)

    def test_halfClosed(self) -> None:
        """
        A client that closes its sending half gets the responses to its requests. A
        stream ends at once.
        """
        web = fixture()
        client = web.get("/healthz")
        web.clock.advance(0)
        client.channel.readConnectionLost()
        self.assertTrue(client.transport.disconnecting)
        self.assertEqual(client.status, 200)
        client = web.get("/lines")
        client.channel.readConnectionLost()
        self.assertTrue(client.transport.lost)
        client = web.open()
        client.channel.refuse(400, "no")
        client.channel.writeConnectionLost()
        client.channel.readConnectionLost()
        self.assertTrue(client.transport.disconnecting)
        web.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(client.transport.aborted)

    def test_stream(self) -> None:
        """
        A request is freed when its stream begins.
        """
        web = fixture()
        paths = ["/lines", "/events", "/status/events"]
        for path in paths:
            requests: list[Any] = []
            self.patch(
                ClockRequest,
                "parseCookies",
                lambda request: requests.append(weakref.ref(request)),  # noqa: B023
            )
            client = web.get(f"{path}?x={'y' * 8_000}")
            self.assertEqual(client.status, 200)
            gc.collect()
            self.assertEqual([each() for each in requests], [None])
