"""
Each second is sent once, and on time, whatever happens to the clock and to the process.
"""

from __future__ import annotations

import os
import random
import signal
import time
from datetime import datetime, timedelta
from glob import glob
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from clock.loop import LeanLoopingCall
from clock.ticker import SECOND, Ticker
from tests.harness.clients import Crowd
from tests.harness.processes import Server
from tests.harness.requirements import skip
from tests.harness.times import DEADLINE, LATE, age, steps
from tests.harness.web import get

#: The days that each test of a bad clock simulates. A day takes about a second of CPU
#: time. CI sets C{CLOCK_TEST_DAYS} to ten.
DAYS = int(os.environ.get("CLOCK_TEST_DAYS", "1"))


def test_exactly_once() -> None:
    """
    Of 400 clients, half of which connect within 15 ms of a boundary, each gets each
    second once, and in that second.
    """
    with Server() as server, Crowd(server.port) as crowd:
        for _ in range(200):
            crowd.connect()
            crowd.read(0.005)
        while len(crowd.arrivals) < 400:
            if (time.time() + 0.015) % 1 < 0.030:
                crowd.connect()
            else:
                crowd.read(0.001)
        crowd.read(8)
    for arrivals in crowd.arrivals:
        assert set(steps(arrival.text for arrival in arrivals)) == {1}
        # The first line may arrive at any time in its second.
        ages = [age(arrival.text, arrival.at) for arrival in arrivals[1:]]
        assert -0.002 < min(ages) <= max(ages) < LATE


def test_tenths() -> None:
    """
    With an interval of 0.1 s, lines are sent at whole tenths of a second.
    """
    with Server("--interval", "0.1", "--format", "%S.%f") as server:
        lines = server.connect().lines(12)
    tenths = [round(float(line) * 1e6) for line in lines[1:]]
    assert {each % 100_000 for each in tenths} == {0}
    # A busy machine may skip one.
    assert min((b - a) % 60_000_000 for a, b in pairwise(tenths)) == 100_000


def test_stopped_process() -> None:
    """
    After a server was stopped for seconds, it sends at most one line at once, and then
    a line at each boundary. No second is sent twice.
    """
    with Server() as server:
        client = server.connect()
        client.lines(2)
        server.interrupt(signal.SIGSTOP)
        assert client.silent(3.5)
        resumed = time.monotonic()
        server.interrupt(signal.SIGCONT)
        arrivals = [client.line() for _ in range(4)]
    moves = steps(arrival.text for arrival in arrivals)
    assert moves == [1, 1, 1]
    assert arrivals[1].at - resumed > 0.05
    assert arrivals[3].at - resumed > 2


def test_no_wake_up_without_clients() -> None:
    """
    Without clients the server does not wake up.
    """

    def wakes() -> int:
        status = Path(f"/proc/{server.process.pid}/status").read_text("utf-8")
        (line,) = (x for x in status.splitlines() if x.startswith("voluntary"))
        return int(line.split()[1])

    with Server("--interval", "0.1") as server:
        with server.connect() as client:
            client.lines(3)
        # The server notices within two ticks that the client has disconnected.
        assert server.silent(1)
        before = wakes()
        assert server.silent(2)
        assert wakes() == before


#: The environment of a system without a time zone database.
NO_ZONES = {"PYTHONTZPATH": "", "TZDIR": "/nonexistent"}


@pytest.mark.parametrize("database", [{}, NO_ZONES], ids=["system", "none"])
def test_tz_variable(database: dict[str, str]) -> None:
    """
    An IANA zone in C{TZ} is served, even if the system has no time zone database.
    """
    environment = {**database, "TZ": "US/Eastern"}
    with Server("--format", "rfc3339", environment=environment) as server:
        shown = datetime.fromisoformat(server.connect().line().text.decode().strip())
    eastern = datetime.now(ZoneInfo("America/New_York"))
    assert shown.utcoffset() == eastern.utcoffset()
    assert abs(eastern - shown) < timedelta(seconds=DEADLINE)


def test_posix_tz_variable() -> None:
    """
    A POSIX string in C{TZ} is left to the C library.
    """
    environment = {"TZ": "XYZ-5:45"}
    with Server("--format", "%z %Z", environment=environment) as server:
        assert server.connect().line().text == b"+0545 XYZ\n"


@pytest.mark.parametrize("reactor", ["epoll", "asyncio"])
def test_clock_steps(reactor: str, tmp_path: Path) -> None:
    """
    The wall clock of the running process is set back an hour, forward two hours, and
    back again. A line is sent each second, and shows the new time at once. C{/healthz}
    says that no tick is late.
    """
    library = [*glob("/usr/lib/*/faketime/libfaketime.so.1")]
    if not library:
        skip("libfaketime is not installed")
    offset = tmp_path / "offset"
    environment = {
        "LD_PRELOAD": library[0],
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }

    def set_clock(hours: int) -> None:
        written = tmp_path / "new"
        written.write_text(f"{hours * 3600:+}s\n", "utf-8")
        written.rename(offset)

    set_clock(0)
    tool = ["twistd", "-n", "--pidfile=", f"--reactor={reactor}"]
    with Server("--web", "0", tool=tool, environment=environment) as server:
        client = server.connect()
        last = client.line()
        for hours in (-1, 1, 2, 0):
            set_clock(hours)
            assert get(server.web_port, "/healthz") == "ok\n"
            for number in range(3):
                arrival = client.line()
                assert arrival.at - last.at < 1 + LATE
                last = arrival
                if number:
                    shown = age(arrival.text, time.time() + hours * 3600)
                    assert abs(shown) < LATE


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_days_of_a_bad_clock(seed: int) -> None:
    """
    On a wall clock that jitters by milliseconds, and runs too fast or too slow in turn,
    a client gets each second once for C{DAYS} days.
    """
    chance = random.Random(seed)
    waiting: list[tuple[float, object]] = []

    class Steady:
        """
        Reactor time that jumps to the next call.
        """

        def seconds(self) -> float:
            return 0.0

        def callLater(self, delay: float, call: object) -> None:
            waiting.append((delay, call))

    wall = 1_700_000_000 * SECOND

    def read() -> int:
        return wall + chance.randrange(-2_000_000, 2_000_000)

    sent: list[int] = []
    ticker = Ticker(Steady(), 1.0, read)  # type: ignore[arg-type]
    sent.append(ticker.now() // SECOND)
    loop = LeanLoopingCall(lambda: sent.append(ticker.boundaryTime() // SECOND))
    loop.clock = ticker  # type: ignore[assignment]
    loop.start(1, now=False)
    rate = 1.0
    while len(sent) < DAYS * 86_400:
        delay, call = waiting.pop()
        if len(sent) % 1000 == 0:
            rate = 1 + chance.uniform(-0.0005, 0.0005)
        # The reactor is late by up to 2 ms.
        wall += round((delay + chance.random() * 0.002) * rate * SECOND)
        call()  # type: ignore[operator]
    assert {b - a for a, b in pairwise(sent)} == {1}
