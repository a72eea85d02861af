"""
C{clock-netcat}, as a process.
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.harness.clients import unanswered
from tests.harness.processes import Program, Server, command
from tests.harness.requirements import need_ipv6
from tests.harness.times import DEADLINE, LINE

NETCAT = [command("clock-netcat")]
SHELL_NETCAT = shlex.quote(*NETCAT)
MODULE = [sys.executable, "-m", "clock.clients.netcat"]


@contextmanager
def accepted(*arguments: str) -> Iterator[tuple[socket.socket, Program]]:
    """
    Accept one client.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(DEADLINE)
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        with Program([*NETCAT, address, *arguments]) as client:
            connection, _ = listening.accept()
            with connection:
                yield connection, client


def fails(*arguments: str) -> str:
    """
    Run the client, assert that it fails, and return its one line.
    """
    with Program([*NETCAT, *arguments]) as client:
        assert client.end() == 1
        (line,) = client.errors().splitlines()
        return line


def test_copies_until_the_end() -> None:
    """
    Bytes are copied unchanged. When the server closes, the exit status is 0.
    """
    with accepted() as (connection, client):
        connection.sendall(b"no newline: \xff\x00\n")
        assert client.line().text == b"no newline: \xff\x00\n"
        connection.sendall(b"half a line")
        connection.close()
        assert list(client.rest()) == [b"half a line"]
        assert client.end() == 0
        assert client.errors() == ""


def test_as_a_module() -> None:
    """
    C{python -m clock.clients.netcat} is the same command.
    """
    with Server() as server, Program([*MODULE, f":{server.port}"]) as client:
        assert LINE.fullmatch(client.line().text)


def test_tls(certificate: Path) -> None:
    """
    A certificate that is not trusted is an error, in OpenSSL's words.
    """
    trust = f"trustRoots={certificate.parent}"
    with Server(listen=["--listen", f"ssl:0:privateKey={certificate}"]) as server:
        address = f"tls:localhost:{server.port}"
        with Program([*NETCAT, f"{address}:{trust}"]) as client:
            assert LINE.fullmatch(client.line().text)
        line = fails(address)
        assert line == f"clock-netcat: {address}: certificate verify failed"


def test_without_tls() -> None:
    """
    Without OpenSSL, the error says what to install.
    """
    code = "import sys; sys.modules['OpenSSL'] = None; from clock.clients import netcat"
    code += "; netcat.main()"
    with Program([sys.executable, "-c", code, "tls:localhost:1"]) as client:
        assert client.errors() == (
            "clock-netcat: tls:localhost:1: TLS needs OpenSSL: "
            "pip install 'txclock[tls]'\n"
        )
        assert client.end() == 1


def test_ipv6() -> None:
    """
    An IPv6 address is written in brackets.
    """
    need_ipv6()
    with (
        Server(listen=["--port", "0", "--interface", "::1"]) as server,
        Program([*NETCAT, f"[::1]:{server.port}"]) as client,
    ):
        assert LINE.fullmatch(client.line().text)


def test_interrupted() -> None:
    """
    Ctrl-C exits with 130 and prints nothing.
    """
    with accepted() as (connection, client):
        connection.sendall(b"x\n")
        client.line()
        client.interrupt(signal.SIGINT)
        assert client.end() == 130
        assert client.errors() == ""


def test_interrupted_while_output_is_full() -> None:
    """
    Ctrl-C exits at once, even if standard output is blocked.
    """
    reading, writing = os.pipe()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        client = subprocess.Popen([*NETCAT, address], stdout=writing)
        connection, _ = listening.accept()
        with connection:
            connection.settimeout(1)
            with pytest.raises(TimeoutError):
                while True:
                    connection.sendall(b"x" * 65536)
            client.send_signal(signal.SIGINT)
            assert client.wait(DEADLINE) == 130
    os.close(reading)
    os.close(writing)


def test_output_closed() -> None:
    """
    If the reader of its output closes it, the exit status is 0.
    """
    with Server("--interval", "0.1") as server:
        pipeline = f"{SHELL_NETCAT} :{server.port} | head -3; echo ${{PIPESTATUS[0]}}"
        with Program(["bash", "-c", pipeline]) as shell:
            lines = shell.lines(4)
            assert all(LINE.fullmatch(line) for line in lines[:3])
            assert lines[3] == b"0\n"
            assert shell.errors() == ""


def test_unknown_host() -> None:
    """
    A host name that does not resolve is an error.
    """
    line = fails("nohost.invalid:80")
    assert line.startswith("clock-netcat: nohost.invalid:80: DNS lookup failed")


def test_time_out() -> None:
    """
    A host that does not answer is an error. Here the backlog of a port is full.
    """
    with unanswered() as port:
        line = fails(f"tcp:127.0.0.1:{port}:timeout=1")
    assert "timeout" in line


def test_terminated() -> None:
    """
    SIGTERM ends the process with that signal, and nothing is printed.
    """
    with accepted() as (connection, client):
        connection.sendall(b"x\n")
        client.line()
        client.interrupt()
        assert client.end() == -signal.SIGTERM
        assert client.errors() == ""


def test_no_output() -> None:
    """
    A closed standard output is an error.
    """
    with Program(["bash", "-c", f"exec {SHELL_NETCAT} :1 >&-"]) as client:
        assert client.end() == 1
        assert client.errors() == "clock-netcat: standard output is closed\n"
