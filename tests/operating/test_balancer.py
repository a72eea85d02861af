"""
Three clocks behind HAProxy, with the configuration and the commands that
C{docs/operating/balancer.rst} shows.
"""

from __future__ import annotations

import csv
import json
import re
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.harness.clients import Client, Crowd
from tests.harness.network import Link
from tests.harness.processes import Program, Server, command, free_ports
from tests.harness.requirements import need
from tests.harness.times import DEADLINE, UNIT, steps, wait_until
from tests.harness.web import head, need_websockets

ROOT = Path(__file__).parents[2]

PAGE = (ROOT / "docs" / "operating" / "balancer.rst").read_text("utf-8")

#: The ports in the page and in the configuration: those of HAProxy, those of the clocks
#: for TCP and for HTTP, and those for health checks.
PORTS = re.compile(r"\b80(?:[089][0-3])\b")

CLOCKS = ("clock1", "clock2", "clock3")

#: Clients that read while a clock is taken out: 334 of each clock.
READERS = 1002

#: A client with this address is not HAProxy.
SOURCE = "127.0.0.2"


class State(NamedTuple):
    """
    What HAProxy reports about a clock: its status, and the number of its streams.
    """

    status: str
    streams: int


class Balancer:
    """
    Three clocks and HAProxy, on free ports, in a folder of their own.
    """

    def __init__(
        self,
        folder: Path,
        stack: ExitStack,
        prefix: Sequence[str] = (),
        changes: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.clocks: dict[str, Server] = {}
        self._folder = folder
        self._stack = stack
        self._prefix = prefix
        configuration = (ROOT / "deploy" / "haproxy.cfg").read_text("utf-8")
        for documented, used in changes:
            assert documented in configuration
            configuration = configuration.replace(documented, used)
        ports = sorted({*PORTS.findall(configuration)})
        free = map(str, free_ports(len(ports)))
        self._ports = dict(zip(ports, free, strict=True))
        (folder / "deploy").mkdir()
        (folder / "deploy" / "haproxy.cfg").write_text(
            self._translate(configuration), "utf-8"
        )
        for name in CLOCKS:
            self.start(name)
        program, *arguments = shlex.split(self.find("haproxy -f"))
        self._haproxy = stack.enter_context(
            Program([*prefix, need(program), *arguments], cwd=folder)
        )
        wait_until(self._is_ready)
        for name in CLOCKS:
            self.wait_for(name, "UP")

    def port(self, documented: int) -> int:
        """
        Return the real port for one in the page.
        """
        return int(self._ports[str(documented)])

    def find(self, start: str) -> str:
        """
        Find the command in the page with this beginning, and insert the real ports.
        """
        (found,) = re.findall(rf"^    ({re.escape(start)}.*)", PAGE, re.M)
        return self._translate(found)

    def run(self, start: str) -> None:
        """
        Run a command of the page in a shell.
        """
        subprocess.run(
            ["sh", "-c", self.find(start)],
            cwd=self._folder,
            check=True,
            timeout=DEADLINE,
        )

    def start(self, name: str) -> None:
        """
        Start a clock with the command of the page, and let it log its clients.
        """
        words = shlex.split(self.find(f"twistd -n --pidfile={name}.pid"))
        end = words.index("clock")
        server = Server(
            "--verbose",
            tool=words[:end],
            listen=words[end + 1 :],
            cwd=self._folder,
            prefix=self._prefix,
        )
        self.clocks[name] = self._stack.enter_context(server)

    def connect(self) -> Client:
        """
        Connect a client over TCP, from an address that is not that of HAProxy.
        """
        address = ("127.0.0.1", self.port(8080))
        connection = socket.create_connection(address, DEADLINE, (SOURCE, 0))
        return self._stack.enter_context(Client(connection))

    def connect_each(self) -> dict[str, Client]:
        """
        Connect a client to each clock, one after the other.
        """
        clients: dict[str, Client] = {}
        for _ in CLOCKS:
            client = self.connect()
            client.line()
            clients[self.served_by(client.socket)] = client
        assert clients.keys() == {*CLOCKS}
        return clients

    def served_by(self, client: socket.socket) -> str:
        """
        Wait until a clock logs that it serves a client, by the address of the client.
        """
        peer = re.escape(":".join(map(str, client.getsockname())))
        found: list[str] = []

        def is_logged() -> bool:
            for name, clock in self.clocks.items():
                if clock.look(f"{peer} connected to "):
                    found.append(name)
            return bool(found)

        wait_until(is_logged)
        return found[0]

    def states(self, backend: str) -> dict[str, State]:
        """
        Ask HAProxy for the states of the clocks.
        """
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self._folder / "haproxy.sock"))
            admin.sendall(b"show stat\n")
            with admin.makefile() as answer:
                rows = [*csv.DictReader(answer)]
        return {
            row["svname"]: State(row["status"], int(row["scur"]))
            for row in rows
            if row["# pxname"] == backend and row["svname"] in CLOCKS
        }

    def serves(self, backend: str, count: int) -> bool:
        """
        Return whether the clocks serve this number of streams.
        """
        return sum(each.streams for each in self.states(backend).values()) == count

    def wait_for(self, name: str, status: str) -> None:
        """
        Wait until a clock has a status, for TCP and for HTTP.
        """
        wait_until(
            lambda: all(
                self.states(backend)[name].status.startswith(status)
                for backend in ("lines", "web")
            )
        )

    def _is_ready(self) -> bool:
        assert self._haproxy.process.poll() is None, self._haproxy.errors()
        try:
            return len(self.states("web")) == len(CLOCKS)
        except (FileNotFoundError, ConnectionRefusedError):
            return False

    def _translate(self, text: str) -> str:
        return PORTS.sub(lambda port: self._ports[port[0]], text)


@pytest.fixture
def balancer(tmp_path: Path) -> Iterator[Balancer]:
    """
    The clocks and HAProxy, until the end of the test.
    """
    need("haproxy")
    with ExitStack() as stack:
        yield Balancer(tmp_path, stack)


class Move(NamedTuple):
    """
    A client that was disconnected, and connected again.

    @ivar before: the number of its connection that ended.
    @ivar after: the number of its next connection.
    @ivar at: when the first one ended, in seconds since 1970.
    """

    before: int
    after: int
    at: float


class Readers(Crowd):
    """
    Clients that connect again at once when they are disconnected after a whole line.
    Each connection has a number of its own.
    """

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.moves: list[Move] = []

    def read_until(self, condition: Callable[[], bool]) -> None:
        """
        Read until a condition is true.
        """
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < deadline
            self.read(0.1)

    def closed(self, client: socket.socket, number: int) -> None:
        """
        Connect again.
        """
        assert self._held[number] == b""
        now = time.time()
        self._selector.unregister(client)
        client.close()
        self.moves.append(Move(number, len(self.arrivals), now))
        self.connect()


def test_addresses(balancer: Balancer) -> None:
    """
    The clocks learn the addresses of their clients, over TCP and over HTTP, from the
    PROXY protocol. They do not read X-Forwarded-For, which a client can forge.
    """
    client = balancer.connect()
    client.line()
    balancer.served_by(client.socket)
    address = ("127.0.0.1", balancer.port(8000))
    web = socket.create_connection(address, DEADLINE, (SOURCE, 0))
    with Client(web) as client:
        web.sendall(head("/lines", extra="X-Forwarded-For: 192.0.2.1\r\n"))
        assert b" 200 " in client.line().text
        balancer.served_by(web)


def test_drain(balancer: Balancer) -> None:
    """
    A clock is taken out under many readers. Each connection gets each second once, no
    second is lost between two connections, and no attempt to connect fails. Then the
    clock is put back.
    """
    need("socat")
    need_websockets()
    words = shlex.split(balancer.find("clock-check").replace("--for 20", "--for 600"))
    tcp, web = (f"localhost:{balancer.port(port)}" for port in (8080, 8000))
    words += [f"T{number}={tcp}" for number in range(3)]
    words += [f"Lines{number}=http://{web}/lines" for number in range(3)]
    words += [f"Socket{number}=ws://{web}/socket" for number in range(3)]
    with Readers(balancer.port(8080)) as readers:
        for _ in range(READERS):
            readers.connect()
        with Program([command(words[0]), "--json", *words[1:]]) as check:
            for backend, count in (("lines", READERS + 6), ("web", 9)):
                readers.read_until(partial(balancer.serves, backend, count))
            readers.read(2.5)
            balancer.run("echo 'set server lines/clock1 state drain'")
            drained = [balancer.states(each)["clock1"] for each in ("lines", "web")]
            assert {each.status for each in drained} == {"DRAIN"}
            for _ in range(3):
                readers.connect()
            readers.read(0.5)
            assert balancer.states("lines")["clock1"] == drained[0]
            assert not readers.moves
            balancer.run("kill $(cat clock1.pid)")
            readers.read(2.5)
            assert balancer.clocks["clock1"].end() == -signal.SIGTERM
            check.interrupt(signal.SIGINT)
            report = json.loads(b"".join(check.rest()))
        balancer.start("clock1")
        balancer.run("echo 'set server lines/clock1 state ready'")
        balancer.wait_for("clock1", "UP")
        assert balancer.served_by(balancer.connect().socket) == "clock1"
        for connection in readers.arrivals:
            assert {*steps(each.text for each in connection)} <= {1}
    for move in readers.moves:
        last, first = readers.arrivals[move.before][-1], readers.arrivals[move.after][0]
        # Both connections may show the second in which the client moved.
        assert steps([last.text, first.text])[0] in (0, 1)
        assert first.at - move.at < UNIT
    # Over TCP, and over HTTP.
    moved = [len(readers.moves), 0]
    for clock in report["streams"]:
        faults = ("repeats", "skips", "lost", "unreadable", "failures")
        assert not any(clock[fault] for fault in faults), clock
        assert clock["gaps"]["max"] < 2, clock
        if clock["disconnects"]:
            overHTTP = clock["name"][0] not in "ABCT"
            end = "complete" if overHTTP else "closed by the server"
            if clock["name"].startswith("Socket"):
                end = "closed with 1001 (going away)"
            assert clock["trouble"] == [f"disconnected once ({end})"]
            assert clock["outage"] < UNIT
            moved[overHTTP] += 1
    assert moved == [each.streams for each in drained]
    assert moved[0] > len(readers.moves) > READERS / 4
    assert moved[1]


def test_killed(balancer: Balancer) -> None:
    """
    If a clock is killed, its clients are disconnected, and HAProxy sends them to the
    other clocks before a health check has failed.
    """
    client = balancer.connect_each()["clock1"]
    balancer.clocks["clock1"].interrupt(signal.SIGKILL)
    client.rest()
    # The kernel may close the listening socket last.
    balancer.clocks["clock1"].end()
    begun = time.monotonic()
    for _ in range(6):
        balancer.connect().line()
    assert time.monotonic() - begun < UNIT
    balancer.wait_for("clock1", "DOWN")
    balancer.start("clock1")
    balancer.wait_for("clock1", "UP")


def test_hung(balancer: Balancer) -> None:
    """
    If a clock hangs, health checks notice it. HAProxy ends its streams, so that the
    clients connect elsewhere. When the clock continues, it gets clients again.
    """
    client = balancer.connect_each()["clock2"]
    clock = balancer.clocks["clock2"]
    clock.interrupt(signal.SIGSTOP)
    begun = time.monotonic()
    client.rest()
    # Sooner than timeout server would end it.
    assert time.monotonic() - begun < 9
    balancer.wait_for("clock2", "DOWN")
    balancer.connect().line()
    clock.interrupt(signal.SIGCONT)
    balancer.wait_for("clock2", "UP")


def test_vanished(tmp_path: Path) -> None:
    """
    A client that vanishes is disconnected after the time of C{tcp-ut}.
    """
    need("haproxy")
    changes = [("bind 127.0.0.1", "bind 0.0.0.0"), ("tcp-ut 30s", "tcp-ut 2s")]
    with Link() as link, ExitStack() as stack:
        balancer = Balancer(tmp_path, stack, link.on("server"), changes)
        client = stack.enter_context(link.client(balancer.port(8080)))
        client.lines(2)
        assert balancer.serves("lines", 1)
        link.cut()
        wait_until(lambda: balancer.serves("lines", 0))
