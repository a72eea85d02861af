"""
C{clockwall}, as a person sees it: on a terminal, with servers that come to grief.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from world import (
    DEADLINE,
    UNIT,
    Program,
    Server,
    command,
    need_module,
    steps,
    unanswered,
)

need_module("pyte")
need_module("rich")

from terminal import CTRL_BACKSLASH, CTRL_C, CTRL_Z, Terminal

WALL = command("clockwall")

#: A row of a clock that is well: its name, the time, and how old that is.
LIVE = re.compile(r"(\S+) +(\d\d:\d\d:\d\d) +(\d+\.\d) s  live")


def wall(*clocks: str, **options: object) -> Terminal:
    """
    Show clocks on a terminal.
    """
    return Terminal([WALL, *clocks], **options)  # type: ignore[arg-type]


def live(row: str) -> str:
    """
    Give the time that a row shows, if its clock is well.
    """
    match = LIVE.match(row)
    return match[2] if match else ""


def cpu_seconds(pid: int) -> float:
    """
    Tell how long a process has run on a processor.
    """
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def shown(terminal: Terminal, row: int, count: int) -> list[bytes]:
    """
    Read so many times, one after another, in one row.
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
def hostile(*says: bytes, every: float = 0) -> Iterator[str]:
    """
    Be a server that says these things to whoever comes, the last of them for ever
    if there is a time to pass in between, and give its address.
    """
    over = threading.Event()
    clients: list[socket.socket] = []

    def serve(listening: socket.socket) -> None:
        while not over.is_set():
            try:
                client, _ = listening.accept()
            except TimeoutError:
                continue
            clients.append(client)
            threading.Thread(target=talk, args=[client], daemon=True).start()

    def talk(client: socket.socket) -> None:
        try:
            for each in says:
                client.sendall(each)
            while every and not over.wait(every):
                client.sendall(says[-1])
        except OSError:
            return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)
        accepting = threading.Thread(target=serve, args=[listening])
        accepting.start()
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            over.set()
            accepting.join(DEADLINE)
            for client in clients:
                client.close()


def test_every_clock_in_its_row() -> None:
    """
    Clocks stand in the order given, each with its time, which moves on by the second.
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


def test_killed_and_started_again() -> None:
    """
    A server that is killed is down, with the reason and the time until the next try;
    no time of its is shown. The others are not disturbed, nor moved, and it is back
    by itself when there is a server again.
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
    A server that is stopped is stale after two and a half seconds, and the age of its
    last line grows; then it is live again, and was never disconnected.
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


def test_intervals_of_their_own() -> None:
    """
    A clock of five seconds beside one of a second is not stale between its lines, and
    one of half a second is stale soon after it has stopped.
    """
    with Server("--interval", "5") as slow, Server("--interval", "0.5") as fast:
        clocks = f"Slow=:{slow.port}", f"Fast=:{fast.port}"
        with wall(*clocks) as terminal:
            terminal.wait(lambda rows: re.search(r" 4\.[5-9] s  live", rows[1]))
            # Whatever the machine does, half of the gaps are intervals.
            shown(terminal, 2, 4)
            fast.interrupt(signal.SIGSTOP)
            before = time.monotonic()
            terminal.wait(lambda rows: "stale" in rows[2])
            assert time.monotonic() - before < 1.25 + UNIT / 2
            rows = terminal.wait(lambda rows: re.search(r" 4\.[5-9] s ", rows[1]))
            assert live(rows[1])


def test_server_that_says_nothing() -> None:
    """
    A server that never says anything is not waited for by the others, and has no time
    to show; one that takes no connection does not hold them up either.
    """
    with (
        Server() as server,
        hostile() as silent,
        unanswered() as deaf,
        wall(f"Deaf=:{deaf}", f"Silent={silent}", f"Here=:{server.port}") as terminal,
    ):
        rows = terminal.wait(lambda rows: live(rows[3]), 3 * UNIT)
        assert re.fullmatch(r"Deaf +connecting", rows[1])
        rows = terminal.wait(lambda rows: "stale" in rows[2])
        assert re.fullmatch(r"Silent +\d\.\d s  stale", rows[2])
        assert live(rows[3])


def test_server_that_drives_the_terminal() -> None:
    """
    What a server sends is shown, and does nothing: control characters are escaped, a
    line without an end is cut, and markup is text.
    """
    with (
        Server() as server,
        hostile(b"\x1b[2J\x1b[31m\x07\r\n") as control,
        hostile(b"x" * 1_000_000) as endless,
        hostile("[red]\u202e\u0301[/]\xff\n".encode("utf-16"), b"\n[b]\n") as odd,
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
def test_server_that_babbles(times: int) -> None:
    """
    A server that sends as fast as it can, in large portions or in small ones, neither
    delays the others nor takes all of the processor.
    """
    with (
        Server() as server,
        hostile(b"babble\n" * times, every=0.00001) as babbler,
        wall(f"Babbler={babbler}", f"Here=:{server.port}") as terminal,
    ):
        terminal.wait(lambda rows: "babble" in rows[1] and live(rows[2]))
        began, used = time.monotonic(), cpu_seconds(terminal.process.pid)
        assert steps(shown(terminal, 2, 4)) == [1, 1, 1]
        busy = cpu_seconds(terminal.process.pid) - used
        assert busy / (time.monotonic() - began) < 0.3


def test_server_that_hangs_up() -> None:
    """
    A server that closes at once is tried again after a while, not all of the time.
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
def test_the_end(keys: bytes, number: int) -> None:
    """
    However it ends, the cursor is there again, and the screen is as it was.
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


def test_window_that_is_closed() -> None:
    """
    A wall does not outlive its window.
    """
    with (
        Server("--verbose") as server,
        wall(f"Here=:{server.port}", reads=False) as terminal,
    ):
        server.find("A client came for .*: 1 served")
        server.connect().lines(2)
        terminal.hang_up()
        assert terminal.process.wait(DEADLINE) == 128 + signal.SIGHUP


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_end_while_the_terminal_takes_nothing(number: int) -> None:
    """
    The wall ends even while it waits for its terminal, and writes nothing after it
    has given that back.
    """
    with Server() as server:
        clocks = [f"Clock{count}=:{server.port}" for count in range(60)]
        env = {"PYTHONUNBUFFERED": ""}
        with wall(*clocks, rows=70, columns=250, reads=False, environment=env) as end:
            end.wait_for_output()
            end.process.send_signal(number)
            assert end.process.wait(DEADLINE) == 128 + number
            end.read_on()
            assert end.end() == 128 + number
            assert b"Traceback" not in end.written


def test_suspended() -> None:
    """
    Ctrl-Z gives the terminal back to the shell, until the wall is continued.
    """
    shell = ["bash", "--norc", "--noprofile", "-i"]
    with Server() as server, Terminal(shell, environment={"PS1": "$ "}) as terminal:
        terminal.wait(lambda rows: any("$" in row for row in rows))
        terminal.type(f"{WALL} Here=:{server.port}\n".encode())
        for _ in range(2):
            terminal.wait(lambda rows: live(rows[1]) and terminal.cursor_is_hidden())
            # Ctrl-Z drops output that nobody has read yet. The screen may therefore
            # still show what the shell said the last time.
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


def test_suspended_for_good() -> None:
    """
    Where there is no shell to continue it, Ctrl-Z does nothing.
    """
    with Server() as server, wall(f"Here=:{server.port}") as terminal:
        terminal.wait(lambda rows: live(rows[1]))
        terminal.type(CTRL_Z)
        assert steps(shown(terminal, 1, 3)) == [1, 1]
        assert terminal.cursor_is_hidden()


def test_nothing_is_erased() -> None:
    """
    Each picture is drawn over the last, so nothing flickers: nothing is ever erased.
    """
    with Server() as server, wall(f"Here=:{server.port}") as terminal:
        shown(terminal, 1, 3)
        assert not re.search(rb"\x1b\[[0-9]*[JK]", terminal.written)


def test_window_that_shrinks() -> None:
    """
    A window that has become too small shows as many clocks as it can, whole.
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
    In a window with too few rows, a clock that is down is shown before those that are
    live, and says so however narrow the window is.
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


def plain(clocks: Sequence[str]) -> Program:
    """
    Show clocks where there is no terminal.
    """
    return Program([WALL, *clocks])


def test_without_a_terminal() -> None:
    """
    Where standard output is no terminal, each change is a line.
    """
    with Server() as steady, Server() as doomed:
        clocks = [f"Steady=:{steady.port}", f"Doomed=:{doomed.port}"]
        with plain(clocks) as program:
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


def test_a_dumb_terminal() -> None:
    """
    A terminal that cannot be drawn on gets lines, too.
    """
    with (
        Server() as server,
        wall(f"Here=:{server.port}", environment={"TERM": "dumb"}) as terminal,
    ):
        terminal.wait(lambda rows: re.fullmatch(r"Here \d\d:\d\d:\d\d", rows[1]))
        assert b"\x1b" not in terminal.written


def test_nobody_reads() -> None:
    """
    The wall ends when nobody reads what it prints any more.
    """
    with Server() as server:
        script = f"{WALL} Here=:{server.port} | head -n 1; echo ${{PIPESTATUS[0]}}"
        with Program(["bash", "-c", script]) as program:
            program.find(r"^Here \d\d:\d\d:\d\d\n$")
            assert program.line().text == b"0\n"
            assert program.errors() == ""


def test_nowhere_to_write() -> None:
    """
    Where nothing can be written, not even that, the end is an error.
    """
    with Server() as server:
        script = f"exec {WALL} Here=:{server.port} >/dev/full 2>/dev/full"
        with Program(["bash", "-c", script]) as program:
            assert program.end() == 1


def test_without_standard_error() -> None:
    """
    Where standard error is closed, the end is as ever.
    """
    with Server() as server:
        script = f"exec {WALL} Here=:{server.port} 2>&-"
        with Program(["bash", "-c", script]) as program:
            program.line()
            program.interrupt(signal.SIGINT)
            assert program.end() == 130


def test_bad_arguments() -> None:
    """
    Bad arguments are one line, and the exit status is 1.
    """
    for arguments, message in [
        ([], "no clock to read: try Here=localhost:8080"),
        (["Here=::1:80"], "'Here=::1:80': neither HOST:PORT nor [IPV6]:PORT nor "),
        (["--check", "Here=:1"], "--check needs --for SECONDS"),
    ]:
        with plain(arguments) as program:
            (line,) = program.errors().splitlines()
            assert line.startswith(f"clockwall: {message}")
            assert program.end() == 1
