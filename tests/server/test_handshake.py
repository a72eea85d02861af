"""
Clients that connect and do not finish their handshake, on real sockets.
"""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from tests.harness.clients import Client
from tests.harness.processes import Server
from tests.harness.times import LINE, UNIT
from tests.harness.web import CLOSE, head

HEADER = b"PROXY TCP4 192.0.2.7 192.0.2.8 4711 80\r\n"


def test_tls_client_without_handshake(certificate: Path) -> None:
    """
    In sequential mode, a client that does not begin its TLS handshake delays no other
    client, and is not logged as connected.
    """
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    listen = ["-l", f"ssl:0:privateKey={certificate}:interface=127.0.0.1"]
    with Server("--sequential", "--verbose", listen=listen) as server:
        silent = server.connect()
        assert silent.silent(0.1 * UNIT)
        with Client(context.wrap_socket(server.connect().socket)) as client:
            assert LINE.fullmatch(client.line(1 * UNIT).text)
            server.find(r"connected to .*: 1 active, 0 waiting")
        server.find(r"disconnected")


def test_client_that_sends_no_header() -> None:
    """
    In sequential mode, a client without a PROXY header delays no other client.
    """
    listen = ["-l", "haproxy:tcp:0:interface=127.0.0.1"]
    with Server("--sequential", "--verbose", listen=listen) as server:
        silent, client = server.connect(), server.connect()
        client.socket.sendall(HEADER)
        assert LINE.fullmatch(client.line(1 * UNIT).text)
        assert silent.silent(0.1 * UNIT)
        server.find(r"connected to .*: 1 active, 0 waiting")


def test_client_that_sends_data_with_its_header() -> None:
    """
    In sequential mode, a client whose first data comes with its PROXY header leaves
    the queue when it disconnects.
    """
    listen = ["-l", "haproxy:tcp:0:interface=127.0.0.1"]
    with Server("--sequential", "--verbose", listen=listen) as server:
        first, second = server.connect(), server.connect()
        first.socket.sendall(HEADER)
        assert LINE.fullmatch(first.line().text)
        second.socket.sendall(HEADER + b"GET / HTTP/1.0\r\n\r\n")
        server.find(r"connected to .*: 1 active, 1 waiting")
        second.close()
        server.find(r"disconnected from .* and 0 lines")


def test_request_with_its_header() -> None:
    """
    An HTTP request that comes with its PROXY header is answered, and nothing is logged.
    """
    with Server("--web", "haproxy:tcp:0:interface=127.0.0.1") as server:
        with server.connect(server.web_port) as client:
            client.socket.sendall(HEADER + head("/healthz", extra=CLOSE))
            assert client.rest().endswith(b"\r\n\r\nok\n")
        server.interrupt()
        assert not [line for line in server.rest() if b"PROXY" in line]


@pytest.mark.parametrize(
    "header",
    [b"GET / HTTP/1.0\r\n\r\n", b"PROXY TCP4 192.0.2.7 192.0.2.8 x 80\r\n"],
    ids=["none", "ports that are not numbers"],
)
def test_bad_header(header: bytes) -> None:
    """
    A bad PROXY header is one line in the log, and the client gets nothing.
    """
    listen = ["-l", "haproxy:tcp:0:interface=127.0.0.1"]
    with Server(listen=listen) as server:
        client = server.connect()
        client.socket.sendall(header)
        assert client.rest() == b""
        server.find(r"127\.0\.0\.1:\d+ sent a bad PROXY header: disconnected$")
        server.interrupt()
        assert not [line for line in server.rest() if b"Traceback" in line]
