"""
The clock over WebSockets.
"""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.harness.processes import Server
from tests.harness.times import DEADLINE, LATE, UNIT
from tests.harness.web import (
    HANDSHAKE,
    WebSocket,
    check_seconds,
    ended,
    five,
    need_websockets,
    request,
    web_server,
)


@pytest.fixture
def websocket(server: Server) -> Iterator[WebSocket]:
    """
    A WebSocket to the server.
    """
    need_websockets()
    address = ("127.0.0.1", server.web_port)
    with WebSocket(socket.create_connection(address, DEADLINE)) as connected:
        yield connected


def test_messages(websocket: WebSocket) -> None:
    """
    Each line is a text message, on time.
    """
    check_seconds(five(websocket.line))


def test_ping(websocket: WebSocket) -> None:
    """
    Pings are answered, each within a second, as the server then reads again.
    """
    from wsproto.events import Ping, Pong

    for payload in (b"one", b"two", b"three"):
        websocket.send(Ping(payload))
        sent = time.monotonic()
        while not isinstance(event := websocket.event(), Pong):
            assert event is not None
        assert event.payload == payload
        assert time.monotonic() - sent < 1 + LATE


def test_closing_handshake(websocket: WebSocket) -> None:
    """
    A client that closes gets an answer, no more messages, and the end.
    """
    from wsproto.events import CloseConnection

    websocket.line()
    websocket.send(CloseConnection(1000))
    event = websocket.event()
    assert isinstance(event, CloseConnection) and event.code == 1000
    assert websocket.event(1 * UNIT) is None


def test_closed_by_the_server() -> None:
    """
    When the server stops, it closes each WebSocket with status 1001 (going away), even
    that of a client that waits.
    """
    need_websockets()
    from wsproto.events import CloseConnection

    with web_server("--sequential") as server, ExitStack() as stack:
        connections = [server.connect(server.web_port).socket for _ in range(2)]
        clients = [stack.enter_context(WebSocket(each)) for each in connections]
        clients[0].line()
        sent = ended(server, signal.SIGTERM)
        assert time.monotonic() - sent < 1 * UNIT
        for client in clients:
            event = client.event()
            assert isinstance(event, CloseConnection) and event.code == 1001
            assert client.event() is None


def test_much_input_of_a_waiting_websocket() -> None:
    """
    A client that waits over a WebSocket, sends much and disconnects loses its place
    within seconds, too.
    """
    need_websockets()
    from wsproto.events import BytesMessage

    with web_server("--sequential", "--verbose") as server:
        port = server.web_port
        server.connect().line()
        waiting = WebSocket(server.connect(port).socket)
        server.find(": 1 active, 1 waiting$")
        waiting.send(BytesMessage(b"x" * 30_000))
        waiting.socket.close()
        server.find(" disconnected from .* 0 lines: ", 6 * UNIT)


def test_websocket_turns() -> None:
    """
    A WebSocket waits for its turn, counts once against the limit, and is removed from
    the queue as soon as it disconnects.
    """
    need_websockets()
    with web_server("--sequential", "--max-clients", "3", "--verbose") as server:
        active = server.connect()
        active.line()
        first = WebSocket(server.connect(server.web_port).socket)
        second = WebSocket(server.connect(server.web_port).socket)
        assert server.connect().rest() == b""
        with request(server.web_port, "/socket", **HANDSHAKE) as response:
            assert response.status == 503
        server.find(": 1 active, 2 waiting$")
        first.socket.close()
        server.find(" disconnected from .* 0 lines: ", LATE)
        active.close()
        closed = time.monotonic()
        assert second.line().at - closed < LATE
