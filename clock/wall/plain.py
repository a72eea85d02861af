"""
The wall where there is no terminal to draw on: a line for each change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from clock.wall.watch import Look, State, Watch

#: How often to see whether a clock has become stale, in seconds.
LOOK_EVERY = 0.25


class Printer:
    """
    Prints what has changed, such as C{Tokyo 19:03:13}.
    """

    def __init__(self, reactor: IReactorTime, write: Callable[[str], object]) -> None:
        """
        @param reactor: what to wait on.
        @param write: takes a line with its newline.
        """
        self._reactor = reactor
        self._write = write
        self._watches: Sequence[Watch] = ()
        self._printed: dict[Watch, Look] = {}

    def open(self, watches: Sequence[Watch]) -> None:
        """
        Begin.

        @param watches: the clocks.
        """
        self._watches = watches
        looking = LoopingCall(self._look)
        looking.clock = self._reactor
        looking.start(LOOK_EVERY, now=False)

    def leave(self) -> None:
        """
        Do nothing: there is nothing to tidy up.
        """

    def enter(self) -> None:
        """
        Do nothing: nothing was tidied up.
        """

    def changed(self, watch: Watch) -> None:
        """
        Print what is new about a clock, if anything is.

        @param watch: the clock's.
        """
        look = watch.look()
        # Not how long is left until the next try: that is another each time.
        new = look._replace(age=None, retryIn=0)
        if look.state is State.CONNECTING or new == self._printed.get(watch):
            return
        self._printed[watch] = new
        self._write(f"{watch.name} {_says(look)}\n")

    def _look(self) -> None:
        for watch in self._watches:
            self.changed(watch)


def _says(look: Look) -> str:
    """
    Say how a clock is.
    """
    if look.state is State.LIVE:
        return look.shown
    if look.state is State.STALE:
        return f"{look.words()}, no line for {look.age:.1f} s"
    return look.words()
