"""
Common clients: nc, ncat, socat, telnet.
"""

from __future__ import annotations

import subprocess

import pytest

from tests.harness.processes import Program, Server
from tests.harness.requirements import need
from tests.harness.times import LINE

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
    Two clients get the time at the same time.
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
    The second client gets nothing until the first one disconnects.
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
    With an empty standard input, these clients send FIN at once or soon, and keep
    reading. (socat stops half a second later.)
    """
    with (
        Server("--interval", "0.1") as server,
        run(server, tool, stdin=subprocess.DEVNULL) as client,
    ):
        assert all(LINE.fullmatch(line) for line in client.lines(4))


def test_nc_that_shuts_down() -> None:
    """
    C{nc -N} sends FIN after its input, and keeps reading.
    """
    need("nc")
    with (
        Server("--interval", "0.1") as server,
        Program(["nc", "-N", "127.0.0.1", str(server.port)]) as client,
    ):
        assert all(LINE.fullmatch(line) for line in client.lines(10))
