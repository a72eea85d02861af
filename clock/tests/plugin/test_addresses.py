"""
Tests for L{clock.plugin.addresses}.
"""

from __future__ import annotations

import os
import socket

from twisted.internet.endpoints import (
    AdoptedStreamServerEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from clock.plugin import addresses
from clock.plugin.addresses import BACKLOG, serverEndpoint


class ServerEndpointTests(SynchronousTestCase):
    """
    Endpoints to listen on.
    """

    def test_backlog(self) -> None:
        """
        An endpoint gets the clock's backlog, even inside the PROXY protocol, unless it
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
        # The last description parsed is that of the socket itself.
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
