"""
Clients that connect and disconnect in every way, and the memory and descriptors of the
server meanwhile.

All clients are read in one loop. Each client that disconnects is replaced at once, so
their number is constant until the end.
"""

from __future__ import annotations

import heapq
import random
import re
import select
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import count

from tests.harness.clients import reset_on_close
from tests.harness.processes import Server
from tests.harness.web import get, head

#: The length of a line, in bytes. With it, a client that does not read fills the
#: buffers of both kernels before the stall timeout, so the server pauses it.
LENGTH = 1024

#: The options of the server.
OPTIONS = (
    *("--web", "0", "--tz", "UTC"),
    *("--format", "%H:%M:%S".ljust(LENGTH - 1, ".")),
)

#: A line in any stream. The time in the headers of a response is not followed by a dot.
TIME = re.compile(rb"(\d\d):(\d\d):(\d\d)\.")

#: A closing frame of a WebSocket, without a status (RFC 6455, 5.5.1).
CLOSE = b"\x88\x80\0\0\0\0"

WEBSOCKET = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)

#: What a client sends after it has connected, for each kind of client.
REQUESTS = {
    "TCP": b"",
    "/lines": head("/lines"),
    "/events": head("/events"),
    "/socket": head("/socket", extra=WEBSOCKET),
}

#: The ways to disconnect, with their weights. A client closes; closes its sending half
#: first; resets; does not read, until the server disconnects it; or (over HTTP) does
#: not end its request, until the server disconnects it.
WAYS = {"close": 4, "half-close": 2, "reset": 2, "stuck": 1, "unfinished": 1}

#: Pages that are requested with each sample, as a monitor does.
PAGES = ("/", "/healthz", "/status", "/metrics")

#: Seconds within which the server must disconnect a client that it has to.
TIMEOUT = 75

DAY = 86_400


@dataclass(eq=False)
class Client:
    """
    One client.

    @ivar expected: whether the server has to disconnect this client.
    @ivar shown: the second of the day in its last line; -1 before the first line.
    """

    socket: socket.socket
    kind: str
    way: str
    expected: bool = False
    shown: int = -1
    held: bytes = b""


@dataclass(frozen=True)
class Sample:
    """
    What the server used at one moment.

    @ivar at: seconds since the start.
    @ivar memory: resident memory, in bytes.
    """

    at: float
    memory: int
    descriptors: int
    clients: int


@dataclass
class Soak:
    """
    A server with a constant number of clients, each of which stays for some seconds.

    @ivar clients: number of clients at a time.
    @ivar kinds: kinds of clients.
    @ivar stay: the shortest and the longest stay, in seconds.
    @ivar stalled: seconds after which a client that does not read finds out whether
        the server has disconnected it.
    @ivar interval: seconds between two samples.
    @ivar left: number of clients that have disconnected, by kind and way.
    @ivar faults: number of times that something wrong happened, by its description.
    @ivar lines: number of lines that were read.
    @ivar missed: how often each second of the day was missing in a stream.
    @ivar sent: the seconds of the day that any client got.
    """

    server: Server
    clients: int
    kinds: Sequence[str] = tuple(REQUESTS)
    stay: tuple[float, float] = (5, 55)
    stalled: float = 60
    interval: float = 10
    random: random.Random = field(default_factory=lambda: random.Random(1))
    left: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    lines: int = 0
    samples: list[Sample] = field(default_factory=list)
    missed: Counter[int] = field(default_factory=Counter)
    sent: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._poll = select.epoll()
        self._connected: dict[int, Client] = {}
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._start = time.monotonic()
        self._end = 0.0
        self._ports = dict.fromkeys(REQUESTS, self.server.web_port)
        self._ports["TCP"] = self.server.port

    def run(self, seconds: float, seen: Callable[[Sample], None] = print) -> None:
        """
        Connect and disconnect clients for some seconds, then disconnect all of them.

        @param seen: called with each sample.
        """
        self._start = time.monotonic()
        self._end = self._start + seconds
        for index in range(self.clients):
            self._later(self.stay[1] * index / self.clients, self._connect)
        due = self._start
        while time.monotonic() < self._end or self._connected:
            self._read()
            if time.monotonic() >= due:
                due += self.interval
                self.samples.append(self.sample())
                seen(self.samples[-1])
        self._poll.close()

    def idle(self) -> int:
        """
        Count the descriptors of the server while it has no clients.

        It has finished its start when it responds. The connection of the response may
        be open a little longer, so the least of some counts is taken.
        """
        get(self.server.web_port, "/healthz")
        counts = []
        for _ in range(10):
            counts.append(self.server.descriptors())
            time.sleep(0.05)
        return min(counts)

    def sample(self) -> Sample:
        """
        Request the pages, and measure the server.
        """
        for path in PAGES:
            try:
                get(self.server.web_port, path)
            except (AssertionError, OSError, HTTPException) as why:
                self.faults[f"{path}: {why!r}"] += 1
        return Sample(
            time.monotonic() - self._start,
            self.server.memory(),
            self.server.descriptors(),
            len(self._connected),
        )

    def skipped(self) -> int:
        """
        Return how many lines were missing in a stream although other clients got them.
        """
        return sum(n for second, n in self.missed.items() if second in self.sent)

    def _later(self, delay: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._due, (time.monotonic() + delay, next(self._order), call))

    def _read(self) -> None:
        while self._due and self._due[0][0] <= time.monotonic():
            heapq.heappop(self._due)[2]()
        left = self._due[0][0] - time.monotonic() if self._due else 0.1
        for number, _ in self._poll.poll(min(max(left, 0), 0.1)):
            self._ready(self._connected[number])

    def _connect(self) -> None:
        """
        Connect a client, until the time is over.
        """
        if time.monotonic() > self._end:
            return
        kind = self.random.choice(self.kinds)
        ways = [way for way in WAYS if kind != "TCP" or way != "unfinished"]
        way = self.random.choices(ways, [WAYS[way] for way in ways])[0]
        connection = socket.socket()
        if way == "stuck":
            # The window is small, and so are the buffers of the server, since segments
            # are small.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        connection.settimeout(TIMEOUT)
        connection.connect(("127.0.0.1", self._ports[kind]))
        request = REQUESTS[kind]
        connection.sendall(request[:-2] if way == "unfinished" else request)
        connection.setblocking(False)
        client = Client(connection, kind, way)
        self._connected[connection.fileno()] = client
        # A mask of 0 still reports a reset.
        self._poll.register(connection, 0 if way == "stuck" else select.EPOLLIN)
        if way in ("stuck", "unfinished"):
            self._expect(client)
            if way == "stuck":
                self._later(self.stalled, lambda: self._probe(client))
        else:
            stay = self.random.uniform(*self.stay)
            self._later(stay, lambda: self._disconnect(client))
            if way == "half-close":
                self._later(stay / 2, lambda: self._half_close(client))

    def _half_close(self, client: Client) -> None:
        """
        Close the sending half. Over HTTP, the server then disconnects.
        """
        if client.socket.fileno() >= 0:
            with suppress(OSError):
                client.socket.shutdown(socket.SHUT_WR)
            if client.kind != "TCP":
                self._expect(client)

    def _probe(self, client: Client) -> None:
        """
        Send a byte. If the server has disconnected this client, the answer is a reset.
        (Before that the client knows nothing: the kernel that gives a connection up
        sends nothing.)
        """
        if client.socket.fileno() >= 0:
            with suppress(ConnectionError):
                client.socket.send(b"x")
            self._later(self.stalled, lambda: self._probe(client))

    def _expect(self, client: Client) -> None:
        """
        Wait for the server to disconnect this client.
        """
        client.expected = True
        self._later(TIMEOUT, lambda: self._overdue(client))

    def _overdue(self, client: Client) -> None:
        if client.socket.fileno() >= 0:
            self.faults[f"{client.kind} {client.way}: not disconnected"] += 1
            self._close(client)

    def _disconnect(self, client: Client) -> None:
        """
        Disconnect a client, unless the server has to.
        """
        if client.socket.fileno() < 0 or client.expected:
            return
        if client.way == "reset":
            reset_on_close(client.socket)
        if client.way == "close" and client.kind == "/socket":
            with suppress(ConnectionError):
                client.socket.send(CLOSE)
            self._expect(client)
        else:
            self._close(client)

    def _close(self, client: Client) -> None:
        """
        Close the socket, and connect the next client.
        """
        if client.shown < 0 and client.way not in ("stuck", "unfinished"):
            self.faults[f"{client.kind} {client.way}: no line"] += 1
        self._poll.unregister(client.socket)
        del self._connected[client.socket.fileno()]
        client.socket.close()
        self.left[client.kind, client.way] += 1
        self._later(0, self._connect)

    def _ready(self, client: Client) -> None:
        data = b""
        if client.way != "stuck":
            with suppress(ConnectionResetError):
                data = client.socket.recv(65536)
        if data:
            self._find_lines(client, data)
            return
        if not client.expected:
            self.faults[f"{client.kind} {client.way}: disconnected"] += 1
        self._close(client)

    def _find_lines(self, client: Client, data: bytes) -> None:
        """
        Find lines, and check that each second comes once.
        """
        client.held += data
        end = 0
        for match in TIME.finditer(client.held):
            end = match.end()
            hours, minutes, seconds = map(int, match.groups())
            second = hours * 3600 + minutes * 60 + seconds
            if client.shown >= 0:
                step = (second - client.shown) % DAY
                if not 0 < step < DAY / 2:
                    self.faults[f"{client.kind} {client.way}: repeated"] += 1
                for missing in range(1, step if step < DAY / 2 else 0):
                    self.missed[(client.shown + missing) % DAY] += 1
            client.shown = second
            self.sent.add(second)
            self.lines += 1
        client.held = client.held[max(end, len(client.held) - 8) :]
