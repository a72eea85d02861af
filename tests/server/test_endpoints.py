"""
Each kind of endpoint that C{--listen} takes, with a real client.
"""

from __future__ import annotations

import os
import pwd
import re
import socket
import ssl
import struct
import subprocess
import time
from pathlib import Path

import pytest

from tests.harness.clients import Client
from tests.harness.processes import BIN, Program, Server, activated, command
from tests.harness.requirements import need, need_ipv6, need_module
from tests.harness.times import DEADLINE, LINE, UNIT, steps


def test_tcp6() -> None:
    """
    C{tcp6:} serves IPv6.
    """
    need_ipv6()
    listen = ["--listen", r"tcp6:0:interface=\:\:1"]
    with Server("--interval", "0.1", listen=listen) as server:
        connection = socket.create_connection(("::1", server.port), DEADLINE)
        with Client(connection) as client:
            assert LINE.fullmatch(client.line().text)


def test_unix(tmp_path: Path) -> None:
    """
    C{unix:} serves on a socket file, which is removed at the end.
    """
    path = tmp_path / "clock"
    with Server("--interval", "0.1", listen=["-l", f"unix:{path}"]) as server:
        with Program(
            [need("socat"), "-", f"UNIX-CONNECT:{path}"], stdin=subprocess.PIPE
        ) as client:
            assert all(LINE.fullmatch(line) for line in client.lines(3))
        server.interrupt()
        server.end()
        assert not path.exists()


def test_tls(certificate: Path) -> None:
    """
    C{ssl:} serves TLS, and closes it cleanly.
    """
    listen = ["-l", f"ssl:0:privateKey={certificate}:interface=127.0.0.1"]
    with Server("--interval", "0.1", listen=listen) as server:
        connect = f"s_client -quiet -connect 127.0.0.1:{server.port}"
        with Program(
            [need("openssl"), *connect.split()], stdin=subprocess.PIPE
        ) as client:
            assert all(LINE.fullmatch(line) for line in client.lines(3))
            server.interrupt()
            assert all(LINE.fullmatch(line) for line in client.rest())
        server.end()


def test_documented_certificate(tmp_path: Path) -> None:
    """
    The documented commands make a certificate, serve with it, and read from the server.
    A client that does not trust the certificate reads nothing.
    """
    need_module("OpenSSL")
    page = (Path(__file__).parents[2] / "docs" / "running.rst").read_text("utf-8")
    made, served, read = re.findall(
        r"^    (openssl req .*)\n    twistd -n clock (.*)\n    clock-netcat (.*)",
        page,
        re.MULTILINE,
    )[0]
    need("openssl")
    subprocess.run(made.split(), cwd=tmp_path, check=True, capture_output=True)
    assert ":8443:" in served and ":8443:" in read
    listen = served.replace(":8443:", ":0:").split()
    with Server("--interval", "0.1", listen=listen, cwd=tmp_path) as server:
        address = read.replace(":8443:", f":{server.port}:")
        netcat = command("clock-netcat")
        with Program([netcat, address], cwd=tmp_path) as client:
            assert all(LINE.fullmatch(line) for line in client.lines(3))
        stranger = address.removesuffix(":trustRoots=.")
        assert stranger != address
        with Program([netcat, stranger], cwd=tmp_path) as client:
            assert client.end() == 1
            assert [*client.rest()] == []


@pytest.mark.parametrize("version", [1, 2])
def test_haproxy(version: int) -> None:
    """
    C{haproxy:} serves clients behind a proxy, and logs their own addresses.
    """
    header = b"PROXY TCP4 192.0.2.7 192.0.2.8 4711 80\r\n"
    if version == 2:
        addresses = socket.inet_aton("192.0.2.7") + socket.inet_aton("192.0.2.8")
        header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(
            "!H8sHH", 12, addresses, 4711, 80
        )
    listen = ["-l", "haproxy:tcp:0:interface=127.0.0.1"]
    with Server("--verbose", "--interval", "0.1", listen=listen) as server:
        with server.connect() as client:
            client.socket.sendall(header)
            assert all(LINE.fullmatch(line) for line in client.lines(3))
        server.find(r"192\.0\.2\.7:4711 disconnected")


def test_systemd() -> None:
    """
    C{systemd:} serves on a listening socket that the process inherits.
    """
    listen = ["--listen", "systemd:domain=INET:index=0"]
    twistd = [command("twistd"), "-n", "--pidfile=", "clock", *listen]
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        activated({"x": listening}, twistd) as server,
    ):
        server.find("Serving")
        address = listening.getsockname()
        with Client(socket.create_connection(address, DEADLINE)) as client:
            assert LINE.fullmatch(client.line().text)


def test_tls_clients_without_handshake(certificate: Path) -> None:
    """
    The server stops in time, even if clients have not begun their TLS handshake.
    """
    listen = ["-l", f"ssl:0:privateKey={certificate}:interface=127.0.0.1"]
    with Server(listen=listen) as server:
        silent = [server.connect() for _ in range(20)]
        assert silent[-1].silent(0.3)
        server.interrupt()
        start = time.monotonic()
        server.end()
        assert time.monotonic() - start < 1.5 * UNIT


def test_tls_clients_that_have_sent_data(certificate: Path) -> None:
    """
    Over TLS, the server stops in time, even if a client has sent data.
    """
    listen = ["-l", f"ssl:0:privateKey={certificate}:interface=127.0.0.1"]
    with Server(listen=listen) as server:
        connect = f"s_client -quiet -connect 127.0.0.1:{server.port}"
        with Program(
            [need("openssl"), *connect.split()], stdin=subprocess.PIPE
        ) as client:
            assert client.process.stdin is not None
            client.line()
            client.process.stdin.write(b"hello\n")
            client.process.stdin.flush()
            client.line()
            server.interrupt()
            start = time.monotonic()
            server.end()
            assert time.monotonic() - start < 0.4 * UNIT
            assert client.end() == 0


def test_tls_handshake_over_a_boundary(certificate: Path) -> None:
    """
    A client whose handshake takes longer than a tick gets each tick after its first
    line.
    """
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    listen = ["-l", f"ssl:0:privateKey={certificate}:interface=127.0.0.1"]
    with Server(listen=listen) as server:
        raw = server.connect().socket
        started = time.time()
        while int(time.time()) == int(started):
            assert Client(raw).silent(0.05)
        raw.settimeout(DEADLINE)
        with Client(context.wrap_socket(raw)) as client:
            assert steps(client.lines(5)) == [1, 1, 1, 1]


def test_health_checks() -> None:
    """
    A proxy's health check, which connects and disconnects, does not delay other
    clients.
    """
    listen = ["-l", "haproxy:tcp:0:interface=127.0.0.1"]
    header = b"PROXY TCP4 192.0.2.7 192.0.2.8 4711 80\r\n"
    with Server("--sequential", "--interval", "0.1", listen=listen) as server:
        for _ in range(20):
            server.connect().close()
        client = server.connect()
        client.socket.sendall(header)
        assert client.line(1 * UNIT)


def test_several_endpoints_share_one_queue(tmp_path: Path) -> None:
    """
    In sequential mode, all endpoints share one queue.
    """
    path = tmp_path / "clock"
    listen = ["-l", f"unix:{path}", "-l", "tcp:0:interface=127.0.0.1"]
    with Server("--sequential", "--interval", "0.1", listen=listen) as server:
        first = server.connect()
        first.line()
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(path))
        with Client(connection) as second:
            assert second.silent(0.3)
            first.close()
            assert LINE.fullmatch(second.line().text)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can shed root's rights")
def test_uid() -> None:
    """
    The server opens a port below 1024, and then drops its privileges.
    """
    nobody = pwd.getpwnam("nobody").pw_uid
    tool = ["twistd", "-n", "--pidfile=", f"--uid={nobody}"]
    with Server(tool=tool, listen=["--port", "13"]) as server:
        assert LINE.fullmatch(server.connect().line().text)
        status = Path(f"/proc/{server.process.pid}/status").read_text("utf-8")
        uids = f"\t{nobody}" * 4
        assert f"\nUid:{uids}\n" in status


def test_the_commands_are_those_of_this_installation() -> None:
    """
    The tests run the commands of this Python's installation.
    """
    assert (BIN / "twistd").exists()
    assert (BIN / "clock-netcat").exists()
