"""
The load: it holds many connections, and times every line that arrives.

It is a process of its own, so that what it costs is not the server's. It reads
for so many seconds, then prints what it saw as one JSON object.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from array import array
from dataclasses import dataclass, field

#: How many clients connect in a second. They come evenly, so that their phases
#: are spread over the second, as those of clients who come when they like.
RATE = 2_500

#: How long to wait for the first line of all clients, in seconds.
PATIENCE = 60

DAY = 86_400

#: Quantiles of a distribution, in per mille.
PER_MILLE = range(0, 1001, 5)


@dataclass
class Client:
    """
    One connection.

    @ivar began: when it began to connect, in nanoseconds, by the steady clock.
    @ivar shown: the second of the day that it was shown last, or -1.
    """

    socket: socket.socket
    began: int
    shown: int = -1
    held: bytes = b""


def second_of_day(line: bytes) -> int:
    """
    Read a line, C{HH:MM:SS}.
    """
    return int(line[0:2]) * 3600 + int(line[3:5]) * 60 + int(line[6:8])


@dataclass
class Load:
    """
    All connections, and what has arrived.

    @ivar first: from connecting to the first line, in milliseconds.
    @ivar ages: how old the second shown was on arrival, in milliseconds.
    @ivar lines: how many lines came while measuring.
    """

    port: int
    poll: select.epoll = field(default_factory=select.epoll)
    clients: dict[int, Client] = field(default_factory=dict)
    first: array[float] = field(default_factory=lambda: array("d"))
    ages: array[float] = field(default_factory=lambda: array("d"))
    lines: int = 0
    repeats: int = 0
    skips: int = 0
    lost: int = 0
    measuring: bool = False

    def connect(self, count: int) -> None:
        """
        Connect so many clients, and wait until each has had its first line.
        """
        start = time.monotonic()
        while len(self.first) < count:
            passed = time.monotonic() - start
            if len(self.clients) < min(count, passed * RATE):
                self.begin()
            self.read(0 if len(self.clients) < count else 0.1)
            if passed > PATIENCE:
                raise SystemExit(f"only {len(self.first)} of {count} clients served")

    def begin(self) -> None:
        """
        Begin one connection.
        """
        connection = socket.socket()
        connection.setblocking(False)
        began = time.monotonic_ns()
        connection.connect_ex(("127.0.0.1", self.port))
        self.clients[connection.fileno()] = Client(connection, began)
        self.poll.register(connection, select.EPOLLIN)

    def read(self, timeout: float) -> None:
        """
        Read whatever has arrived.
        """
        for number, _ in self.poll.poll(timeout):
            client = self.clients[number]
            try:
                data = client.socket.recv(4096)
            except ConnectionError:
                data = b""
            now = time.time_ns()
            if not data:
                self.poll.unregister(number)
                self.lost += 1
                continue
            *lines, client.held = (client.held + data).split(b"\n")
            for line in lines:
                self.note(client, second_of_day(line), now)

    def note(self, client: Client, shown: int, now: int) -> None:
        """
        Note one line.
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
            local = now / 1e9 + time.localtime(now // 10**9).tm_gmtoff
            age = (local - shown + DAY / 2) % DAY - DAY / 2
            self.ages.append(age * 1e3)

    def measure(self, seconds: float) -> None:
        """
        Read for so long.
        """
        self.measuring = True
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.read(left)
        self.measuring = False


def quantiles(values: array[float]) -> list[float]:
    """
    Sum a distribution up.
    """
    ordered = sorted(values)
    last = len(ordered) - 1
    return [ordered[round(last * part / 1000)] for part in PER_MILLE]


def main(port: int, count: int, seconds: int) -> None:
    """
    Connect, settle, measure, and print. A line on standard output, and one on
    standard input, divide the three: the caller looks at the server then.
    """
    load = Load(port)
    load.connect(count)
    settled = time.monotonic() + 2 + (0.5 - time.time()) % 1
    while (left := settled - time.monotonic()) > 0:
        load.read(left)
    print("measuring", flush=True)
    load.measure(seconds)
    print("measured", flush=True)
    result = {
        "lines": load.lines,
        "repeats": load.repeats,
        "skips": load.skips,
        "lost": load.lost,
        "first": quantiles(load.first),
        "ages": quantiles(load.ages),
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
