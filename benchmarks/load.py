"""
The load generator, which holds many connections and records when each line arrives.

It runs in a process of its own, so its CPU time is not counted for the server. When
all clients are served, it prints a line, and reads from standard input when to begin.
It measures for some seconds, then prints the result as one JSON object.

Several load generators can share a load. Each of them connects from a loopback address
of its own.

Over HTTP it reads event streams at the cost of lines. An event ends with an empty line.
Everything before the fields of an event, such as headers or the size of a chunk, is
ignored. This is enough for servers that send each event in a chunk of its own, as all
servers here do. An event that cannot be read ends the load generator.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time
from array import array
from dataclasses import dataclass, field

#: The number of clients that connect in a second, over TCP and over HTTP. They connect
#: evenly, so their phases are spread over the second, as with real clients. A request
#: costs every server more than a connection alone, and some servers cannot accept 2,500
#: a second.
RATE = 2_500
HTTP_RATE = 1_000

#: The most clients of one load generator. Its open files are limited, and so are the
#: ports that the kernel gives to one address.
MAX_CLIENTS = 15_000

#: The number of the socket option in Linux, which Python 3.10 does not name.
IP_BIND_ADDRESS_NO_PORT = 24

#: Seconds to wait for the first lines of all clients.
TIMEOUT = 60

DAY = 86_400

#: Quantiles of a distribution, in per mille.
PER_MILLE = range(0, 1001, 5)


@dataclass
class Client:
    """
    One connection.

    @ivar began: the steady time at which it began to connect, in nanoseconds.
    @ivar shown: the second of the day in its last line; -1 before the first line.
    @ivar number: the C{id} of the last event, over HTTP.
    """

    socket: socket.socket
    began: int
    shown: int = -1
    number: int = 0
    held: bytes = b""


def second_of_day(line: bytes) -> int:
    """
    Read a line, C{HH:MM:SS}.
    """
    return int(line[0:2]) * 3600 + int(line[3:5]) * 60 + int(line[6:8])


@dataclass
class Load:
    """
    All connections, and what was measured.

    @ivar first: times from connecting to the first line, in milliseconds.
    @ivar ages: times from the start of the second shown to the arrival of its line, in
        milliseconds.
    @ivar lines: number of lines that arrived while measuring.
    @ivar gaps: number of events with an C{id} that did not follow that of the last
        event.
    @ivar request: the request that a client sends over HTTP; empty over TCP.
    @ivar end: the bytes that end a line, or an event.
    @ivar offset: seconds by which local time is ahead of UTC.
    @ivar number: the number of this load generator, from 0.
    @ivar generators: the number of all load generators.
    """

    port: int
    path: str = ""
    number: int = 0
    generators: int = 1
    poll: select.epoll = field(default_factory=select.epoll)
    clients: dict[int, Client] = field(default_factory=dict)
    first: array[float] = field(default_factory=lambda: array("d"))
    ages: array[float] = field(default_factory=lambda: array("d"))
    lines: int = 0
    repeats: int = 0
    skips: int = 0
    lost: int = 0
    gaps: int = 0
    measuring: bool = False

    def __post_init__(self) -> None:
        """
        Choose between lines and events.
        """
        request = (
            f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            "Accept: text/event-stream\r\n\r\n"
        )
        self.request = request.encode() if self.path else b""
        self.end = b"\n\n" if self.path else b"\n"
        self.rate = (HTTP_RATE if self.path else RATE) / self.generators
        self.offset = time.localtime().tm_gmtoff

    def connect(self, count: int) -> None:
        """
        Connect some clients, and wait until each has received its first line.
        """
        start = time.monotonic()
        while len(self.first) < count:
            passed = time.monotonic() - start
            while len(self.clients) < min(count, passed * self.rate):
                self.begin()
            self.read(1 / self.rate if len(self.clients) < count else 0.1)
            if passed > TIMEOUT:
                raise SystemExit(f"only {len(self.first)} of {count} clients served")

    def begin(self) -> None:
        """
        Begin one connection.
        """
        connection = socket.socket()
        connection.setblocking(False)
        # The kernel chooses the port when it knows the server's address.
        connection.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        connection.bind((f"127.0.0.{1 + self.number}", 0))
        began = time.monotonic_ns()
        connection.connect_ex(("127.0.0.1", self.port))
        self.clients[connection.fileno()] = Client(connection, began)
        ready = select.EPOLLOUT if self.request else select.EPOLLIN
        self.poll.register(connection, ready)

    def read(self, timeout: float) -> None:
        """
        Read everything that has arrived.
        """
        for number, ready in self.poll.poll(timeout):
            client = self.clients[number]
            if ready == select.EPOLLOUT:
                client.socket.send(self.request)
                self.poll.modify(number, select.EPOLLIN)
                continue
            try:
                data = client.socket.recv(4096)
            except ConnectionError:
                data = b""
            now = time.time_ns()
            if not data:
                self.poll.unregister(number)
                self.lost += 1
                continue
            *lines, client.held = (client.held + data).split(self.end)
            for line in lines:
                self.parse(client, line, now)

    def parse(self, client: Client, line: bytes, now: int) -> None:
        """
        Read one line, or one event; an event without data is a comment.
        """
        if self.request:
            before, data, line = line.partition(b"\ndata: ")
            if not data:
                return
            number = int(before[before.rindex(b"id: ") + 4 :])
            if client.shown >= 0 and number != client.number + 1:
                self.gaps += 1
            client.number = number
        self.note(client, second_of_day(line), now)

    def note(self, client: Client, shown: int, now: int) -> None:
        """
        Record one line.
        """
        if client.shown < 0:
            self.first.append((time.monotonic_ns() - client.began) / 1e6)
        else:
            step = (shown - client.shown) % DAY
            if step == 0:
                self.repeats += 1
            elif step > 1:
                self.skips += step - 1
        client.shown = shown
        if self.measuring:
            self.lines += 1
            age = (now / 1e9 + self.offset - shown + DAY / 2) % DAY - DAY / 2
            self.ages.append(age * 1e3)

    def wait(self) -> float:
        """
        Read lines until standard input says when to begin.

        @return: the monotonic time, in seconds.
        """
        while not select.select([sys.stdin], [], [], 0)[0]:
            self.read(0.1)
        return float(sys.stdin.readline())

    def read_until(self, end: float) -> None:
        """
        Read lines until a monotonic time, in seconds.
        """
        while (left := end - time.monotonic()) > 0:
            self.read(left)


def quantiles(values: list[float]) -> list[float]:
    """
    Return the quantiles of a distribution.
    """
    ordered = sorted(values)
    last = len(ordered) - 1
    return [ordered[round(last * part / 1000)] for part in PER_MILLE]


def main(
    port: int, count: int, seconds: int, number: int, generators: int, path: str
) -> None:
    """
    Connect, wait, measure, and print the result. A line on standard output tells the
    caller when all clients are served, and when the measurement starts and ends.

    The process is bound to one CPU, so that the server can use the others.
    """
    os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])
    load = Load(port, path, number, generators)
    load.connect(count)
    print("connected", flush=True)
    begin = load.wait()
    load.read_until(begin)
    print("measuring", flush=True)
    load.measuring = True
    load.read_until(begin + seconds)
    load.measuring = False
    print("measured", flush=True)
    result = {
        "lines": load.lines,
        "repeats": load.repeats,
        "skips": load.skips,
        "lost": load.lost,
        "gaps": load.gaps,
        "first": [round(each, 3) for each in load.first],
        "ages": [round(each, 3) for each in load.ages],
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:6]), *sys.argv[6:7])
