"""
Whose turn it is, however clients come and go: a Hypothesis state machine.
"""

from __future__ import annotations

from world import need_module

need_module("hypothesis")

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
        Tell who should be served, of those who were not let go: everyone, or the
        one who came first.
        """
        welcome = [client for client in self.present if not client.dropped]
        return welcome[:1] if self.house.factory.sequential else welcome

    def greet(self) -> None:
        """
        Note that whoever's turn begins is owed the time at once.
        """
        self.owe([each for each in self.served() if not self.due[id(each)]])

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
        self.greet()
        return client

    @rule(client=consumes(clients))
    def leave(self, client: Client) -> None:
        """
        Somebody leaves; a turn that ends is another's beginning.
        """
        self.present.remove(client)
        client.leave()
        self.greet()

    @rule(client=clients)
    def half_close(self, client: Client) -> None:
        """
        Somebody sends no more, and yields to those who wait.
        """
        client.halfClose()
        self.greet()

    @rule(ticks=strategies.integers(1, 5))
    def tick(self, ticks: int) -> None:
        """
        Time passes: all who are served are told.
        """
        for _ in range(ticks):
            self.owe(self.served())
            self.house.clock.advance(1)

    @rule()
    def stop(self) -> None:
        """
        The server stops; nobody's turn begins any more.
        """
        self.stopping = True
        self.house.factory.disconnectAll()

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
    def nobody_stands_in_the_way(self) -> None:
        """
        While somebody waits, nobody who is half-closed is kept.
        """
        if self.house.factory.waiting:
            kept = [client for client in self.present if not client.dropped]
            assert not any(client.protocol.halfClosed for client in kept)

    @invariant()
    def no_timer_is_left(self) -> None:
        """
        When all have gone, no timer is left.
        """
        if not self.present:
            assert self.house.timers() == 0


TestTurns = Turns.TestCase
TestTurns.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
