"""
C{clockwall} on a terminal, with servers that fail or misbehave.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from tests.harness.clients import unanswered
from tests.harness.processes import Program, Server, command
from tests.harness.requirements import need_module
from tests.harness.times import DEADLINE, UNIT, steps

need_module("pyte")
need_module("rich")

from tests.harness.terminal import CTRL_BACKSLASH, CTRL_C, CTRL_Z, Terminal

WALL = command("clockwall")
SHELL_WALL = shlex.quote(WALL)

#: The row of a live clock: its name, its time and its age.
LIVE = re.compile(r"(\S+) +(\d\d:\d\d:\d\d) +(\d+\.\d) s  live")


def wall(*clocks: str, **options: object) -> Terminal:
    """
    Run the wall on a terminal.
    """
    return Terminal([WALL, *clocks], **options)  # type: ignore[arg-type]


def live(row: str) -> str:
    """
    Return the time in a row whose clock is live, otherwise an empty string.
    """
    match = LIVE.match(row)
    return match[2] if match else ""


def cpu_seconds(pid: int) -> float:
    """
    Return the CPU time that a process has used, in seconds.
    """
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def shown(terminal: Terminal, row: int, count: int) -> list[bytes]:
    """
    Return the next C{count} times that a row shows.
    """
    times: list[str] = []
    for _ in range(count):
        rows = terminal.wait(
            lambda rows: live(rows[row]) and [live(rows[row])] != times[-1:],
            3 * UNIT,
        )
        times.append(live(rows[row]))
    return [time.encode() for time in times]


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
    line without an end is truncated, and markup is plain text.
    """
    with (
        Server() as server,
        misbehaving(b"\x1b[2J\x1b[31m\x07\r\n") as control,
        misbehaving(b"x" * 1_000_000) as endless,
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


@pytest.mark.parametrize(
    ("keys", "number"),
    [
        (CTRL_C, signal.SIGINT),
        (CTRL_BACKSLASH, signal.SIGQUIT),
        (b"", signal.SIGTERM),
    ],
)
def test_exit(keys: bytes, number: int) -> None:
    """
    However the wall exits, the cursor is visible again, and the screen is restored.
    """
    with Server() as server, wall(f"Here=:{server.port}") as terminal:
        terminal.wait(lambda rows: live(rows[1]))
        assert terminal.cursor_is_hidden()
        if keys:
            terminal.type(keys)
        else:
            terminal.process.send_signal(number)
        assert terminal.end() == 128 + number
        assert not terminal.cursor_is_hidden()
        assert terminal.written.endswith(b"\x1b[?1049l\x1b[?25h")
        assert b"Traceback" not in terminal.written


def test_window_closed() -> None:
    """
    The wall exits when its window is closed.
    """
    with (
        Server("--verbose") as server,
        wall(f"Here=:{server.port}", reads=False) as terminal,
    ):
        server.find("connected to .*: 1 active")
        server.connect().lines(2)
        terminal.hang_up()
        assert terminal.process.wait(DEADLINE) == 128 + signal.SIGHUP


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_exit_while_the_terminal_accepts_nothing(number: int) -> None:
    """
    The wall exits even if its terminal accepts no output, and writes nothing after it
    has restored the terminal.
    """
    with Server() as server:
        clocks = [f"Clock{count}=:{server.port}" for count in range(60)]
        env = {"PYTHONUNBUFFERED": ""}
        with wall(*clocks, rows=70, columns=250, reads=False, environment=env) as slow:
            slow.wait_for_output()
            slow.process.send_signal(number)
            assert slow.process.wait(DEADLINE) == 128 + number
            slow.read_on()
            assert slow.end() == 128 + number
            assert b"Traceback" not in slow.written


def test_suspend() -> None:
    """
    Ctrl-Z restores the terminal for the shell. C{fg} continues the wall.
    """
    shell = ["bash", "--norc", "--noprofile", "-i"]
    with Server() as server, Terminal(shell, environment={"PS1": "$ "}) as terminal:
        terminal.wait(lambda rows: any("$" in row for row in rows))
        terminal.type(f"{SHELL_WALL} Here=:{server.port}\n".encode())
        for _ in range(2):
            terminal.wait(lambda rows: live(rows[1]) and terminal.cursor_is_hidden())
            # Ctrl-Z drops output that is still unread, so the screen may still show the
            # shell's last output.
            terminal.written.clear()
            terminal.type(CTRL_Z)
            terminal.wait(lambda rows: b"Stopped" in terminal.written)
            assert not terminal.cursor_is_hidden()
            terminal.type(b"fg\n")
        shown(terminal, 1, 2)
        terminal.type(CTRL_C)
        terminal.wait(lambda rows: not terminal.cursor_is_hidden())
        terminal.type(b"exit\n")
        assert terminal.end() == 130


def test_suspend_without_a_shell() -> None:
    """
    Without a shell that could continue it, Ctrl-Z does nothing.
    """
    with Server() as server, wall(f"Here=:{server.port}") as terminal:
        terminal.wait(lambda rows: live(rows[1]))
        terminal.type(CTRL_Z)
        assert steps(shown(terminal, 1, 3)) == [1, 1]
        assert terminal.cursor_is_hidden()


def test_nothing_is_erased() -> None:
    """
    Each picture is drawn over the previous one. Erasing would flicker.
    """
    with Server() as server, wall(f"Here=:{server.port}") as terminal:
        shown(terminal, 1, 3)
        assert not re.search(rb"\x1b\[[0-9]*[JK]", terminal.written)


def test_window_shrinks() -> None:
    """
    A window that has become too small shows as many clocks as fit.
    """
    with Server() as server:
        clocks = [f"Clock{number}=:{server.port}" for number in range(6)]
        with wall(*clocks) as terminal:
            terminal.wait(lambda rows: all(map(live, rows[1:7])))
            terminal.resize(5, 40)
            terminal.wait(lambda rows: rows[4] == "(3 more: 3 live)")
            rows = terminal.wait(lambda rows: all(map(live, rows[1:4])))
            assert rows[3].startswith("Clock2 ")


def test_few_rows() -> None:
    """
    In a narrow window with too few rows, a clock that is down is shown before the live
    ones, with its state. The hidden clocks are counted.
    """
    with Server() as server, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        clocks = [f"Production-Frankfurt-{each}=:{server.port}" for each in range(9)]
        clocks.append(f"Production-Down=:{taken.getsockname()[1]}")
        with wall(*clocks, rows=8, columns=40) as terminal:
            rows = terminal.wait(lambda rows: rows[7] == "(4 more: 4 live)")
            rows = terminal.wait(lambda rows: "down" in rows[6])
            assert rows[6].startswith("Production-Down  down, next try in ")
            assert [row[:17] for row in rows[1:6]] == ["Production-Fra…  "] * 5


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}])
def test_colour(environment: dict[str, str]) -> None:
    """
    There are colours, unless C{NO_COLOR} is set.
    """
    with (
        Server() as server,
        wall(f"Here=:{server.port}", environment=environment) as terminal,
    ):
        terminal.wait(lambda rows: live(rows[1]))
        coloured = re.search(rb"\x1b\[[0-9;]*3[0-9][;m]", terminal.written)
        assert bool(coloured) != bool(environment)


def printing(clocks: Sequence[str]) -> Program:
    """
    Run the wall without a terminal.
    """
    return Program([WALL, *clocks])


def test_without_a_terminal() -> None:
    """
    Without a terminal, each change is a line.
    """
    with Server() as steady, Server() as doomed:
        clocks = [f"Steady=:{steady.port}", f"Doomed=:{doomed.port}"]
        with printing(clocks) as program:
            program.find(r"^Steady \d\d:\d\d:\d\d\n$")
            for _ in range(4):
                program.find(r"^Doomed \d\d:\d\d:\d\d\n$")
            doomed.interrupt(signal.SIGSTOP)
            program.find(r"^Doomed stale, no line for [23]\.\d s\n$")
            doomed.process.kill()
            program.find(r"^Doomed down, next try in \d+ s: ")
            program.find(r"^Steady \d\d:\d\d:\d\d\n$")
            program.interrupt(signal.SIGINT)
            assert program.end() == 130
            assert program.errors() == ""


def test_dumb_terminal() -> None:
    """
    On a terminal that cannot be drawn on, each change is a line.
    """
    with (
        Server() as server,
        wall(f"Here=:{server.port}", environment={"TERM": "dumb"}) as terminal,
    ):
        terminal.wait(lambda rows: re.fullmatch(r"Here \d\d:\d\d:\d\d", rows[1]))
        assert b"\x1b" not in terminal.written


def test_output_closed() -> None:
    """
    If the reader of its output closes it, the wall exits with status 0.
    """
    with Server() as server:
        script = f"{SHELL_WALL} Here=:{server.port} | head -n1; echo ${{PIPESTATUS[0]}}"
        with Program(["bash", "-c", script]) as program:
            program.find(r"^Here \d\d:\d\d:\d\d\n$")
            assert program.line().text == b"0\n"
            assert program.errors() == ""


def test_output_full() -> None:
    """
    If neither standard output nor standard error can be written to, the exit status is
    1.
    """
    with Server() as server:
        script = f"exec {SHELL_WALL} Here=:{server.port} >/dev/full 2>/dev/full"
        with Program(["bash", "-c", script]) as program:
            assert program.end() == 1


def test_without_standard_error() -> None:
    """
    A closed standard error changes nothing.
    """
    with Server() as server:
        script = f"exec {SHELL_WALL} Here=:{server.port} 2>&-"
        with Program(["bash", "-c", script]) as program:
            program.line()
            program.interrupt(signal.SIGINT)
            assert program.end() == 130


def test_bad_arguments() -> None:
    """
    A mistake in the arguments is one line, and exit status 1.
    """
    with printing(["Here=::1:80"]) as program:
        (line,) = program.errors().splitlines()
        expected = "clockwall: 'Here=::1:80': neither HOST:PORT nor [IPV6]:PORT nor "
        assert line.startswith(expected)
        assert program.end() == 1
