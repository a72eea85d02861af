"""
The answers to the pings of a WebSocket.

A server that sends pings, and does not read the answers, would fill the memory with
them. So no answer is sent while the ones before are not on their way. When they are,
only the last ping is answered, as RFC 6455 allows in section 5.5.3.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IPushProducer
from wsproto import WSConnection
from wsproto.events import Ping
from zope.interface import implementer


@implementer(IPushProducer)
class PongSender:
    """
    The sender of answers to pings.
    """

    _isPaused = False
    _ping: Ping | None = None

    def __init__(self, transport: Any, connection: WSConnection) -> None:
        """
        Take control of the flow.

        @param transport: the transport of the connection.
        @param connection: the WebSocket.
        """
        self._transport = transport
        self._connection = connection
        transport.registerProducer(self, True)

    def answer(self, ping: Ping) -> None:
        """
        Answer a ping, now or later.

        @param ping: the ping.
        """
        self._ping = ping
        if not self._isPaused:
            self._send()

    def stop(self) -> None:
        """
        Answer no more, because the connection is closed.
        """
        self._transport.unregisterProducer()

    def pauseProducing(self) -> None:
        """
        Send no more answers: the server does not read those that were sent.
        """
        self._isPaused = True

    def resumeProducing(self) -> None:
        """
        Answer the last ping.
        """
        self._isPaused = False
        if self._ping is not None:
            self._send()

    def stopProducing(self) -> None:
        """
        Do nothing: the connection is lost.
        """

    def _send(self) -> None:
        ping, self._ping = self._ping, None
        assert ping is not None
        self._transport.write(self._connection.send(ping.response()))
