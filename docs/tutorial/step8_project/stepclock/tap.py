"""
What C{twistd stepclock} runs: options in, a service out.
"""

import time

from twisted.application import strports
from twisted.application.service import IService
from twisted.internet.endpoints import serverFromString
from twisted.python import usage

from stepclock.factory import ClockFactory


class Options(usage.Options):
    """
    The command line of C{twistd stepclock}.
    """

    synopsis = "[options]"
    longdesc = "Sends every client the time, one line a second."
    optFlags = [["sequential", "s", "Serve one client at a time."]]
    optParameters = [
        ["listen", "l", "tcp:8080:interface=127.0.0.1", "Endpoint to listen on."]
    ]

    def postOptions(self) -> None:
        """
        Check the endpoint before anything starts.

        @raise usage.UsageError: if it is malformed.
        """
        from twisted.internet import reactor

        try:
            serverFromString(reactor, self["listen"])
        except ValueError as error:
            raise usage.UsageError(f"--listen {self['listen']}: {error}") from None


def makeService(options: Options) -> IService:
    """
    Make the service that C{twistd} starts and stops.

    @param options: the parsed command line.

    @return: a service that listens from its start to its stop.
    """
    from twisted.internet import reactor

    # Keep the timers running when the system clock is set back.
    reactor.seconds = time.monotonic  # type: ignore[method-assign]
    factory = ClockFactory(reactor, sequential=bool(options["sequential"]))
    return strports.service(options["listen"], factory)
