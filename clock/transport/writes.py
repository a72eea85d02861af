"""
A transport's C{write} that sends at once.

A Twisted transport buffers what is written, registers the socket with the reactor,
sends in the next iteration of the reactor, and unregisters the socket. This is right
for bulk data. With a few bytes a second, the socket is nearly always writable. Sending
at once saves three system calls, and 7 of 22 microseconds a line.

This module sends only if nothing is buffered. In all other cases, such as partial
sends, errors, TLS and pull producers, it calls the transport's own C{write}.
"""

from __future__ import annotations

from functools import cache
from typing import Any


class ImmediateWrites:
    """
    A mixin for C{tcp.Server} and similar transports.

    A streaming producer is paused as soon as one byte is left unsent, not after 64 KiB.
    A client that resumes reading then gets the current time, not a backlog.
    """

    # File descriptors to send with the next bytes; only UNIX transports have them.
    _sendmsgQueue: Any = ()

    def write(self: Any, data: bytes) -> None:
        """
        Send as much as the kernel accepts at once, and buffer the rest.

        If the connection is lost, the reactor notices it in a later iteration, so no
        callback is called before this method returns.

        @param data: the bytes to send.
        """
        if (
            self.dataBuffer
            or self._tempDataBuffer
            or self._sendmsgQueue
            or self.TLS
            or self._writeDisconnected
            or not self.connected
            or self.disconnecting
            or (self.producer is not None and not self.streamingProducer)
        ):
            # Other data must be sent first, or a pull producer must be resumed later.
            super().write(data)  # type: ignore[misc]
            return
        try:
            sent = self.socket.send(data)
        except OSError:
            sent = 0
        if sent < len(data):
            super().write(data[sent:])  # type: ignore[misc]

    def _isSendBufferFull(self: Any) -> bool:
        return bool(self.dataBuffer or self._tempDataBuffer)


@cache
def immediate(transport: type) -> type:
    """
    Derive a class with L{ImmediateWrites} from a port's transport class.

    @param transport: the class, C{tcp.Server} or a subclass.

    @return: the derived class; the same one for each call with the same argument.
    """
    return type(f"Immediate{transport.__name__}", (ImmediateWrites, transport), {})
