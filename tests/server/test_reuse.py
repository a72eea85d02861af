"""
Several processes on one port, and a restart that refuses no client.
"""

from __future__ import annotations

import re
import signal
import socket
import urllib.request
from pathlib import Path

import pytest

from tests.harness.connects import Connects
from tests.harness.network import Link
from tests.harness.processes import Program, Server, activated, command, free_ports
from tests.harness.requirements import need_ipv6, need_module
from tests.harness.times import DEADLINE, LINE
from tests.harness.web import head

#: The least number of clients that connect before, during and after each change of
#: processes.
SOME = 500


def assert_refused(port: int, *options: str) -> None:
    """
    Assert that a server cannot listen on a port: one line, and exit status 1.
    """
    with Server(*options, listen=["--port", str(port)], logs=False) as other:
        assert other.errors() == (
            f"twistd clock: localhost:{port}: Address already in use; stop the process "
            "that listens there, or use another port\n"
        )
        assert other.end() == 1


def test_two_processes() -> None:
    """
    Two processes serve clients on one port, and on one port of C{--web}. A process
    without C{--reuse-port} cannot listen there.
    """
    options = ["--reuse-port", "--verbose", "--web"]
    with Server(*options, "0") as first:
        web = str(first.web_port)
        listen = ["--port", str(first.port)]
        with Server(*options, web, listen=listen) as second:
            assert second.port == first.port
            # By chance, one process serves all clients once in 2**63 runs.
            for _ in range(64):
                with first.connect() as client:
                    assert LINE.fullmatch(client.line().text)
            for server in (first, second):
                server.find("127.0.0.1:.* connected to")
            assert_refused(first.port)
            first.interrupt()
            first.end()
            with second.connect() as client:
                assert LINE.fullmatch(client.line().text)
            with urllib.request.urlopen(f"http://127.0.0.1:{web}/healthz") as answer:
                assert answer.status == 200


def test_port_of_another() -> None:
    """
    C{--reuse-port} does not take a port from a process that listens without it.
    """
    with Server() as server:
        assert_refused(server.port, "--reuse-port")


def test_twice() -> None:
    """
    C{--reuse-port} does not let one process listen twice on one address.
    """
    (port,) = free_ports(1)
    listen = ["--port", str(port), "--web", f"tcp:{port}:interface=127.0.0.1"]
    with Server("--reuse-port", listen=listen, logs=False) as server:
        assert "Address already in use" in server.errors()
        assert server.end() == 1


def test_own_web_port() -> None:
    """
    Each process can have a port of its own for C{--web}, such as for its metrics.
    """
    options = ["--reuse-port", "--web", "0"]
    with (
        Server(*options) as first,
        Server(*options, listen=["--port", str(first.port)]) as second,
    ):
        assert first.web_port != second.web_port


@pytest.mark.parametrize(
    ("listen", "where"),
    [
        (["--interface", "::1", "--port", "{}"], "::1"),
        (["--zone", "UTC={}", "--port", "0"], "127.0.0.1"),
        (["-l", "tcp:{}:interface=127.0.0.1"], "127.0.0.1"),
        (["-l", "haproxy:tcp:{}:interface=127.0.0.1"], "127.0.0.1"),
    ],
)
def test_addresses(listen: list[str], where: str) -> None:
    """
    Two processes share a port on IPv6, of a zone, and of an endpoint.
    """

    def start(port: int) -> Server:
        return Server("--reuse-port", listen=[each.format(port) for each in listen])

    if where == "::1":
        need_ipv6()
    zone = "--zone" in listen
    with start(0) as first:
        port = first.port_of("UTC") if zone else first.port
        with start(port) as second:
            assert (second.port_of("UTC") if zone else second.port) == port
            socket.create_connection((where, port), DEADLINE).close()


def test_tls(certificate: Path) -> None:
    """
    Two processes share a port for TLS.
    """
    need_module("OpenSSL")

    def start(port: int) -> Server:
        endpoint = f"ssl:{port}:privateKey={certificate}:interface=127.0.0.1"
        return Server("--reuse-port", listen=["-l", endpoint])

    with start(0) as first, start(first.port) as second:
        assert second.port == first.port
        address = f"tls:localhost:{first.port}:trustRoots={certificate.parent}"
        with Program([command("clock-netcat"), address]) as client:
            assert LINE.fullmatch(client.line().text)


def test_sequential() -> None:
    """
    C{--sequential} with C{--reuse-port} is an error: one line, and exit status 1.
    """
    with Server("--reuse-port", "--sequential", logs=False) as server:
        assert re.fullmatch("twistd clock: --reuse-port .*\n", server.errors())
        assert server.end() == 1


def test_listen_queue() -> None:
    """
    Clients in the listen queue are served before the port is closed. The server handles
    signals as soon as it logs that it serves.
    """
    with Server() as server:
        server.interrupt(signal.SIGSTOP)
        clients = [server.connect() for _ in range(300)]
        server.interrupt(signal.SIGTERM)
        server.interrupt(signal.SIGCONT)
        for client in clients:
            assert re.fullmatch(rb"([\d:]{8}\n)+", client.rest())
        server.end()
        assert "Traceback" not in b"".join(server.rest()).decode()


def test_requests_in_the_listen_queue() -> None:
    """
    Requests and PROXY headers in the listen queue are read before the clients are
    disconnected.
    """
    proxied = "haproxy:tcp:0:interface=127.0.0.1"
    with Server("--web", "0", listen=["-l", proxied]) as server:
        ports = (server.port, server.web_port)
        server.interrupt(signal.SIGSTOP)
        over_tcp, over_http = (
            [server.connect(port) for _ in range(50)] for port in ports
        )
        for client in over_tcp:
            client.socket.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.8 4711 80\r\n")
        for client in over_http:
            client.socket.sendall(head("/lines"))
        server.interrupt(signal.SIGTERM)
        server.interrupt(signal.SIGCONT)
        for client in over_tcp:
            assert re.fullmatch(rb"([\d:]{8}\n)+", client.rest())
        for client in over_http:
            response = client.rest()
            assert b"\r\n9\r\n" in response and response.endswith(b"\r\n0\r\n\r\n")
        server.end()
        assert "Traceback" not in b"".join(server.rest()).decode()


def test_restart_with_reuse_port() -> None:
    """
    While processes take over from each other, no client is refused or reset. The kernel
    hands a closed port's clients to the other process.
    """
    with Link() as link:
        link.set("net.ipv4.tcp_migrate_req", 1)
        with link.server("--reuse-port") as old, link.connects(old.port) as clients:
            clients.more(SOME)
            with link.server("--reuse-port", port=old.port):
                clients.more(SOME)
                old.interrupt()
                old.end()
                clients.more(SOME)
                result = clients.result()
                assert result["line"] >= 3 * SOME
                assert [*result] == ["line"]


def test_restart_with_a_socket() -> None:
    """
    While processes take over from each other, no client is refused or reset, if all of
    them inherit one listening socket. The clients wait in its queue if there is none.
    """

    def start() -> Program:
        listen = ["--listen", "systemd:domain=INET:name=tcp"]
        twistd = [command("twistd"), "-n", "--pidfile=", "clock", *listen]
        server = activated({"tcp": listening}, twistd)
        server.find("Serving")
        return server

    def stop(server: Program) -> None:
        server.interrupt()
        server.end()

    with (
        socket.create_server(("127.0.0.1", 0), backlog=4096) as listening,
        start() as first,
        Connects(*listening.getsockname()) as clients,
    ):
        clients.more(SOME)
        with start() as second:
            clients.more(SOME)
            stop(first)
            clients.more(SOME)
            # As systemctl restart does.
            stop(second)
            with start():
                clients.more(SOME)
                result = clients.result()
                assert result["line"] >= 4 * SOME
                assert [*result] == ["line"]
