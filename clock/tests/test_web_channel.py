"""
Tests for L{clock.web.channel} and L{clock.web.site}: connections and their limits.
"""

from __future__ import annotations

from incremental import Version
from twisted.internet.interfaces import ISSLTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides

from clock.tests.fixture import capturedEvents
from clock.tests.test_web_streams import fixture
from clock.web import site as web_site
from clock.web.channel import CLOSE_TIMEOUT, REQUEST_TIMEOUT
from clock.web.resources import NotFound
from clock.web.site import MAX_REFUSALS


class RequestTests(SynchronousTestCase):
    """
    Requests that are accepted, and requests that are refused.
    """

    def test_oneRequest(self) -> None:
        """
        A connection serves one request. Later data is not read.
        """
        web = fixture()
        client = web.open()
        request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        client.channel.dataReceived(request * 1000)
        self.assertEqual(client.received.count(b"HTTP/1.1 "), 1)
        self.assertIn("Connection: close", client.head)
        self.assertTrue(client.closed)

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
        served, lost = web.open(), web.open()

        def turn() -> None:
            served.channel.dataReceived(b"GET /lines HTTP/1.1\r\nHost: x\r\n\r\n")
            lost.disconnect()

        web.clock.callLater(REQUEST_TIMEOUT, turn)
        web.clock.advance(REQUEST_TIMEOUT)
        self.assertEqual(served.status, 200)
        self.assertFalse(served.closed)
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
        client = web.get("/x" + "/y" * 8_000)
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
        client = web.open()
        client.channel.dataReceived(b"hello\r\n\r\nhello\r\n\r\n")
        self.assertEqual(client.status, 400)
        self.assertEqual(client.body, b"not an HTTP request\n")

    def test_hugeNumber(self) -> None:
        """
        A length with more digits than Python converts is an error as any other.
        """
        client = fixture().get("/", headers=f"Content-Length: {'9' * 5000}\r\n")
        # Before version 3.10.7, Python converts any number.
        self.assertIn(client.status, (400, 413))

    def test_responseIsNotTaken(self) -> None:
        """
        A client that does not take the response, or over TLS does not close its side,
        is aborted after a while.
        """
        web = fixture()
        client = web.get("/healthz")
        web.clock.advance(REQUEST_TIMEOUT - 0.1)
        self.assertFalse(client.transport.aborted)
        web.clock.advance(0.1)
        self.assertTrue(client.transport.aborted)

    def test_hugeHeaders(self) -> None:
        """
        A header that is too long is refused, in one line or in many.
        """
        web = fixture()
        for header in ("X: " + "y" * 20_000 + "\r\n", "X: y\r\n" * 4_000):
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


class LimitTests(SynchronousTestCase):
    """
    Connections count against the limit of clients.
    """

    def test_counted(self) -> None:
        """
        A connection counts once: before its request, and as the stream's client.
        """
        web = fixture()
        limit = web.factory.limit
        client = web.open()
        self.assertEqual(limit.count, 1)
        client.channel.dataReceived(b"GET /lines HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(limit.count, 1)
        client.disconnect()
        self.assertEqual(limit.count, 0)
        web.get("/healthz").disconnect()
        self.assertEqual(limit.count, 0)

    def test_tooMany(self) -> None:
        """
        A connection above the limit is closed at once.
        """
        web = fixture()
        web.factory.limit.maxClients = 1
        web.connect()
        client = web.open()
        self.assertTrue(client.closed)
        self.assertEqual(client.received, b"")
        web.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(client.transport.aborted)

    def test_full(self) -> None:
        """
        At the limit, an existing connection may still begin its stream.
        """
        web = fixture()
        web.factory.limit.maxClients = 2
        client = web.open()
        web.connect()
        client.channel.dataReceived(b"GET /lines HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(client.chunks(), [b"22:13:20\n"])


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
        client = web.get("/healthz")
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
        self.assertTrue(web.open().closed)
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
