"""
Tests for L{clock.web.shapes}.
"""

from __future__ import annotations

import gc
import json
import zlib
from socket import SO_SNDBUF, SOL_SOCKET
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from clock.protocol import CLOSE_TIMEOUT
from clock.tests.web.fixture import WebClient, WebFixture, fixture
from clock.web import shapes
from clock.web.resources import RETRY_AFTER
from clock.web.shapes import END_TIMEOUT, MAX_SIZE, Padding
from clock.web.site import ClockRequest
from clock.web.strict import MAX_CHUNKS
from clock.web.transport import MIN_BUFFER


class ShapeTests(SynchronousTestCase):
    """
    What each argument changes.
    """

    def test_lines(self) -> None:
        """
        C{lines} ends a stream after some lines, with its last chunk.
        """
        web = fixture()
        client = web.get("/lines?lines=2")
        self.assertFalse(client.closed)
        web.clock.pump([1, 1])
        self.assertEqual(client.chunks(), [b"22:13:20\n", b"22:13:21\n", b""])
        self.assertTrue(client.transport.disconnecting)
        client.disconnect()
        self.assertEqual(web.delayedCalls(), 0)
        self.assertEqual(web.factory.linesSent, 2)

    def test_oneLine(self) -> None:
        """
        A stream of one line is complete at once; in sequential mode, with its turn.
        """
        web = fixture(sequential=True)
        first, second = web.get("/lines"), web.get("/events?lines=1")
        self.assertEqual(second.chunks(), [b": connected\n\n"])
        first.disconnect()
        event = b"id: 1\ndata: 22:13:20\n\n"
        self.assertEqual(second.chunks(), [b": connected\n\n", event, b""])
        third = web.get("/lines")
        self.assertEqual(third.chunks(), [])
        second.disconnect()
        self.assertEqual(third.chunks(), [b"22:13:20\n"])

    def test_slowEnd(self) -> None:
        """
        A client has some seconds to take the end of a complete stream.
        """
        web = fixture()
        client = web.get("/lines?lines=1")
        web.clock.advance(END_TIMEOUT - 0.1)
        self.assertFalse(client.transport.aborted)
        web.clock.advance(0.1)
        self.assertTrue(client.transport.aborted)

    def test_stopAtTheEnd(self) -> None:
        """
        When the server stops, a client has less time to take the end, which is sent
        once.
        """
        web = fixture()
        client = web.get("/lines?lines=1")
        web.factory.disconnectAll()
        web.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(client.transport.aborted)
        self.assertEqual(client.chunks(), [b"22:13:20\n", b""])
        client.disconnect()
        self.assertEqual(web.delayedCalls(), 0)

    def test_every(self) -> None:
        """
        With C{every}, the first line is sent at once, and then that of each Nth tick,
        with its number.
        """
        web = fixture()
        web.get("/lines")
        web.clock.advance(1)
        client = web.get("/events?every=3")
        web.clock.pump([1] * 7)
        events = [chunk.splitlines()[0] for chunk in client.chunks()[1:]]
        self.assertEqual(events, [b"id: 2", b"id: 5", b"id: 8"])
        self.assertEqual(web.factory.linesSent, 9 + 3)

    def test_slowReader(self) -> None:
        """
        A client that could not take a line gets the current time when it reads again.
        The next line is on time.
        """
        web = fixture()
        client = web.get("/lines?every=3")
        client.producer.pauseProducing()
        web.clock.pump([1, 1, 1, 1])
        client.producer.resumeProducing()
        web.clock.pump([1, 1, 1])
        expected = [b"22:13:20\n", b"22:13:24\n", b"22:13:26\n"]
        self.assertEqual(client.chunks(), expected)

    def test_pausedBeforeTheFirstLine(self) -> None:
        """
        A client that cannot take its first line gets it when it reads again.
        """
        web = fixture()
        client = web.get("/lines?delay=1&lines=1")
        client.producer.pauseProducing()
        web.clock.advance(1.5)
        self.assertEqual(client.chunks(), [])
        client.producer.resumeProducing()
        self.assertEqual(client.chunks(), [b"22:13:21\n", b""])

    def test_delay(self) -> None:
        """
        With C{delay}, the header is sent at once, and the first line later.
        """
        web = fixture()
        client = web.get("/lines?delay=2.5")
        web.clock.pump([1, 1])
        self.assertEqual(client.status, 200)
        self.assertEqual(client.body, b"")
        web.clock.advance(0.5)
        self.assertEqual(client.chunks(), [b"22:13:22\n"])
        web.clock.advance(0.5)
        self.assertEqual(client.chunks(), [b"22:13:22\n", b"22:13:23\n"])

    def test_disconnectsDuringTheDelay(self) -> None:
        """
        A client that disconnects before its first line gets none.
        """
        web = fixture()
        client = web.get("/lines?delay=2")
        client.disconnect()
        self.assertEqual(web.delayedCalls(), 0)
        client = web.get("/lines?delay=2")
        web.factory.disconnectAll()
        self.assertEqual(client.chunks(), [b""])
        client.disconnect()
        self.assertEqual(web.delayedCalls(), 0)

    def test_inputDuringTheDelay(self) -> None:
        """
        During its delay, a client is read once a second, as one that is served.
        """
        web = fixture()
        client = web.get("/lines?delay=10")
        for _ in range(3):
            client.channel.dataReceived(b"x" * 65536)
            self.assertEqual(client.transport.producerState, "paused")
            web.clock.advance(1)
            self.assertEqual(client.transport.producerState, "producing")

    def test_lateHead(self) -> None:
        """
        With C{headers=late}, the header is sent with the first line, or with the end.
        """
        web = fixture(sequential=True)
        first, second, third = (web.get("/events?headers=late") for _ in range(3))
        self.assertEqual(first.status, 200)
        self.assertEqual(second.received, b"")
        first.disconnect()
        self.assertEqual(second.status, 200)
        comment, event = b": connected\n\n", b"id: 1\ndata: 22:13:20\n\n"
        self.assertEqual(second.chunks(), [comment, event])
        web.factory.disconnectAll()
        self.assertEqual((third.status, third.chunks()), (200, [comment, b""]))

    def test_type(self) -> None:
        """
        C{type} replaces the media type.
        """
        web = fixture()
        for value, contentType in (
            ("application/x-ndjson", "application/x-ndjson"),
            ("text/html%3B%20charset=utf-8", "text/html; charset=utf-8"),
        ):
            for method in ("GET", "HEAD"):
                client = web.get(f"/lines?type={value}", method=method)
                self.assertIn(f"Content-Type: {contentType}", client.head)

    def test_together(self) -> None:
        """
        All arguments can be combined.
        """
        web = fixture()
        client = web.get(
            "/events?lines=2&every=2&bytes=100&delay=1&headers=late&type=text/plain"
        )
        web.clock.pump([1] * 6)
        self.assertIn("Content-Type: text/plain", client.head)
        comment, *events, end = client.chunks()
        self.assertEqual((comment, end), (b": connected\n\n", b""))
        self.assertEqual([len(event) for event in events], [100, 100])
        self.assertEqual(
            [event.splitlines()[1:] for event in events],
            [[b"id: 1", b"data: 22:13:21", b""], [b"id: 3", b"data: 22:13:23", b""]],
        )

    def test_plain(self) -> None:
        """
        A stream without these arguments is served by the factory's own protocol.
        """
        web = fixture()
        web.get("/lines?bare=1&unknown=2")
        (client,) = web.factory.turns.active
        self.assertIs(type(client), web.factory.protocol)

    def test_wrong(self) -> None:
        """
        A wrong value, or a value that is given twice, gets the status 400 and one line
        that says what is allowed.
        """
        web = fixture()
        for query, error in (
            ("lines=0", "lines '0' is not a whole number from 1 to 999999999"),
            ("every=-1", "every '-1' is not a whole number from 1 to 999999999"),
            (
                "bytes=65537",
                "bytes '65537' is not a whole number from 1 to 65536",
            ),
            ("bytes=x", "bytes 'x' is not a whole number from 1 to 65536"),
            ("delay=soon", "delay 'soon' is not a number of seconds from 0 to 86400"),
            ("delay=nan", "delay 'nan' is not a number of seconds from 0 to 86400"),
            ("headers=now", "headers 'now' is not late"),
            (
                "type=x",
                "type 'x' is not a media type, such as application/x-ndjson",
            ),
            (
                "type=a/b%0d%0aX:1",
                "type 'a/b\\r\\nX:1' is not a media type, such as application/x-ndjson",
            ),
            ("lines=1&lines=2", "lines is given 2 times, not once"),
        ):
            for path in ("/lines", "/events"):
                client = web.get(f"{path}?{query}")
                self.assertEqual(client.status, 400)
                self.assertEqual(client.body.decode(), f"{error}\n")
            self.assertEqual(web.get(f"/lines?{query}", method="HEAD").status, 400)
        self.assertEqual(web.factory.totalClients, 0)


class PaddingTests(SynchronousTestCase):
    """
    What C{bytes} adds to a line.
    """

    def test_lines(self) -> None:
        """
        A line is padded after its time; one that is longer stays.
        """
        for size, expected in ((1, 9), (9, 9), (10, 10), (11, 11), (1000, 1000)):
            (line,) = fixture().get(f"/lines?bytes={size}").chunks()
            self.assertEqual(len(line), expected)
            self.assertTrue(line.startswith(b"22:13:20"))
            self.assertTrue(line.endswith(b"\n"))
            self.assertEqual(line[8:9], b" " if expected > 9 else b"\n")

    def test_events(self) -> None:
        """
        An event is padded by a comment.
        """
        for size, expected in ((22, 22), (23, 23), (24, 24), (25, 25), (9000, 9000)):
            _, event = fixture().get(f"/events?bytes={size}").chunks()
            self.assertEqual(len(event), expected)
            lines = [each for each in event.split(b"\n") if each[:1] not in b":"]
            self.assertEqual(lines, [b"id: 1", b"data: 22:13:20"])

    def test_json(self) -> None:
        """
        A line in JSON stays JSON.
        """
        web = fixture(format="json")
        (plain,) = web.get("/lines").chunks()
        for more in (1, 14, 15, 16, 300):
            (line,) = web.get(f"/lines?bytes={len(plain) + more}").chunks()
            self.assertEqual(len(line), len(plain) + more)
            value = json.loads(line)
            self.assertEqual(len(value.pop("padding", "")), max(0, more - 15))
            self.assertEqual(value, json.loads(plain))

    def test_braces(self) -> None:
        """
        Braces within a line, or at one end of it, do not matter.
        """
        for format, end in (
            ('{"a": {"t": "%H:%M:%S"}}', "}\n"),
            ("{%H:%M:%S", "\n"),
            ("%H:%M:%S}", "\n"),
        ):
            (line,) = fixture(format=format).get("/lines?bytes=100").chunks()
            self.assertEqual(len(line), 100)
            self.assertTrue(line.decode().endswith(end))

    def test_tick(self) -> None:
        """
        All streams of one size get the same padding, and another one at each tick.
        """
        web = fixture()
        first, second = (web.get("/lines?bytes=5000") for _ in range(2))
        web.clock.advance(1)
        self.assertEqual(first.chunks(), second.chunks())
        one, other = first.chunks()
        self.assertNotEqual(one[9:], other[9:])

    def test_doesNotCompress(self) -> None:
        """
        Compression finds nothing to repeat. It saves a quarter, because there are 64
        letters and signs.
        """
        text = Padding().text(MAX_SIZE, 1)
        self.assertGreater(len(zlib.compress(text, 9)), 0.74 * MAX_SIZE)
        self.assertNotRegex(text, rb"[^!-~]|[\d:\"\\<>&]")

    def test_limit(self) -> None:
        """
        At the limit of what is padded at once, a stream gets the status 503.
        """
        self.patch(shapes, "MAX_PADDED", 3000)
        web = fixture()
        clients = [web.get(f"/lines?bytes={size}") for size in (2000, 1000, 1, 500)]
        self.assertEqual([each.status for each in clients], [200, 200, 503, 503])
        last = clients[-1]
        self.assertEqual(last.body, b"too many padded streams: ask for fewer bytes\n")
        self.assertIn(f"Retry-After: {RETRY_AFTER}", last.head)
        self.assertEqual(web.get("/lines").status, 200)
        clients[0].disconnect()
        self.assertEqual(web.get("/lines?bytes=2000").status, 200)

    def test_kernelBuffer(self) -> None:
        """
        The kernel keeps few padded lines for a client that does not read. Its buffer
        for other streams is not changed.
        """
        for path, sizes in (
            ("/lines", []),
            ("/lines?bytes=9", [MIN_BUFFER]),
            ("/events?bytes=60000", [60000]),
        ):
            client = fixture().open()
            client.transport.socket = mock.Mock()  # type: ignore[attr-defined]
            request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"
            client.channel.dataReceived(request.encode())
            calls = client.transport.socket.mock_calls  # type: ignore[attr-defined]
            expected = [(SOL_SOCKET, SO_SNDBUF, size) for size in sizes]
            self.assertEqual(calls, [mock.call.setsockopt(*each) for each in expected])

    def test_framesAreFreed(self) -> None:
        """
        The frames of a size are freed with the last stream of this size.
        """
        web = fixture()
        resource = web.site.resource.children[b"lines"]
        for size in range(100, 110):
            web.get(f"/lines?bytes={size}").disconnect()
        web.clients.clear()
        gc.collect()
        self.assertEqual(len(resource._frames._shared), 0)


class PostTests(SynchronousTestCase):
    """
    Requests with a body.
    """

    def post(
        self, body: bytes = b"", path: str = "/events?lines=1", headers: str = ""
    ) -> tuple[WebFixture, WebClient]:
        """
        Send a request with a body.
        """
        web = fixture()
        headers = headers or f"Content-Length: {len(body)}\r\n"
        client = web.get(path, method="POST", headers=headers)
        client.channel.dataReceived(body)
        return web, client

    def assertServed(self, client: WebClient) -> None:
        """
        Fail unless the client got a stream of one event.
        """
        self.assertEqual(client.status, 200)
        self.assertIn("Connection: close", client.head)
        self.assertEqual(client.chunks()[1:], [b"id: 1\ndata: 22:13:20\n\n", b""])

    def test_bodies(self) -> None:
        """
        A body of any content is discarded, and the response is that of GET.
        """
        for body in (b"", b"x", b"zone=x&lines=0", bytes(65536)):
            for kind in ("", "Content-Type: application/x-www-form-urlencoded\r\n"):
                length = f"Content-Length: {len(body)}\r\n"
                self.assertServed(self.post(body, headers=kind + length)[1])

    def test_multipart(self) -> None:
        """
        A form that is not valid is discarded too.
        """
        headers = "Content-Type: multipart/form-data\r\nContent-Length: 4\r\n"
        self.assertServed(self.post(b"form", headers=headers)[1])

    def test_chunked(self) -> None:
        """
        The body may have the chunked transfer coding.
        """
        headers = "Transfer-Encoding: chunked\r\n"
        body = b"3\r\nabc\r\n10000;a=b\r\n" + bytes(65533)
        _, client = self.post(body, headers=headers)
        self.assertEqual(client.received, b"")
        client.channel.dataReceived(bytes(3) + b"\r\n0\r\n\r\n")
        self.assertEqual(client.status, 413)
        body = b"3\r\nabc\r\nfffd\r\n" + bytes(65533) + b"\r\n0\r\n\r\n"
        self.assertServed(self.post(body, headers=headers)[1])

    def test_badChunk(self) -> None:
        """
        A body that is not chunked as its header says is refused.
        """
        headers = "Transfer-Encoding: chunked\r\n"
        _, client = self.post(b"xyz\r\n", headers=headers)
        self.assertEqual((client.status, client.body), (400, b"not an HTTP request\n"))

    def test_tooLarge(self) -> None:
        """
        A body that is too large is refused as soon as that is known.
        """
        error = b"the body has more than 65536 bytes\n"
        for headers, body in (
            ("Content-Length: 65537\r\n", b""),
            ("Content-Length: 65537\r\nExpect: 100-continue\r\n", b""),
            ("Transfer-Encoding: chunked\r\n", b"10001\r\n" + bytes(65537)),
        ):
            web = fixture()
            client = web.get("/lines", method="POST", headers=headers)
            for start in range(0, len(body), 10_000):
                client.channel.dataReceived(body[start : start + 10_000])
            self.assertEqual((client.status, client.body), (413, error))
            self.assertTrue(client.closed)
            client.channel.dataReceived(b"more")
            client.disconnect()
            self.assertEqual(web.delayedCalls(), 0)

    def test_manyChunks(self) -> None:
        """
        A body of very many chunks is refused, before all of them are decoded.
        """
        headers = "Transfer-Encoding: chunked\r\n"
        chunk = b"1\r\nx\r\n"
        _, client = self.post(chunk * MAX_CHUNKS, headers=headers)
        client.channel.dataReceived(b"0\r\n\r\n")
        self.assertServed(client)
        parts: list[bytes] = []
        handle = ClockRequest.handleContentChunk

        def handleContentChunk(request: ClockRequest, data: bytes) -> None:
            parts.append(data)
            handle(request, data)

        self.patch(ClockRequest, "handleContentChunk", handleContentChunk)
        _, client = self.post(chunk * 10 * MAX_CHUNKS, headers=headers)
        self.assertEqual(client.body, b"the body came in more than 1000 parts\n")
        self.assertEqual(len(parts), MAX_CHUNKS + 1)

    def test_continue(self) -> None:
        """
        A client that waits before it sends its body is told to go on.
        """
        headers = "Content-Length: 2\r\nExpect: 100-continue\r\n"
        _, client = self.post(headers=headers)
        self.assertEqual(client.received, b"HTTP/1.1 100 Continue\r\n\r\n")
        client.transport.clear()
        client.channel.dataReceived(b"ab")
        self.assertServed(client)

    def test_slow(self) -> None:
        """
        A body that does not end is refused in time.
        """
        web, client = self.post(b"x", headers="Content-Length: 2\r\n")
        web.clock.pump([5, 5, 0])
        self.assertEqual(client.status, 408)

    def test_afterTheBody(self) -> None:
        """
        What follows the body is ignored: the stream is the last response.
        """
        more = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        headers = "Content-Length: 1\r\n"
        _, client = self.post(b"x" + more, path="/events", headers=headers)
        client.channel.dataReceived(more)
        self.assertEqual(len(client.chunks()), 2)

    def test_errorEndsTheConnection(self) -> None:
        """
        After a body, a response with an error ends the connection.
        """
        _, client = self.post(b"x", path="/lines?lines=0")
        self.assertEqual(client.status, 400)
        self.assertIn("Connection: close", client.head)

    def test_otherPaths(self) -> None:
        """
        Only streams take POST.
        """
        for path in ("/", "/socket", "/status", "/healthz", "/lines/x", "/x?/lines"):
            for body in (b"", b"body"):
                _, client = self.post(body, path=path)
                self.assertIn(client.status, (404, 405) if not body else (405,))
