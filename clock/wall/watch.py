"""
What there is to show of one clock.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime

from clock.wall.lines import Line
from clock.wall.reading import read
from clock.wording import printable

#: After how many intervals without a line a clock is stale.
STALE_AFTER = 2.5


class State(Enum):
    """
    How it is with a clock.
    """

    CONNECTING = "connecting"
    LIVE = "live"
    STALE = "stale"
    DOWN = "down"


class Look(NamedTuple):
    """
    One look at a clock.

    @ivar state: how it is with it.
    @ivar shown: its last line, fit for a terminal; empty where there is none, and
        while it is down.
    @ivar age: how long ago the line has come, or the connection, in seconds.
    @ivar reason: why it is down.
    @ivar retryIn: the time until the next attempt to connect, in seconds.
    """

    state: State
    shown: str = ""
    age: float | None = None
    reason: str = ""
    retryIn: float = 0.0

    def words(self) -> str:
        """
        Say how it is.

        @return: the state, and all there is to say of a clock that is down.
        """
        if self.state is State.DOWN:
            return f"down, next try in {self.retryIn:.0f} s: {self.reason}"
        return str(self.state.value)


class Watch:
    """
    An L{Observer<clock.wall.stream.Observer>} that knows what to show.

    @ivar name: the clock's, fit for a terminal.
    """

    def __init__(
        self,
        name: str,
        reactor: IReactorTime,
        interval: float,
        changed: Callable[[Watch], object],
    ) -> None:
        """
        @param name: the clock's.
        @param reactor: tells how time passes.
        @param interval: the time between two lines, in seconds.
        @param changed: is called with this watch whenever anything has happened.
            That time has passed is nothing that happens.
        """
        self.name = printable(name)
        self._reactor = reactor
        self._staleAfter = STALE_AFTER * interval
        self._changed = changed
        self._since: float | None = None
        self._shown: str | None = None
        self._down: tuple[str, float] | None = None

    def connecting(self) -> None:
        """
        Note that an attempt has begun.
        """
        self._become()

    def connected(self) -> None:
        """
        Note that lines may come now.
        """
        self._become(self._reactor.seconds())

    def lineReceived(self, line: Line) -> None:
        """
        Note the line; of one that is for programs, the time of day is shown.
        """
        reading = read(line.text, 0)
        shown = (reading and reading.timeOfDay) or printable(line.text)
        self._become(self._reactor.seconds(), f"{shown}…" if line.cut else shown)

    def down(self, reason: str, retryIn: float) -> None:
        """
        Note that there is no connection: nor is there a time to show, then.
        """
        self._become(down=(reason, self._reactor.seconds() + retryIn))

    def look(self) -> Look:
        """
        Look at the clock.

        @return: how it is now.
        """
        now = self._reactor.seconds()
        if self._down is not None:
            reason, retryAt = self._down
            return Look(
                State.DOWN, reason=printable(reason), retryIn=max(0.0, retryAt - now)
            )
        if self._since is None:
            return Look(State.CONNECTING)
        age = now - self._since
        if age >= self._staleAfter:
            state = State.STALE
        else:
            state = State.CONNECTING if self._shown is None else State.LIVE
        return Look(state, self._shown or "", age)

    def _become(
        self,
        since: float | None = None,
        shown: str | None = None,
        down: tuple[str, float] | None = None,
    ) -> None:
        self._since, self._shown, self._down = since, shown, down
        self._changed(self)
