"""
Tests on real reactors that a fake reactor cannot replace: ports that open again, and
descriptors that are reused.
"""

from __future__ import annotations

import os
import socket
from typing import Any, cast

import pytest
from twisted.internet.defer import inlineCallbacks
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.task import deferLater
from twisted.internet.test.reactormixins import ReactorBuilder
from twisted.internet.threads import deferToThreadPool
from twisted.trial.unittest import SynchronousTestCase

from clock import ClockFactory, ClockProtocol, Ticker
from clock.limits import ClientLimit
from clock.plugin.listening import ListeningService
from clock.plugin.service import ClockService
from clock.transport.endpoint import ImmediateEndpoint
from tests.harness.clients import reset_on_close
from tests.harness.reactors import on_each_reactor
from tests.harness.times import DEADLINE

pytestmark = [
    pytest.mark.usefixtures("event_loop"),
    # Before Python 3.10.9 the warning appears for each loop that does not run.
    pytest.mark.filterwarnings("ignore:There is no current event loop"),
    # Old versions of Twisted leave event loops to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


class OnARealReactor(ReactorBuilder, SynchronousTestCase):
    """
    Tests for each installed reactor.
    """

    def connect(self, address: Any) -> socket.socket:
        """
        Connect a plain client.
        """
        client = socket.create_connection((address.host, address.port), DEADLINE)
        self.addCleanup(client.close)
        return client

    def run_for(self, reactor: Any, script: Any) -> None:
        """
        Run the reactor until a script of Deferreds ends.
        """
        problems: list[Any] = []

        def run() -> None:
            done = inlineCallbacks(script)()
            done.addErrback(problems.append)
            done.addBoth(lambda _: reactor.stop())

        reactor.callWhenRunning(run)
        self.runReactor(reactor, timeout=DEADLINE)
        if problems:
            problems[0].raiseException()

    def test_startsAgain(self) -> None:
        """
        A service that was stopped starts again, and serves at once.
        """
        reactor: Any = self.buildReactor()
        pool = reactor, reactor.getThreadPool()
        endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        listener = ListeningService(
            "x", ImmediateEndpoint(endpoint), ClockFactory(ticker=Ticker(reactor))
        )
        service = ClockService([listener])
        received: list[bytes] = []

        def script() -> Any:
            for _ in range(3):
                service.startService()
                client = self.connect(listener.port.getHost())  # type: ignore[union-attr]
                received.append((yield deferToThreadPool(*pool, client.recv, 9)))
                yield service.stopService()
                assert listener.port is None

        self.run_for(reactor, script)
        self.assertEqual([len(line) for line in received], [9, 9, 9])

    def test_evictionDoesNotAffectNewClients(self) -> None:
        """
        A client that connects in the iteration in which another one is evicted and
        reset gets no event of the evicted client.
        """
        reactor: Any = self.buildReactor()
        limit = ClientLimit(3, reactor)
        factory = ClockFactory(ticker=Ticker(reactor), limit=limit)
        endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        ports: list[Any] = []
        ImmediateEndpoint(endpoint, admit=limit.admit).listen(factory).addCallback(
            ports.append
        )
        kept: list[bool] = []

        def script() -> Any:
            address = ports[0].getHost()
            for _ in range(10):
                first, second, stays = (self.connect(address) for _ in range(3))
                while limit.count < 3:
                    yield deferLater(reactor, 0.001, lambda: None)
                for stuck in (first, second):
                    stuck.shutdown(socket.SHUT_WR)
                while len(limit._halfClosed) < 2:
                    yield deferLater(reactor, 0.001, lambda: None)
                active = cast("list[ClockProtocol]", [*factory.turns.active])
                evicted = [each for each in active if each.halfClosed]
                for client in evicted:
                    # More than the two kernels buffer, so the transport keeps the rest.
                    client.transport.write(bytes(10_000_000))
                yield deferLater(reactor, 0.001, lambda: None)
                # The reactor handles all of this in its next iteration.
                newcomers = [self.connect(address) for _ in range(2)]
                for stuck in (first, second):
                    reset_on_close(stuck)
                    stuck.close()
                # The lowest free descriptor will be that of the evicted client.
                fillers = [os.dup(0) for _ in range(20)]
                ports[0].numberAccepts = 20
                while limit.count < 3 or any(
                    each in factory.turns.active for each in evicted
                ):
                    yield deferLater(reactor, 0.001, lambda: None)
                yield deferLater(reactor, 0.01, lambda: None)
                for filler in fillers:
                    os.close(filler)
                kept.append(any(client.halfClosed for client in factory.turns.active))
                for each in (stays, *newcomers):
                    each.close()
                while limit.count:
                    yield deferLater(reactor, 0.001, lambda: None)
            yield ports[0].stopListening()

        self.run_for(reactor, script)
        self.assertEqual(kept, [False] * 10)

    def test_evictionCutsNoLine(self) -> None:
        """
        An evicted client whose transport has unsent data is reset. Any other one gets
        FIN after its lines.
        """
        reactor: Any = self.buildReactor()
        pool = reactor, reactor.getThreadPool()
        limit = ClientLimit(1, reactor)
        factory = ClockFactory(ticker=Ticker(reactor, 60), limit=limit)
        endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        ports: list[Any] = []
        ImmediateEndpoint(endpoint, admit=limit.admit).listen(factory).addCallback(
            ports.append
        )
        ends: list[str] = []

        def end(client: socket.socket) -> str:
            data = b""
            try:
                while more := client.recv(65536):
                    data = more
            except ConnectionResetError:
                return "reset"
            return f"FIN after {data[-1:]!r}"

        def script() -> Any:
            for unsent in (b"", bytes(10_000_000)):
                client = self.connect(ports[0].getHost())
                client.shutdown(socket.SHUT_WR)
                while not limit._halfClosed:
                    yield deferLater(reactor, 0.001, lambda: None)
                (served,) = cast("list[ClockProtocol]", [*factory.turns.active])
                # More than the two kernels buffer, so the transport keeps the rest.
                served.transport.write(unsent)
                newcomer = self.connect(ports[0].getHost())
                while limit.totalEvicted == len(ends) or limit._evicted:
                    yield deferLater(reactor, 0.001, lambda: None)
                ends.append((yield deferToThreadPool(*pool, end, client)))
                newcomer.close()
                while limit.count:
                    yield deferLater(reactor, 0.001, lambda: None)
            yield ports[0].stopListening()

        self.run_for(reactor, script)
        self.assertEqual(ends, ["FIN after b'\\n'", "reset"])


globals().update(on_each_reactor(OnARealReactor))
del OnARealReactor
