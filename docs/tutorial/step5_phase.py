"""
Run a clock on a reactor whose timers are up to 3 ms late, and show each client's lines.

The argument is the module to import the clock from: C{step4_clock} or
C{step5_clock}.
"""

import sys
from datetime import datetime, timedelta
from importlib import import_module
from itertools import cycle, islice

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

clock = Clock()


def now() -> datetime:
    """
    Return the time. The simulation starts at midnight.
    """
    return datetime(2026, 1, 1) + timedelta(seconds=clock.seconds())


class PrintingTransport(StringTransport):
    """
    Print what is sent to one client, and when.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def write(self, data: bytes) -> None:
        print(f"{clock.seconds():5.3f} s  {self.name}: {data.decode()}", end="")


factory = import_module(sys.argv[1]).ClockFactory(clock, now)
factory.doStart()
for name, arrival in [("Ann", 0.5), ("Bob", 0.998)]:
    clock.advance(arrival - clock.seconds())
    factory.buildProtocol(None).makeConnection(PrintingTransport(name))
for late in islice(cycle([0.001, 0.001, 0.003, 0.003]), 10):
    due = min(call.getTime() for call in clock.getDelayedCalls())
    if due + late < 5.5:
        clock.advance(due + late - clock.seconds())
