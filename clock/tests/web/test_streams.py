"""
Tests for L{clock.web.streams}.
"""

from __future__ import annotations

from twisted.internet.interfaces import ITransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from clock.protocol import CLOSE_TIMEOUT
from clock.tests.fixture import ClockFixture
from clock.tests.web.fixture import WebFixture, fixture
from clock.web import ClockSite
from clock.web.resources import UNBUFFERED


class StreamTests(SynchronousTestCase):
    """
    C{/lines} and C{/events}.
    """

    def test_lines(self) -> None:
        """
        C{/lines} is plain text: a chunk for each line, the first one at once.
        """
        web = fixture()
        client = web.get("/lines")
        self.assertEqual(client.head[0], "HTTP/1.1 200 OK")
        self.assertIn("Content-Type: text/plain; charset=utf-8", client.head)
        self.assertEqual(client.chunks(), [b"22:13:20\n"])
        web.clock.pump([1, 1])
        expected = [b"22:13:20\n", b"22:13:21\n", b"22:13:22\n"]
        self.assertEqual(client.chunks(), expected)

    def test_events(self) -> None:
        """
        C{/events} are server-sent events with the number of the tick, after a comment.
        """
        web = fixture()
        client = web.get("/events")
        self.assertIn("Content-Type: text/event-stream", client.head)
        web.clock.advance(1)
        self.assertEqual(
            client.chunks(),
            [
                b": connected\n\n",
                b"id: 1\ndata: 22:13:20\n\n",
                b"id: 2\ndata: 22:13:21\n\n",
            ],
        )

    def test_number(self) -> None:
        """
        On request, C{/events} begins with the number of the client. C{/lines} does not.
        """
        web = fixture()
        web.get("/lines?number=1")
        client = web.get("/events?number=1")
        first, second = client.chunks()
        self.assertEqual(first, b": connected\n\nevent: client\ndata: 2\n\n")
        self.assertEqual(second, b"id: 1\ndata: 22:13:20\n\n")

    def test_oldClient(self) -> None:
        """
        A client of HTTP/1.0 gets the same data without chunks.
        """
        web = fixture()
        client = web.get("/lines", version="1.0")
        web.clock.advance(1)
        self.assertEqual(client.head[0], "HTTP/1.0 200 OK")
        self.assertEqual(client.body, b"22:13:20\n22:13:21\n")

    def test_waits(self) -> None:
        """
        In sequential mode a waiting client gets its headers at once, and C{/events} a
        comment; it is served when its turn begins.
        """
        web = fixture(sequential=True)
        tcp = web.connect()
        client = web.get("/events")
        self.assertEqual(client.status, 200)
        self.assertEqual(client.chunks(), [b": connected\n\n"])
        web.clock.advance(1)
        tcp.disconnect()
        self.assertEqual(client.chunks()[1:], [b"id: 2\ndata: 22:13:21\n\n"])

    def test_zone(self) -> None:
        """
        C{zone} selects a clock. Without it, the first clock is served.
        """
        local, tokyo = ClockFixture.new(), ClockFixture.new(format="Tokyo")
        web = WebFixture(local.clock)
        web.site = ClockSite([("", local.factory), ("Asia/Tokyo", tokyo.factory)])
        self.assertEqual(web.get("/lines?zone=Asia/Tokyo").chunks(), [b"Tokyo\n"])
        self.assertEqual(web.get("/lines?zone=").chunks(), [b"22:13:20\n"])
        unknown = web.get("/lines?zone=Europe/London")
        self.assertEqual(unknown.status, 404)
        text = b"no clock of this zone; there are: local time, Asia/Tokyo\n"
        self.assertEqual(unknown.body, text)

    def test_mode(self) -> None:
        """
        C{mode} selects a clock of the zone. Without it, the zone's first clock is
        served. If the zone has no clock of the mode, the error names the mode it has.
        """
        all_, one, tokyo = (
            ClockFixture.new(format=format, sequential=sequential)
            for format, sequential in (("all", False), ("one", True), ("Tokyo", True))
        )
        web = WebFixture(all_.clock)
        clocks = [("", all_), ("", one), ("Asia/Tokyo", tokyo)]
        web.site = ClockSite([(key, each.factory) for key, each in clocks])
        for query, line in (
            ("", b"all\n"),
            ("mode=concurrent", b"all\n"),
            ("mode=sequential", b"one\n"),
            ("zone=Asia/Tokyo", b"Tokyo\n"),
            ("mode=sequential&zone=Asia/Tokyo", b"Tokyo\n"),
        ):
            client = web.get(f"/lines?{query}")
            self.assertEqual(client.chunks(), [line])
            client.disconnect()
        missing = web.get("/lines?mode=concurrent&zone=Asia/Tokyo")
        self.assertEqual(missing.status, 404)
        self.assertEqual(
            missing.body,
            b"this zone is served in sequential mode only; with --sequential-port, the "
            b"default zone has both modes\n",
        )
        for path in ("/lines", "/events"):
            wrong = web.get(f"{path}?mode=Sequential")
            self.assertEqual(wrong.status, 400)
            self.assertEqual(wrong.body, b"mode is concurrent or sequential\n")
        unknown = web.get("/lines?zone=UTC")
        text = b"no clock of this zone; there are: local time, Asia/Tokyo\n"
        self.assertEqual((unknown.status, unknown.body), (404, text))

    def test_unbuffered(self) -> None:
        """
        The headers that stop proxies from buffering are sent, unless C{bare} is 1.
        """
        web = fixture()
        lines = {f"{name}: {value}" for name, value in UNBUFFERED.items()}
        for path in ("/lines", "/events", "/status/events"):
            self.assertEqual(lines & {*web.get(path).head}, lines)
        for path in ("/lines?bare=1", "/events?bare=1"):
            self.assertEqual(lines & {*web.get(path).head}, set())

    def test_head(self) -> None:
        """
        HEAD gets the headers, and no turn.
        """
        web = fixture(sequential=True)
        client = web.get("/lines", method="HEAD")
        self.assertEqual((client.status, client.body), (200, b""))
        self.assertTrue(client.closed)
        self.assertEqual(len(web.factory.turns.active), 0)

    def test_disconnects(self) -> None:
        """
        When a client disconnects, its turn ends, and no delayed call is left.
        """
        web = fixture(sequential=True)
        first, second = web.get("/lines"), web.get("/lines")
        first.disconnect()
        self.assertEqual(second.chunks(), [b"22:13:20\n"])
        second.disconnect()
        self.assertEqual(web.delayedCalls(), 0)
        self.assertEqual(web.factory.limit.count, 0)

    def test_end(self) -> None:
        """
        When the server stops, the response ends with its last chunk.
        """
        web = fixture()
        client = web.get("/lines")
        done = web.factory.disconnectAll()
        self.assertEqual(client.chunks(), [b"22:13:20\n", b""])
        self.assertTrue(client.transport.disconnecting)
        self.assertNoResult(done)
        client.disconnect()
        self.assertIsNone(self.successResultOf(done))
        self.assertEqual(web.delayedCalls(), 0)

    def test_endTakesTooLong(self) -> None:
        """
        If a client does not acknowledge the end of the response, its connection is
        aborted.
        """
        web = fixture()
        client = web.get("/lines")
        web.factory.disconnectAll()
        web.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(client.transport.aborted)

    def test_slowReader(self) -> None:
        """
        While a client does not read, ticks are skipped.
        """
        web = fixture()
        client = web.get("/lines")
        client.producer.pauseProducing()
        web.clock.pump([1, 1])
        client.producer.resumeProducing()
        self.assertEqual(client.chunks(), [b"22:13:20\n", b"22:13:22\n"])

    def test_rendersOnce(self) -> None:
        """
        A tick is framed once for all clients of a stream.
        """
        web = fixture()
        clients = [web.get("/events") for _ in range(3)]
        web.clock.advance(1)
        frames = {
            id(each.channel.stream.transport._frames)  # type: ignore[union-attr]
            for each in clients
        }
        self.assertEqual(len(frames), 1)
        self.assertEqual(
            {client.chunks()[-1] for client in clients}, {b"id: 2\ndata: 22:13:21\n\n"}
        )

    def test_transport(self) -> None:
        """
        The response is a transport, with the addresses of its connection.
        """
        web = fixture(verbose=True)
        client = web.get("/lines")
        transport = client.channel.stream.transport  # type: ignore[union-attr]
        verifyObject(ITransport, transport)
        self.assertEqual(transport.getPeer().port, 4000)
        self.assertEqual(transport.getHost(), client.transport.getHost())
        transport.writeSequence([b"a\n", b"b\n"])
        self.assertEqual(client.chunks()[1:], [b"a\n", b"b\n"])
        transport.pauseProducing()
        client.disconnect()
