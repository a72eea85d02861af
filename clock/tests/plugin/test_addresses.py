"""
Tests for L{clock.plugin.addresses}.
"""

from __future__ import annotations

import os
import socket

from twisted.internet.address import (
    HostnameAddress,
    IPv4Address,
    IPv6Address,
    UNIXAddress,
)
from twisted.internet.endpoints import (
    AdoptedStreamServerEndpoint,
    HostnameEndpoint,
    TCP4ClientEndpoint,
    UNIXClientEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from clock.plugin import addresses
from clock.plugin.addresses import BACKLOG, addressText, clientEndpoint, serverEndpoint


class AddressTests(SynchronousTestCase):
    """
    Addresses in their usual notation.
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

    def test_backlog(self) -> None:
        """
        An endpoint gets the clock's backlog, also below the PROXY protocol, unless it
        sets its own. A description that ends with a backslash is not changed.
        """
        for text, backlog in [
            ("8080", BACKLOG),
            ("tcp:8080", BACKLOG),
            ("tcp6:8080", BACKLOG),
            ("haproxy:tcp:8080:interface=127.0.0.1", BACKLOG),
            ("tcp:8080:backlog=5", 5),
            ("haproxy:tcp:backlog=5:8080", 5),
            ("tcp:8080:127.0.0.1:5", 5),
            ("haproxy:tcp6:8080:5", 5),
        ]:
            reactor = MemoryReactorClock()
            serverEndpoint(reactor, text, "127.0.0.1").listen(Factory())
            self.assertEqual(reactor.tcpServers[0][2], backlog)
        reactor = MemoryReactorClock()
        serverEndpoint(reactor, "unix:/tmp/clock", "").listen(Factory())
        self.assertEqual(reactor.unixServers[0][2], BACKLOG)
        self.assertRaises(ValueError, serverEndpoint, reactor, "unix:/tmp/clock\\", "")

    def test_endpointStrings(self) -> None:
        """
        Any other text is a Twisted endpoint.
        """
        reactor = MemoryReactorClock()
        for text, kind in [
            ("unix:/tmp/clock", UNIXClientEndpoint),
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
        neither = "neither HOST:PORT nor [IPV6]:PORT nor a Twisted client endpoint"
        for text, reason in [
            (":0", port),
            (":999999999", port),
            (f"unix:/{'x' * 107}", long),
            (f"unix:/{wide}", long),
            ("localhost:65536", port),
            ("localhost", f"{neither} (Unknown endpoint type: 'localhost')"),
            ("::1:80", f"{neither} (Unknown endpoint type: '')"),
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

    def test_addresses(self) -> None:
        """
        Addresses are written in the notation of the command line. Unprintable
        characters are escaped.
        """
        for where, text in [
            (IPv4Address("TCP", "127.0.0.1", 80), "127.0.0.1:80"),
            (IPv6Address("TCP", "::1", 80), "[::1]:80"),
            (UNIXAddress("/tmp/clock"), "unix:/tmp/clock"),
            (UNIXAddress(None), "unix:"),
            (UNIXAddress(b"/tmp/\x1b[31m\n\xff"), "unix:/tmp/\\x1b[31m\\n\ufffd"),
            (UNIXAddress(b"\0abstract"), "unix:\\x00abstract"),
            (IPv4Address("TCP", "\x1b[31m\n", 80), "\\x1b[31m\\n:80"),
            (IPv6Address("TCP", "\x1b[31m\n", 80), "[\\x1b[31m\\n]:80"),
            (
                HostnameAddress(b"example.com", 80),
                str(HostnameAddress(b"example.com", 80)),
            ),
        ]:
            self.assertEqual(addressText(where), text)


class AdoptedTests(SynchronousTestCase):
    """
    Sockets that systemd passes.
    """

    def adopt(self, descriptor: int, domain: str, prefix: str = "") -> None:
        """
        Make the endpoint of the descriptor that systemd passed.
        """
        adopted = AdoptedStreamServerEndpoint(
            MemoryReactorClock(), descriptor, getattr(socket, f"AF_{domain}")
        )
        texts: list[str] = []

        def fromString(reactor: object, text: str) -> AdoptedStreamServerEndpoint:
            texts.append(text)
            return adopted

        self.patch(addresses, "serverFromString", fromString)
        name = f"systemd:domain={domain}:name=x"
        endpoint = serverEndpoint(None, f"{prefix}{name}", "localhost")
        self.assertIs(endpoint, adopted)
        # The last one is that of the socket itself.
        self.assertEqual(texts[-1], name)

    def test_domain(self) -> None:
        """
        A socket of the domain that the endpoint names is adopted, and stays open.
        """
        for prefix in ("", "haproxy:"):
            with socket.create_server(("127.0.0.1", 0)) as passed:
                self.adopt(passed.fileno(), "INET", prefix)
                self.assertEqual(passed.getsockname()[0], "127.0.0.1")

    def test_otherDomain(self) -> None:
        """
        A socket of another domain is refused, with its domain.
        """
        for domain, prefix in (("INET6", ""), ("UNIX", ""), ("INET6", "haproxy:")):
            with (
                socket.socket() as passed,
                self.assertRaisesRegex(
                    ValueError,
                    f"^'{prefix}systemd:domain={domain}:name=x': systemd passed a "
                    "socket of another domain: try domain=INET$",
                ),
            ):
                self.adopt(passed.fileno(), domain, prefix)

    def test_notListening(self) -> None:
        """
        A socket that does not listen, such as that of one connection, is refused: the
        reactor would try to accept connections without end.
        """
        with (
            socket.socket() as passed,
            self.assertRaisesRegex(
                ValueError,
                "^'systemd:domain=INET:name=x': systemd passed a socket that does not "
                "listen: it needs ListenStream= and Accept=no$",
            ),
        ):
            self.adopt(passed.fileno(), "INET")

    def test_noSocket(self) -> None:
        """
        A descriptor that is no socket, such as that of a FIFO, is refused.
        """
        for descriptor in os.pipe():
            self.addCleanup(os.close, descriptor)
        with self.assertRaisesRegex(
            ValueError,
            "^'systemd:domain=INET:name=x': Socket operation on non-socket$",
        ):
            self.adopt(descriptor, "INET")
