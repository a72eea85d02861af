"""
Tests for L{clock.clients.reading.urls.exchange} over TLS.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib.util import find_spec
from types import ModuleType
from typing import Any
from unittest import SkipTest, mock

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Protocol
from twisted.web.client import ResponseDone
from twisted.web.http_headers import Headers
from zope.interface.verify import verifyObject

from clock.clients.reading.ends import How
from clock.clients.reading.lines import Line
from clock.clients.reading.observer import Observer, Other, Step
from clock.clients.reading.urls import connector
from clock.clients.reading.urls.endpoint import WebOptions
from clock.clients.reading.urls.exchange import Exchange
from clock.tests.clients.reading.webclient import CONNECTED, OK, WebClientTestCase

#: The settings for a server whose certificate is not verified.
UNVERIFIED = WebOptions(verify=False)


def serverContext() -> Any:
    """
    Return the context of a server of TLS with a certificate of its own.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from OpenSSL.crypto import X509, PKey
    from OpenSSL.SSL import TLS_METHOD, Context

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now()
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1)
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(1))
    names = x509.SubjectAlternativeName([x509.DNSName("x")])
    builder = builder.add_extension(names, False)
    context = Context(TLS_METHOD)
    context.use_privatekey(PKey.from_cryptography_key(key))
    context.use_certificate(X509.from_cryptography(builder.sign(key, SHA256())))
    return context


class HTTP2ClientProtocol(Protocol):
    """
    A protocol with the interface of the one for HTTP/2, which need not be installed.
    """

    code, phrase = 200, b""
    headers = Headers({b"a": [b"b", b"c"]})

    def __init__(self, pinged: Any) -> None:
        self.pinged = pinged

    def request(self, request: Any) -> Deferred[Any]:
        """
        Wait for any data.
        """
        self.uri = request.uri
        self.responded: Deferred[Any] = Deferred()
        return self.responded

    def dataReceived(self, data: bytes) -> None:
        """
        Respond.
        """
        self.pinged()
        self.responded.callback(self)

    def deliverBody(self, protocol: Any) -> None:
        """
        Deliver a body.
        """
        protocol.makeConnection(self.transport)
        for data in (b"a", b"", b"\n"):
            protocol.dataReceived(data)
        protocol.connectionLost(mock.Mock(value=ResponseDone(), check=isDone))


def isDone(*kinds: type) -> bool:
    """
    Return whether one of these is the end of a body.
    """
    return ResponseDone in kinds


class TLSTests(WebClientTestCase):
    """
    A connection over TLS.
    """

    def setUp(self) -> None:
        """
        Require OpenSSL.
        """
        super().setUp()
        if find_spec("OpenSSL") is None:
            raise SkipTest("OpenSSL is not installed: pip install 'txclock[tls]'")

    def handshake(
        self,
        protocols: Sequence[bytes] = (b"http/1.1",),
        options: WebOptions = UNVERIFIED,
    ) -> None:
        """
        Read a URL, and do the handshake with a server that takes these protocols.
        """
        from OpenSSL.SSL import Connection, Error

        self.offered: list[bytes] = []

        def select(_: Any, offered: list[bytes]) -> Any:
            self.offered = offered
            return next(filter(offered.__contains__, protocols))

        context = serverContext()
        context.set_alpn_select_callback(select)
        self.server = Connection(context, None)
        self.server.set_accept_state()
        self.read("https://x/", options)
        while self.transport.value():
            self.server.bio_write(self.transport.value())
            self.transport.clear()
            # It also raises what the client reports, and what select raises.
            with contextlib.suppress(Error, StopIteration):
                self.server.do_handshake()
            self.flush()

    def flush(self) -> None:
        """
        Let the client receive what the server has to send.
        """
        from OpenSSL.SSL import WantReadError

        with contextlib.suppress(WantReadError):
            self.receive(self.server.bio_read(65536))

    def send(self, data: bytes) -> None:
        """
        Let the server send data.
        """
        self.server.send(data)
        self.flush()

    def test_steps(self) -> None:
        """
        The request is sent after the handshake.
        """
        self.read("https://x/", UNVERIFIED)
        self.assertEqual(self.takeEvents(), CONNECTED)
        self.handshake()
        steps = [(Step.SECURED, "TLSv1.3"), (Step.REQUESTED, "GET")]
        self.assertEqual(self.takeEvents(), [*CONNECTED, *steps])
        self.send(OK + b"\r\na\n")
        self.assertEqual(self.takeEvents(), ["connected", Line("a", size=1)])
        self.assertEqual(self.responses[0].protocol, "HTTP/1.1")

    def test_listener(self) -> None:
        """
        An exchange listens for the handshake.
        """
        verifyObject(IHandshakeListener, Exchange(Observer()))

    def test_offers(self) -> None:
        """
        HTTP/2 is offered if it is installed, and is not refused by the user.
        """
        both, old = [b"h2", b"http/1.1"], [b"http/1.1"]
        for isInstalled, http1, expected in [
            (True, False, both),
            (True, True, old),
            (False, False, old),
        ]:
            found = object() if isInstalled else None
            self.patch(connector, "find_spec", {"h2": found}.get)
            self.handshake(old, WebOptions(verify=False, http1=http1))
            self.assertEqual(self.offered, expected)

    def test_http2(self) -> None:
        """
        If the server chooses HTTP/2, it is spoken.
        """
        self.patch(connector, "find_spec", {"h2": object()}.get)
        module: Any = ModuleType("http2")
        module.HTTP2ClientProtocol = HTTP2ClientProtocol
        name = "clock.clients.reading.urls.http2.protocol"
        with mock.patch.dict(sys.modules, {name: module}):
            self.handshake([b"h2"])
        self.takeEvents()
        self.send(b"\0\0\0\4\0")
        *events, (end, _) = self.takeEvents()
        self.assertEqual(events, [Other.PING, "connected", Line("a", size=1)])
        self.assertEqual(end.how, How.COMPLETE)
        self.assertEqual(self.observer.bytes, 2)
        (head,) = self.responses
        self.assertEqual(head[:3], ("HTTP/2", 200, ""))
        self.assertEqual(head.headers, (("A", "b"), ("A", "c")))

    def test_noProtocol(self) -> None:
        """
        A server that accepts none of the protocols is told apart. What to install for
        HTTP/2 is said.
        """
        hint = "http/1.1 (HTTP/2 needs h2: pip install 'txclock[http2]')"
        for found, http1, offered in [
            (object(), False, "h2, http/1.1"),
            (object(), True, "http/1.1"),
            (None, False, hint),
        ]:
            self.patch(connector, "find_spec", {"h2": found}.get)
            self.handshake([b"spdy"], UNVERIFIED._replace(http1=http1))
            self.reset()
            text = f"the server accepts none of the protocols offered: {offered}"
            self.assertDown(How.TLS, text)

    def test_handshakeLost(self) -> None:
        """
        A connection that ends within the handshake is told apart, and OpenSSL has a
        reason for what is no TLS.
        """
        for data, end, text in [
            (b"", self.close, "closed by the server within the TLS handshake"),
            (b"", self.reset, "reset by the server within the TLS handshake"),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", self.reset, "wrong version number"),
        ]:
            for verify in (True, False):
                self.read("https://example.org/", WebOptions(verify=verify))
                self.assertEqual(self.addresses[-1], "example.org:443")
                hello = self.transport.value()
                self.assertEqual(hello[:2], b"\x16\x03")
                self.assertIn(b"example.org", hello)
                if data:
                    self.receive(data)
                end()
                self.assertDown(How.TLS, text)
                self.reactor.advance(1)
                # The lost connection is not aborted again.
                self.connect()
                self.assertEqual(self.takeEvents(), CONNECTED)

    def test_refused(self) -> None:
        """
        The certificate is verified.
        """
        self.handshake(options=WebOptions())
        self.reset()
        self.assertDown(How.TLS, "certificate verify failed")

    def test_stop(self) -> None:
        """
        A stream can be stopped within the handshake.
        """
        self.read("https://x/")
        self.takeEvents()
        stopped = self.stream.stopService()
        self.assertTrue(self.transport.disconnecting)
        self.reset()
        self.successResultOf(stopped)
        self.assertEqual(self.takeEvents(), [])

    def test_proxy(self) -> None:
        """
        TLS goes through a tunnel, also through one to a proxy over TLS.
        """
        self.read("https://x/", WebOptions(proxy="http://p:3128"))
        self.assertEqual(self.request()[0], "CONNECT x:443 HTTP/1.1")
        self.transport.clear()
        self.receive(b"HTTP/1.1 200 OK\r\n\r\n")
        self.assertEqual(self.transport.value()[:2], b"\x16\x03")
        self.read("https://x/", WebOptions(proxy="https://p:3128"))
        self.assertEqual(self.addresses[-1], "p:3128")
        self.assertEqual(self.transport.value()[:2], b"\x16\x03")
