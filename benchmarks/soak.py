"""
A soak: clients come and go for a long while, and the memory is watched.

C{python -m benchmarks.soak [MINUTES [CLIENTS]]}, by default 10 minutes and 2,000
clients, each of whom stays for some seconds and leaves in one of three ways: by
FIN, by reset, or half-closed first.
"""

from __future__ import annotations

import random
import socket
import struct
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.process import roomy
from benchmarks.servers import KINDS, Server

#: What makes a close a reset.
RESET = struct.pack("ii", 1, 0)


def leave(client: socket.socket, chance: random.Random) -> None:
    """
    Leave in one of three ways.
    """
    way = chance.randrange(3)
    if way == 0:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    elif way == 1:
        client.shutdown(socket.SHUT_WR)
    client.close()


def main(minutes: float = 10, count: int = 2000) -> None:
    """
    Let them come and go, and print the memory after each minute.
    """
    roomy()
    chance = random.Random(1)
    clients: list[socket.socket] = []
    with tempfile.TemporaryDirectory() as folder:
        server = Server.start(KINDS[0], Path(folder))
        process = psutil.Process(server.process.pid)
        start = time.monotonic()
        came, said, first = 0, 0, 0.0
        while (passed := time.monotonic() - start) < minutes * 60:
            clients.append(socket.create_connection(("127.0.0.1", server.port)))
            came += 1
            if len(clients) > count:
                index = chance.randrange(len(clients))
                clients[index], clients[-1] = clients[-1], clients[index]
                leave(clients.pop(), chance)
                time.sleep(0.002)
            if passed // 60 > said:
                said += 1
                resident = process.memory_info().rss / 1e6
                first = first or resident
                print(
                    f"minute {said}: {resident:.2f} MB ({resident - first:+.2f}), "
                    f"{came:,} clients so far",
                    flush=True,
                )
        resident = process.memory_info().rss / 1e6
        print(f"end: {resident:.2f} MB ({resident - first:+.2f}), {came:,} clients")
        for client in clients:
            client.close()
        server.stop()


if __name__ == "__main__":
    main(*map(float, sys.argv[1:2]), *map(int, sys.argv[2:3]))
