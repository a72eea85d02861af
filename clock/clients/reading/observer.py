"""
The receivers of what happens to a stream.
"""

from __future__ import annotations

from typing import Protocol

from clock.clients.reading.lines import Line


class RequestObserver(Protocol):
    """
    The receiver of what happens before the response begins.
    """

    def waitingForHeaders(self) -> None:
        """
        Called over HTTP when the connection is made and the request is sent.
        """

    def redirected(self, url: str) -> None:
        """
        Called over HTTP when the server has redirected the request.

        @param url: the address that has answered.
        """


class Observer(RequestObserver, Protocol):
    """
    The receiver of a stream's events.
    """

    def connecting(self) -> None:
        """
        Called when an attempt to connect begins.
        """

    def connected(self) -> None:
        """
        Called when the attempt has succeeded: over TLS, after the handshake; over HTTP,
        when the headers of the response have arrived.
        """

    def lineReceived(self, line: Line) -> None:
        """
        Called when a line has arrived.

        @param line: the line.
        """

    def disconnected(self, reason: str, retryIn: float) -> None:
        """
        Called when the attempt has failed, or the connection is lost.

        @param reason: the reason, on one line.
        @param retryIn: seconds until the next attempt.
        """
