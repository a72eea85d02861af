"""
Tests for L{clock.clients.reading.certificates}.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import Any
from unittest import SkipTest

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import VerifyError
from twisted.internet.interfaces import (
    IHandshakeListener,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from clock.clients.reading.urls.endpoint import DEFAULTS, addressEndpoint
from clock.tests.clients.fixture import Observer


def makeCertificate(names: Sequence[Any]) -> Any:
    """
    Make a certificate for these names.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import (
        SECP256R1,
        generate_private_key,
    )
    from cryptography.hazmat.primitives.hashes import SHA256
    from OpenSSL.crypto import X509

    key, name, now = generate_private_key(SECP256R1()), x509.Name([]), datetime.now()
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1)
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(1))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
    return X509.from_cryptography(builder.sign(key, SHA256()))


class Transport:
    """
    A transport, and its connection of OpenSSL, after a handshake.

    @ivar failure: the reason why the certificate was refused.
    """

    failure: Failure | None = None

    def __init__(self, certificate: Any) -> None:
        self._certificate = certificate

    def getHandle(self) -> Transport:
        """
        Return the connection.
        """
        return self

    def get_peer_certificate(self) -> Any:
        """
        Return the certificate of the server.
        """
        return self._certificate

    def failVerification(self, reason: Failure) -> None:
        """
        Note why the certificate is refused.
        """
        self.failure = reason


@implementer(IStreamClientEndpoint)
class ConnectedEndpoint:
    """
    An endpoint whose attempts to connect succeed.
    """

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        Build a protocol.
        """
        protocol: Any = protocolFactory.buildProtocol(None)  # type: ignore[arg-type]
        return succeed(protocol)


class ListeningProtocol(Protocol):
    """
    A protocol that waits for its handshake.
    """

    isReady = False

    def handshakeCompleted(self) -> None:
        """
        Note that the handshake is complete.
        """
        self.isReady = True


class NamesTests(SynchronousTestCase):
    """
    The names in a certificate.
    """

    def setUp(self) -> None:
        """
        Require OpenSSL.
        """
        if find_spec("OpenSSL") is None:
            raise SkipTest("OpenSSL is not installed: pip install 'txclock[tls]'")

    def handshake(self, protocol: type[Protocol], names: Sequence[Any]) -> Any:
        """
        Connect, and complete the handshake with a certificate. Return the protocol.
        """
        from clock.clients.reading.certificates import NamesEndpoint

        endpoint = NamesEndpoint(ConnectedEndpoint())
        verifyObject(IStreamClientEndpoint, endpoint)
        attempt = endpoint.connect(Factory.forProtocol(protocol))
        connected: Any = self.successResultOf(attempt)
        connected.transport = Transport(makeCertificate(names))
        verifyObject(IHandshakeListener, connected)
        connected.handshakeCompleted()
        return connected

    def test_names(self) -> None:
        """
        If the names are valid, Twisted has compared them with the host. A protocol that
        listens for the handshake is told of it.
        """
        from cryptography.x509 import DNSName

        for name in ("localhost", "x.example"):
            protocol = self.handshake(ListeningProtocol, [DNSName(name)])
            self.assertIsNone(protocol.transport.failure)
            self.assertTrue(protocol.isReady)
        protocol = self.handshake(Protocol, [DNSName("x.example")])
        self.assertIsNone(protocol.transport.failure)

    def test_refused(self) -> None:
        """
        A certificate is refused if it has no names, or one that is not valid. The
        protocol is not told of the handshake.
        """
        from cryptography.x509 import DNSName

        for names in ([], [DNSName("localhost"), DNSName("*")]):
            protocol = self.handshake(ListeningProtocol, names)
            error = protocol.transport.failure.value
            self.assertIsInstance(error, VerifyError)
            start = "the certificate is not valid for any host: "
            self.assertEqual(str(error)[: len(start)], start)
            self.assertFalse(protocol.isReady)

    def test_endpoints(self) -> None:
        """
        Names are required where Twisted compares them with the host.
        """
        from clock.clients.reading.certificates import NamesEndpoint

        for address, compares in [
            ("tls:localhost:8443", True),
            ("TLS:localhost:8443", True),
            ("ssl:localhost:8443", False),
            ("ssl:localhost:8443:hostname=x", True),
            ("ssl:hostname=x:host=y:port=8443", True),
            (r"ssl:localhost:8443:bindAddress=x\:hostname=x", False),
            ("localhost:8443", False),
            ("tcp:localhost:8443", False),
        ]:
            reactor: Any = MemoryReactorClock()
            endpoint = addressEndpoint(reactor, address, DEFAULTS, Observer())
            self.assertEqual(isinstance(endpoint, NamesEndpoint), compares, address)


class ConnectionTests(SynchronousTestCase):
    """
    Connections of OpenSSL.
    """

    def setUp(self) -> None:
        """
        Require OpenSSL.
        """
        if find_spec("OpenSSL") is None:
            raise SkipTest("OpenSSL is not installed: pip install 'txclock[tls]'")

    def test_unverified(self) -> None:
        """
        Without verification, any certificate will do. An IP address is not sent as the
        server's name.
        """
        from OpenSSL.SSL import VERIFY_NONE

        from clock.clients.reading.certificates import UnverifiedConnections

        for host, name in [("x", b"x"), ("127.0.0.1", None), ("::1", None)]:
            connection = UnverifiedConnections(host).clientConnectionForTLS(None)
            self.assertEqual(connection.get_servername(), name)
            self.assertEqual(connection.get_context().get_verify_mode(), VERIFY_NONE)

    def test_verified(self) -> None:
        """
        The name that is sent, and verified, may have underscores.
        """
        from clock.clients.reading.certificates import verifiedConnections

        for host in ("x", "my_service", "_a.b_c.example"):
            connections = verifiedConnections(host)
            self.assertEqual(connections._hostnameASCII, host)
            self.assertEqual(connections._hostnameBytes, host.encode())
