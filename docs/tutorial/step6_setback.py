"""
Serve the time while the system clock, here a fake one, is set back by an hour.

The argument is the clock that the reactor counts by: C{wall} or C{steady}.
"""

import sys
import time
from datetime import datetime

from twisted.internet import reactor
from twisted.internet.testing import StringTransport

from step5_clock import ClockFactory

STARTED = time.monotonic()


class SystemClock:
    """
    The system's clock, with an offset of our own.
    """

    offset = 0

    def seconds(self) -> float:
        return time.time() + self.offset

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds())

    def setBack(self) -> None:
        self.offset -= 3600
        report("the clock is set back by an hour")


def report(event: str) -> None:
    print(f"{time.monotonic() - STARTED:.1f} s  {event}", flush=True)


class PrintingTransport(StringTransport):
    def write(self, data: bytes) -> None:
        report(data.decode().rstrip())


clock = SystemClock()
seconds = {"wall": clock.seconds, "steady": time.monotonic}[sys.argv[1]]
reactor.seconds = seconds  # type: ignore[method-assign]
factory = ClockFactory(reactor, clock.now)
factory.doStart()
factory.buildProtocol(None).makeConnection(PrintingTransport())
reactor.callLater(2.5, clock.setBack)
reactor.run()
report("end")
