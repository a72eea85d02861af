"""
The process of a client command: its reactor, its signals and its exit.

A client command exits with C{os._exit}. The reactor's own shutdown would wait for the
threads that resolve host names, for as long as the resolver takes.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import ensureDeferred
from twisted.python.failure import Failure

from clock._stdout import exitNow


def steadyReactor() -> Any:
    """
    Import the global reactor, and make its time steady.

    @return: the reactor.
    """
    from twisted.internet import reactor

    # Otherwise a system clock that is set back stops all delayed calls:
    # https://github.com/twisted/twisted/issues/2424
    reactor.seconds = time.monotonic  # type: ignore[method-assign]
    return reactor


def exitOnSignals(cleanUp: Callable[[], object]) -> None:
    """
    Exit on SIGINT, SIGQUIT, SIGTERM and SIGHUP, with 128 plus the signal's number, as
    shells report it. A signal that is ignored, as under nohup, stays ignored.

    @param cleanUp: called before the exit.
    """

    def exit(number: int, _: object) -> None:
        cleanUp()
        exitNow(128 + number)

    for each in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, exit)


def run(command: Callable[[Any], Coroutine[Any, Any, int | None]]) -> None:
    """
    Run a client command on the global reactor, and exit.

    @param command: called with the reactor before it runs. The result is the exit
        status, or C{None} to go on until a signal. C{SystemExit} ends the process with
        its one line on standard error; any other exception, which is a bug, with a
        traceback. The exit status is 1 then.
    """
    reactor = steadyReactor()
    ensureDeferred(command(reactor)).addCallbacks(_finished, _failed)
    # The reactor's own signal handlers would exit with 0.
    reactor.run(installSignalHandlers=False)


def _finished(status: int | None) -> None:
    if status is not None:
        exitNow(status)


def _failed(failure: Failure) -> None:
    if failure.check(SystemExit):
        print(failure.value, file=sys.stderr)
    else:
        failure.printTraceback(file=sys.stderr)
    exitNow(1)
