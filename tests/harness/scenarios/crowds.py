"""
Many clients at once: more than the limit, a long queue, and the end of the server.
"""

from __future__ import annotations

import random
import signal
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from clock.plugin.openfiles import RESERVED_FILES
from tests.harness.clients import Client, Crowd
from tests.harness.processes import Server
from tests.harness.scenarios.scenario import connect, lateness, reset, scenario
from tests.harness.times import LINE, UNIT, wait_until


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
    assert sum(b"connections refused" in line for line in log) == 2
    assert len(log) < 20
    return (
        f"{len(served)} served, {clients - len(served)} refused with FIN; "
        f"{100 * used:.1f} % CPU; serves again after {1e3 * again:.0f} ms; "
        f"{len(log)} lines of log in total"
    )


@scenario(clients=250_000, stay=2_000)
def churn(clients: int = 5_000, stay: int = 20) -> str:
    """
    {clients:,} clients connect and disconnect, by FIN or RST, some half-closed first;
    {stay:,} at a time, with a limit of 30 more
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
    assert not [line for line in log if b"connections refused" in line]
    # A leak would be 1 KB for each client.
    assert max(sizes) - sizes[0] < 2_000_000
    each = ", ".join(f"{size / 1e6:.1f}" for size in sizes)
    size = sum(map(len, log))
    return f"none refused; {each} MB after each fifth; {size} bytes of log"


@scenario(waiting=3_000)
def queue(waiting: int = 150) -> str:
    """
    {waiting:,} clients wait, two of three disconnect, then each gets its turn
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
        # The server disconnects them like half-closed clients: others wait behind them.
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

    @return: the seconds that this took, and the data that each client received.
    """
    server.interrupt()
    start = time.monotonic()
    # Like any twistd, it ends with the signal that it has received.
    assert server.end() == -signal.SIGTERM
    took = time.monotonic() - start
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
    return f"ended after {took:.2f} s; FIN for all; no line cut"


@scenario(waiting=4_999)
def sigterm_sequential(waiting: int = 399) -> str:
    """
    SIGTERM with {waiting:,} waiting clients
    """
    with Server("-s") as server:
        active = server.connect()
        active.line()
        before = server.descriptors()
        crowd = connect(server, waiting)
        wait_until(lambda: server.descriptors() == before + waiting)
        took, (served, *waited) = sigterm(server, [active, *crowd])
    assert all(LINE.fullmatch(line) for line in served.splitlines(True))
    assert waited == [b""] * waiting
    return f"ended after {took:.2f} s; FIN for all; nothing sent to waiting clients"


@scenario(clients=1_000, times=5)
def rotation(clients: int = 10, times: int = 2) -> str:
    """
    The log is rotated {times} times under {clients:,} clients
    """
    tool = ["twistd", "-n", "--pidfile=", "--logfile=clock.log"]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "clock.log")
        with Server(tool=tool, cwd=log.parent, logs=False) as server:
            wait_until(lambda: log.exists() and "Serving" in log.read_text("utf-8"))
            server.port = int(log.read_text("utf-8").rpartition(":")[2])
            with Crowd(server.port) as crowd:
                for _ in range(clients):
                    crowd.connect()
                for _ in range(times):
                    crowd.read(1.1)
                    server.interrupt(signal.SIGUSR1)
                crowd.read(1.1)
        assert len([*log.parent.glob("clock.log*")]) == times + 1
    lateness(crowd)
    return "no second is skipped"
