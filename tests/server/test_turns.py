"""
A Hypothesis state machine that checks which lines each client gets.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from tests.harness.requirements import need_module

need_module("hypothesis")

from hypothesis import assume, settings, strategies
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
)

from clock.tests.fixture import Client, ClockFixture

#: Nanoseconds in a second.
SECOND = 1_000_000_000


class Turns(RuleBasedStateMachine):
    """
    A factory in memory, and a model of its clients.

    @ivar present: the connected clients in order of arrival, without those that
        C{disconnectAll} has disconnected.
    @ivar stopped: the connected clients that C{disconnectAll} has disconnected.
    @ivar replaced: the half-closed clients that were disconnected, because another
        client waited behind them.
    @ivar paused: the clients whose transport is full.
    @ivar highest: the latest time of the wall clock since it was last set back, in
        nanoseconds.
    @ivar checked: for each client, the number of lines that were checked.
    @ivar excused: the clients that may get an earlier second next, as the wall clock
        was set back.
    """

    clients = Bundle("clients")

    @initialize(sequential=strategies.booleans())
    def begin(self, sequential: bool) -> None:
        """
        Begin in either mode.
        """
        self.fixture = ClockFixture.new(format="json", sequential=sequential)
        self.present: list[Client] = []
        self.stopped: list[Client] = []
        self.replaced: list[Client] = []
        self.paused: list[Client] = []
        self.checked: dict[int, int] = {}
        self.excused: list[Client] = []
        self.highest = self.fixture.wallClock()

    def kept(self) -> list[Client]:
        """
        Return the clients that should not have been disconnected.
        """
        return [each for each in self.present if each not in self.replaced]

    def served(self) -> list[Client]:
        """
        Return the clients that should be served: all of them, or the first one.
        """
        return self.kept()[:1] if self.fixture.factory.turns.sequential else self.kept()

    def disconnect_half_closed(self) -> None:
        """
        Disconnect half-closed clients with another client behind them.
        """
        if self.fixture.factory.turns.sequential:
            before = self.kept()[:-1]
            self.replaced += [each for each in before if each.protocol.halfClosed]

    def add(self) -> Client:
        """
        Connect a client.
        """
        client = self.fixture.connect()
        self.present.append(client)
        self.disconnect_half_closed()
        return client

    @rule(target=clients)
    def connect(self) -> Client:
        """
        A client connects.
        """
        return self.add()

    @rule(client=consumes(clients))
    def disconnect(self, client: Client) -> None:
        """
        A client disconnects. If it was served, the next turn begins.
        """
        for clients in (self.present, self.stopped):
            if client in clients:
                clients.remove(client)
        client.disconnect()

    @rule(client=clients)
    def half_close(self, client: Client) -> None:
        """
        A client closes its sending half.
        """
        client.halfClose()
        self.disconnect_half_closed()

    @rule(client=clients)
    def pause_or_resume(self, client: Client) -> None:
        """
        A client stops reading, or reads again.
        """
        assume(not client.closed)
        if client in self.paused:
            self.paused.remove(client)
            client.protocol.resumeProducing()
        else:
            self.paused.append(client)
            client.protocol.pauseProducing()

    @rule(ticks=strategies.integers(1, 5))
    def tick(self, ticks: int) -> None:
        """
        Time passes. Each client that is served and reads has the current tick.
        """
        self.fixture.clock.advance(0)
        for _ in range(ticks):
            self.fixture.clock.advance(1)
        for client in self.served():
            if client not in self.paused:
                assert client.lines()[-1]["tick"] == self.fixture.factory.ticker.tick

    @rule(target=clients, milliseconds=strategies.integers(1, 2500))
    def connect_late(self, milliseconds: int) -> Client:
        """
        Time passes while the reactor is busy. A client connects before the delayed
        calls are made.
        """
        self.fixture.clock.rightNow += milliseconds / 1000
        return self.add()

    @rule(milliseconds=strategies.integers(-400, 400))
    def slew(self, milliseconds: int) -> None:
        """
        The wall clock is slewed, by less than a second in total.
        """
        change = milliseconds * SECOND // 1000
        assume(self.fixture.wallClock() + change > self.highest - SECOND * 9 // 10)
        self.fixture.offset += change

    @rule(seconds=strategies.integers(-3600, 3600))
    def set_clock(self, seconds: int) -> None:
        """
        The wall clock is set, and the ticker has time to notice.
        """
        self.fixture.offset += seconds * SECOND
        if seconds < 0:
            self.highest = self.fixture.wallClock()
            self.excused = [*self.present]
        self.tick(2)

    @rule()
    def stop_and_start(self) -> None:
        """
        The service stops, which disconnects every client, and starts again.
        """
        self.fixture.factory.disconnectAll()
        self.stopped += self.present
        self.present, self.replaced = [], []
        self.fixture.factory.doStart()

    @invariant()
    def transports_are_counted(self) -> None:
        """
        The number of clients of each transport is right.
        """
        turns = self.fixture.factory.turns
        for clients in (turns.connecting, turns.active, turns.waiting, turns.closing):
            assert clients.kinds == Counter(each.kind for each in clients)

    @invariant()
    def each_second_once(self) -> None:
        """
        No tick is sent twice, and no second, unless the clock was set back.
        """
        self.highest = max(self.highest, self.fixture.wallClock())
        for client in self.fixture.clients:
            lines = client.lines()
            new = lines[max(0, self.checked.get(id(client), 0) - 1) :]
            for before, after in pairwise(new):
                assert after["tick"] > before["tick"]
                if client in self.excused:
                    self.excused.remove(client)
                else:
                    assert int(after["unix"]) > int(before["unix"])
            self.checked[id(client)] = len(lines)

    @invariant()
    def lines_only_for_served_clients(self) -> None:
        """
        Each client that is served and reads has received a line, and no waiting client
        has.
        """
        served = self.served()
        for client in self.kept():
            if client not in served:
                assert not client.received
            elif client not in self.paused:
                assert client.received

    @invariant()
    def disconnected_for_a_reason(self) -> None:
        """
        The server disconnects a client only when the service stops, or if it is
        half-closed and another client waits behind it.
        """
        for client in self.present:
            assert client.closed == (client in self.replaced)
        for client in self.stopped:
            assert client.closed

    @invariant()
    def no_delayed_call_is_left(self) -> None:
        """
        Without clients no delayed call is left.
        """
        if not (self.present or self.stopped):
            assert self.fixture.delayedCalls() == 0


TestTurns = Turns.TestCase
TestTurns.settings = settings(max_examples=400, stateful_step_count=50, deadline=None)
