"""
Measure what a connection costs, from its accept to its end:
C{python -m benchmarks.connections --help}.
"""

from __future__ import annotations

import argparse
import re
import socket
import tempfile
import time
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks import report
from benchmarks.servers import (
    KINDS,
    WEB_KINDS,
    Kind,
    add_common_options,
    available,
    start,
)

#: The number of loopback addresses from which the clients connect, one after the other.
#: The port of each client stays in use for a minute.
ADDRESSES = 10

#: Seconds in which a server notices that the last clients have left. A server that only
#: writes notices it when it sends the second line after the end.
END = 3

#: The end of the first line. A time in a header is not followed directly by a newline.
LINE = re.compile(rb"\d\d:\d\d:\d\d\n")


def connect(kind: Kind, port: int, source: str) -> None:
    """
    Connect, receive the first line, and disconnect.
    """
    with socket.create_connection(("127.0.0.1", port), 10, (source, 0)) as client:
        if kind.path:
            client.sendall(f"GET {kind.path} HTTP/1.1\r\nHost: clock\r\n\r\n".encode())
        received = b""
        while not LINE.search(received):
            data = client.recv(4096)
            if not data:
                raise SystemExit(f"{kind.title} has closed a connection")
            received += data


def measure(kind: Kind, clients: int, folder: Path) -> float:
    """
    Start a server, and let clients connect one after the other. Return the CPU time of
    the server for each of them, in microseconds.
    """
    with start(kind, folder) as ([server], port, _):
        # The first connections cost more, because the caches are empty.
        for _ in range(100):
            connect(kind, port, "127.0.0.1")
        before = server.cpu()
        for number in range(clients):
            connect(kind, port, f"127.0.0.{2 + number % ADDRESSES}")
        time.sleep(END)
        return 1e6 * (server.cpu() - before) / clients


def parse() -> argparse.Namespace:
    """
    Read the command line.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.connections",
        description="Compare the CPU time of a connection: accept, first line, end.",
    )
    parser.add_argument(
        "--http", action="store_true", help="compare event streams instead of TCP"
    )
    parser.add_argument(
        "--clients",
        type=int,
        default=10_000,
        help="number of clients, one after the other (default: 10000)",
    )
    add_common_options(parser)
    return parser.parse_args()


def main() -> None:
    """
    Measure all servers in turn, several times, and report.
    """
    arguments = parse()
    console = Console(width=160)
    kinds = WEB_KINDS if arguments.http else KINDS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kinds = available(kinds, arguments.only, folder, console.print)
        costs: dict[str, list[float]] = {kind.name: [] for kind in kinds}
        for _ in range(arguments.rounds):
            for kind in kinds:
                costs[kind.name].append(measure(kind, arguments.clients, folder))
    console.print(
        f"{report.machine()}; {arguments.rounds} rounds of {arguments.clients:,} "
        "clients"
    )
    console.print("; ".join(report.versions(kinds)))
    table = Table(title="CPU time of a connection, in microseconds")
    for title in ("server", "median", "least", "most"):
        table.add_column(title, justify="left" if title == "server" else "right")
    for kind in kinds:
        each = costs[kind.name]
        row = [f"{value:.0f}" for value in (median(each), min(each), max(each))]
        table.add_row(kind.title, *row)
    console.print(table)


if __name__ == "__main__":
    main()
