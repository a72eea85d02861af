"""
The clients that people use: nc, ncat, socat, telnet.
"""

from __future__ import annotations

import subprocess

import pytest
from processes import LINE, Program, Server, need

#: How each connects to a port of this machine.
CLIENTS = {
    "nc": ["nc", "127.0.0.1", "{port}"],
    "ncat": ["ncat", "127.0.0.1", "{port}"],
    "socat": ["socat", "-", "TCP:127.0.0.1:{port}"],
    "telnet": ["telnet", "127.0.0.1", "{port}"],
}


def run(server: Server, tool: str, *, stdin: int) -> Program:
    """
    Run a client, with standard input closed or kept open.
    """
    need(tool)
    arguments = [part.format(port=server.port) for part in CLIENTS[tool]]
    program = Program(arguments, stdin=stdin)
    if tool == "telnet":
        program.find("Escape character")
    return program


@pytest.mark.parametrize("tool", CLIENTS)
def test_concurrent(tool: str) -> None:
    """
    Two of them are told the time side by side.
    """
    with (
        Server("--interval", "0.1") as server,
        run(server, tool, stdin=subprocess.PIPE) as first,
        run(server, tool, stdin=subprocess.PIPE) as second,
    ):
        for client in (first, second):
            assert all(LINE.fullmatch(line) for line in client.lines(3))


@pytest.mark.parametrize("tool", CLIENTS)
def test_sequential(tool: str) -> None:
    """
    The second waits in silence until the first is gone.
    """
    with (
        Server("--sequential", "--interval", "0.1") as server,
        run(server, tool, stdin=subprocess.PIPE) as first,
    ):
        first.lines(2)
        with run(server, tool, stdin=subprocess.PIPE) as second:
            assert second.silent(0.5)
            first.process.kill()
            assert all(LINE.fullmatch(line) for line in second.lines(3))


@pytest.mark.parametrize("tool", ["nc", "ncat", "socat"])
def test_without_input(tool: str) -> None:
    """
    With nothing on standard input they send FIN at once, or soon, and read on
    (socat for the half second that it grants the other side).
    """
    with (
        Server("--interval", "0.1") as server,
        run(server, tool, stdin=subprocess.DEVNULL) as client,
    ):
        assert all(LINE.fullmatch(line) for line in client.lines(4))


def test_nc_that_shuts_down() -> None:
    """
    C{nc -N} sends FIN after its input, and reads on.
    """
    need("nc")
    with (
        Server("--interval", "0.1") as server,
        Program(["nc", "-N", "127.0.0.1", str(server.port)]) as client,
    ):
        assert all(LINE.fullmatch(line) for line in client.lines(10))
