"""
Attacks over HTTP.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from tests.harness.clients import Client, Crowd
from tests.harness.processes import Server
from tests.harness.scenarios.scenario import lateness, scenario
from tests.harness.times import DEADLINE, UNIT, wait_until
from tests.harness.web import WebSocket, head, need_websockets

#: Bytes by which a server's memory may always grow, because Python keeps memory that it
#: has used once. Without limits, the attacks would take hundreds of megabytes.
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
        their connections, or for C{seconds}.

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


def byte_by_byte(clients: int, begun: bytes) -> str:
    """
    Let HTTP clients begin a request, and send the rest of it byte by byte.
    """
    with web_attack(clients) as attack:
        for client in attack.clients:
            client.socket.sendall(begun)
        took = attack.send(b"y", pause=0.2)
        # Ten seconds for the request, and half a second to read the refusal.
        assert 10 < took < 11 + 1 * UNIT, took
    assert attack.growth < SLACK + clients * 20_000
    return f"ended after {took:.1f} s; {attack.seen}"


@scenario(clients=2_000)
def slow_requests(clients: int = 50) -> str:
    """
    {clients:,} HTTP clients send a header byte by byte, and never end it
    """
    return byte_by_byte(clients, b"GET / HTTP/1.1\r\nX: ")


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
    Let HTTP clients send a request that is too large, as fast as they can.
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


@scenario(clients=50)
def small_chunks(clients: int = 5) -> str:
    """
    {clients} HTTP clients post chunks of one byte, as fast as they can
    """
    chunked = "Transfer-Encoding: chunked\r\n"
    return oversized(
        clients, head("/lines", "POST", extra=chunked), b"1\r\nx\r\n" * 10_000
    )


@scenario(clients=2_000)
def slow_bodies(clients: int = 50) -> str:
    """
    {clients:,} HTTP clients post a body byte by byte, and never end it
    """
    length = "Content-Length: 60000\r\n"
    return byte_by_byte(clients, head("/lines", "POST", extra=length))


@scenario(clients=1_100, seconds=10)
def padded(clients: int = 20, seconds: int = 3) -> str:
    """
    {clients:,} HTTP clients ask for lines of 64 KB, and read nothing
    """
    with web_attack(clients) as attack:
        for client in attack.clients:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.socket.sendall(head("/lines?bytes=65536"))
        time.sleep(seconds)
    assert attack.growth < SLACK + min(clients, 1024) * 70_000
    cpu = f"{100 * attack.cpu / seconds:.0f} % CPU"
    return f"{cpu}; {attack.seen}"


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
