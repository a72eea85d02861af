"""
Tests for L{clock.clients.reading.urls.body}, L{clock.clients.reading.urls.connector}
and L{clock.clients.reading.urls.endpoint}.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from importlib.util import find_spec
from unittest import SkipTest, mock

from twisted.internet.error import ConnectionRefusedError
from twisted.trial.unittest import SynchronousTestCase

from clock.clients.reading.lines import Line
from clock.clients.reading.stream import MIN_READ, READ_SIZE
from clock.clients.reading.urls.body import GZIP, MAX_HEADERS, MAX_RATIO
from clock.clients.reading.urls.connector import UnverifiedConnections
from clock.clients.reading.urls.endpoint import (
    DEFAULTS,
    WebOptions,
    addressEndpoint,
    parseHeader,
)
from clock.tests.clients.fixture import Observer
from clock.tests.clients.reading.webclient import OK, START, WebClientTestCase


class HTTPTests(WebClientTestCase):
    """
    Reading the body of a response.
    """

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
        expected = {"Accept": "*/*", "Accept-Encoding": "gzip", "Host": "example.org"}
        self.assertEqual(headers, {**expected, "Connection": "close"})
        self.assertEqual(self.takeEvents(), START)
        self.receive(OK)
        self.assertEqual(self.takeEvents(), [])
        self.receive(b"\r\n19:03:13\n19:0")
        self.receive(b"3:14\n")
        lines = [Line("19:03:13"), Line("19:03:14")]
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

    def test_endlessHeaders(self) -> None:
        """
        The connection is aborted if the headers never end. A long body does not end it.
        """
        for status in (OK, b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20000):
            self.read("http://x/")
            self.receive(status)
            for _ in range(MAX_HEADERS // READ_SIZE):
                self.receive(b"X: " + b"x" * (READ_SIZE - 5) + b"\r\n")
            self.assertTrue(self.transport.disconnected)
            self.reset()
            self.assertDown("the headers are too long")
        self.read("http://x/")
        self.receive(OK + b"\r\n")
        for _ in range(MAX_HEADERS // READ_SIZE):
            self.receive(b"x" * READ_SIZE)
        self.assertFalse(self.transport.disconnected)

    def test_chunks(self) -> None:
        """
        Chunks are decoded as they come. The last one is the end.
        """
        self.read("http://x/")
        self.receive(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\na\n\r\n")
        self.assertEqual(self.takeEvents(), [*START, "connected", Line("a")])
        self.receive(b"0\r\n\r\n")
        self.assertDown("closed by the server")
        self.close()
        self.reactor.advance(1)
        self.connect()
        self.assertEqual(self.takeEvents(), START)

    def test_shortBody(self) -> None:
        """
        A body that arrives with its headers, and ends, is read as well.
        """
        self.read("http://x/")
        self.receive(OK + b"Content-Length: 2\r\n\r\na\n")
        connected, line, _ = self.takeEvents()[2:]
        self.assertEqual((connected, line), ("connected", Line("a")))

    def test_end(self) -> None:
        """
        The end of the connection is the end of a body without a length. It cuts a body
        with chunks. A reset is reported as such.
        """
        chunked = b"Transfer-Encoding: chunked\r\n"
        for header, end, reason in [
            (b"", self.close, "closed by the server"),
            (chunked, self.close, "cut within a response"),
            (chunked, self.reset, "reset by the server"),
        ]:
            self.read("http://x/")
            self.receive(OK + header + b"\r\n")
            end()
            self.assertDown(reason)

    def test_noResponse(self) -> None:
        """
        Without headers there is no connection, whatever ends the wait.
        """
        for data, end, reason in [
            (b"", self.close, "closed by the server without a response"),
            (b"HTTP/1.1 2", self.close, "closed by the server without a response"),
            (b"", self.reset, "reset by the server"),
            (b"19:03:13\r\n", self.close, "the response is not HTTP"),
        ]:
            self.read("http://x/")
            self.receive(data)
            end()
            events = self.takeEvents()
            self.assertEqual((events[:2], events[2][0]), (START, reason))

    def test_transferEncoding(self) -> None:
        """
        Chunked is the only transfer encoding that is supported.
        """
        self.read("http://x/")
        self.receive(OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n")
        self.reset()
        self.assertDown("the transfer encoding is not supported: only chunked is")

    def test_status(self) -> None:
        """
        A status other than 200 is the reason, and the connection is aborted.
        """
        for status, reason in [
            (b"502 Bad Gateway", "502 Bad Gateway"),
            (b"404 Nothing\x1b here", "404 Nothing\\x1b here"),
            (b"204 No Content", "204 No Content"),
        ]:
            self.read("http://x/")
            self.receive(b"HTTP/1.1 " + status + b"\r\n\r\n")
            self.assertDown(reason)
            self.assertTrue(self.transport.disconnected)

    def test_gzip(self) -> None:
        """
        A gzip body is decoded at each flush. It may have several members.
        """
        self.read("http://x/")
        self.receive(OK + b"Content-Encoding: gzip\r\n\r\n")
        self.takeEvents()
        for text in ("a", "b"):
            encoder = zlib.compressobj(wbits=GZIP)
            data = encoder.compress(f"{text}\n".encode())
            self.receive(data + encoder.flush(zlib.Z_SYNC_FLUSH))
            self.assertEqual(self.takeEvents(), [Line(text)])
            self.receive(encoder.flush())
        self.assertEqual(self.takeEvents(), [])

    def test_gzipCut(self) -> None:
        """
        The end of the connection within gzip cuts a body without a length.
        """
        encoder = zlib.compressobj(wbits=GZIP)
        data = encoder.compress(b"a\n") + encoder.flush(zlib.Z_SYNC_FLUSH)
        for rest, reason in [
            (b"", "cut within a response"),
            (encoder.flush(), "closed by the server"),
        ]:
            self.read("http://x/")
            self.receive(OK + b"Content-Encoding: gzip\r\n\r\n" + data + rest)
            self.close()
            self.assertDown(reason)

    def test_gzipBomb(self) -> None:
        """
        A body that grows too much ends the connection, even in several members.
        """
        data = b"\n" * READ_SIZE * MAX_RATIO
        for bomb in (
            gzip.compress(data * 64),
            gzip.compress(data[: 60 * READ_SIZE]) * 100,
        ):
            self.read("http://x/")
            self.receive(OK + b"Content-Encoding: gzip\r\n\r\n")
            self.receive(bomb)
            self.assertTrue(self.transport.disconnected)
            self.reset()
            self.assertDown("the body grows too much when it is decoded")

    def test_badEncoding(self) -> None:
        """
        A body that cannot be decoded ends the connection.
        """
        self.read("http://x/")
        self.receive(OK + b"Content-Encoding: gzip\r\n\r\n19:03:13\n")
        self.receive(b"19:03:14\n")
        self.assertTrue(self.transport.disconnected)
        self.reset()
        self.assertDown("the body is not gzip, as its header says")
        self.read("http://x/")
        self.receive(OK + b"Content-Encoding: br\r\n\r\n")
        self.assertDown("the encoding br is not supported: only gzip is")

    def test_eventStream(self) -> None:
        """
        The data of each event in an event stream is a line.
        """
        self.read("http://x/")
        self.receive(OK + b"Content-Type: text/event-stream; charset=utf-8\r\n\r\n")
        self.receive(b": connected\n\nid: 7\ndata: 19:03:13\n\n")
        expected = [*START, "connected", Line("19:03:13", id="7")]
        self.assertEqual(self.takeEvents(), expected)

    def redirect(self, location: bytes) -> None:
        """
        Redirect the request, and connect to the next server.
        """
        previous = self.transport
        self.receive(b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\n\r\n")
        self.connect()
        self.assertTrue(previous.disconnected)

    def test_headersNotUTF8(self) -> None:
        """
        Headers need not be UTF-8.
        """
        self.read("http://x/")
        self.receive(OK + b"Content-Type: text/event-stream;\xff\r\n\r\ndata: a\n\n")
        self.assertEqual(self.takeEvents(), [*START, "connected", Line("a")])
        self.read("http://x/")
        self.receive(OK + b"Content-Encoding: \xff\r\n\r\n")
        self.assertDown("the encoding \\xff is not supported: only gzip is")

    def test_redirect(self) -> None:
        """
        A redirect is followed and reported. A password is not passed on to another
        server.
        """
        self.read("http://x/", WebOptions([("Authorization", "Basic eA==")]))
        self.assertIn("Authorization", self.request()[1])
        self.redirect(b"http://y:8000/lines")
        first, headers = self.request()
        self.assertEqual(first, "GET /lines HTTP/1.1")
        self.assertEqual(headers["Host"], "y:8000")
        self.assertNotIn("Authorization", headers)
        self.receive(OK + b"\r\n")
        expected = [*START, START[1], "redirected to http://y:8000/lines", "connected"]
        self.assertEqual(self.takeEvents(), expected)

    def test_redirectHost(self) -> None:
        """
        The user's host is not passed on to another server.
        """
        self.read("http://x/", WebOptions([("host", "z")]))
        self.redirect(b"/a")
        self.assertEqual(self.request()[1]["Host"], "z")
        self.redirect(b"http://y/")
        self.assertEqual(self.request()[1]["Host"], "y")

    def test_redirects(self) -> None:
        """
        Five redirects are followed, and no more.
        """
        self.read("http://x/")
        for number in range(5):
            self.redirect(b"/%d" % number)
        self.receive(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n")
        self.assertDown("more than 5 redirects")

    def test_badRedirects(self) -> None:
        """
        A redirect that cannot be followed is the reason.
        """
        for header, reason in [
            (b"", "redirected without a location"),
            (b"Location: ftp://x/\r\n", "redirected to ftp"),
            (b"Location: wss://x/\r\n", "redirected to wss"),
            (b"Location: /\xc3\xbc\r\n", "redirected to an address not in ASCII"),
            (b"Location: http://\xff/\r\n", "redirected to an address not in ASCII"),
        ]:
            self.read("http://x/")
            self.receive(b"HTTP/1.1 302 Found\r\n" + header + b"\r\n")
            self.assertDown(reason)

    def test_flood(self) -> None:
        """
        A server that sends too much is paused.
        """
        self.read("http://x/")
        self.receive(OK + b"\r\n" + b"x\n" * 4096)
        self.assertEqual(self.transport.producerState, "paused")
        self.reactor.advance(1)
        self.assertEqual(self.transport.producerState, "producing")

    def test_floodOfNothing(self) -> None:
        """
        A server that sends much gzip that decodes to nothing is paused.
        """
        self.read("http://x/")
        self.receive(OK + b"Content-Encoding: gzip\r\n\r\n")
        self.receive(gzip.compress(b"")[:10])
        for _ in range(READ_SIZE // MIN_READ):
            # An empty block (RFC 1951).
            self.receive(b"\0\0\0\xff\xff")
        self.assertEqual(self.transport.producerState, "paused")

    def test_stop(self) -> None:
        """
        A stream can be stopped while it waits for the headers, and while it reads.
        """
        for data in (b"", OK + b"\r\n"):
            self.read("http://x/")
            self.receive(data)
            stopped = self.stream.stopService()
            self.assertTrue(self.transport.disconnecting)
            self.reset()
            self.successResultOf(stopped)
            self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_refused(self) -> None:
        """
        A connection that fails is reported in the system's words.
        """
        endpoint = addressEndpoint(self.reactor, "http://x/", DEFAULTS, self.observer)
        attempt = endpoint.connect(None)  # type: ignore[arg-type]
        self.refuse()
        self.failureResultOf(attempt, ConnectionRefusedError)


class TLSTests(WebClientTestCase):
    """
    TLS below HTTP.
    """

    def setUp(self) -> None:
        """
        Require OpenSSL.
        """
        super().setUp()
        if find_spec("OpenSSL") is None:
            raise SkipTest("OpenSSL is not installed: pip install 'txclock[tls]'")

    def test_handshake(self) -> None:
        """
        The first bytes are those of a handshake, for which C{example.org} is named.
        A server that does not speak TLS is reported with OpenSSL's reason.
        """
        for verify in (True, False):
            self.read("https://example.org/", WebOptions(verify=verify))
            self.assertEqual(self.addresses[-1], "example.org:443")
            hello = self.transport.value()
            self.assertEqual(hello[:2], b"\x16\x03")
            self.assertIn(b"example.org", hello)
            self.receive(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            self.reset()
            self.assertDown("wrong version number")
            self.reactor.advance(1)
            # The lost connection is not aborted again.
            self.connect()
            self.assertEqual(self.takeEvents(), START)

    def test_unverified(self) -> None:
        """
        Without verification, any certificate will do. An IP address is not sent as the
        server's name.
        """
        from OpenSSL.SSL import VERIFY_NONE

        for host, name in [("x", b"x"), ("127.0.0.1", None), ("::1", None)]:
            connection = UnverifiedConnections(host).clientConnectionForTLS(None)
            self.assertEqual(connection.get_servername(), name)
            self.assertEqual(connection.get_context().get_verify_mode(), VERIFY_NONE)


class AddressTests(SynchronousTestCase):
    """
    URLs and headers.
    """

    def refused(self, url: str) -> str:
        """
        Return why a URL is refused.
        """
        error = self.assertRaises(
            ValueError, addressEndpoint, None, url, DEFAULTS, Observer()
        )
        return str(error)

    def test_refused(self) -> None:
        """
        A URL that is not valid is refused.
        """
        for url, reason in [
            ("http:///x", "there is no host: try http://localhost:8000/lines"),
            ("http://x:0/", "a port is a whole number from 1 to 65535"),
            ("http://x:65536/", "a port is a whole number from 1 to 65535"),
            (
                "http://me:secret@x/",
                "send a password with --header 'Authorization: Basic ...'",
            ),
        ]:
            self.assertEqual(self.refused(url), reason)
        self.assertIn("port", self.refused("ws://x:y/"))

    def test_missing(self) -> None:
        """
        A missing package is named with the command that installs it.
        """
        with mock.patch.dict(sys.modules, {"OpenSSL": None}):
            hint = "TLS needs OpenSSL: pip install 'txclock[tls]'"
            self.assertEqual(self.refused("https://x/"), hint)
            self.assertEqual(self.refused("wss://x/"), hint)
        with mock.patch.dict(
            sys.modules, {"clock.clients.reading.urls.messages": None}
        ):
            hint = "a WebSocket needs wsproto: pip install 'txclock[websocket]'"
            self.assertEqual(self.refused("ws://x/"), hint)

    def test_header(self) -> None:
        """
        A header has a name and a value, which may be empty.
        """
        self.assertEqual(parseHeader("X-A:  b: c "), ("X-A", "b: c"))
        self.assertEqual(parseHeader("X:"), ("X", ""))
        for text in ("", "X", ": x", "X Y: z", "X: \n", "X: é", "é: x"):
            error = self.assertRaises(ValueError, parseHeader, text)
            self.assertEqual(str(error), "is not a header: try 'Name: value'")
