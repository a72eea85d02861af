"""
C{clock-netcat}, as a process.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from world import DEADLINE, LINE, Program, Server, command, unanswered

NETCAT = [command("clock-netcat")]
MODULE = [sys.executable, "-m", "clock.netcat"]


@contextmanager
def accepted(*arguments: str) -> Iterator[tuple[socket.socket, Program]]:
    """
    Be the server of one client.
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
    Run the client, which fails, and give its one line.
    """
    with Program([*NETCAT, *arguments]) as client:
        assert client.end() == 1
        (line,) = client.errors().splitlines()
        return line


def test_copies_until_the_end() -> None:
    """
    Bytes arrive as they are sent, unchanged, and the end is a success.
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
    C{python -m clock.netcat} is the same command.
    """
    with Server() as server, Program([*MODULE, f":{server.port}"]) as client:
        assert LINE.fullmatch(client.line().text)


def test_unix_socket(tmp_path: object) -> None:
    """
    It reads from any Twisted endpoint, such as a UNIX socket.
    """
    path = f"{tmp_path}/clock"
    with (
        Server(listen=["--listen", f"unix:{path}"]),
        Program([*NETCAT, f"unix:{path}"]) as client,
    ):
        assert LINE.fullmatch(client.line().text)


def test_host_and_port() -> None:
    """
    Host and port may be two arguments, as netcat's are.
    """
    with (
        Server() as server,
        Program([*NETCAT, "localhost", f"{server.port}"]) as client,
    ):
        assert LINE.fullmatch(client.line().text)


def test_turned_away() -> None:
    """
    A client that the server turns away learns so.
    """
    with Server("--max-clients", "1") as server, server.connect() as served:
        served.line()
        line = fails(f":{server.port}")
        assert line == (
            f"clock-netcat: :{server.port}: closed by the server, which sent nothing: "
            "it may be at its client limit"
        )


def test_tls(certificate: Path) -> None:
    """
    A certificate that nobody vouches for is a failure, in OpenSSL's words alone.
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
    Without OpenSSL, what to install is said.
    """
    code = "import sys; sys.modules['OpenSSL'] = None; import clock.netcat as netcat"
    code += "; netcat.main(['tls:localhost:1'])"
    with Program([sys.executable, "-c", code]) as client:
        assert client.errors() == (
            "clock-netcat: tls:localhost:1: TLS needs OpenSSL: "
            "pip install 'clock[tls]'\n"
        )
        assert client.end() == 1


def test_ipv6() -> None:
    """
    An IPv6 address stands in brackets.
    """
    with (
        Server(listen=["--port", "0", "--interface", "::1"]) as server,
        Program([*NETCAT, f"[::1]:{server.port}"]) as client,
    ):
        assert LINE.fullmatch(client.line().text)


def test_interrupted() -> None:
    """
    Ctrl-C ends it with 130, without a word.
    """
    with accepted() as (connection, client):
        connection.sendall(b"x\n")
        client.line()
        client.interrupt(signal.SIGINT)
        assert client.end() == 130
        assert client.errors() == ""


def test_interrupted_while_nobody_reads() -> None:
    """
    Ctrl-C ends it at once even while its output is full.
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


def test_reader_gone() -> None:
    """
    When who reads its output has gone, it ends quietly.
    """
    with Server("--interval", "0.1") as server:
        pipeline = f"{NETCAT[0]} :{server.port} | head -3; echo ${{PIPESTATUS[0]}}"
        with Program(["bash", "-c", pipeline]) as shell:
            lines = shell.lines(4)
            assert all(LINE.fullmatch(line) for line in lines[:3])
            assert lines[3] == b"0\n"
            assert shell.errors() == ""


def test_reset() -> None:
    """
    A connection that is reset is a failure.
    """
    with accepted() as (connection, client):
        connection.sendall(b"x\n")
        client.line()
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        connection.close()
        assert client.end() == 1
        assert client.errors().endswith("lost in a non-clean fashion\n")


def test_refused() -> None:
    """
    Nobody listening is a failure in one line.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
    assert fails(address) == f"clock-netcat: {address}: Connection refused"


def test_unknown_host() -> None:
    """
    So is a host that does not exist.
    """
    line = fails("nohost.invalid:80")
    assert line.startswith("clock-netcat: nohost.invalid:80: DNS lookup failed")


def test_time_out() -> None:
    """
    So is a host that does not answer: here, one whose queue is full.
    """
    with unanswered() as port:
        line = fails(f"tcp:127.0.0.1:{port}:timeout=1")
    assert "timeout" in line


def test_terminated() -> None:
    """
    SIGTERM ends it as it ends any program, and blames nobody.
    """
    with accepted() as (connection, client):
        connection.sendall(b"x\n")
        client.line()
        client.interrupt()
        assert client.end() == -signal.SIGTERM
        assert client.errors() == ""


def test_no_output() -> None:
    """
    Without a standard output it has nothing to do.
    """
    with Program(["bash", "-c", f"exec {NETCAT[0]} :1 >&-"]) as client:
        assert client.end() == 1
        assert client.errors() == "clock-netcat: standard output is closed\n"


def test_bad_address() -> None:
    """
    So is an address that is none.
    """
    expected = "clock-netcat: :0: a port is a whole number from 1 to 65535"
    assert fails(":0") == expected
