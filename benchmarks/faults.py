"""
What faults do to the server: C{python -m benchmarks.faults [FAULT ...]}.

Each is done once, at full size, and what was seen is printed. The tests in
C{tests/test_faults.py} do the same at a size for every day. It needs what they
need (the extra C{test}), root for the hosts that vanish, and a limit of open files
of 20,000 for the large ones.
"""

from __future__ import annotations

import select
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.process import cpu, roomy

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from network import Link
from test_faults import RESET, descriptors, memory
from world import Crowd, Server, steps

console = Console()


def lateness(crowd: Crowd) -> float:
    """
    Tell how late the latest line after each client's first was, in milliseconds.
    """
    return max(
        1e3 * (each.at % 1 if each.at % 1 < 0.99 else 0)
        for arrivals in crowd.arrivals
        for each in arrivals[1:]
    )


def connect(server: Server, count: int) -> list[socket.socket]:
    """
    Connect so many sockets, as fast as may be.
    """
    clients = []
    for _ in range(count):
        clients.append(socket.create_connection(("127.0.0.1", server.port), 30))
    return clients


def first_lines(clients: list[socket.socket]) -> None:
    """
    Wait until each has had a line.
    """
    for client in clients:
        client.recv(100)


def active_vanishes() -> str:
    """
    Active client's host vanishes, --stall-timeout 10
    """
    with (
        Link() as link,
        link.server("-s", "--stall-timeout", "10") as server,
        link.client(server.port) as active,
    ):
        active.lines(2)
        with link.client(server.port, "server") as following:
            following.silent(1)
            link.cut()
            vanished = time.monotonic()
            return f"next served after {following.line(60).at - vanished:.1f} s"


def waiting_vanishes() -> str:
    """
    A waiting client's host vanished 30 s ago, --stall-timeout 10
    """
    with (
        Link() as link,
        link.server("-s", "-v", "--stall-timeout", "10") as server,
        link.client(server.port, "server") as active,
    ):
        active.line()
        with link.client(server.port):
            server.find("1 served, 1 waiting")
            with link.client(server.port, "server") as last:
                link.cut()
                last.silent(30)
                active.process.kill()
                killed = time.monotonic()
                return f"next served after {1e3 * (last.line(60).at - killed):.0f} ms"


def loss_heals() -> str:
    """
    6 s of total packet loss, then healed
    """
    with Link() as link, link.server() as server, link.client(server.port) as client:
        lines = client.lines(2)
        link.cut()
        client.silent(6)
        link.heal()
        lines += client.lines(10)
        return f"survives; seconds between its lines: {sorted(set(steps(lines)))}"


def flood(count: int) -> str:
    """
    Let so many send as fast as they can for 10 s.
    """
    with Server() as server, Crowd(server.port) as crowd:
        for _ in range(10):
            crowd.connect()
        flooders = connect(server, count)
        for flooder in flooders:
            flooder.setblocking(False)
        crowd.read(1)
        before, end = cpu(server.process.pid), time.monotonic() + 10
        while time.monotonic() < end:
            for flooder in flooders:
                try:
                    flooder.send(b"x" * 65536)
                except BlockingIOError:
                    continue
            crowd.read(0.0005)
        used = (cpu(server.process.pid) - before) * 10
        late = lateness(crowd)
        for flooder in flooders:
            flooder.close()
        return f"{used:.1f} % CPU; others at most {late:.0f} ms late"


def flood_one() -> str:
    """
    1 client sends as fast as it can
    """
    return flood(1)


def flood_ten() -> str:
    """
    10 clients send as fast as they can
    """
    return flood(10)


def reset_noticed() -> str:
    """
    Reset of a client that is not half-closed
    """
    worst = 0.0
    with Server("-v", "--interval", "60") as server:
        for _ in range(50):
            (client,) = connect(server, 1)
            client.recv(100)
            server.find("A client came")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            client.close()
            reset = time.monotonic()
            server.find(" left .* lines")
            worst = max(worst, time.monotonic() - reset)
    return f"noticed within {1e3 * worst:.1f} ms, 50 times"


def half_closed() -> str:
    """
    100 half-closed clients, then closed
    """
    with Server("-v") as server:
        clients = connect(server, 100)
        for client in clients:
            client.shutdown(socket.SHUT_WR)
        lines = []
        for client in clients:
            client.settimeout(10)
            data = b""
            while data.count(b"\n") < 3:
                data += client.recv(100)
            lines.append(data)
        for client in clients:
            client.close()
        closed = time.monotonic()
        for _ in clients:
            server.find(" left .* lines")
        return f"all served; all gone {time.monotonic() - closed:.1f} s after the close"


def stuck() -> str:
    """
    20 readers that are stuck, --stall-timeout 10
    """
    long = ["--format", "x" * 60_000, "--interval", "0.1"]
    with Server("-v", "--stall-timeout", "10", *long) as server:
        (reader,) = connect(server, 1)
        readers = connect(server, 20)
        reader.setblocking(False)
        start, before = time.monotonic(), memory(server)
        gone = most = 0
        while gone < 20 and time.monotonic() - start < 120:
            select.select([reader], [], [], 1)
            try:
                while reader.recv(1 << 20):
                    pass
            except BlockingIOError:
                pass
            most = max(most, memory(server) - before)
            while server.look(" left .* lines"):
                gone += 1
        took = time.monotonic() - start
        for each in (reader, *readers):
            each.close()
        held = most / 20 / 60_001
        return f"{gone} of 20 ended after {took:.0f} s; {held:.1f} lines held for each"


def resets() -> str:
    """
    Storm of resets for 10 s
    """
    with Server() as server, Crowd(server.port) as crowd:
        for _ in range(10):
            crowd.connect()
        crowd.read(1.2)
        before, end = descriptors(server), time.monotonic() + 10
        counts = []

        def rage() -> None:
            # In threads: connecting may take a second when the queue is full.
            count = 0
            while time.monotonic() < end:
                storm = socket.create_connection(("127.0.0.1", server.port))
                storm.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                storm.close()
                count += 1
            counts.append(count)

        threads = [threading.Thread(target=rage) for _ in range(4)]
        for thread in threads:
            thread.start()
        crowd.read(10)
        for thread in threads:
            thread.join()
        late = lateness(crowd)
        crowd.read(1.5)
        leaked = descriptors(server) - before
        rate = sum(counts) / 10
        return f"{rate:,.0f}/s; others {late:.0f} ms late; {leaked} leaked"


def too_many() -> str:
    """
    400 clients on a server with 256 descriptors
    """
    prefix = ["sh", "-c", 'ulimit -n 256; exec "$@"', "sh"]
    with Server(prefix=prefix) as server:
        clients = [server.connect() for _ in range(400)]
        served = [client for client in clients if client.hears()]
        fins = sum(client.rest() == b"" for client in clients if client not in served)
        before = cpu(server.process.pid)
        served[0].lines(6)
        used = (cpu(server.process.pid) - before) * 20
        for client in served[1:]:
            client.close()
        freed = time.monotonic()
        again = server.connect().line(10).at - freed
        server.interrupt()
        log = [*server.rest()]
        return (
            f"{len(served)} served, {fins} closed by FIN; {used:.1f} % CPU; "
            f"serves again after {1e3 * again:.0f} ms; {len(log)} log lines in all"
        )


def churn() -> str:
    """
    100,000 connects and closes (FIN), in 5 rounds
    """
    sizes = []
    with Server() as server:
        for _ in range(5):
            for _ in range(20_000):
                (client,) = connect(server, 1)
                client.close()
            time.sleep(3)
            sizes.append(memory(server) / 1e6)
        server.interrupt()
        log = [*server.rest()]
    flat = ", ".join(f"{size:.1f}" for size in sizes)
    refused = sum(b"away" in line for line in log)
    size = sum(map(len, log))
    return f"{flat} MB after each round; {refused} refused; a log of {size:,} bytes"


def queue() -> str:
    """
    3,000 wait, 2,000 of them leave, then each turn in order
    """
    with Server("-s", "--interval", "60") as server:
        clients = connect(server, 3001)
        clients[0].recv(100)
        for client in clients[1:2001]:
            client.close()
        time.sleep(1)
        worst, active = 0.0, clients[0]
        start = time.monotonic()
        for following in clients[2001:]:
            left = time.monotonic()
            active.close()
            following.settimeout(30)
            following.recv(100)
            worst = max(worst, time.monotonic() - left)
            active = following
        each = (time.monotonic() - start) / 1000
        active.close()
        return (
            f"1,000 turns, {1e3 * each:.2f} ms each, the slowest {1e3 * worst:.1f} ms"
        )


def sigterm(*options: str) -> str:
    """
    End a server with 5,000 clients, of whom a part is half-closed or floods.
    """
    with Server(*options) as server:
        clients = connect(server, 5000)
        waiting = clients[1:] if options else []
        first_lines(clients[:1] if options else clients)
        if not options:
            for client in clients[::5]:
                client.shutdown(socket.SHUT_WR)
        time.sleep(1)
        server.interrupt()
        asked = time.monotonic()
        server.end()
        took = time.monotonic() - asked
        fins = cut = told = 0
        for client in clients:
            client.settimeout(5)
            data = b""
            try:
                while piece := client.recv(4096):
                    data += piece
                fins += 1
            except ConnectionResetError:
                pass
            cut += data[-1:] not in (b"", b"\n")
            told += bool(data) and client in waiting
            client.close()
        return (
            f"gone after {took:.2f} s; {fins:,} of 5,000 FIN; {cut} lines cut; "
            f"{told} of those who waited told anything"
        )


def sigterm_concurrent() -> str:
    """
    SIGTERM with 5,000 clients, every fifth half-closed
    """
    return sigterm()


def sigterm_sequential() -> str:
    """
    SIGTERM with 4,999 waiting
    """
    return sigterm("--sequential")


def rotation() -> str:
    """
    Log rotation (SIGUSR1), 5 times, under 1,000 clients
    """
    with tempfile.TemporaryDirectory() as folder:
        tool = ["twistd", "-n", "--pidfile=", "--logfile=clock.log"]
        where = Path(folder)
        with Server("-v", tool=tool, cwd=where, logs=False) as server:
            log = where / "clock.log"
            while not (log.exists() and "Telling" in log.read_text()):
                time.sleep(0.05)
            server.port = int(log.read_text().rpartition(":")[2])
            with Crowd(server.port) as crowd:
                for _ in range(1000):
                    crowd.connect()
                for _ in range(5):
                    crowd.read(1)
                    server.interrupt(signal.SIGUSR1)
                crowd.read(1)
                seen = {
                    step
                    for arrivals in crowd.arrivals
                    for step in steps(arrival.text for arrival in arrivals)
                }
                logs = len([*where.glob("clock.log*")])
    return f"{logs} logs; seconds between any client's lines: {sorted(seen)}"


FAULTS: list[Callable[[], str]] = [
    active_vanishes,
    waiting_vanishes,
    loss_heals,
    flood_one,
    flood_ten,
    half_closed,
    reset_noticed,
    stuck,
    resets,
    too_many,
    churn,
    queue,
    sigterm_concurrent,
    sigterm_sequential,
    rotation,
]


def main() -> None:
    """
    Do what was asked for, or all.
    """
    asked = sys.argv[1:]
    table = Table("fault", "what was seen", "command")
    roomy()
    with console.status("") as status:
        for fault in FAULTS:
            if asked and fault.__name__ not in asked:
                continue
            title = (fault.__doc__ or "").strip()
            status.update(title)
            table.add_row(title, fault(), f"faults {fault.__name__}")
    console.print(table)


if __name__ == "__main__":
    main()
