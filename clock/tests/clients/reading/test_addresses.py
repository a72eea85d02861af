"""
Tests for L{clock.clients.reading.addresses}.
"""

from __future__ import annotations

import os

from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    UNIXClientEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from clock.clients.reading import addresses
from clock.clients.reading.addresses import clientEndpoint


class ClientEndpointTests(SynchronousTestCase):
    """
    Endpoints to connect with.
    """

    def test_hostAndPort(self) -> None:
        """
        C{host:port} is split at the last colon. Without a host, it is this machine.
        """
        for text, shown in [
            ("example.com:80", "example.com:80"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            (":8080", "localhost:8080"),
            ("[::1]:8080", "[::1]:8080"),
            ("tcp:8080", "tcp:8080"),
        ]:
            endpoint = clientEndpoint(MemoryReactorClock(), text)
            self.assertIsInstance(endpoint, HostnameEndpoint)
            self.assertIn(f"HostnameEndpoint {shown}>", repr(endpoint))

    def test_underscores(self) -> None:
        """
        A host name may have underscores, as in networks of containers. Other names that
        are not valid are refused.
        """
        for host, reason in [
            ("my_service", None),
            ("my_service.example.", None),
            ("example.com", None),
            ("a..b", "invalid hostname: a..b"),
            ("x" * 64, f"invalid hostname: {'x' * 64}"),
        ]:
            attempt = clientEndpoint(MemoryReactorClock(), f"{host}:80").connect(
                Factory()
            )
            if reason is None:
                self.assertNoResult(attempt)
            else:
                failure = self.failureResultOf(attempt, ValueError)
                self.assertEqual(str(failure.value), reason)

    def test_endpointStrings(self) -> None:
        """
        Any other text is a Twisted endpoint.
        """
        reactor = MemoryReactorClock()
        for text, kind in [
            ("unix:/tmp/clock", UNIXClientEndpoint),
            ("unix://tmp/clock", UNIXClientEndpoint),
            ("tcp:localhost:8080", TCP4ClientEndpoint),
        ]:
            self.assertIsInstance(clientEndpoint(reactor, text), kind)

    def test_refused(self) -> None:
        """
        Text that is not an address is refused with the reason.
        """
        long = "the path of a UNIX socket is longer than 107 bytes"
        # As Python decodes an argument, in any locale: two bytes for each letter.
        wide = os.fsdecode("ö".encode() * 54)
        port = "a port is a whole number from 1 to 65535"
        scheme = "a URL begins with http://, https://, ws:// or wss://"
        neither = "neither HOST:PORT nor [IPV6]:PORT nor a Twisted client endpoint"
        for text, reason in [
            (":0", port),
            (":999999999", port),
            (f"unix:/{'x' * 107}", long),
            (f"unix:/{wide}", long),
            ("localhost:65536", port),
            ("localhost", f"{neither} (Unknown endpoint type: 'localhost')"),
            ("::1:80", f"{neither} (Unknown endpoint type: '')"),
            ("x.y", f"{neither} (Unknown endpoint type: 'x.y'); try http://x.y"),
            ("x:1/y", f"{neither} (Unknown endpoint type: 'x'); try http://x:1/y"),
            ("http:/x:1/y", scheme),
            ("sse://x/y", scheme),
        ]:
            error = self.assertRaises(
                ValueError, clientEndpoint, MemoryReactorClock(), text
            )
            self.assertEqual(str(error), reason)

    def test_noReason(self) -> None:
        """
        If a parser's exception has no text, the error has its name.
        """

        def fail(*_: object) -> None:
            raise TypeError

        self.patch(addresses, "clientFromString", fail)
        error = self.assertRaises(ValueError, clientEndpoint, None, "x:y")
        self.assertEqual(str(error)[-11:], "(TypeError)")

    def test_withoutTLS(self) -> None:
        """
        If OpenSSL is not installed, the error says what to install.
        """

        def fail(*_: object) -> None:
            raise NameError("name 'optionsForClientTLS' is not defined")

        self.patch(addresses, "clientFromString", fail)
        error = self.assertRaises(ValueError, clientEndpoint, None, "tls:x:1")
        self.assertEqual(str(error), "TLS needs OpenSSL: pip install 'txclock[tls]'")

    def test_linkLocal(self) -> None:
        """
        A link-local address keeps its interface.
        """
        reactor = MemoryReactorClock()
        clientEndpoint(reactor, "[fe80::1%lo]:80").connect(Factory())
        self.assertEqual(reactor.tcpClients[0][:2], ("fe80::1%lo", 80))
