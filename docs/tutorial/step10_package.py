"""
Serve Tokyo's time every half second, after a greeting, to one client at a time.
"""

import sys
from zoneinfo import ZoneInfo

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import react

from clock import ClockFactory, ClockProtocol, Ticker, TimeFormat


class GreetingProtocol(ClockProtocol):
    """
    Greet a client before it gets the time.
    """

    def connectionMade(self) -> None:
        self.transport.write(b"The time in Tokyo:\n")
        super().connectionMade()


class GreetingFactory(ClockFactory):
    """
    Build a L{GreetingProtocol} for each connection.
    """

    protocol = GreetingProtocol


async def main(reactor: IReactorTime, description: str) -> None:
    """
    Listen, and serve until the process is interrupted.

    @param description: a server endpoint, such as C{tcp:8080}.
    """
    factory = GreetingFactory(
        TimeFormat("%H:%M:%S.%f", ZoneInfo("Asia/Tokyo")),
        ticker=Ticker(reactor, 0.5),
        sequential=True,
    )
    port = await serverFromString(reactor, description).listen(factory)
    print("Serving on", port.getHost(), flush=True)
    await Deferred()


if len(sys.argv) != 2:
    raise SystemExit("usage: step10_package.py ENDPOINT")
react(main, sys.argv[1:])
