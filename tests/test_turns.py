"""
Whose turn it is, however clients come and go: a Hypothesis state machine.
"""

from __future__ import annotations

import pytest

pytest.importorskip("hypothesis")

from hypothesis import settings, strategies
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
)

from clock.tests.fixture import Client, House


class Turns(RuleBasedStateMachine):
    """
    A factory in memory, and beside it a list of who should be there.

    @ivar present: who is connected, in the order they came.
    @ivar due: how many lines each has been owed so far.
    """

    clients = Bundle("clients")
    stopping = False

    @initialize(sequential=strategies.booleans())
    def start(self, sequential: bool) -> None:
        """
        Begin in either mode.
        """
        self.house = House.new(sequential=sequential)
        self.present: list[Client] = []
        self.due: dict[int, int] = {}

    def served(self) -> list[Client]:
        """
        Tell who should be served: everyone, or the one who came first.
        """
        return self.present[:1] if self.house.factory.sequential else self.present

    def owe(self, clients: list[Client]) -> None:
        """
        Note that a line is due to each of these.
        """
        for client in clients:
            self.due[id(client)] += 1

    @rule(target=clients)
    def connect(self) -> Client:
        """
        One more comes, and is told the time at once if it is served.
        """
        client = self.house.connect()
        self.due[id(client)] = 0
        self.present.append(client)
        if client in self.served() and not self.stopping:
            self.owe([client])
        return client

    @rule(client=consumes(clients))
    def leave(self, client: Client) -> None:
        """
        Somebody leaves; a turn that ends is another's beginning.
        """
        before = self.served()
        self.present.remove(client)
        client.leave()
        if not self.stopping:
            self.owe([each for each in self.served() if each not in before])

    @rule(client=clients)
    def half_close(self, client: Client) -> None:
        """
        Somebody sends no more, which alone changes no turn.
        """
        client.halfClose()

    @rule(ticks=strategies.integers(1, 5))
    def tick(self, ticks: int) -> None:
        """
        Time passes: all who are served are told, unless they are let go.
        """
        for _ in range(ticks):
            self.owe([each for each in self.served() if not each.dropped])
            self.house.clock.advance(1)

    @rule()
    def stop(self) -> None:
        """
        The server stops; nobody's turn begins any more.
        """
        self.stopping = True
        self.house.factory.disconnectAll(1_000_000)

    @invariant()
    def everyone_got_their_lines(self) -> None:
        """
        All who are served got every tick, and those who wait got none.
        """
        for client in self.house.clients:
            assert client.received.count(b"\n") == self.due[id(client)]

    @invariant()
    def one_at_a_time(self) -> None:
        """
        In sequential mode no two are active.
        """
        factory = self.house.factory
        assert len(factory.serving) <= 1 or not factory.sequential

    @invariant()
    def whoever_is_let_go_has_a_reason(self) -> None:
        """
        Connections are closed at the end, or half-closed in somebody's way.
        """
        for client in self.present:
            assert client.dropped <= (self.stopping or client.protocol.halfClosed)

    @invariant()
    def no_timer_is_left(self) -> None:
        """
        When all have gone, no timer is left.
        """
        if not self.present:
            assert self.house.timers() == 0


TestTurns = Turns.TestCase
TestTurns.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
