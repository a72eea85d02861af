"""
The clients through a proxy: a small one on real sockets, and what chooses it.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.harness.processes import Program, Server, command, free_ports
from tests.harness.times import DEADLINE, LINE
from tests.harness.web import need_websockets

#: The variables that choose a proxy, all empty.
NONE = {
    name: ""
    for lower in ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    for name in (lower, lower.upper())
}


class ProxyServer(ThreadingHTTPServer):
    """
    A proxy that records the requests.
    """

    daemon_threads = True
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ProxyRequest)
        self.requests: list[str] = []
        self.users: set[str | None] = set()

    def handle_error(self, *_: object) -> None:
        """
        Say nothing when a client disconnects.
        """


class ProxyRequest(BaseHTTPRequestHandler):
    """
    A connection to the proxy. Nothing is read from it before the tunnel is open.
    """

    server: Any

    def do_CONNECT(self) -> None:
        """
        Open a tunnel, or refuse.
        """
        host, _, port = self.path.rpartition(":")
        if self.record():
            with socket.create_connection((host, int(port)), DEADLINE) as origin:
                self.send_response(200)
                self.end_headers()
                self.copy(origin)

    def do_GET(self) -> None:
        """
        Forward a request, without the proxy's own headers.
        """
        url = urlsplit(self.path)
        head = f"GET {url.path} HTTP/1.0\r\nHost: {self.headers['Host']}\r\n\r\n"
        if self.record():
            address = url.hostname or "", url.port or 80
            with socket.create_connection(address, DEADLINE) as origin:
                origin.sendall(head.encode())
                self.copy(origin)

    def record(self) -> bool:
        """
        Record a request. Return whether it is granted.
        """
        self.close_connection = True
        self.server.requests.append(f"{self.command} {self.path}")
        self.server.users.add(self.headers["Proxy-Authorization"])
        if self.server.status != 200:
            self.send_error(self.server.status)
        return bool(self.server.status == 200)

    def copy(self, origin: socket.socket) -> None:
        """
        Copy in both directions, until one side has ended.
        """
        thread = threading.Thread(target=pump, args=(self.connection, origin))
        thread.start()
        pump(origin, self.connection)
        thread.join(DEADLINE)

    def log_message(self, *_: object) -> None:
        """
        Log nothing.
        """


def pump(source: socket.socket, target: socket.socket) -> None:
    """
    Copy what arrives on one connection to another, and end both at its end.
    """
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy_server(certificate: Path | None = None) -> Iterator[ProxyServer]:
    """
    Run a proxy, over TLS if there is a certificate.
    """
    with ProxyServer() as server:
        if certificate is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy() -> Iterator[ProxyServer]:
    """
    Run a proxy.
    """
    with proxy_server() as server:
        yield server


def netcat(*arguments: str, **environment: str) -> Program:
    """
    Run C{clock-netcat} without the proxy of the environment.
    """
    run = [command("clock-netcat"), *arguments]
    return Program(run, environment=NONE | environment)


def check_lines(*arguments: str, **environment: str) -> None:
    """
    Assert that two lines arrive.
    """
    with netcat(*arguments, **environment) as program:
        assert all(LINE.fullmatch(line) for line in program.lines(2))


def failure(*arguments: str, **environment: str) -> str:
    """
    Return what C{clock-netcat} prints about a connection that fails.
    """
    with netcat(*arguments, **environment) as program:
        assert program.end() == 1
        return program.errors()


@contextmanager
def tls_server(certificate: Path) -> Iterator[str]:
    """
    Run a server over TLS. Return its address.
    """
    with Server("--web", f"ssl:0:privateKey={certificate}") as server:
        yield f"localhost:{server.web_port}"


def test_plain(proxy: ProxyServer) -> None:
    """
    A request over HTTP is sent to the proxy, and a WebSocket is tunneled.
    """
    need_websockets()
    url = f"http://127.0.0.1:{proxy.server_port}"
    with Server("--web", "0") as server:
        address = f"localhost:{server.web_port}"
        check_lines("--proxy", url, f"http://{address}/lines")
        assert proxy.requests == [f"GET http://{address}/lines"]
        check_lines("--proxy", url, f"ws://{address}/socket")
        assert proxy.requests[1:] == [f"CONNECT {address}"]


@pytest.mark.parametrize("secured", [False, True])
def test_tls(certificate: Path, secured: bool) -> None:
    """
    TLS and its WebSockets are tunneled through a proxy, itself over TLS or not. The
    certificate is verified through the tunnel.
    """
    need_websockets()
    trust = {"SSL_CERT_FILE": str(certificate)}
    with (
        proxy_server(certificate if secured else None) as proxy,
        tls_server(certificate) as address,
    ):
        scheme = "https" if secured else "http"
        url = f"{scheme}://me:p%40ss@localhost:{proxy.server_port}"
        check_lines("-x", url, f"https://{address}/lines", **trust)
        check_lines("-x", url, f"wss://{address}/socket", **trust)
        assert proxy.requests == [f"CONNECT {address}"] * 2
        assert proxy.users == {"Basic bWU6cEBzcw=="}
        if not secured:
            text = failure("-x", url, f"https://{address}/lines")
            assert text.endswith(": certificate verify failed\n")


def test_environment(certificate: Path, proxy: ProxyServer) -> None:
    """
    The environment chooses the proxy, unless it excepts the host, or an option says
    otherwise.
    """
    text = f"127.0.0.1:{proxy.server_port}"
    with tls_server(certificate) as address:
        url = f"https://{address}/lines"
        check_lines("-k", url, https_proxy=text)
        assert proxy.requests == [f"CONNECT {address}"]
        check_lines("-k", url, https_proxy=text, no_proxy="example.com,localhost")
        check_lines("-k", "-x", "", url, https_proxy=text)
        check_lines("-k", url, http_proxy=text)
        assert len(proxy.requests) == 1


def test_refused(certificate: Path, proxy: ProxyServer) -> None:
    """
    A proxy that refuses, or is not there, is the reason.
    """
    proxy.status = 407
    url = f"http://127.0.0.1:{proxy.server_port}"
    with tls_server(certificate) as address:
        for target in (f"https://{address}/lines", f"wss://{address}/socket"):
            text = failure("-x", url, target)
            answer = "407 Proxy Authentication Required"
            assert text.endswith(f": the proxy {url} answered {answer}\n")
    (port,) = free_ports(1)
    text = failure(f"https://{address}/lines", https_proxy=f"127.0.0.1:{port}")
    assert text.endswith(f": the proxy http://127.0.0.1:{port}: Connection refused\n")


def test_invalid() -> None:
    """
    A proxy that cannot be used is one clear line.
    """
    text = failure("http://localhost/", ALL_PROXY="socks5://localhost")
    assert text.count("\n") == 1
    assert "ALL_PROXY: a SOCKS proxy is not supported" in text


def test_connect_to(certificate: Path, proxy: ProxyServer) -> None:
    """
    Another address is connected to, directly or by the proxy, with the URL's name in
    TLS.
    """
    trust = {"SSL_CERT_FILE": str(certificate)}
    with tls_server(certificate) as address:
        other = f"127.0.0.1:{address.rpartition(':')[2]}"
        arguments = "--connect-to", other, "https://localhost/lines"
        check_lines(*arguments, **trust)
        url = f"http://127.0.0.1:{proxy.server_port}"
        check_lines("--proxy", url, *arguments, **trust)
        assert proxy.requests == [f"CONNECT {other}"]


def test_connect_to_port(proxy: ProxyServer) -> None:
    """
    Another port of the same host is another address, too: it needs a tunnel.
    """
    url = f"http://127.0.0.1:{proxy.server_port}"
    with Server("--web", "0") as server:
        address = f"localhost:{server.web_port}"
        arguments = "--connect-to", address, "http://localhost:1/lines"
        check_lines(*arguments)
        check_lines("--proxy", url, *arguments)
        assert proxy.requests == [f"CONNECT {address}"]
