"""
Certificates whose names cannot be compared with a host.

Twisted compares the names in a certificate with the host. If it finds no name, or one
that is not valid, Twisted 26.10 only logs that, and accepts the certificate for any
host. Here the connection is aborted after the handshake, before anything else is sent.
"""

from __future__ import annotations

from typing import Any

from service_identity import VerificationError
from service_identity.pyopenssl import verify_hostname
from twisted.internet.defer import Deferred
from twisted.internet.error import VerifyError
from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from zope.interface import alsoProvides, implementer

from clock.console.text import oneLine


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
