"""
Tests for L{clock.clients.reading.urls.request}.
"""

from __future__ import annotations

from clock.clients.reading.ends import How
from clock.clients.reading.lines import Line
from clock.clients.reading.urls.decoders import ACCEPTED
from clock.clients.reading.urls.endpoint import WebOptions
from clock.tests.clients.reading.webclient import (
    CONNECTED,
    OK,
    START,
    WebClientTestCase,
)


class RequestTests(WebClientTestCase):
    """
    What is sent to a server.
    """

    def body(self) -> bytes:
        """
        Return the body of the request that was sent.
        """
        sent: bytes = self.transport.value()
        return sent.partition(b"\r\n\r\n")[2]

    def test_request(self) -> None:
        """
        The request says what can be decoded. The stream is connected when the headers
        have arrived.
        """
        self.read("http://example.org/lines?zone=UTC#x")
        self.assertEqual(self.addresses, ["example.org:80"])
        first, headers = self.request()
        self.assertEqual(first, "GET /lines?zone=UTC HTTP/1.1")
        self.assertEqual(headers.pop("User-Agent")[:8], "txclock/")
        expected = {
            "Accept": "text/event-stream, */*",
            "Accept-Encoding": ACCEPTED,
            "Connection": "close",
            "Host": "example.org",
        }
        self.assertEqual(headers, expected)
        self.assertEqual(self.takeEvents(), START)
        self.receive(OK)
        self.assertEqual(self.takeEvents(), [])
        self.receive(b"\r\n19:03:13\n19:0")
        self.receive(b"3:14\n")
        lines = [Line("19:03:13", size=8), Line("19:03:14", size=8)]
        self.assertEqual(self.takeEvents(), ["connected", *lines])

    def test_otherScript(self) -> None:
        """
        A host name and a path in another script are encoded, and so are characters that
        a request must not contain.
        """
        self.read("http://bücher.example/ü")
        self.assertEqual(self.addresses, ["xn--bcher-kva.example:80"])
        self.assertEqual(self.request()[0], "GET /%C3%BC HTTP/1.1")
        self.read("http://[::1]:8000/ü\n x")
        self.assertEqual(self.addresses[1:], ["[::1]:8000"])
        self.assertEqual(self.request()[0], "GET /%C3%BC%0A%20x HTTP/1.1")

    def test_headers(self) -> None:
        """
        A user's header replaces the default one, and may be repeated.
        """
        headers = [("accept-encoding", "br"), ("X", "1"), ("X", "2"), ("Host", "y")]
        self.read("http://[::1]:8000", WebOptions(headers))
        self.assertEqual(self.addresses, ["[::1]:8000"])
        first, sent = self.request()
        self.assertEqual(first, "GET / HTTP/1.1")
        self.assertEqual((sent["Accept-Encoding"], sent["Host"]), ("br", "y"))
        self.assertEqual(self.transport.value().count(b"\r\nX: "), 2)

    def test_data(self) -> None:
        """
        Data is sent with POST, and its type is that of JSON only for an object or an
        array. The user's headers replace the type, but not the length.
        """
        form, json = "application/x-www-form-urlencoded", "application/json"
        for data, expected in [
            (b'{"a": 1}', json),
            (b"[]", json),
            (b"a=1", form),
            (b"17", form),
            (b"\xff", form),
            (b"[" * 100_000, form),
            (b"", form),
        ]:
            self.read("http://x/", WebOptions(data=data))
            first, headers = self.request()
            self.assertEqual(first, "POST / HTTP/1.1")
            self.assertEqual(headers["Content-Type"], expected)
            self.assertEqual(headers["Content-Length"], str(len(data)))
            self.assertEqual(self.body(), data)
        self.assertEqual(self.takeEvents()[-1][1], "POST")
        own = [("content-type", "text/plain"), ("content-length", "9")]
        self.read("http://x/", WebOptions(own, data=b"{}"))
        headers = self.request()[1]
        self.assertEqual(headers["Content-Type"], "text/plain")
        self.assertEqual(headers["Content-Length"], "2")

    def test_method(self) -> None:
        """
        The method is the user's, with data or without.
        """
        for data in (None, b"x"):
            self.read("http://x/", WebOptions(method="QUERY", data=data))
            self.assertEqual(self.request()[0], "QUERY / HTTP/1.1")
            self.assertEqual(self.body(), data or b"")
        self.read("http://x/", WebOptions([("content-length", "0")]))
        self.assertEqual(self.request()[1]["Content-Length"], "0")
        for method in ("POST", "PUT"):
            self.read("http://x/", WebOptions([("content-length", "0")], method=method))
            self.assertEqual(self.transport.value().count(b"Content-Length: 0\r\n"), 1)

    def test_connection(self) -> None:
        """
        The user's C{Connection} is left out: this client closes each connection.
        """
        self.read("http://x/", WebOptions([("connection", "keep-alive"), ("A", "b")]))
        self.assertEqual(self.request()[1]["A"], "b")
        self.assertEqual(self.transport.value().count(b"Connection:"), 1)
        self.assertIn(b"\r\nConnection: close\r\n", self.transport.value())


class RedirectTests(WebClientTestCase):
    """
    Following redirects.
    """

    def redirect(self, location: bytes, status: int = 302) -> None:
        """
        Redirect the request, and connect to the next server.
        """
        previous = self.transport
        answer = b"HTTP/1.1 %d x\r\nLocation: %b\r\n\r\n" % (status, location)
        self.receive(answer)
        self.connect()
        self.assertTrue(previous.disconnected)

    def test_redirect(self) -> None:
        """
        A redirect is followed and reported. Another server gets none of the user's
        secrets.
        """
        secrets = [
            *(("Authorization", "Basic eA=="), ("cookie", "a=b"), ("Host", "z")),
            ("Proxy-Authorization", "Basic eA=="),
        ]
        self.read("http://x/a/b", WebOptions([*secrets, ("X", "y")]))
        self.redirect(b"c?d")
        first, headers = self.request()
        self.assertEqual(first, "GET /a/c?d HTTP/1.1")
        self.assertEqual((headers["Host"], headers["Cookie"]), ("z", "a=b"))
        self.assertIn("Authorization", headers)
        self.redirect(b"http://y:8000/lines")
        first, headers = self.request()
        self.assertEqual(first, "GET /lines HTTP/1.1")
        self.assertEqual((headers["Host"], headers["X"]), ("y:8000", "y"))
        self.assertNotIn("Authorization", headers)
        self.assertNotIn("Cookie", headers)
        self.assertNotIn("Proxy-Authorization", headers)
        self.redirect(b"e")
        self.assertEqual(self.request()[0], "GET /e HTTP/1.1")
        self.receive(OK + b"\r\n")
        expected = [*START]
        for url in ("http://x/a/c?d", "http://y:8000/lines", "http://y:8000/e"):
            expected += [f"redirected to {url}", *START[1:]]
        self.assertEqual(self.takeEvents(), [*expected, "connected"])
        self.assertEqual([each.status for each in self.responses], [200])

    def test_post(self) -> None:
        """
        A POST stays one with 307 and 308, and becomes a GET with the others. Other
        methods become a GET with 303 only, and HEAD never does.
        """
        for method, status, expected in [
            ("POST", 301, "GET"),
            ("POST", 302, "GET"),
            ("POST", 303, "GET"),
            ("POST", 307, "POST"),
            ("POST", 308, "POST"),
            ("PUT", 302, "PUT"),
            ("PUT", 303, "GET"),
            ("HEAD", 303, "HEAD"),
        ]:
            self.read("http://x/", WebOptions(method=method, data=b"{}"))
            self.redirect(b"/", status)
            first, headers = self.request()
            self.assertEqual(first, f"{expected} / HTTP/1.1")
            sent = self.transport.value().endswith(b"\r\n\r\n{}")
            self.assertEqual(sent, expected != "GET")
            self.assertEqual("Content-Type" in headers, sent)
            self.assertEqual("Content-Length" in headers, sent)

    def test_redirects(self) -> None:
        """
        Five redirects are followed, and no more.
        """
        self.read("http://x/")
        for number in range(5):
            self.redirect(b"/%d" % number)
        self.receive(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n")
        self.assertDown(How.STATUS, "more than 5 redirects")
        self.assertEqual(self.responses[0].header("location"), "/")

    def test_badRedirects(self) -> None:
        """
        A redirect that cannot be followed is the reason. A status between those of
        redirects is none.
        """
        invalid = "redirected to an address that is not valid: "
        for header, text in [
            (b"", "redirected without a location"),
            (b"Location: ftp://x/\r\n", "redirected to ftp"),
            (b"Location: wss://x/\r\n", "redirected to wss"),
            (b"Location: http://x:y/\r\n", f"{invalid}http://x:y/"),
            (b"Location: http://me@x/\r\n", f"{invalid}http://me@x/"),
            (b"Location: HTTPS://me@x/\r\n", f"{invalid}HTTPS://me@x/"),
            (b"Location: http://\xff/\r\n", f"{invalid}http://\\xff/"),
        ]:
            self.read("http://x/")
            self.receive(b"HTTP/1.1 302 Found\r\n" + header + b"\r\n")
            end = self.takeEnd()
            self.assertEqual(end[:3], (How.STATUS, text, 302))
            self.assertTrue(self.transport.disconnected)
        self.read("http://x/")
        self.receive(b"HTTP/1.1 300 Choose\r\nLocation: /\r\n\r\n")
        self.assertDown(How.STATUS, "300 Choose")

    def test_otherScript(self) -> None:
        """
        A redirect may lead to an address in another script, in UTF-8.
        """
        self.read("http://x/")
        self.redirect("http://bücher.example/ü".encode())
        self.assertEqual(self.addresses[-1], "xn--bcher-kva.example:80")
        self.assertEqual(self.request()[0], "GET /%C3%BC HTTP/1.1")

    def test_cancel(self) -> None:
        """
        A stream can be stopped while the next connection is made.
        """
        self.read("http://x/")
        self.receive(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n")
        self.assertEqual(self.takeEvents(), [*START, "redirected to http://x/"])
        self.successResultOf(self.stream.stopService())
        self.assertEqual(self.takeEvents(), [])
        self.assertEqual(len(CONNECTED), 2)
