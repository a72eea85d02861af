"""
Tests for L{clock.web.site}: its end, and what it logs.
"""

from __future__ import annotations

from incremental import Version
from twisted.trial.unittest import SynchronousTestCase

from clock.protocol import CLOSE_TIMEOUT
from clock.tests.fixture import capturedEvents
from clock.tests.web.fixture import HEALTH, fixture
from clock.web import site as web_site
from clock.web.channel import (
    PIPELINE_PAUSE,
)
from clock.web.connections import FREE_CONNECTIONS


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
        A client that does not read its response is aborted soon.
        """
        web = fixture()
        client = web.get("/healthz", headers="Connection: close\r\n")
        web.site.disconnectAll()
        web.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(client.transport.aborted)

    def test_protocols(self) -> None:
        """
        Over TLS, HTTP/1.1 is negotiated, whatever packages are installed. With an old
        version of Twisted, nothing is negotiated.
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
        The start is logged with the addresses of the page. Requests are not logged.
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
