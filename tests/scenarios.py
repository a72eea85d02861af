"""
Faults, and what the server does under each.

A scenario is a function of its size. It asserts what holds at any size, and returns
what was seen, in one phrase. The defaults of its parameters are the size at which
C{tests/test_faults.py} runs it; C{@scenario} names the full size, at which
C{python -m benchmarks.faults} does. A new one also gets a row in
the table of C{docs/reliability.rst}.
"""

from __future__ import annotations

import random
import signal
import socket
import struct
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from network import Link
from processes import (
    DEADLINE,
    LATE,
    LINE,
    UNIT,
    Client,
    Crowd,
    Server,
    age,
    steps,
    wait_until,
)

from clock.limits import RESERVED_FILES


@dataclass(frozen=True)
class Scenario:
    """
    One fault, at any size.

    @ivar run: lets it happen, and returns what was seen.
    @ivar full: the arguments of C{run} at full size.
    """

    run: Callable[..., str]
    full: dict[str, int]

    @property
    def title(self) -> str:
        """
        Say what happens at full size.
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
    Connect so many clients.
    """
    return [server.connect() for _ in range(count)]


def reset(client: Client) -> None:
    """
    Leave by RST.
    """
    linger = struct.pack("ii", 1, 0)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    client.close()


def lateness(crowd: Crowd) -> float:
    """
    Assert that each of a crowd saw each second once, and on time.

    @return: the greatest age of a line after the first, in milliseconds.
    """
    worst = 0.0
    for arrivals in crowd.arrivals:
        assert set(steps(arrival.text for arrival in arrivals)) == {1}
        worst = max(worst, *(age(each.text, each.at) for each in arrivals[1:]))
    assert worst < LATE, f"{1e3 * worst:.0f} ms late"
    return worst * 1e3


@scenario(timeout=10)
def active_vanishes(timeout: int = 3) -> str:
    """
    Active client's host vanishes, sequential, --stall-timeout {timeout}
    """
    with (
        Link() as link,
        link.server("-s", "-v", f"--stall-timeout={timeout}") as server,
        link.client(server.port) as active,
    ):
        active.lines(2)
        with link.client(server.port, "server") as following:
            server.find("1 active, 1 waiting")
            link.cut()
            vanished = time.monotonic()
            served = following.line(timeout + 3 * UNIT).at
    return f"the next one served after {served - vanished:.1f} s"


@scenario(timeout=10)
def waiting_vanishes(timeout: int = 3) -> str:
    """
    A waiting client's host vanishes, --stall-timeout {timeout}
    """
    with (
        Link() as link,
        link.server("-s", "-v", f"--stall-timeout={timeout}") as server,
        link.client(server.port, "server") as active,
    ):
        active.line()
        with link.client(server.port), link.client(server.port, "server") as last:
            server.find("1 active, 2 waiting")
            link.cut()
            vanished = time.monotonic()
            left = rf"{link.addresses['client']}:\d+ disconnected from .* 0 lines"
            # Keepalive asks three times, every 5 s at most, after 10 s at most.
            server.find(left, 4 * timeout + 3 * UNIT)
            out = time.monotonic()
            active.process.kill()
            killed = time.monotonic()
            turn = last.line(0.5 * UNIT).at - killed
    return (
        f"out of the queue after {out - vanished:.1f} s; "
        f"its turn costs {1e3 * turn:.0f} ms"
    )


@scenario(seconds=6)
def loss_heals(seconds: int = 3) -> str:
    """
    {seconds} s of total packet loss, then healed
    """
    with (
        Link() as link,
        link.server("--stall-timeout=20") as server,
        link.client(server.port) as client,
    ):
        lines = client.lines(2)
        link.cut()
        assert client.silent(seconds)
        link.heal()
        lines += client.lines(seconds + 3)
    assert set(steps(lines)) == {1}
    return "survives; no second missed or twice"


@scenario(seconds=10)
def flood(seconds: int = 4) -> str:
    """
    10 clients send as fast as they can
    """
    with Server() as server, Crowd(server.port) as crowd:
        flooders = connect(server, 10)
        for flooder in flooders:
            flooder.socket.setblocking(False)
            crowd.connect()
        crowd.read(0.5)
        before, end = server.cpu(), time.monotonic() + seconds
        while time.monotonic() < end:
            for flooder in flooders:
                try:
                    flooder.socket.send(b"x" * 65536)
                except BlockingIOError:
                    continue
            crowd.read(0.001)
        used = (server.cpu() - before) / seconds
    # 2 % is the aim, and 10 % what a test can tell from noise.
    assert used < 0.1 * UNIT
    return f"{100 * used:.1f} % CPU; the others at most {lateness(crowd):.0f} ms late"


@scenario(clients=100)
def half_closed(clients: int = 10) -> str:
    """
    {clients} clients, half of them half-closed, then closed
    """
    with Server("-v", "--interval=0.5") as server:
        crowd = connect(server, clients)
        for client in crowd[::2]:
            client.half_close()
        for client in crowd:
            client.lines(3)
        for client in crowd:
            client.close()
        closed = time.monotonic()
        for _ in crowd:
            server.find(" disconnected from .* lines")
        ticks = (time.monotonic() - closed) / 0.5
    assert ticks < 2 + 0.4 * UNIT
    return f"all served; all gone {ticks:.1f} ticks after the close"


@scenario(times=50)
def reset_noticed(times: int = 5) -> str:
    """
    A client that is not half-closed is reset (and has sent nothing)
    """
    worst = 0.0
    with Server("-v", "--interval=60") as server:
        for _ in range(times):
            client = server.connect()
            client.line()
            server.find("A client came")
            reset(client)
            gone = time.monotonic()
            server.find(" disconnected from .* lines")
            worst = max(worst, time.monotonic() - gone)
    assert worst < 0.05 * UNIT
    return f"noticed within {1e3 * worst:.1f} ms, {times} times"


@scenario(readers=20, timeout=10)
def stuck(readers: int = 2, timeout: int = 2) -> str:
    """
    {readers} readers stuck, with lines of 60 KB, --stall-timeout {timeout}
    """
    options = ["--format", "x" * 60_000, "--interval=0.02"]
    with Server("-v", f"--stall-timeout={timeout}", *options) as server:
        other = server.connect()
        other.lines(10)
        before = most = server.memory()
        start = time.monotonic()
        for reader in connect(server, readers):
            reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        gone = 0
        while gone < readers:
            other.line()
            most = max(most, server.memory())
            gone += server.look(" disconnected from .* lines") is not None
            assert time.monotonic() - start < timeout + DEADLINE
        took = time.monotonic() - start
        other.line()
    # A backlog would grow by 3 MB a second for each.
    assert most - before < 1_000_000 + readers * 2 * 60_001
    held = (most - before) / readers / 60_001
    return f"ended after {took:.0f} s; {held:.1f} of a line held for each"


@scenario(seconds=10)
def resets(seconds: int = 3) -> str:
    """
    Storm of resets for {seconds} s
    """
    with Server() as server, Crowd(server.port) as crowd:
        for _ in range(10):
            crowd.connect()
        crowd.read(0.5)
        before, end = server.descriptors(), time.monotonic() + seconds

        def rage() -> int:
            count = 0
            while time.monotonic() < end:
                address = ("127.0.0.1", server.port)
                reset(Client(socket.create_connection(address, DEADLINE)))
                count += 1
            return count

        # In threads: connecting takes a second where the queue is full.
        with ThreadPoolExecutor(4) as pool:
            storms = [pool.submit(rage) for _ in range(4)]
            crowd.read(seconds)
        crowd.read(1.5)
        count = sum(storm.result() for storm in storms)
        assert count > 100
        assert server.descriptors() == before
    return (
        f"{count / seconds:,.0f} a second; the others at most {lateness(crowd):.0f} ms "
        "late; no descriptor leaked"
    )


@scenario(clients=400, files=256, seconds=5)
def too_many(clients: int = 150, files: int = 200, seconds: int = 1) -> str:
    """
    {clients} clients on a server with {files} descriptors
    """
    prefix = ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh"]
    with Server(prefix=prefix) as server:
        crowd = connect(server, clients)
        served = [client for client in crowd if client.hears()]
        assert len(served) == files - RESERVED_FILES
        before = server.cpu()
        for client in crowd:
            if client not in served:
                assert client.rest() == b""
        served[0].lines(1 + seconds)
        used = (server.cpu() - before) / seconds
        assert used < 0.3 * UNIT
        for client in served[1:]:
            client.close()
        freed = time.monotonic()
        again = server.connect().line(2.5 * UNIT).at - freed
        server.interrupt()
        log = [*server.rest()]
    assert sum(b"away" in line for line in log) == 2
    assert len(log) < 20
    return (
        f"{len(served)} served, {clients - len(served)} closed by FIN; "
        f"{100 * used:.1f} % CPU; serves again after {1e3 * again:.0f} ms; "
        f"{len(log)} lines of log in all"
    )


@scenario(clients=250_000, stay=2_000)
def churn(clients: int = 5_000, stay: int = 20) -> str:
    """
    {clients:,} clients come and leave by FIN or RST, some half-closed first; {stay:,}
    at a time, and room for 30 more
    """
    chance = random.Random(1)
    crowd: list[Client] = []
    sizes = []
    with Server("--max-clients", str(stay + 30)) as server:
        for number in range(clients):
            client = server.connect()
            client.line()
            if number % 3 == 0:
                client.half_close()
            crowd.append(client)
            if len(crowd) > stay:
                index = chance.randrange(stay)
                crowd[index], crowd[-1] = crowd[-1], crowd[index]
                leaving = crowd.pop()
                if number % 3 == 1:
                    reset(leaving)
                leaving.close()
            if (number + 1) % (clients // 5) == 0:
                sizes.append(server.memory())
        server.interrupt()
        log = [*server.rest()]
    assert not [line for line in log if b"away" in line]
    # What was not forgotten would be 1 KB for each.
    assert max(sizes) - sizes[0] < 2_000_000
    each = ", ".join(f"{size / 1e6:.1f}" for size in sizes)
    size = sum(map(len, log))
    return f"none refused; {each} MB after each fifth; {size} bytes of log"


@scenario(waiting=3_000)
def queue(waiting: int = 150) -> str:
    """
    {waiting:,} wait, two of three leave, then each turn in order
    """
    with Server("-s", "--interval=60") as server:
        active = server.connect()
        active.line()
        before = server.descriptors()
        crowd = connect(server, waiting)
        wait_until(lambda: server.descriptors() == before + waiting)
        gone = waiting * 2 // 3
        for client in crowd[:gone]:
            client.close()
        # To the server they are half-closed, and give way to those behind them.
        wait_until(lambda: server.descriptors() == before + waiting - gone)
        turns = []
        for leaving, following in pairwise([active, *crowd[gone:]]):
            start = time.monotonic()
            leaving.close()
            turns.append(following.line().at - start)
    assert max(turns) < 0.05 * UNIT
    mean = 1e3 * sum(turns) / len(turns)
    return f"{mean:.2f} ms a turn, {1e3 * max(turns):.1f} ms at most"


def sigterm(server: Server, crowd: list[Client]) -> tuple[float, list[bytes]]:
    """
    End a server, and assert that it ends in time, by the signal, and with FIN for all.

    @return: how long that took, in seconds, and what each client had received.
    """
    server.interrupt()
    asked = time.monotonic()
    # As any other twistd it ends by the signal that it was sent.
    assert server.end() == -signal.SIGTERM
    took = time.monotonic() - asked
    assert took < 1 * UNIT
    assert server.errors() == ""
    assert b"The clock has stopped" in b"".join(server.rest())
    return took, [client.rest() for client in crowd]


@scenario(clients=5_000)
def sigterm_concurrent(clients: int = 400) -> str:
    """
    SIGTERM with {clients:,} clients, every second one half-closed
    """
    with Server() as server:
        crowd = connect(server, clients)
        for client in crowd:
            client.line()
        for client in crowd[::2]:
            client.half_close()
        for client in crowd[1::4]:
            client.socket.sendall(b"x")
        took, received = sigterm(server, crowd)
    for data in received:
        assert all(LINE.fullmatch(line) for line in data.splitlines(True))
    return f"gone after {took:.2f} s; FIN for all; no line cut"


@scenario(waiting=4_999)
def sigterm_sequential(waiting: int = 399) -> str:
    """
    SIGTERM with {waiting:,} waiting
    """
    with Server("-s") as server:
        active = server.connect()
        active.line()
        before = server.descriptors()
        crowd = connect(server, waiting)
        wait_until(lambda: server.descriptors() == before + waiting)
        took, (told, *untold) = sigterm(server, [active, *crowd])
    assert all(LINE.fullmatch(line) for line in told.splitlines(True))
    assert untold == [b""] * waiting
    return f"gone after {took:.2f} s; FIN for all; nothing sent to those who waited"


@scenario(clients=1_000, times=5)
def rotation(clients: int = 10, times: int = 2) -> str:
    """
    Log rotated {times} times under {clients:,} clients
    """
    tool = ["twistd", "-n", "--pidfile=", "--logfile=clock.log"]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "clock.log")
        with Server(tool=tool, cwd=log.parent, logs=False) as server:
            wait_until(lambda: log.exists() and "Serving" in log.read_text())
            server.port = int(log.read_text().rpartition(":")[2])
            with Crowd(server.port) as crowd:
                for _ in range(clients):
                    crowd.connect()
                for _ in range(times):
                    crowd.read(1.1)
                    server.interrupt(signal.SIGUSR1)
                crowd.read(1.1)
        assert len([*log.parent.glob("clock.log*")]) == times + 1
    lateness(crowd)
    return "no client missed a second"
