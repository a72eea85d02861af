"""
The clocks of C{clockwall} on a terminal, with servers that fail or misbehave.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from tests.harness.clients import unanswered
from tests.harness.processes import Server
from tests.harness.requirements import need_module
from tests.harness.times import DEADLINE, UNIT, steps

need_module("pyte")
need_module("rich")

from tests.harness.wall import live, shown, wall


def cpu_seconds(pid: int) -> float:
    """
    Return the CPU time that a process has used, in seconds.
    """
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def misbehaving(*chunks: bytes, every: float = 0) -> Iterator[str]:
    """
    Run a server that sends these chunks to each client, and return its address. With
    C{every}, it repeats the last chunk at this interval, in seconds.
    """
    stopped = threading.Event()
    clients: list[socket.socket] = []

    def serve(listening: socket.socket) -> None:
        while not stopped.is_set():
            try:
                client, _ = listening.accept()
            except TimeoutError:
                continue
            clients.append(client)
            threading.Thread(target=send, args=[client], daemon=True).start()

    def send(client: socket.socket) -> None:
        try:
            for each in chunks:
                client.sendall(each)
            while every and not stopped.wait(every):
                client.sendall(chunks[-1])
        except OSError:
            return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)
        accepting = threading.Thread(target=serve, args=[listening])
        accepting.start()
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            stopped.set()
            accepting.join(DEADLINE)
            for client in clients:
                client.close()


def test_rows() -> None:
    """
    Clocks stay in the order given. Each shows its time, which advances every second.
    """
    with Server("--tz", "UTC", "--zone", "Asia/Tokyo=0") as server:
        port, tokyo = server.port, server.port_of("Asia/Tokyo")
        with wall(f"Tokyo=127.0.0.1:{tokyo}", f"Here=:{port}") as terminal:
            rows = terminal.wait(lambda rows: live(rows[1]) and live(rows[2]))
            assert rows[0].split() == ["clock", "time", "age"]
            assert [row.split()[0] for row in rows[1:3]] == ["Tokyo", "Here"]
            assert not any(rows[3:])
            ahead = steps([live(rows[2]).encode(), live(rows[1]).encode()])[0]
            assert round(ahead / 3600) == 9
            assert steps(shown(terminal, 1, 4)) == [1, 1, 1]


def test_killed_and_restarted() -> None:
    """
    A clock whose server is killed is down, with the reason and the time until the next
    attempt, and shows no time. The other rows stay where they are. When there is a
    server again, the clock is live again.
    """
    with Server() as steady, Server() as doomed:
        port = doomed.port
        with wall(f"Doomed=:{port}", f"Steady=:{steady.port}") as terminal:
            before = terminal.wait(lambda rows: live(rows[1]) and live(rows[2]))
            doomed.process.kill()
            rows = terminal.wait(lambda rows: "down" in rows[1])
            assert rows[2].index(":") == before[2].index(":")
            assert rows[2].index(" s ") == before[2].index(" s ")
            assert not re.search(r"\d:\d", rows[1])
            rows = terminal.wait(lambda rows: "refused" in rows[1])
            down = r"Doomed +down, next try in \d+ s: Connection refused"
            assert re.fullmatch(down, rows[1])
            assert steps(shown(terminal, 2, 3)) == [1, 1]
            with Server(listen=["--port", str(port)]):
                rows = terminal.wait(lambda rows: live(rows[1]))
                assert rows[2].startswith("Steady ")


def test_stopped_and_continued() -> None:
    """
    A clock whose server is stopped is stale after 2.5 seconds, and its age grows. When
    the server continues, the clock is live again, on the same connection.
    """
    with Server() as steady, Server() as stopped:
        clocks = f"Stopped=:{stopped.port}", f"Steady=:{steady.port}"
        with wall(*clocks) as terminal:
            shown(terminal, 1, 4)
            terminal.wait(lambda rows: live(rows[1]) and live(rows[2]))
            stopped.interrupt(signal.SIGSTOP)
            before = time.monotonic()
            rows = terminal.wait(lambda rows: "stale" in rows[1])
            assert 1.4 < time.monotonic() - before < 2.5 + UNIT
            assert re.fullmatch(r"Stopped +[\d:]{8} +[23]\.\d s  stale", rows[1])
            terminal.wait(lambda rows: re.search(r" 5\.\d s  stale", rows[1]))
            assert steps(shown(terminal, 2, 2)) == [1]
            stopped.interrupt(signal.SIGCONT)
            terminal.wait(lambda rows: live(rows[1]))


def test_intervals() -> None:
    """
    A clock with an interval of 5 seconds is not stale between its lines. One with half
    a second is stale soon after it stops.
    """
    with Server("--interval", "5") as slow, Server("--interval", "0.5") as fast:
        clocks = f"Slow=:{slow.port}", f"Fast=:{fast.port}"
        with wall(*clocks) as terminal:
            terminal.wait(lambda rows: re.search(r" 4\.[5-9] s  live", rows[1]))
            # On a slow machine, half of the gaps are still intervals.
            shown(terminal, 2, 4)
            fast.interrupt(signal.SIGSTOP)
            before = time.monotonic()
            terminal.wait(lambda rows: "stale" in rows[2])
            assert time.monotonic() - before < 1.25 + UNIT / 2
            rows = terminal.wait(lambda rows: re.search(r" 4\.[5-9] s ", rows[1]))
            assert live(rows[1])


def test_silent_server() -> None:
    """
    A server that sends nothing, or accepts no connection, does not delay the other
    clocks.
    """
    with (
        Server() as server,
        misbehaving() as silent,
        unanswered() as full,
        wall(f"Full=:{full}", f"Silent={silent}", f"Here=:{server.port}") as terminal,
    ):
        rows = terminal.wait(lambda rows: live(rows[3]), 3 * UNIT)
        assert re.fullmatch(r"Full +connecting", rows[1])
        rows = terminal.wait(lambda rows: "stale" in rows[2])
        assert re.fullmatch(r"Silent +\d\.\d s  stale", rows[2])
        assert live(rows[3])


def test_terminal_control() -> None:
    """
    What a server sends cannot control the terminal: control characters are escaped, a
    line that is too long is truncated, and markup is plain text.
    """
    with (
        Server() as server,
        misbehaving(b"\x1b[2J\x1b[31m\x07\r\n") as control,
        misbehaving(b"x" * 1_000_000 + b"\n") as endless,
        misbehaving("[red]\u202e\u0301[/]\xff\n".encode("utf-16"), b"\n[b]\n") as odd,
        wall(
            f"Control={control}",
            f"Endless={endless}",
            f"Odd={odd}",
            f"Here=:{server.port}",
        ) as terminal,
    ):
        rows = terminal.wait(lambda rows: all(rows[1:5]) and live(rows[4]))
        rows = terminal.wait(lambda rows: "[b]" in rows[3] and "x" in rows[2])
        assert r"\x1b[2J\x1b[31m\x07" in rows[1]
        assert re.match(r"Endless +x+… ", rows[2])
        assert len(rows[4]) < 80
        assert b"\x1b[31m\x07" not in terminal.written


@pytest.mark.parametrize("times", [10_000, 1])
def test_flood(times: int) -> None:
    """
    A server that sends as fast as it can, in large chunks or in small ones, neither
    delays the other clocks nor takes all of the CPU time.
    """
    with (
        Server() as server,
        misbehaving(b"flood\n" * times, every=0.00001) as flooding,
        wall(f"Flood={flooding}", f"Here=:{server.port}") as terminal,
    ):
        terminal.wait(lambda rows: "flood" in rows[1] and live(rows[2]))
        began, used = time.monotonic(), cpu_seconds(terminal.process.pid)
        assert steps(shown(terminal, 2, 4)) == [1, 1, 1]
        busy = cpu_seconds(terminal.process.pid) - used
        assert busy / (time.monotonic() - began) < 0.3


def test_server_that_closes_at_once() -> None:
    """
    After a server that closes at once, there is a delay before the next attempt.
    """
    with socket.create_server(("127.0.0.1", 0)) as rude:
        rude.settimeout(DEADLINE)
        with wall(f"Rude=127.0.0.1:{rude.getsockname()[1]}") as terminal:
            tries = []
            for _ in range(3):
                rude.accept()[0].close()
                tries.append(time.monotonic())
                terminal.wait(lambda rows: "closed by the server" in rows[1])
            assert all(after - before > 0.7 for before, after in pairwise(tries))
