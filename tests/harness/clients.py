"""
Clients on plain sockets.
"""

from __future__ import annotations

import selectors
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from tests.harness.times import DEADLINE

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass
class Arrival:
    """
    One line, and the steady time of its arrival, in seconds.
    """

    text: bytes
    at: float


@dataclass(eq=False)
class Client:
    """
    A client that reads lines from a socket, with the time of each arrival.
    """

    socket: socket.socket
    _held: bytes = field(default=b"", repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def line(self, within: float = DEADLINE) -> Arrival:
        """
        Wait for one more line.
        """
        self.socket.settimeout(within)
        while b"\n" not in self._held:
            data = self.socket.recv(4096)
            assert data, f"the server closed after {self._held!r}"
            self._held += data
        text, _, self._held = self._held.partition(b"\n")
        return Arrival(text + b"\n", time.monotonic())

    def lines(self, count: int) -> list[bytes]:
        """
        Wait for several more lines.
        """
        return [self.line().text for _ in range(count)]

    def silent(self, seconds: float) -> bool:
        """
        Return whether nothing arrives for some seconds.
        """
        self.socket.settimeout(seconds)
        try:
            self._held += self.socket.recv(4096)
        except TimeoutError:
            return not self._held
        return False

    def hears(self) -> bool:
        """
        Wait for data or the server's FIN, and return whether data arrived.
        """
        self.socket.settimeout(DEADLINE)
        self._held += self.socket.recv(4096)
        return bool(self._held)

    def rest(self) -> bytes:
        """
        Return all data up to the server's FIN.

        @raise ConnectionResetError: if the end is a reset.
        """
        self.socket.settimeout(DEADLINE)
        while data := self.socket.recv(4096):
            self._held += data
        return self._held

    def half_close(self) -> None:
        """
        Close the sending half, as C{nc -N} does.
        """
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """
        Disconnect.
        """
        self.socket.close()


def reset_on_close(connection: socket.socket) -> None:
    """
    Let the kernel reset a connection when it is closed (SO_LINGER in socket(7)).
    """
    linger = struct.pack("ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


class Crowd:
    """
    Many clients at once, all read in one loop.

    @ivar arrivals: for each client, its lines, and the time of each arrival by the wall
        clock, in seconds since 1970.
    """

    def __init__(self, port: int) -> None:
        self.arrivals: list[list[Arrival]] = []
        self._address = ("127.0.0.1", port)
        self._selector = selectors.DefaultSelector()
        self._held: dict[int, bytes] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for key in [*self._selector.get_map().values()]:
            cast("socket.socket", key.fileobj).close()
        self._selector.close()

    def connect(self) -> None:
        """
        Connect one more client.
        """
        client = socket.create_connection(self._address, DEADLINE)
        client.setblocking(False)
        self._selector.register(client, selectors.EVENT_READ, len(self.arrivals))
        self._held[len(self.arrivals)] = b""
        self.arrivals.append([])

    def read(self, seconds: float) -> None:
        """
        Read everything that arrives within some seconds.
        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                client = cast("socket.socket", key.fileobj)
                data = client.recv(4096)
                if not data:
                    self.closed(client, key.data)
                    continue
                now = time.time()
                *lines, self._held[key.data] = (self._held[key.data] + data).split(
                    b"\n"
                )
                self.arrivals[key.data] += [Arrival(line, now) for line in lines]

    def read_until(self, condition: Callable[[], bool]) -> None:
        """
        Read everything that arrives until a condition is true.
        """
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < deadline
            self.read(0.05)

    def closed(self, client: socket.socket, number: int) -> None:
        """
        Fail, because the server has closed the connection of a client.
        """
        raise AssertionError("the server closed")


@contextmanager
def unanswered() -> Iterator[int]:
    """
    Listen on a port that answers no client, because its backlog is full.

    @return: a context manager that yields the port.
    """
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as full,
        ExitStack() as queue,
    ):
        # PyPy raises a backlog of 0 to 1.
        with suppress(TimeoutError):
            while True:
                client = socket.create_connection(full.getsockname(), 0.5)
                queue.enter_context(client)
        yield full.getsockname()[1]
