"""
Tests for L{clock.web.channel} and L{clock.web.site}: connections and their limits.
"""

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from typing import Any

from incremental import Version
from twisted.internet.interfaces import ISSLTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides

from clock.protocol import CLOSE_TIMEOUT
from clock.tests.fixture import capturedEvents
from clock.tests.web.fixture import WebClient
from clock.tests.web.test_streams import fixture
from clock.web import channel
from clock.web import site as web_site
from clock.web.channel import (
    IDLE_TIMEOUT,
    PIPELINE_PAUSE,
    REQUEST_TIMEOUT,
    ClockChannel,
)
from clock.web.connections import FREE_CONNECTIONS, MAX_REFUSALS
from clock.web.resources import RETRY_AFTER, NotFound
from clock.web.site import ClockRequest
from clock.web.status import HealthResource

#: A request.
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

#: The response to what is not HTTP.
NOT_HTTP = b"not an HTTP request\n"


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
        Data after the request of another response is not read.
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
        self.assertTrue(client.transport.halfClosed)
        web.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(client.transport.aborted)
        client.disconnect()
        self.assertEqual(web.delayedCalls(), 0)

    def test_manySlowRequests(self) -> None:
        """
        Of many requests that are late, only some are refused in one turn of the
        reactor.
        """
        web = fixture()
        clients = [web.open() for _ in range(2 * MAX_REFUSALS + 1)]
        closed = []

        def turn() -> None:
            closed.append(sum(client.closed for client in clients))
            if len(closed) < 4:
                web.clock.callLater(0, turn)

        web.clock.callLater(REQUEST_TIMEOUT, turn)
        web.clock.advance(REQUEST_TIMEOUT)
        self.assertEqual(
            closed, [0, MAX_REFUSALS, 2 * MAX_REFUSALS, 2 * MAX_REFUSALS + 1]
        )

    def test_justInTime(self) -> None:
        """
        A request that arrives before it is refused is served, and a connection that is
        lost before that is forgotten.
        """
        web = fixture()
        stream, served, lost = web.open(), web.open(), web.open()

        def turn() -> None:
            stream.channel.dataReceived(b"GET /lines HTTP/1.1\r\nHost: x\r\n\r\n")
            served.channel.dataReceived(HEALTH)
            lost.disconnect()

        web.clock.callLater(REQUEST_TIMEOUT, turn)
        web.clock.advance(REQUEST_TIMEOUT)
        for client in (stream, served):
            self.assertEqual(client.status, 200)
            self.assertFalse(client.closed)
        self.assertEqual(lost.received, b"")

    def test_bodies(self) -> None:
        """
        A request with a body is refused. The body is discarded as it arrives.
        """
        web = fixture()
        for header in ("Content-Length: 1000000000", "Transfer-Encoding: chunked"):
            client = web.get("/lines", headers=f"{header}\r\n\r\nbody")
            self.assertEqual(client.status, 413)
            self.assertEqual(client.body, b"a request must not have a body\n")
            client.channel.dataReceived(b"x" * 65536)
            self.assertTrue(client.transport.halfClosed)
            client.disconnect()
        self.assertEqual(web.delayedCalls(), 0)

    def test_methods(self) -> None:
        """
        Methods other than GET and HEAD are refused, with a body or without.
        """
        web = fixture()
        for path in ("/", "/lines", "/status", "/healthz"):
            for headers in ("", "Content-Length: 3\r\n"):
                client = web.get(path, method="POST", headers=headers)
                self.assertEqual(client.status, 405)
                self.assertIn("Allow: GET, HEAD", client.head)
                self.assertEqual(client.body, b"use GET or HEAD\n")

    def test_paths(self) -> None:
        """
        Paths that do not exist get one line of text.
        """
        web = fixture()
        for path in ("/x", "/lines/x", "/status/x", "/status/events/x", "/x/y"):
            client = web.get(path)
            self.assertEqual((client.status, client.body), (404, b"no such path\n"))

    def test_longPath(self) -> None:
        """
        The server looks no further than the first part of a path that does not exist.
        With one resource for each part, 16 KB of path took 25 ms.
        """
        web = fixture()
        made: list[object] = []
        self.patch(NotFound, "__init__", made.append)
        client = web.get("/x" + "/y" * 4_000)
        self.assertEqual((client.status, client.body), (404, b"no such path\n"))
        self.assertEqual(made, [])

    def test_absoluteForm(self) -> None:
        """
        The target of a request may be a whole URI, as clients send it to proxies.
        """
        web = fixture()
        for origin in ("http://x", "HTTPS://x:8000"):
            self.assertEqual(web.get(f"{origin}/healthz").body, b"ok\n")
            self.assertEqual(web.get(f"{origin}/lines?zone=").status, 200)
            for page in (origin, f"{origin}/", f"{origin}?x"):
                self.assertEqual(web.get(page).status, 200)
        self.assertEqual(web.get("/http://x/healthz").status, 404)

    def test_bad(self) -> None:
        """
        Data that is not HTTP is refused.
        """
        web = fixture()
        host = b"\r\nHost: x\r\n"
        for data in (
            b"hello\r\n\r\nhello\r\n\r\n",
            b"GET / FOO/7" + host,
            b"GET / HTTP/2.0" + host,
            b"GET / http/1.1" + host,
            b"GET  / HTTP/1.1" + host,
            b"GET / HTTP/1.1 " + host,
            b"GET\t/ HTTP/1.1" + host,
            b"GET /\0 HTTP/1.1" + host,
            b"GET /\xe9 HTTP/1.1" + host,
            b"G(T / HTTP/1.1" + host,
            b"GET / HTTP/1.1" + host + b"A: b\nContent-Length: 4\r\n\r\nbody",
            b"GET / HTTP/1.1" + host + b"A: b\rc\r\n\r\n",
            b"GET / HTTP/1.1" + host + b"A: \0\r\n\r\n",
        ):
            client = web.open()
            client.channel.dataReceived(data)
            self.assertEqual((client.status, client.body), (400, NOT_HTTP), data)
            self.assertEqual(client.received.count(b"HTTP/1.1 "), 1)

    def test_asterisk(self) -> None:
        """
        The target C{*}, which stands for the whole server, is refused: C{Request} would
        respond to it, and show the version of Twisted.
        """
        for method in ("OPTIONS", "GET"):
            client = fixture().get("*", method=method)
            self.assertEqual(client.status, 405)
            self.assertIn("Server: clock", client.head)

    def test_host(self) -> None:
        """
        A request has one valid C{Host} (RFC 9112, 3.2). Only HTTP/1.0 needs none.
        """
        web = fixture()
        for version, headers, status in [
            ("1.0", "", 200),
            ("1.0", "Host: x\r\n", 200),
            ("1.1", "Host: \r\n", 200),
            ("1.1", "Host: my_host.example:8080\r\n", 200),
            ("1.1", "Host: [::1]:8080\r\n", 200),
            ("1.1", "Host: [fe80::1%eth0]:8080\r\n", 200),
            ("1.1", "", 400),
            ("1.1", "Host: x\r\nHost: x\r\n", 400),
            ("1.0", "Host: x\r\nHost: y\r\n", 400),
            ("1.1", "Host: x/y\r\n", 400),
            ("1.1", f"Host: {'x' * 256}\r\n", 400),
        ]:
            client = web.open()
            request = f"GET /healthz HTTP/{version}\r\n{headers}\r\n".encode()
            client.channel.dataReceived(request)
            self.assertEqual(client.status, status, headers)
            self.assertEqual(client.received.count(b"HTTP/1."), 1)

    def test_continuedHeader(self) -> None:
        """
        A header that is continued on a second line is refused (RFC 9112, 5.2).
        """
        for more in (" y", "\ty", " y\r\n" * 90):
            client = fixture().get("/", headers=f"X: y\r\n{more}\r\n")
            self.assertEqual((client.status, client.body), (400, NOT_HTTP))

    def test_afterAnError(self) -> None:
        """
        What follows an error is not split into lines. With 32,000 line ends in a read,
        that took 50 ms.
        """
        web = fixture()
        lines: list[bytes] = []

        def received(channel: ClockChannel, line: bytes) -> None:
            lines.append(line)
            channel.refuse(400, "no")

        self.patch(ClockChannel, "lineReceived", received)
        client = web.open()
        client.channel.dataReceived(b"hello\r\n" + b"\r\n" * 32_000)
        client.channel.dataReceived(b"\r\n" * 32_000)
        self.assertEqual(lines, [b"hello"])

    def test_dateAndServer(self) -> None:
        """
        Each response has a date, and tells no versions.
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

    def test_hugeNumber(self) -> None:
        """
        A length with more digits than Python converts is an error as any other.
        """
        client = fixture().get("/", headers=f"Content-Length: {'9' * 5000}\r\n")
        # Before version 3.10.7, Python converts any number.
        self.assertIn(client.status, (400, 413))

    def test_responseIsNotTaken(self) -> None:
        """
        A client that does not take the last response, or over TLS does not close its
        side, is aborted after a while.
        """
        web = fixture()
        client = web.get("/healthz", headers="Connection: close\r\n")
        web.clock.advance(REQUEST_TIMEOUT - 0.1)
        self.assertFalse(client.transport.aborted)
        web.clock.advance(0.1)
        self.assertTrue(client.transport.aborted)

    def test_hugeHeaders(self) -> None:
        """
        A header that is too long is refused, in one line or in many.
        """
        web = fixture()
        for header in ("X: " + "y" * 9_000 + "\r\n", "X: y\r\n" * 110):
            client = web.get("/", headers=header)
            self.assertEqual(client.status, 431)
            self.assertEqual(client.body, b"the header is too long\n")

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
        The connection is closed if the client wants it, or uses HTTP/1.0.
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
        From its first byte on, a further request has as long as the first one.
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
        After the last response, nothing more is read. (TLS, which waits for the other
        end, would go on.)
        """
        client = fixture().get("/healthz", headers="Connection: close\r\n")
        client.transport.disconnecting = False
        client.channel.dataReceived(HEALTH)
        self.assertEqual(client.transport.producerState, "paused")
        self.assertEqual(client.received.count(b"ok\n"), 1)

    def test_pipelinedOverTLS(self) -> None:
        """
        TLS delivers each record by itself, also while reading is paused. Only one
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
        What a request needs is freed when its stream begins.
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


class LimitTests(SynchronousTestCase):
    """
    Connections and the limit of clients.
    """

    def test_free(self) -> None:
        """
        Some connections without a stream do not count. More of them do.
        """
        web = fixture()
        limit = web.factory.limit
        clients = [web.open() for _ in range(FREE_CONNECTIONS)]
        self.assertEqual(limit.count, 0)
        clients += [web.open() for _ in range(3)]
        self.assertEqual(limit.count, 3)
        for client in clients:
            client.disconnect()
        self.assertEqual(limit.count, 0)

    def test_streams(self) -> None:
        """
        Each stream counts, once.
        """
        web = fixture()
        limit = web.factory.limit
        paths = ["/lines", "/events", "/status/events"] * 10
        clients = [web.get(path) for path in paths]
        self.assertEqual(limit.count, 30)
        requesting = [web.open() for _ in range(FREE_CONNECTIONS + 1)]
        self.assertEqual(limit.count, 31)
        requesting[0].channel.dataReceived(b"GET /lines HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(limit.count, 31)
        for client in clients + requesting:
            client.disconnect()
        self.assertEqual(limit.count, 0)

    def test_full(self) -> None:
        """
        At the limit, requests are answered, and a stream is refused.
        """
        web = fixture()
        web.factory.limit.maxClients = 1
        web.connect()
        for path in ("/", "/healthz", "/status", "/style.css"):
            self.assertTrue(web.site.connections.admit())
            self.assertEqual(web.get(path).status, 200)
        self.assertEqual(web.get("/lines", method="HEAD").status, 200)
        for path in ("/lines", "/events", "/status/events"):
            client = web.get(path)
            self.assertEqual(client.status, 503)
            self.assertEqual(client.body, b"the client limit is reached\n")
            self.assertIn(f"Retry-After: {RETRY_AFTER}", client.head)
            self.assertFalse(client.closed)
        self.assertEqual(web.factory.limit.count, 1)
        self.assertEqual(web.factory.limit.totalRefused, 3)

    def test_evictsHalfClosed(self) -> None:
        """
        At the limit, a half-closed client is evicted for a stream.
        """
        web = fixture()
        web.factory.limit.maxClients = 1
        web.connect().halfClose()
        self.assertEqual(web.get("/lines").chunks(), [b"22:13:20\n"])

    def test_place(self) -> None:
        """
        A connection that counts keeps its place when it begins its stream.
        """
        web = fixture()
        web.factory.limit.maxClients = 1
        clients = [web.open() for _ in range(FREE_CONNECTIONS + 1)]
        self.assertFalse(web.factory.limit.admit())
        clients[3].channel.dataReceived(b"GET /lines HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(clients[3].chunks(), [b"22:13:20\n"])

    def test_tooMany(self) -> None:
        """
        Connections above the limit are not admitted. Without a port that asks, they are
        closed at once.
        """
        web = fixture()
        web.factory.limit.maxClients = 1
        web.connect()
        for _ in range(FREE_CONNECTIONS):
            self.assertTrue(web.site.connections.admit())
            self.assertFalse(web.open().closed)
        self.assertFalse(web.site.connections.admit())
        client = web.open()
        self.assertTrue(client.closed)
        self.assertEqual(client.received, b"")
        web.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(client.transport.aborted)

    def test_evictsIdle(self) -> None:
        """
        If there are many connections, the one that has been idle longest is closed for
        a new one, after the new one was accepted.
        """
        web = fixture()
        idle = [web.get("/healthz") for _ in range(3)]
        alsoProvides(idle[1].transport, ISSLTransport)
        web.clock.advance(0)
        idle[0].channel.dataReceived(HEALTH)
        web.clock.advance(0)
        clients = [web.open() for _ in range(FREE_CONNECTIONS - 3)]
        for _ in range(2):
            self.assertTrue(web.site.connections.admit())
            clients.append(web.open())
        self.assertFalse(idle[1].closed or idle[2].closed)
        # Nothing may change until they are closed.
        states = [client.transport.producerState for client in idle]
        self.assertEqual(states, ["producing", "paused", "paused"])
        web.clock.advance(0)
        self.assertTrue(idle[1].transport.aborted)
        self.assertTrue(idle[2].transport.disconnecting)
        self.assertFalse(idle[0].closed)
        self.assertEqual(web.factory.limit.count, 0)
        for client in idle + clients:
            client.disconnect()
        self.assertEqual(web.factory.limit.count, 0)

    def test_manyDoNotPersist(self) -> None:
        """
        If there are many connections, each one serves one request.
        """
        web = fixture()
        for _ in range(FREE_CONNECTIONS):
            web.open()
        client = web.get("/healthz")
        self.assertIn("Connection: close", client.head)
        self.assertTrue(client.closed)


class EndTests(SynchronousTestCase):
    """
    The end of the site.
    """

    def test_idle(self) -> None:
        """
        A connection without a request is closed.
        """
        web = fixture()
        client = web.open()
        done = web.site.disconnectAll()
        self.assertTrue(client.transport.halfClosed)
        self.assertNoResult(done)
        client.disconnect()
        self.assertIsNone(self.successResultOf(done))
        self.assertEqual(web.delayedCalls(), 0)

    def test_betweenRequests(self) -> None:
        """
        A connection that has not served all its requests is closed, and what it sends
        is read and discarded.
        """
        web = fixture()
        client = web.open()
        client.channel.dataReceived(HEALTH * 2)
        web.site.disconnectAll()
        self.assertEqual(client.transport.producerState, "producing")
        client.channel.dataReceived(HEALTH)
        web.clock.advance(PIPELINE_PAUSE)
        self.assertEqual(client.received.count(b"ok\n"), 1)
        self.assertTrue(client.transport.halfClosed)
        client.disconnect()
        self.assertEqual(web.delayedCalls(), 0)

    def test_noConnections(self) -> None:
        """
        Without connections there is nothing to wait for.
        """
        web = fixture()
        self.assertIsNone(self.successResultOf(web.site.disconnectAll()))

    def test_responseIsNotTaken(self) -> None:
        """
        A client that does not take its response is aborted soon.
        """
        web = fixture()
        client = web.get("/healthz", headers="Connection: close\r\n")
        web.site.disconnectAll()
        web.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(client.transport.aborted)

    def test_protocols(self) -> None:
        """
        Over TLS HTTP/1.1 is negotiated, whatever packages are installed; nothing is if
        Twisted is old.
        """
        site = fixture().site
        for minor, protocols in [(4, [b"http/1.1"]), (3, [])]:
            self.patch(web_site, "version", Version("Twisted", 26, minor, 0))
            self.assertEqual(site.acceptableProtocols(), protocols)

    def test_streams(self) -> None:
        """
        A stream ends with its client's turn.
        """
        web = fixture()
        client = web.get("/lines")
        done = web.site.disconnectAll()
        self.assertFalse(client.closed)
        web.factory.disconnectAll()
        self.assertTrue(client.closed)
        client.disconnect()
        self.assertIsNone(self.successResultOf(done))

    def test_afterwards(self) -> None:
        """
        A connection that is made afterwards is closed, until a port listens again.
        """
        web = fixture()
        web.site.disconnectAll()
        clients = [web.open() for _ in range(FREE_CONNECTIONS + 1)]
        for client in clients:
            self.assertTrue(client.closed)
            client.disconnect()
        self.assertEqual(web.factory.limit.count, 0)
        web.site.doStart()
        self.assertFalse(web.open().closed)
        web.site.doStop()

    def test_closedTwice(self) -> None:
        """
        A connection that was refused is closed once.
        """
        web = fixture()
        client = web.open()
        client.channel.refuse(400, "no")
        client.channel.refuse(400, "again")
        web.site.disconnectAll()
        self.assertEqual(client.received.count(b"HTTP/1.1"), 1)
        client.disconnect()
        self.assertEqual(web.delayedCalls(), 0)

    def test_log(self) -> None:
        """
        The start is logged with the addresses of the page, and no request is.
        """
        events = capturedEvents(self)
        web = fixture()
        web.site.logStart(
            ["127.0.0.1:8000", "[::1]:8000", "tls:127.0.0.1:8443", "unix:/tmp/web"]
        )
        self.assertEqual(
            events[0]["addresses"],
            "http://127.0.0.1:8000/, http://[::1]:8000/, https://127.0.0.1:8443/, "
            "unix:/tmp/web",
        )
        web.get("/healthz")
        self.assertEqual(len(events), 1)
