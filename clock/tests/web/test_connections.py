"""
Tests for L{clock.web.connections}.
"""

from __future__ import annotations

from twisted.internet.interfaces import ISSLTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides

from clock.protocol import CLOSE_TIMEOUT
from clock.tests.web.fixture import HEALTH, fixture
from clock.web.connections import FREE_CONNECTIONS
from clock.web.resources import RETRY_AFTER


class LimitTests(SynchronousTestCase):
    """
    Connections and the limit of clients.
    """

    def test_free(self) -> None:
        """
        A few connections without a stream do not count as clients. Any more of them do.
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

    def test_refusedAndOpen(self) -> None:
        """
        A refused connection that is not closed yet has no place for a stream to take.
        """
        web = fixture()
        web.factory.limit.maxClients = 1
        web.connect()
        first, *_ = [web.open() for _ in range(FREE_CONNECTIONS)]
        refused = web.open()
        self.assertTrue(refused.closed)
        first.channel.dataReceived(b"GET /lines HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(first.status, 503)
        refused.disconnect()
        self.assertEqual(web.factory.limit.count, 1)

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
        Connections above the limit are not admitted. If the port does not ask for
        admission, they are closed at once.
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
        If there are many connections, each one serves only one request.
        """
        web = fixture()
        for _ in range(FREE_CONNECTIONS):
            web.open()
        client = web.get("/healthz")
        self.assertIn("Connection: close", client.head)
        self.assertTrue(client.closed)
