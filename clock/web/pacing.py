"""
The input of a WebSocket, which is read in small pieces, so that answers stay few.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

#: The most bytes to read from a client in L{READ_PAUSE<clock.protocol.READ_PAUSE>}. A
#: transport reads 64 KB at once, which may contain 10,000 pings. Answering these takes
#: 0.1 s.
MAX_READ = 1024


class PacedInput:
    """
    The data that the client sends, which is read in pieces of L{MAX_READ}.

    Reading pauses after each piece, and while the client does not read. Otherwise a
    client that sends pings and reads no pongs would make the server buffer pongs
    without limit.

    @ivar backlog: the number of pieces in a row after which data was left unread.
    """

    def __init__(self, transport: Any, read: Callable[[bytes], None]) -> None:
        """
        @param transport: the connection.
        @param read: a function that reads one piece.
        """
        self.backlog = 0
        self._transport = transport
        self._read = read
        self._unread = b""
        self._pauses: set[object] = set()
        self._stopped = False

    def received(self, data: bytes) -> None:
        """
        Read a piece, or keep the data while reading is paused: TLS still delivers the
        data that it read before the pause.
        """
        if self._stopped:
            return
        self._unread += data
        if not self._pauses:
            self._readPiece()

    def stop(self) -> None:
        """
        Discard what was not read, and all further data. Reading resumes, because over
        TLS the client's close_notify must still be read.
        """
        if not self._stopped:
            self._stopped = True
            self._unread = b""
            self._transport.resumeProducing()

    def pause(self, reason: object) -> None:
        """
        Read nothing until this pause and every other one have ended.
        """
        self._pauses.add(reason)
        self._transport.pauseProducing()

    def resume(self, reason: object) -> None:
        """
        End one pause.
        """
        self._pauses.discard(reason)
        if self._pauses:
            return
        if self._unread:
            self._readPiece()
        else:
            self._transport.resumeProducing()

    def _readPiece(self) -> None:
        piece, self._unread = self._unread[:MAX_READ], self._unread[MAX_READ:]
        self.backlog = self.backlog + 1 if self._unread else 0
        self._read(piece)


@implementer(IPushProducer)
class PauseBoth:
    """
    The producer that pauses a C{ClockProtocol} and the client's input while the client
    does not read.
    """

    def __init__(self, protocol: IPushProducer, input: PacedInput) -> None:
        """
        @param protocol: the C{ClockProtocol}.
        @param input: the input.
        """
        self._protocol = protocol
        self._input = input

    def pauseProducing(self) -> None:
        """
        Pause both.
        """
        self._protocol.pauseProducing()
        self._input.pause(self)

    def resumeProducing(self) -> None:
        """
        Resume both, the input first: the protocol may write, and this may pause both
        again.
        """
        self._input.resume(self)
        self._protocol.resumeProducing()

    def stopProducing(self) -> None:
        """
        Stop the protocol, because the connection is lost.
        """
        self._protocol.stopProducing()
