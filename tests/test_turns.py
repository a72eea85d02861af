"""
Who is served what, however clients come and go and time passes: a Hypothesis state
machine.
"""

from __future__ import annotations

from itertools import pairwise

from world import need_module

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

from clock.tests.fixture import Client, House

#: Nanoseconds in a second.
SECOND = 1_000_000_000


class Turns(RuleBasedStateMachine):
    """
    A factory in memory, and beside it a list of who should be there.

    @ivar present: who is connected and was not closed by the service's end, in the
        order they came.
    @ivar yielded: who was half-closed in somebody's way.
    @ivar paused: whose transport has taken all that it can.
    @ivar highest: the latest time that the wall clock has shown since it was set
        back last, in nanoseconds.
    @ivar checked: of each client, how many lines were looked at.
    @ivar excused: who may be shown an earlier second next, as the clock was set back.
    """

    clients = Bundle("clients")

    @initialize(sequential=strategies.booleans())
    def begin(self, sequential: bool) -> None:
        """
        Begin in either mode.
        """
        self.house = House.new(format="json", sequential=sequential)
        self.present: list[Client] = []
        self.stopped: list[Client] = []
        self.yielded: list[Client] = []
        self.paused: list[Client] = []
        self.checked: dict[int, int] = {}
        self.excused: list[Client] = []
        self.highest = self.house.wallClock()

    def kept(self) -> list[Client]:
        """
        List those who should not have been let go.
        """
        return [each for each in self.present if each not in self.yielded]

    def served(self) -> list[Client]:
        """
        List those who should be served: everyone, or the one who came first.
        """
        return self.kept()[:1] if self.house.factory.sequential else self.kept()

    def make_way(self) -> None:
        """
        Note who yields: a half-closed client with somebody behind it.
        """
        if self.house.factory.sequential:
            before = self.kept()[:-1]
            self.yielded += [each for each in before if each.protocol.halfClosed]

    def come(self) -> Client:
        """
        Let one more connect.
        """
        client = self.house.connect()
        self.present.append(client)
        self.make_way()
        return client

    @rule(target=clients)
    def connect(self) -> Client:
        """
        One more comes.
        """
        return self.come()

    @rule(client=consumes(clients))
    def leave(self, client: Client) -> None:
        """
        Somebody leaves; a turn that ends is another's beginning.
        """
        for clients in (self.present, self.stopped):
            if client in clients:
                clients.remove(client)
        client.leave()

    @rule(client=clients)
    def half_close(self, client: Client) -> None:
        """
        Somebody sends no more.
        """
        client.halfClose()
        self.make_way()

    @rule(client=clients)
    def pause_or_resume(self, client: Client) -> None:
        """
        Somebody takes no more, or what was sent.
        """
        assume(not client.dropped)
        if client in self.paused:
            self.paused.remove(client)
            client.protocol.resumeProducing()
        else:
            self.paused.append(client)
            client.protocol.pauseProducing()

    @rule(ticks=strategies.integers(1, 5))
    def tick(self, ticks: int) -> None:
        """
        Time passes: all who are served, and take it, are told.
        """
        self.house.clock.advance(0)
        for _ in range(ticks):
            self.house.clock.advance(1)
        for client in self.served():
            if client not in self.paused:
                assert client.lines()[-1]["tick"] == self.house.factory.ticker.tick

    @rule(target=clients, milliseconds=strategies.integers(1, 2500))
    def connect_late(self, milliseconds: int) -> Client:
        """
        Time passes, but the reactor is busy; one more comes before its timers run.
        """
        self.house.clock.rightNow += milliseconds / 1000
        return self.come()

    @rule(milliseconds=strategies.integers(-400, 400))
    def slew(self, milliseconds: int) -> None:
        """
        The wall clock is put right a little, never by a second in all.
        """
        change = milliseconds * SECOND // 1000
        assume(self.house.wallClock() + change > self.highest - SECOND * 9 // 10)
        self.house.offset += change

    @rule(seconds=strategies.integers(-3600, 3600))
    def set_clock(self, seconds: int) -> None:
        """
        The wall clock is set, and the service has the time to notice.
        """
        self.house.offset += seconds * SECOND
        if seconds < 0:
            self.highest = self.house.wallClock()
            self.excused = [*self.present]
        self.tick(2)

    @rule()
    def stop_and_start(self) -> None:
        """
        The service stops: everyone is let go. Then it starts again.
        """
        self.house.factory.disconnectAll()
        self.stopped += self.present
        self.present, self.yielded = [], []
        self.house.factory.doStart()

    @invariant()
    def each_second_once(self) -> None:
        """
        No tick is shown twice, and no second, unless the clock was set back.
        """
        self.highest = max(self.highest, self.house.wallClock())
        for client in self.house.clients:
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
    def only_the_served_are_told(self) -> None:
        """
        All who are served and take it have been told, and those who wait were not.
        """
        served = self.served()
        for client in self.kept():
            if client not in served:
                assert not client.received
            elif client not in self.paused:
                assert client.received

    @invariant()
    def whoever_is_let_go_has_a_reason(self) -> None:
        """
        Connections are closed at the end, or half-closed in somebody's way.
        """
        for client in self.present:
            assert client.dropped == (client in self.yielded)
        for client in self.stopped:
            assert client.dropped

    @invariant()
    def no_timer_is_left(self) -> None:
        """
        When all have gone, no timer is left.
        """
        if not (self.present or self.stopped):
            assert self.house.timers() == 0


TestTurns = Turns.TestCase
TestTurns.settings = settings(max_examples=400, stateful_step_count=50, deadline=None)
