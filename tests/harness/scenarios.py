"""
Faults, and their effect on the server.

A scenario is a function. It asserts what is true at any size, and returns its result in
one phrase. C{tests/server/test_faults.py} calls it with the defaults of its parameters,
and C{python -m benchmarks.faults} with the full size, which C{@scenario} sets. Each
scenario has a row in the table of C{docs/reliability.rst}.
"""

from __future__ import annotations

import random
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from clock.plugin.openfiles import RESERVED_FILES
from tests.harness.clients import Client, Crowd, reset_on_close
from tests.harness.network import Link
from tests.harness.processes import Server
from tests.harness.times import DEADLINE, LATE, LINE, UNIT, age, steps, wait_until
from tests.harness.web import WebSocket, head, need_websockets


@dataclass(frozen=True)
class Scenario:
    """
    One fault, at any size.

    @ivar run: the scenario, which returns its result.
    @ivar full: the arguments of C{run} at full size.
    """

    run: Callable[..., str]
    full: dict[str, int]

    @property
    def title(self) -> str:
        """
        Describe the fault at full size.
        """
        return " ".join((self.run.__doc__ or "").format(**self.full).split())


#: All scenarios, by name.
SCENARIOS: dict[str, Scenario] = {}


def scenario(**full: int) -> Callable[[Callable[..., str]], Callable[..., str]]:
    """
    Add a function to the scenarios.

    @param full: its arguments at full size, which its docstring may name.
    """

    def add(run: Callable[..., str]) -> Callable[..., str]:
        SCENARIOS[run.__name__] = Scenario(run, full)
        return run

    return add


def connect(server: Server, count: int) -> list[Client]:
    """
    Connect some clients.
    """
    return [server.connect() for _ in range(count)]


def reset(client: Client) -> None:
    """
    Disconnect with RST.
    """
    reset_on_close(client.socket)
    client.close()


def lateness(crowd: Crowd) -> float:
    """
    Assert that each client received each second once, and on time.

    @return: the greatest age of a line after the first, in milliseconds.
    """
    worst = 0.0
    for arrivals in crowd.arrivals:
        assert set(steps(arrival.text for arrival in arrivals)) == {1}
        worst = max(worst, *(age(each.text, each.at) for each in arrivals[1:]))
    assert worst < LATE, f"{1e3 * worst:.0f} ms late"
    return worst * 1e3


@scenario(timeout=10)
def active_vanishes(timeout: int = 3) -> str:
    """
    The active client's host vanishes, sequential mode, --stall-timeout {timeout}
    """
    with (
        Link() as link,
        link.server("-s", "-v", f"--stall-timeout={timeout}") as server,
        link.client(server.port) as active,
    ):
        active.lines(2)
        with link.client(server.port, "server") as following:
            server.find("1 active, 1 waiting")
            link.cut()
            vanished = time.monotonic()
            served = following.line(timeout + 3 * UNIT).at
    return f"the next client is served after {served - vanished:.1f} s"


@scenario(timeout=10)
def waiting_vanishes(timeout: int = 3) -> str:
    """
    A waiting client's host vanishes, --stall-timeout {timeout}
    """
    with (
        Link() as link,
        link.server("-s", "-v", f"--stall-timeout={timeout}") as server,
        link.client(server.port, "server") as active,
    ):
        active.line()
        with link.client(server.port), link.client(server.port, "server") as last:
            server.find("1 active, 2 waiting")
            link.cut()
            vanished = time.monotonic()
            left = rf"{link.addresses['client']}:\d+ disconnected from .* 0 lines"
            # Keepalive probes three times, every 5 s at most, after 10 s at most.
            server.find(left, 4 * timeout + 3 * UNIT)
            out = time.monotonic()
            active.process.kill()
            killed = time.monotonic()
            turn = last.line(0.5 * UNIT).at - killed
    return (
        f"removed from the queue after {out - vanished:.1f} s; "
        f"the client behind it is served {1e3 * turn:.0f} ms after the active one"
    )


@scenario(seconds=6)
def loss_heals(seconds: int = 3) -> str:
    """
    {seconds} s of total packet loss, then none
    """
    with (
        Link() as link,
        link.server("--stall-timeout=20") as server,
        link.client(server.port) as client,
    ):
        lines = client.lines(2)
        link.cut()
        assert client.silent(seconds)
        link.heal()
        lines += client.lines(seconds + 3)
    assert set(steps(lines)) == {1}
    return "the connection stays open; no second is skipped or repeated"


@scenario(seconds=10)
def flood(seconds: int = 4) -> str:
    """
    10 clients send as fast as they can
    """
    with Server() as server, Crowd(server.port) as crowd:
        flooders = connect(server, 10)
        for flooder in flooders:
            flooder.socket.setblocking(False)
            crowd.connect()
        crowd.read(0.5)
        before, end = server.cpu(), time.monotonic() + seconds
        while time.monotonic() < end:
            for flooder in flooders:
                try:
                    flooder.socket.send(b"x" * 65536)
                except BlockingIOError:
                    continue
            crowd.read(0.001)
        used = (server.cpu() - before) / seconds
    # The goal is 2 %. A test can distinguish 10 % from noise.
    assert used < 0.1 * UNIT
    return f"{100 * used:.1f} % CPU; the others at most {lateness(crowd):.0f} ms late"


@scenario(clients=100)
def half_closed(clients: int = 10) -> str:
    """
    {clients} clients, half of them half-closed, then closed
    """
    with Server("-v", "--interval=0.5") as server:
        crowd = connect(server, clients)
        for client in crowd[::2]:
            client.half_close()
        for client in crowd:
            client.lines(3)
        for client in crowd:
            client.close()
        closed = time.monotonic()
        for _ in crowd:
            server.find(" disconnected from .* lines")
        ticks = (time.monotonic() - closed) / 0.5
    assert ticks < 2 + 0.4 * UNIT
    return f"all served; the last close is noticed after {ticks:.1f} ticks"


@scenario(times=50)
def reset_noticed(times: int = 5) -> str:
    """
    A client that is not half-closed, and has sent nothing, is reset
    """
    worst = 0.0
    with Server("-v", "--interval=60") as server:
        for _ in range(times):
            client = server.connect()
            client.line()
            server.find("1 active")
            reset(client)
            closed = time.monotonic()
            server.find(" disconnected from .* lines")
            worst = max(worst, time.monotonic() - closed)
    assert worst < 0.05 * UNIT
    return f"noticed within {1e3 * worst:.1f} ms, {times} times"


@scenario(readers=20, timeout=10)
def stuck(readers: int = 2, timeout: int = 2) -> str:
    """
    {readers} clients stop reading, with lines of 60 KB, --stall-timeout {timeout}
    """
    options = ["--format", "x" * 60_000, "--interval=0.02"]
    with Server("-v", f"--stall-timeout={timeout}", *options) as server:
        other = server.connect()
        other.lines(10)
        before = most = server.memory()
        start = time.monotonic()
        for reader in connect(server, readers):
            reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        gone = 0
        while gone < readers:
            other.line()
            most = max(most, server.memory())
            gone += server.look(" disconnected from .* lines") is not None
            assert time.monotonic() - start < timeout + DEADLINE
        took = time.monotonic() - start
        other.line()
    # A backlog would grow by 3 MB a second for each.
    assert most - before < 1_000_000 + readers * 2 * 60_001
    held = (most - before) / readers / 60_001
    return f"disconnected after {took:.0f} s; {held:.1f} of a line buffered for each"


@scenario(seconds=10)
def resets(seconds: int = 3) -> str:
    """
    Resets, as many as possible, for {seconds} s
    """
    with Server() as server, Crowd(server.port) as crowd:
        for _ in range(10):
            crowd.connect()
        crowd.read_until(lambda: all(crowd.arrivals))
        before, end = server.descriptors(), time.monotonic() + seconds

        def connect_and_reset() -> int:
            count = 0
            while time.monotonic() < end:
                address = ("127.0.0.1", server.port)
                reset(Client(socket.create_connection(address, DEADLINE)))
                count += 1
            return count

        # In threads, because connecting takes a second if the backlog is full.
        with ThreadPoolExecutor(4) as pool:
            storms = [pool.submit(connect_and_reset) for _ in range(4)]
            crowd.read(seconds)
        count = sum(storm.result() for storm in storms)
        assert count > 100
        crowd.read_until(lambda: server.descriptors() == before)
    return (
        f"{count / seconds:,.0f} a second; the others at most {lateness(crowd):.0f} ms "
        "late; no descriptor leaked"
    )


@scenario(clients=400, files=256, seconds=5)
def too_many(clients: int = 150, files: int = 200, seconds: int = 1) -> str:
    """
    {clients} clients on a server with {files} descriptors
    """
    prefix = ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh"]
    with Server(prefix=prefix) as server:
        crowd = connect(server, clients)
        served = [client for client in crowd if client.hears()]
        assert len(served) == files - RESERVED_FILES
        before = server.cpu()
        for client in crowd:
            if client not in served:
                assert client.rest() == b""
        served[0].lines(1 + seconds)
        used = (server.cpu() - before) / seconds
        assert used < 0.3 * UNIT
        for client in served[1:]:
            client.close()
        freed = time.monotonic()
        again = server.connect().line(2.5 * UNIT).at - freed
        server.interrupt()
        log = [*server.rest()]
    assert sum(b"connections refused" in line for line in log) == 2
    assert len(log) < 20
    return (
        f"{len(served)} served, {clients - len(served)} refused with FIN; "
        f"{100 * used:.1f} % CPU; serves again after {1e3 * again:.0f} ms; "
        f"{len(log)} lines of log in total"
    )


@scenario(clients=250_000, stay=2_000)
def churn(clients: int = 5_000, stay: int = 20) -> str:
    """
    {clients:,} clients connect and disconnect, by FIN or RST, some half-closed first;
    {stay:,} at a time, with a limit of 30 more
    """
    chance = random.Random(1)
    crowd: list[Client] = []
    sizes = []
    with Server("--max-clients", str(stay + 30)) as server:
        for number in range(clients):
            client = server.connect()
            client.line()
            if number % 3 == 0:
                client.half_close()
            crowd.append(client)
            if len(crowd) > stay:
                index = chance.randrange(stay)
                crowd[index], crowd[-1] = crowd[-1], crowd[index]
                leaving = crowd.pop()
                if number % 3 == 1:
                    reset(leaving)
                leaving.close()
            if (number + 1) % (clients // 5) == 0:
                sizes.append(server.memory())
        server.interrupt()
        log = [*server.rest()]
    assert not [line for line in log if b"connections refused" in line]
    # A leak would be 1 KB for each client.
    assert max(sizes) - sizes[0] < 2_000_000
    each = ", ".join(f"{size / 1e6:.1f}" for size in sizes)
    size = sum(map(len, log))
    return f"none refused; {each} MB after each fifth; {size} bytes of log"


@scenario(waiting=3_000)
def queue(waiting: int = 150) -> str:
    """
    {waiting:,} clients wait, two of three disconnect, then each gets its turn
    """
    with Server("-s", "--interval=60") as server:
        active = server.connect()
        active.line()
        before = server.descriptors()
        crowd = connect(server, waiting)
        wait_until(lambda: server.descriptors() == before + waiting)
        gone = waiting * 2 // 3
        for client in crowd[:gone]:
            client.close()
        # The server disconnects them like half-closed clients: others wait behind them.
        wait_until(lambda: server.descriptors() == before + waiting - gone)
        turns = []
        for leaving, following in pairwise([active, *crowd[gone:]]):
            start = time.monotonic()
            leaving.close()
            turns.append(following.line().at - start)
    assert max(turns) < 0.05 * UNIT
    mean = 1e3 * sum(turns) / len(turns)
    return f"{mean:.2f} ms a turn, {1e3 * max(turns):.1f} ms at most"


def sigterm(server: Server, crowd: list[Client]) -> tuple[float, list[bytes]]:
    """
    End a server, and assert that it ends in time, by the signal, and with FIN for all.

    @return: the seconds that this took, and the data that each client received.
    """
    server.interrupt()
    start = time.monotonic()
    # Like any twistd, it ends with the signal that it has received.
    assert server.end() == -signal.SIGTERM
    took = time.monotonic() - start
    assert took < 1 * UNIT
    assert server.errors() == ""
    assert b"The clock has stopped" in b"".join(server.rest())
    return took, [client.rest() for client in crowd]


@scenario(clients=5_000)
def sigterm_concurrent(clients: int = 400) -> str:
    """
    SIGTERM with {clients:,} clients, every second one half-closed
    """
    with Server() as server:
        crowd = connect(server, clients)
        for client in crowd:
            client.line()
        for client in crowd[::2]:
            client.half_close()
        for client in crowd[1::4]:
            client.socket.sendall(b"x")
        took, received = sigterm(server, crowd)
    for data in received:
        assert all(LINE.fullmatch(line) for line in data.splitlines(True))
    return f"ended after {took:.2f} s; FIN for all; no line cut"


@scenario(waiting=4_999)
def sigterm_sequential(waiting: int = 399) -> str:
    """
    SIGTERM with {waiting:,} waiting clients
    """
    with Server("-s") as server:
        active = server.connect()
        active.line()
        before = server.descriptors()
        crowd = connect(server, waiting)
        wait_until(lambda: server.descriptors() == before + waiting)
        took, (served, *waited) = sigterm(server, [active, *crowd])
    assert all(LINE.fullmatch(line) for line in served.splitlines(True))
    assert waited == [b""] * waiting
    return f"ended after {took:.2f} s; FIN for all; nothing sent to waiting clients"


@scenario(clients=1_000, times=5)
def rotation(clients: int = 10, times: int = 2) -> str:
    """
    The log is rotated {times} times under {clients:,} clients
    """
    tool = ["twistd", "-n", "--pidfile=", "--logfile=clock.log"]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "clock.log")
        with Server(tool=tool, cwd=log.parent, logs=False) as server:
            wait_until(lambda: log.exists() and "Serving" in log.read_text("utf-8"))
            server.port = int(log.read_text("utf-8").rpartition(":")[2])
            with Crowd(server.port) as crowd:
                for _ in range(clients):
                    crowd.connect()
                for _ in range(times):
                    crowd.read(1.1)
                    server.interrupt(signal.SIGUSR1)
                crowd.read(1.1)
        assert len([*log.parent.glob("clock.log*")]) == times + 1
    lateness(crowd)
    return "no second is skipped"


#: What a server's memory may grow by in any case, in bytes: Python keeps what it has
#: used once. Without limits the attacks would take hundreds of megabytes.
SLACK = 5_000_000


@dataclass
class WebAttack:
    """
    Clients that attack a server over HTTP, next to ten TCP clients.

    @ivar clients: the connections of the attack.
    @ivar growth: the most that the server's memory has grown, in bytes.
    @ivar cpu: the CPU time that the server has taken, in seconds.
    @ivar late: how late the TCP clients got a line at worst, in milliseconds.
    """

    server: Server
    clients: list[Client]
    growth: int = 0
    cpu: float = 0
    late: float = 0

    @property
    def seen(self) -> str:
        """
        Say what was seen, in words.
        """
        each = self.growth / len(self.clients) / 1e3
        return f"{each:.1f} KB for each; the others at most {self.late:.0f} ms late"

    def send(self, data: bytes, seconds: float = DEADLINE, pause: float = 0) -> float:
        """
        Let all clients send the same bytes, over and over, until the server has ended
        their connections, or for so many seconds.

        @param pause: how long to wait between two rounds, in seconds.

        @return: the seconds that the last connection took to end.
        """
        begun = time.monotonic()
        left = {client: b"" for client in self.clients}
        for client in left:
            client.socket.setblocking(False)
        while left and time.monotonic() - begun < seconds:
            for client in [*left]:
                unsent = left[client] or data
                try:
                    left[client] = unsent[client.socket.send(unsent) :]
                except BlockingIOError:
                    continue
                except OSError:
                    # A half-closed connection takes data until it is reset.
                    del left[client]
            time.sleep(pause)
        return time.monotonic() - begun


@contextmanager
def web_attack(clients: int, *options: str) -> Iterator[WebAttack]:
    """
    Serve ten TCP clients, and connect others over HTTP. Assert that the TCP clients are
    not late, and that nothing is left of the others.
    """
    with Server("--web=0", *options) as server, Crowd(server.port) as crowd:
        for _ in range(10):
            crowd.connect()
        crowd.read(1)
        done = False
        attack = WebAttack(server, [])
        files, memory, cpu = server.descriptors(), server.memory(), server.cpu()

        def watch() -> None:
            while not done:
                crowd.read(0.05)
                attack.growth = max(attack.growth, server.memory() - memory)

        with ThreadPoolExecutor(1) as pool:
            watching = pool.submit(watch)
            try:
                attack.clients = [
                    server.connect(server.web_port) for _ in range(clients)
                ]
                wait_until(lambda: server.descriptors() == files + clients)
                yield attack
                for client in attack.clients:
                    client.close()
                wait_until(lambda: server.descriptors() == files)
                attack.cpu = server.cpu() - cpu
                time.sleep(1)
            finally:
                done = True
            watching.result()
        attack.late = lateness(crowd)


@scenario(clients=2_000)
def slow_requests(clients: int = 50) -> str:
    """
    {clients:,} HTTP clients send a header byte by byte, and never end it
    """
    with web_attack(clients) as attack:
        for client in attack.clients:
            client.socket.sendall(b"GET / HTTP/1.1\r\nX: ")
        took = attack.send(b"y", pause=0.2)
        # Ten seconds for the request, and half a second to read the refusal.
        assert 10 < took < 11 + 1 * UNIT, took
    assert attack.growth < SLACK + clients * 20_000
    return f"ended after {took:.1f} s; {attack.seen}"


@scenario(clients=50, seconds=10)
def pipelined(clients: int = 10, seconds: int = 3) -> str:
    """
    {clients} HTTP clients send requests as fast as they can, and read no responses
    """
    count = 0
    with web_attack(clients) as attack:
        address = ("127.0.0.1", attack.server.web_port)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for path in ("/", "/status", "/events", "/status/events"):
                attack.send(head(path) * 1000, min(left, 0.5))
                count += clients
                for index, client in enumerate(attack.clients):
                    client.close()
                    connection = socket.create_connection(address, DEADLINE)
                    attack.clients[index] = Client(connection)
    assert attack.growth < SLACK + clients * 100_000
    cpu = f"{100 * attack.cpu / seconds:.0f} % CPU"
    return f"{count / seconds:,.0f} connections a second; {cpu}; {attack.seen}"


def oversized(clients: int, request: bytes, more: bytes) -> str:
    """
    Let HTTP clients send what is too large, as fast as they can.
    """
    with web_attack(clients) as attack:
        for client in attack.clients:
            client.socket.sendall(request)
        took = attack.send(more)
        # Half a second to read the refusal.
        assert took < 1 + 1 * UNIT
    assert attack.growth < SLACK + clients * 100_000
    return f"ended after {took:.1f} s; {attack.cpu:.1f} s CPU; {attack.seen}"


@scenario(clients=50)
def huge_header(clients: int = 5) -> str:
    """
    {clients} HTTP clients send a header without an end, as fast as they can
    """
    return oversized(clients, b"GET / HTTP/1.1\r\nX: ", b"y" * 65536)


@scenario(clients=50)
def huge_body(clients: int = 5) -> str:
    """
    {clients} HTTP clients send a body of 1 GB each, as fast as they can
    """
    length = "Content-Length: 1000000000\r\n"
    return oversized(clients, head("/lines", "POST", extra=length), b"y" * 65536)


@scenario(clients=10_000)
def idle(clients: int = 300) -> str:
    """
    {clients:,} HTTP connections without a request
    """
    with web_attack(clients) as attack:
        begun = time.monotonic()
        for client in attack.clients:
            assert b" 408 " in client.rest()
            client.close()
        took = time.monotonic() - begun
        assert took < 11 + 1 * UNIT
    assert attack.growth < SLACK + clients * 10_000
    return f"the last one ended {took:.1f} s after it had connected; {attack.seen}"


@scenario(readers=50, timeout=10)
def stuck_events(readers: int = 5, timeout: int = 3) -> str:
    """
    {readers} clients stop reading /events, with lines of 60 KB, --stall-timeout
    {timeout}
    """
    options = ["--format", "%H:%M:%S" + "x" * 60_000, f"--stall-timeout={timeout}"]
    with Server("--web=0", "-v", "--interval=0.02", *options) as server:
        other = server.connect()
        other.lines(10)
        before, files, most = server.memory(), server.descriptors(), 0
        start = time.monotonic()
        for reader in [server.connect(server.web_port) for _ in range(readers)]:
            reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.socket.sendall(head("/events"))
        gone = 0
        while gone < readers:
            other.line()
            most = max(most, server.memory() - before)
            gone += server.look(" disconnected from .* lines") is not None
            assert time.monotonic() - start < timeout + DEADLINE
        took = time.monotonic() - start
        other.line()
        wait_until(lambda: server.descriptors() == files)
    # A backlog would grow by 3 MB a second for each.
    assert most < 1_000_000 + readers * 2 * 60_001
    held = most / readers / 60_001
    return f"ended after {took:.0f} s; {held:.1f} of a line held for each"


@scenario(clients=50, seconds=10)
def pings(clients: int = 10, seconds: int = 4) -> str:
    """
    {clients} WebSockets send pings as fast as they can, and read nothing
    """
    need_websockets()
    with web_attack(clients) as attack:
        for client in attack.clients:
            WebSocket(client.socket)
        attack.send(b"\x89\x80\0\0\0\0" * 10_000, seconds)
    assert attack.growth < SLACK + clients * 200_000
    return f"{100 * attack.cpu / seconds:.0f} % CPU; {attack.seen}"
