"""
C{clockwall} and its terminal: exits, signals and small windows. Without a terminal,
clocks are lines.
"""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Sequence

import pytest

from tests.harness.processes import Program, Server
from tests.harness.requirements import need_module
from tests.harness.times import DEADLINE, steps

need_module("pyte")
need_module("rich")

from tests.harness.terminal import CTRL_BACKSLASH, CTRL_C, CTRL_Z, Terminal
from tests.harness.wall import SHELL_WALL, WALL, live, shown, wall


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
