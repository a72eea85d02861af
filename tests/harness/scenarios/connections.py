"""
Faults of single connections: hosts that vanish, and clients that flood, half-close,
reset or stop reading.
"""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor

from tests.harness.clients import Client, Crowd
from tests.harness.network import Link
from tests.harness.processes import Server
from tests.harness.scenarios.scenario import connect, lateness, reset, scenario
from tests.harness.times import DEADLINE, UNIT, steps


@scenario(timeout=10)
def active_vanishes(timeout: int = 3) -> str:
    """
    The active client's host vanishes, sequential mode, --stall-timeout {timeout}
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
    return f"the next client is served after {served - vanished:.1f} s"


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
            # Keepalive probes three times, every 5 s at most, after 10 s at most.
            server.find(left, 4 * timeout + 3 * UNIT)
            out = time.monotonic()
            active.process.kill()
            killed = time.monotonic()
            turn = last.line(0.5 * UNIT).at - killed
    return (
        f"removed from the queue after {out - vanished:.1f} s; "
        f"the client behind it is served {1e3 * turn:.0f} ms after the active one"
    )


@scenario(seconds=6)
def loss_heals(seconds: int = 3) -> str:
    """
    {seconds} s of total packet loss, then none
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
    return "the connection stays open; no second is skipped or repeated"


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
    # The goal is 2 %. A test can distinguish 10 % from noise.
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
    return f"all served; the last close is noticed after {ticks:.1f} ticks"


@scenario(times=50)
def reset_noticed(times: int = 5) -> str:
    """
    A client that is not half-closed, and has sent nothing, is reset
    """
    worst = 0.0
    with Server("-v", "--interval=60") as server:
        for _ in range(times):
            client = server.connect()
            client.line()
            server.find("1 active")
            reset(client)
            closed = time.monotonic()
            server.find(" disconnected from .* lines")
            worst = max(worst, time.monotonic() - closed)
    assert worst < 0.05 * UNIT
    return f"noticed within {1e3 * worst:.1f} ms, {times} times"


@scenario(readers=20, timeout=10)
def stuck(readers: int = 2, timeout: int = 2) -> str:
    """
    {readers} clients stop reading, with lines of 60 KB, --stall-timeout {timeout}
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
    return f"disconnected after {took:.0f} s; {held:.1f} of a line buffered for each"


@scenario(seconds=10)
def resets(seconds: int = 3) -> str:
    """
    Resets, as many as possible, for {seconds} s
    """
    with Server() as server, Crowd(server.port) as crowd:
        for _ in range(10):
            crowd.connect()
        crowd.read_until(lambda: all(crowd.arrivals))
        before, end = server.descriptors(), time.monotonic() + seconds

        def connect_and_reset() -> int:
            count = 0
            while time.monotonic() < end:
                address = ("127.0.0.1", server.port)
                reset(Client(socket.create_connection(address, DEADLINE)))
                count += 1
            return count

        # In threads, because connecting takes a second if the backlog is full.
        with ThreadPoolExecutor(4) as pool:
            storms = [pool.submit(connect_and_reset) for _ in range(4)]
            crowd.read(seconds)
        count = sum(storm.result() for storm in storms)
        assert count > 100
        crowd.read_until(lambda: server.descriptors() == before)
    return (
        f"{count / seconds:,.0f} a second; the others at most {lateness(crowd):.0f} ms "
        "late; no descriptor leaked"
    )
