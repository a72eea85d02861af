"""
What the progress display of C{clock-check} says about a stream.
"""

from __future__ import annotations

from clock.clients.reading.lines import Line
from clock.clients.reading.observer import Observer
from clock.clients.reading.timestamps import findTime
from clock.console.text import printable


class ProgressObserver:
    """
    An L{Observer<clock.clients.reading.observer.Observer>} that keeps the state of a
    stream, and passes on what happens.

    @ivar name: the name of the clock, printable.
    @ivar lines: number of lines.
    @ivar last: the time of the last line, or the line; printable.
    @ivar state: the state of the connection, printable.
    """

    def __init__(self, name: str, observer: Observer, field: str | None) -> None:
        """
        @param name: the name of the clock.
        @param observer: the observer to pass it on to.
        @param field: the field of lines in JSON that has the time.
        """
        self.name = printable(name)
        self.lines = 0
        self.last = ""
        self.state = "connecting"
        self._observer = observer
        self._field = field

    def connecting(self) -> None:
        """
        Note an attempt to connect.
        """
        self.state = "connecting"
        self._observer.connecting()

    def waitingForHeaders(self) -> None:
        """
        Note that the request is sent.
        """
        self.state = "waiting for headers"
        self._observer.waitingForHeaders()

    def redirected(self, url: str) -> None:
        """
        Pass it on.
        """
        self._observer.redirected(url)

    def connected(self) -> None:
        """
        Note the connection.
        """
        self.state = "connected"
        self._observer.connected()

    def lineReceived(self, line: Line) -> None:
        """
        Count a line.
        """
        self._observer.lineReceived(line)
        self.lines += 1
        reading = findTime(line.text, 0, self._field)
        self.last = printable((reading and reading.shown) or line.text)

    def disconnected(self, reason: str, retryIn: float) -> None:
        """
        Note the reason.
        """
        self.state = f"down: {printable(reason)}"
        self._observer.disconnected(reason, retryIn)
