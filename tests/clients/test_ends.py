"""
How a connection over TLS ends, on real sockets.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.harness.clients import reset_on_close
from tests.harness.processes import Program, command
from tests.harness.times import DEADLINE

#: What the server does after a line, and what the clients say of it; C{None} for an end
#: in good order.
ENDS = {
    "close_notify": None,
    "fin": "TLS ended without close_notify",
    "reset": "reset by the server",
    "handshake": "closed by the server within the TLS handshake",
}


@contextmanager
def server(certificate: Path) -> Iterator[tuple[socket.socket, str, ssl.SSLContext]]:
    """
    Listen with a certificate. Yield the socket, the address for a client that trusts
    it, and the settings of TLS.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(DEADLINE)
        port = listening.getsockname()[1]
        yield (
            listening,
            f"tls:localhost:{port}:trustRoots={certificate.parent}",
            context,
        )


def serve(listening: socket.socket, context: ssl.SSLContext, end: str) -> None:
    """
    Send a line, and end the connection.
    """
    connection, _ = listening.accept()
    if end == "handshake":
        connection.recv(1)
        # Unread data would make it a reset.
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(DEADLINE)
        while connection.recv(4096):
            pass
        connection.close()
        return
    with context.wrap_socket(connection, server_side=True) as secured:
        secured.sendall(b"19:03:13\n")
        if end == "close_notify":
            secured.settimeout(DEADLINE)
            secured.unwrap()
        elif end == "reset":
            reset_on_close(secured)


@pytest.mark.parametrize("end", ENDS)
def test_netcat(certificate: Path, end: str) -> None:
    """
    C{clock-netcat} fails unless TLS is closed in good order, and says what happened.
    """
    with (
        server(certificate) as (listening, address, context),
        Program([command("clock-netcat"), address]) as client,
    ):
        serve(listening, context, end)
        reason = ENDS[end]
        assert client.end() == (0 if reason is None else 1)
        expected = [] if reason is None else [f"clock-netcat: {address}: {reason}"]
        assert client.errors().splitlines() == expected


@pytest.mark.parametrize("end", ENDS)
def test_wall(certificate: Path, end: str) -> None:
    """
    C{clockwall} says the same.
    """
    with (
        server(certificate) as (listening, address, context),
        Program([command("clockwall"), f"x={address}"]) as wall,
    ):
        serve(listening, context, end)
        # A reset may overtake the line.
        texts = iter(lambda: wall.line().text.decode(), "")
        down = next(text for text in texts if text.startswith("x down, "))
        reason = ENDS[end] or "closed by the server"
        assert down.endswith(f" s: {reason}\n")
