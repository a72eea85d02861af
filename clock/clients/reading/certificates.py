"""
TLS to a server: its name, its certificate, and the protocols to offer.

Twisted compares the names in a certificate with the host. If it finds no name, or one
that is not valid, Twisted 26.10 only logs that, and accepts the certificate for any
host. Here the connection is aborted after the handshake, before anything else is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from OpenSSL.SSL import Connection
from service_identity import VerificationError
from service_identity.pyopenssl import verify_hostname
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.error import VerifyError
from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.internet.ssl import CertificateOptions, optionsForClientTLS
from twisted.python.failure import Failure
from zope.interface import alsoProvides, implementer

from clock.console.text import oneLine


def secureEndpoint(
    endpoint: IStreamClientEndpoint,
    host: str,
    verify: bool = True,
    protocols: Sequence[bytes] = (),
) -> IStreamClientEndpoint:
    """
    Make an endpoint over TLS.

    @param endpoint: the endpoint that connects to the server.
    @param host: the server's name, or its address, in ASCII.
    @param verify: whether its certificate is verified.
    @param protocols: the names of the protocols to offer (ALPN).

    @return: the endpoint. It connects before the handshake, as L{NamesEndpoint} does.
    """
    if not verify:
        return wrapClientTLS(UnverifiedConnections(host, protocols), endpoint)
    return NamesEndpoint(wrapClientTLS(verifiedConnections(host, protocols), endpoint))


def verifiedConnections(host: str, protocols: Sequence[bytes] = ()) -> Any:
    """
    Return a factory of TLS connections that verify the server's certificate.

    @param host: the server's name, or its address, in ASCII.
    @param protocols: the names of the protocols to offer (ALPN).
    """
    # A name in DNS may have an underscore. IDNA refuses it.
    connections: Any = optionsForClientTLS(
        host.replace("_", "x"), acceptableProtocols=list(protocols) or None
    )
    if "_" in host:
        connections._hostnameASCII = host
        connections._hostnameBytes = host.encode("ascii")
    return connections


@implementer(IOpenSSLClientConnectionCreator)
class UnverifiedConnections:
    """
    Make TLS connections that accept any certificate.
    """

    def __init__(self, host: str, protocols: Sequence[bytes] = ()) -> None:
        """
        @param host: the server's name, or its address, in ASCII.
        @param protocols: the names of the protocols to offer (ALPN).
        """
        self._host = host
        self._protocols = list(protocols)

    def clientConnectionForTLS(self, tlsProtocol: object) -> Connection:
        """
        Make a connection.

        @param tlsProtocol: the protocol that will use it.

        @return: the connection of OpenSSL.
        """
        connection = Connection(CertificateOptions().getContext(), None)
        # OpenSSL takes no empty list.
        if self._protocols:
            connection.set_alpn_protos(self._protocols)
        if not isIPAddress(self._host) and not isIPv6Address(self._host):
            connection.set_tlsext_host_name(self._host.encode("ascii"))
        return connection


@implementer(IStreamClientEndpoint)
class NamesEndpoint:
    """
    An endpoint over TLS that refuses a certificate without valid names.
    """

    def __init__(self, endpoint: IStreamClientEndpoint) -> None:
        """
        @param endpoint: the endpoint, which compares the names with the host.
        """
        self._endpoint = endpoint

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        Connect.

        @param protocolFactory: the factory of the protocol.

        @return: fires with the protocol, before the handshake. If the certificate is
            refused, the reason why its connection is lost is C{VerifyError}.
        """
        connected: Deferred[IProtocol]
        connected = self._endpoint.connect(_NamesFactory(protocolFactory))
        return connected


class _NamesFactory(Factory):
    noisy = False

    def __init__(self, factory: IProtocolFactory) -> None:
        self._factory = factory

    def buildProtocol(self, addr: IAddress | None) -> Any:
        protocol: Any = self._factory.buildProtocol(addr)  # type: ignore[arg-type]
        completed = getattr(protocol, "handshakeCompleted", _nothing)

        def handshakeCompleted() -> None:
            reason = _whyRefused(protocol.transport.getHandle())
            if reason:
                protocol.transport.failVerification(Failure(VerifyError(reason)))
            else:
                completed()

        protocol.handshakeCompleted = handshakeCompleted
        alsoProvides(protocol, IHandshakeListener)
        return protocol


def _whyRefused(connection: Any) -> str:
    """
    Return why the certificate of a connection is refused, or an empty string.
    """
    try:
        verify_hostname(connection, "localhost")
    except VerificationError:
        # It has names, which Twisted has compared with the right host.
        return ""
    except Exception as error:
        return f"the certificate is not valid for any host: {oneLine(error)}"
    return ""


def _nothing() -> None:
    pass
