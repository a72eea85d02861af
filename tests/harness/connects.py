"""
Clients that connect continuously, 1,000 a second, and what each of them gets first.

As a program, C{python connects.py HOST PORT} connects until its standard input ends,
and prints the result as one JSON object.
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.harness.processes import Program
from tests.harness.times import DEADLINE

ROOT = Path(__file__).parents[2]

#: The number of clients that connect in a second. On a busy machine it is lower.
RATE = 1_000


class Connects(Program):
    """
    The program that connects the clients.
    """

    def __init__(self, host: str, port: int, prefix: Sequence[str] = ()) -> None:
        super().__init__(
            [*prefix, sys.executable, "-m", "tests.harness.connects", host, str(port)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
        )
        self.line()

    def more(self, count: int) -> None:
        """
        Wait until some more clients have got their first line.
        """
        for _ in range(0, count, 100):
            self.line()

    def result(self) -> dict[str, int]:
        """
        Stop connecting. Return the number of clients for each outcome: C{line}, or what
        happened before the first line.
        """
        assert self.process.stdin is not None
        self.process.stdin.close()
        *_, last = self.rest()
        result: dict[str, int] = json.loads(last)
        return result


def outcome(client: socket.socket) -> str:
    """
    Return what a client got first.
    """
    try:
        data = client.recv(100)
    except OSError as error:
        return error.strerror or str(error)
    return "line" if data.endswith(b"\n") else f"end after {data!r}"


def main(host: str, port: int) -> None:
    """
    Connect at an even rate. A client disconnects when it has got its first line. A line
    on standard output marks the first of them, and each hundredth one.
    """
    outcomes: Counter[str] = Counter()
    start = time.monotonic()
    begun = 0
    end: float | None = None
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ)
        while end is None or (len(selector.get_map()) and time.monotonic() < end):
            while end is None and begun < (time.monotonic() - start) * RATE:
                client = socket.socket()
                client.setblocking(False)
                client.connect_ex((host, port))
                selector.register(client, selectors.EVENT_READ)
                begun += 1
            for key, _ in selector.select(1 / RATE):
                selector.unregister(key.fileobj)
                if not isinstance(key.fileobj, socket.socket):
                    end = time.monotonic() + DEADLINE
                    continue
                what = outcome(key.fileobj)
                key.fileobj.close()
                outcomes[what] += 1
                if what == "line" and outcomes["line"] % 100 == 1:
                    print(outcomes["line"], flush=True)
        if waiting := len(selector.get_map()):
            outcomes["nothing"] = waiting
    print(json.dumps(outcomes), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
