"""
The output of C{clockwall} without a terminal: a line for each change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from clock.clients.wall.monitor import ClockMonitor, ClockStatus, State

#: Seconds between two checks whether a clock has become stale.
STALE_CHECK_INTERVAL = 0.25


class Printer:
    """
    Print a line for each change, such as C{Tokyo 19:03:13}.
    """

    def __init__(self, reactor: IReactorTime, write: Callable[[str], object]) -> None:
        """
        @param reactor: the reactor's time.
        @param write: writes a line, which ends in a newline.
        """
        self._reactor = reactor
        self._write = write
        self._monitors: Sequence[ClockMonitor] = ()
        self._printed: dict[ClockMonitor, ClockStatus] = {}

    def start(self, monitors: Sequence[ClockMonitor]) -> None:
        """
        Print the changes of these clocks from now on.

        @param monitors: the clocks.
        """
        self._monitors = monitors
        loop = LoopingCall(self._updateAll)
        loop.clock = self._reactor
        loop.start(STALE_CHECK_INTERVAL, now=False)

    def restoreTerminal(self) -> None:
        """
        Do nothing: a printer changes nothing on the terminal.
        """

    def prepareTerminal(self) -> None:
        """
        Do nothing: a printer changes nothing on the terminal.
        """

    def update(self, monitor: ClockMonitor) -> None:
        """
        Print the state of a clock, unless that was printed already.

        @param monitor: the clock.
        """
        status = monitor.status()
        # Ages and retry delays change all the time.
        comparable = status._replace(age=None, retryIn=0)
        if status.state is State.CONNECTING or comparable == self._printed.get(monitor):
            return
        self._printed[monitor] = comparable
        self._write(f"{monitor.name} {_describe(status)}\n")

    def _updateAll(self) -> None:
        for monitor in self._monitors:
            self.update(monitor)


def _describe(status: ClockStatus) -> str:
    if status.state is State.LIVE:
        return status.text
    if status.state is State.STALE:
        return f"{status.describe()}, no line for {status.age:.1f} s"
    return status.describe()
