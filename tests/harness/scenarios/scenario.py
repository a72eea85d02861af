"""
What a scenario is, and what several scenarios need.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.harness.clients import Client, Crowd, reset_on_close
from tests.harness.processes import Server
from tests.harness.times import LATE, age, steps


@dataclass(frozen=True)
class Scenario:
    """
    One fault, at any size.

    @ivar run: the scenario, which returns its result.
    @ivar full: the arguments of C{run} at full size.
    """

    run: Callable[..., str]
    full: dict[str, int]

    @property
    def title(self) -> str:
        """
        Describe the fault at full size.
        """
        return " ".join((self.run.__doc__ or "").format(**self.full).split())


#: All scenarios, by name.
SCENARIOS: dict[str, Scenario] = {}


def scenario(**full: int) -> Callable[[Callable[..., str]], Callable[..., str]]:
    """
    Add a function to the scenarios.

    @param full: its arguments at full size, which its docstring may name.
    """

    def add(run: Callable[..., str]) -> Callable[..., str]:
        SCENARIOS[run.__name__] = Scenario(run, full)
        return run

    return add


def connect(server: Server, count: int) -> list[Client]:
    """
    Connect some clients.
    """
    return [server.connect() for _ in range(count)]


def reset(client: Client) -> None:
    """
    Disconnect with RST.
    """
    reset_on_close(client.socket)
    client.close()


def lateness(crowd: Crowd) -> float:
    """
    Assert that each client received each second once, and on time.

    @return: the greatest age of a line after the first, in milliseconds.
    """
    worst = 0.0
    for arrivals in crowd.arrivals:
        assert set(steps(arrival.text for arrival in arrivals)) == {1}
        worst = max(worst, *(age(each.text, each.at) for each in arrivals[1:]))
    assert worst < LATE, f"{1e3 * worst:.0f} ms late"
    return worst * 1e3
