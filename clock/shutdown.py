"""
The shutdown of a factory: no connection is accepted, and the open ones end.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed


class Shutdown:
    """
    Record whether connections are accepted, and wait until the last one is lost.

    @ivar isOpen: whether connections are accepted.
    """

    def __init__(self, isEmpty: Callable[[], bool]) -> None:
        """
        @param isEmpty: returns whether no connection is open.
        """
        self.isOpen = True
        self._isEmpty = isEmpty
        self._whenEmpty: list[Deferred[None]] = []

    def open(self) -> None:
        """
        Accept connections, even after L{begin}.
        """
        self.isOpen = True

    def begin(self) -> None:
        """
        Accept no more connections.
        """
        self.isOpen = False

    def whenEmpty(self) -> Deferred[None]:
        """
        Wait until the last connection is lost.

        @return: fires when no connection is open.
        """
        if self._isEmpty():
            return succeed(None)
        empty: Deferred[None] = Deferred()
        self._whenEmpty.append(empty)
        return empty

    def disconnected(self) -> None:
        """
        Note that a connection is lost.
        """
        if self._whenEmpty and self._isEmpty():
            whenEmpty, self._whenEmpty = self._whenEmpty, []
            for empty in whenEmpty:
                empty.callback(None)
