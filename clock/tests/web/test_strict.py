"""
Tests for L{clock.web.strict}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from clock.tests.web.fixture import fixture
from clock.web.channel import (
    ClockChannel,
)
from clock.web.resources import NotFound

#: The response to data that is not HTTP.
NOT_HTTP = b"not an HTTP request\n"


class StrictTests(SynchronousTestCase):
    """
    Which requests are accepted, and how the others are refused.
    """

    def test_bodies(self) -> None:
        """
        A request with a body is refused. The body is discarded as it arrives.
        """
        web = fixture()
        for header in ("Content-Length: 1000000000", "Transfer-Encoding: chunked"):
            client = web.get("/lines", headers=f"{header}\r\n\r\nbody")
            self.assertEqual(client.status, 413)
            self.assertEqual(client.body, b"only a POST of a stream may have a body\n")
            client.channel.dataReceived(b"x" * 65536)
            self.assertTrue(client.transport.halfClosed)
            client.disconnect()
        self.assertEqual(web.delayedCalls(), 0)

    def test_methods(self) -> None:
        """
        Methods other than GET and HEAD are refused, with a body or without. Streams
        take POST too.
        """
        web = fixture()
        for path in ("/", "/status", "/healthz"):
            for headers in ("", "Content-Length: 3\r\n"):
                client = web.get(path, method="POST", headers=headers)
                self.assertEqual(client.status, 405)
                self.assertIn("Allow: GET, HEAD", client.head)
                self.assertEqual(client.body, b"use GET or HEAD\n")
        client = web.get("/lines", method="PUT")
        self.assertIn("Allow: GET, HEAD, POST", client.head)
        self.assertEqual(client.body, b"use GET, HEAD or POST\n")

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
        Data that follows an error is not split into lines. With 32,000 line ends in a
        read, that took 50 ms.
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

    def test_hugeNumber(self) -> None:
        """
        A length with more digits than Python converts is refused like any other error.
        """
        client = fixture().get("/", headers=f"Content-Length: {'9' * 5000}\r\n")
        # Before version 3.10.7, Python converts any number.
        self.assertIn(client.status, (400, 413))

    def test_hugeHeaders(self) -> None:
        """
        A header that is too long is refused, in one line or in many.
        """
        web = fixture()
        for header in ("X: " + "y" * 9_000 + "\r\n", "X: y\r\n" * 110):
            client = web.get("/", headers=header)
            self.assertEqual(client.status, 431)
            self.assertEqual(client.body, b"the header is too long\n")
