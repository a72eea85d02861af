"""
Tests for L{clock.clients.reading.urls.connector} and
L{clock.clients.reading.urls.endpoint}.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from unittest import SkipTest, mock

from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from clock.clients.reading.ends import How
from clock.clients.reading.observer import Step
from clock.clients.reading.urls.connector import httpURL
from clock.clients.reading.urls.endpoint import (
    DEFAULTS,
    WebOptions,
    addressEndpoint,
    parseHeader,
)
from clock.tests.clients.fixture import Observer
from clock.tests.clients.reading.webclient import OK, START, WebClientTestCase

#: What is reported until a request is sent to a proxy.
PROXIED = ["connecting", (Step.PROXY, "127.0.0.1:8080")]


class ProxyTests(WebClientTestCase):
    """
    Connecting through a proxy, or to another address.
    """

    def test_forward(self) -> None:
        """
        A proxy forwards a request over HTTP, whose target is then the whole URL.
        """
        options = WebOptions([("Host", "z")], proxy="http://me:it@p:3128")
        self.read("http://x:8000/a?b#c", options)
        self.assertEqual(self.addresses, ["p:3128"])
        first, headers = self.request()
        self.assertEqual(first, "GET http://x:8000/a?b HTTP/1.1")
        self.assertEqual(headers["Host"], "z")
        self.assertEqual(headers["Proxy-Authorization"], "Basic bWU6aXQ=")
        self.assertEqual(self.takeEvents(), [*PROXIED, (Step.REQUESTED, "GET")])
        self.read("http://x/", WebOptions(proxy="http://p:3128"))
        headers = self.request()[1]
        self.assertEqual(headers["Host"], "x")
        self.assertNotIn("Proxy-Authorization", headers)

    def test_environment(self) -> None:
        """
        The environment may choose the proxy, for each server.
        """
        os.environ["http_proxy"] = "http://[::1]:3128"
        os.environ["no_proxy"] = "y"
        self.read("http://x/")
        self.assertEqual(self.addresses, ["[::1]:3128"])
        self.receive(b"HTTP/1.1 302 Found\r\nLocation: http://y/\r\n\r\n")
        self.connect()
        self.assertEqual(self.addresses[1:], ["y:80"])
        self.assertEqual(self.request()[0], "GET / HTTP/1.1")
        self.read("http://x/", WebOptions(proxy=""))
        self.assertEqual(self.addresses[2:], ["x:80"])

    def test_unreachable(self) -> None:
        """
        A proxy that cannot be reached is the reason. An attempt to connect to it can be
        stopped.
        """
        self.read("http://x/", WebOptions(proxy="http://p:3128"))
        self.close()
        self.reactor.advance(1)
        self.takeEvents()
        self.refuse()
        text = "the proxy http://p:3128: Connection was refused by other side"
        self.assertDown(How.PROXY, text)
        self.reactor.advance(2)
        self.takeEvents()
        self.successResultOf(self.stream.stopService())
        self.assertEqual(self.takeEvents(), [])

    def test_tunnel(self) -> None:
        """
        A proxy opens a tunnel for another address to connect to, or another port.
        """
        options = WebOptions(proxy="http://p:3128", connectTo="x:81")
        self.read("http://x/", options)
        self.assertEqual(self.request()[0], "CONNECT x:81 HTTP/1.1")
        self.addresses.clear()
        self.takeEvents()
        proxy = "http://p:3128"
        self.read("http://x/a", WebOptions(proxy=proxy, connectTo="[::2]:81"))
        self.assertEqual(self.addresses, ["p:3128"])
        self.assertEqual(self.request()[0], "CONNECT [::2]:81 HTTP/1.1")
        self.transport.clear()
        self.receive(b"HTTP/1.1 200 OK\r\n\r\n")
        first, headers = self.request()
        self.assertEqual((first, headers["Host"]), ("GET /a HTTP/1.1", "x"))
        tunnel = [(Step.TUNNEL, proxy), (Step.REQUESTED, "GET")]
        self.assertEqual(self.takeEvents(), [*PROXIED, *tunnel])
        self.receive(OK + b"\r\n")
        self.assertEqual(self.takeEvents(), ["connected"])

    def test_connectTo(self) -> None:
        """
        Another address is connected to for the first server only. The host stays the
        URL's.
        """
        self.read("http://x/", WebOptions(connectTo="y:81"))
        self.assertEqual(self.addresses, ["y:81"])
        self.assertEqual(self.request()[1]["Host"], "x")
        self.receive(b"HTTP/1.1 302 Found\r\nLocation: http://z/\r\n\r\n")
        self.connect()
        self.receive(b"HTTP/1.1 302 Found\r\nLocation: http://x/b\r\n\r\n")
        self.connect()
        self.assertEqual(self.addresses[1:], ["z:80", "y:81"])
        expected = [*START]
        for url in ("http://z/", "http://x/b"):
            expected += [f"redirected to {url}", *START[1:]]
        self.assertEqual(self.takeEvents(), expected)

    def test_webSocket(self) -> None:
        """
        A WebSocket is read through a tunnel.
        """
        if find_spec("wsproto") is None:
            raise SkipTest("wsproto is not installed: pip install 'txclock[websocket]'")
        self.read("ws://x/", WebOptions(proxy="http://p:3128"))
        self.assertEqual(self.request()[0], "CONNECT x:80 HTTP/1.1")


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
            ("http://me:secret@x/", "send a password with --user NAME:PASSWORD"),
        ]:
            self.assertEqual(self.refused(url), reason)
        self.assertIn("port", self.refused("ws://x:y/"))
        with mock.patch.dict(os.environ, http_proxy="socks5://x"):
            self.assertEqual(self.refused("http://x/")[:12], "http_proxy: ")

    def test_underscore(self) -> None:
        """
        A host may have underscores in its name, but not among letters of another
        script.
        """
        for url in ("http://my_service:8000/", "http://_a.b_c.example/"):
            self.assertEqual(httpURL(url).to_text(), url)
        self.assertRaises(ValueError, httpURL, "http://bücher_x/")
        endpoint = addressEndpoint(None, "http://my_service/", DEFAULTS, Observer())
        verifyObject(IStreamClientEndpoint, endpoint)

    def test_upperCase(self) -> None:
        """
        A scheme may have upper case. It has the same default port, and TLS.
        """
        for text, url, port in (
            ("HTTPS://X/Y", "https://x/Y", 443),
            ("Http://x:80/%7e", "http://x/%7e", 80),
            ("WSS://[::1]/", "wss://[::1]/", 443),
        ):
            found = httpURL(text)
            self.assertEqual((found.to_text(), found.port), (url, port))

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
        self.assertEqual(parseHeader("X;"), ("X", ""))
        for text in ("", "X", ": x", "X Y: z", "X: \n", "X: é", "é: x", "X;y"):
            error = self.assertRaises(ValueError, parseHeader, text)
            expected = "is not a header in printable ASCII: try 'Name: value'"
            self.assertEqual(str(error), expected)
