"""
Serve the time on the endpoint that the command line names.
"""

import sys
from datetime import datetime

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorCore, ITransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import LoopingCall, react
from twisted.python.failure import Failure


class ClockProtocol(Protocol):
    """
    Send one client the time, from its arrival until it disconnects.
    """

    transport: ITransport

    def connectionMade(self) -> None:
        self.loop = LoopingCall(self.sendTime)
        self.loop.start(1)

    def sendTime(self) -> None:
        self.transport.write(f"{datetime.now():%H:%M:%S}\n".encode())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.loop.stop()


async def main(reactor: IReactorCore, description: str) -> None:
    """
    Listen, and serve until the process is interrupted.

    @param description: a server endpoint, such as C{tcp:8080}.
    """
    try:
        endpoint = serverFromString(reactor, description)
        port = await endpoint.listen(Factory.forProtocol(ClockProtocol))
    except (ValueError, CannotListenError) as error:
        raise SystemExit(str(error)) from None
    print("Serving on", port.getHost(), flush=True)
    await Deferred()


if len(sys.argv) != 2:
    raise SystemExit("usage: step3_endpoint.py ENDPOINT")
react(main, sys.argv[1:])
