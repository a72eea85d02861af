"""
HTTP and WebSocket clients on plain sockets and on Python's C{http.client}.
"""

from __future__ import annotations

import http.client
import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.harness.clients import Arrival, Client
from tests.harness.processes import Program, Server
from tests.harness.requirements import need, need_module
from tests.harness.times import DEADLINE, LATE, age, steps

if TYPE_CHECKING:
    from typing_extensions import Self

#: The header of a request that is the last one on its connection.
CLOSE = "Connection: close\r\n"

#: The headers of a handshake.
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def web_server(*options: str) -> Server:
    """
    Start a server that also serves over HTTP.
    """
    return Server(*options, "--web", "0")


def head(
    path: str, method: str = "GET", version: str = "1.1", extra: str = ""
) -> bytes:
    """
    Write a request without a body.

    @param extra: more header lines, each with its end.
    """
    return f"{method} {path} HTTP/{version}\r\nHost: x\r\n{extra}\r\n".encode()


@contextmanager
def request(
    port: int, path: str, method: str = "GET", **headers: str
) -> Iterator[http.client.HTTPResponse]:
    """
    Send a request, and read the head of the response.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    try:
        connection.request(method, path, headers=headers)
        # It closes its socket with the response.
        with connection.getresponse() as response:
            yield response
    finally:
        connection.close()


def get(port: int, path: str) -> str:
    """
    Read a whole response, whose status must be 200.
    """
    with request(port, path) as response:
        assert response.status == 200
        return response.read().decode()


def line(response: http.client.HTTPResponse) -> Arrival:
    """
    Wait for one more line of a response: a line of C{/lines}, or the data of an event.
    """
    while True:
        text = response.readline()
        assert text, "the response has ended"
        if not text.startswith((b":", b"id:", b"event:", b"\n")):
            return Arrival(text.removeprefix(b"data: "), time.monotonic())


def status(response: http.client.HTTPResponse) -> Any:
    """
    Wait for one more event of C{/status/events}.
    """
    return json.loads(line(response).text)


def curl(*arguments: str) -> Program:
    """
    Run C{curl} without a buffer of its own, a user's settings, and a proxy.
    """
    return Program([need("curl"), "-q", "-sSN", "--noproxy", "*", *arguments])


def exchange(port: int, data: bytes) -> bytes:
    """
    Send some bytes, and return all data up to the server's FIN.
    """
    with Client(socket.create_connection(("127.0.0.1", port), DEADLINE)) as client:
        client.socket.sendall(data)
        return client.rest()


def five(read: Callable[[], Arrival]) -> list[Arrival]:
    """
    Read five lines.
    """
    return [read() for _ in range(5)]


def check_seconds(arrivals: list[Arrival]) -> None:
    """
    Assert that each second came once, and all but the first on time.
    """
    assert steps(each.text for each in arrivals) == [1] * (len(arrivals) - 1)
    steady = time.time() - time.monotonic()
    for arrival in arrivals[1:]:
        assert -0.01 < age(arrival.text, steady + arrival.at) < LATE


def ended(server: Server, number: signal.Signals) -> float:
    """
    End a server by a signal.

    @return: the steady time when the signal was sent, in seconds.
    """
    server.interrupt(number)
    sent = time.monotonic()
    assert server.end() == -number
    return sent


def need_websockets() -> None:
    """
    Skip where C{wsproto} is not installed.
    """
    need_module("wsproto")


@dataclass(eq=False)
class WebSocket:
    """
    A client of a WebSocket.

    @ivar socket: its connection.
    """

    socket: socket.socket
    path: str = "/socket"
    _events: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        from wsproto import ConnectionType, WSConnection
        from wsproto.events import AcceptConnection, Request

        self.connection = WSConnection(ConnectionType.CLIENT)
        self.send(Request(host="x", target=self.path))
        assert isinstance(self.event(), AcceptConnection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, event: Any) -> None:
        """
        Send an event.
        """
        self.socket.sendall(self.connection.send(event))

    def event(self, within: float = DEADLINE) -> Any:
        """
        Wait for one more event.

        @return: the event; C{None} if the server has closed the connection.
        """
        self.socket.settimeout(within)
        while not self._events:
            data = self.socket.recv(65536)
            if not data:
                return None
            self.connection.receive_data(data)
            self._events += self.connection.events()
        return self._events.pop(0)

    def line(self) -> Arrival:
        """
        Wait for one more text message. Other events are skipped.
        """
        from wsproto.events import TextMessage

        while not isinstance(event := self.event(), TextMessage):
            assert event is not None, "the server has closed the connection"
        return Arrival(f"{event.data}\n".encode(), time.monotonic())
