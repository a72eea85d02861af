"""
What C{clock-check} says about streams that pass through a faulty relay.

Each relay has one fault. Relays with similar symptoms are next to each other. One
command checks all of them at once.
"""

from __future__ import annotations

import json
import re
import socket
import socketserver
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from itertools import islice
from threading import Thread, Timer
from typing import Any

import pytest

from tests.harness.clients import reset_on_close
from tests.harness.processes import Program, Server, command
from tests.harness.times import DEADLINE

#: Seconds between two lines, and the length of the check.
INTERVAL, LENGTH = 0.5, 10

Lines = Iterator[bytes]

#: A function that relays the lines of the connection with this number to a client.
Behavior = Callable[[int, Lines, socket.socket], None]


class Relay(socketserver.ThreadingTCPServer):
    """
    A relay between a server and its clients. It closes a connection when its behavior
    returns.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, upstream: int, behavior: Behavior) -> None:
        super().__init__(("127.0.0.1", 0), RelayHandler)
        self.upstream = upstream
        self.behavior = behavior
        self.connections = 0
        self.port: int = self.server_address[1]

    def __enter__(self) -> Relay:
        Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.shutdown()
        self.server_close()


class RelayHandler(socketserver.BaseRequestHandler):
    """
    One connection through a relay.
    """

    server: Relay

    def handle(self) -> None:
        """
        Connect to the server, and relay until one side ends.
        """
        number = self.server.connections
        self.server.connections += 1
        if self.server.behavior is one_behind:
            # A first line that is sent just before the next one does not wait.
            left = -time.time() % INTERVAL
            time.sleep(left if left < 0.15 else 0)
        upstream = ("127.0.0.1", self.server.upstream)
        with (
            # One side has ended.
            suppress(OSError, StopIteration),
            socket.create_connection(upstream, DEADLINE) as server,
            server.makefile("rb") as lines,
        ):
            self.server.behavior(number, iter(lines), self.request)


def straight(_: int, lines: Lines, client: socket.socket) -> None:
    """
    Relay each line at once.
    """
    for line in lines:
        client.sendall(line)


def block(number: int, lines: Lines, client: socket.socket) -> None:
    """
    Relay four lines at once.
    """
    while together := b"".join(islice(lines, 4)):
        client.sendall(together)


def stall(number: int, lines: Lines, client: socket.socket) -> None:
    """
    Hold six lines back, once.
    """
    straight(number, islice(lines, 3), client)
    client.sendall(b"".join(islice(lines, 6)))
    straight(number, lines, client)


def one_behind(_: int, lines: Lines, client: socket.socket) -> None:
    """
    Relay each line when the next one comes.
    """
    last = next(lines)
    for line in lines:
        client.sendall(last)
        last = line


def idle_timeout(number: int, lines: Lines, client: socket.socket) -> None:
    """
    Close a connection 0.8 s after its last line: the first or the third.
    """
    straight(number, islice(lines, 1 + number % 2 * 2), client)
    time.sleep(0.8)


def total_timeout(_: int, lines: Lines, client: socket.socket) -> None:
    """
    Close a connection 1.75 s after its start.
    """
    timer = Timer(1.75, shut_down, [client])
    timer.start()
    try:
        straight(0, lines, client)
    finally:
        timer.cancel()


def shut_down(client: socket.socket) -> None:
    """
    Close a connection that another thread uses.
    """
    with suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)


def reset(number: int, lines: Lines, client: socket.socket) -> None:
    """
    Reset the first connection after two lines.
    """
    straight(number, islice(lines, 2) if number == 0 else lines, client)
    reset_on_close(client)
    client.close()


def close(number: int, lines: Lines, client: socket.socket) -> None:
    """
    Close the first connection after two lines.
    """
    straight(number, islice(lines, 2) if number == 0 else lines, client)


def close_within_line(number: int, lines: Lines, client: socket.socket) -> None:
    """
    Close the first connection in the middle of the third line.
    """
    close(number, lines, client)
    client.sendall(next(lines)[:20])


def lose(number: int, lines: Lines, client: socket.socket) -> None:
    """
    Drop two lines.
    """
    straight(number, islice(lines, 5), client)
    straight(number, islice(lines, 2, None), client)


def lose_unnumbered(number: int, lines: Lines, client: socket.socket) -> None:
    """
    Drop two lines, and the numbers of the others.
    """
    lose(number, (edited(line, tick=None) for line in lines), client)


def halve(number: int, lines: Lines, client: socket.socket) -> None:
    """
    Relay every second line, without its number.
    """
    unnumbered = (edited(line, tick=None) for line in lines)
    straight(number, islice(unnumbered, 0, None, 2), client)


def set_clock(number: int, lines: Lines, client: socket.socket) -> None:
    """
    Let the time jump by half a minute after five lines.
    """
    straight(number, islice(lines, 5), client)
    straight(number, (shifted(line, 30) for line in lines), client)


def differ(number: int, lines: Lines, client: socket.socket) -> None:
    """
    Show a time that is three seconds behind.
    """
    straight(number, (shifted(line, -3) for line in lines), client)


def hurry(_: int, lines: Lines, client: socket.socket) -> None:
    """
    Send a line of its own for each 0.5 s after each 0.3 s.
    """
    next(lines)
    start = time.monotonic()
    for number in range(100):
        time.sleep(max(0, start + 0.3 * number - time.monotonic()))
        client.sendall(f"{1_700_000_000 + 0.5 * number:.1f}\n".encode())


def say_nothing(_: int, lines: Lines, client: socket.socket) -> None:
    """
    Relay no line.
    """
    for _line in lines:
        pass


def edited(line: bytes, **fields: object) -> bytes:
    """
    Replace fields of a line in JSON.
    """
    return json.dumps({**json.loads(line), **fields}).encode() + b"\n"


def shifted(line: bytes, seconds: float) -> bytes:
    """
    Change the time in a line.
    """
    shown = datetime.fromisoformat(json.loads(line)["time"])
    later = shown + timedelta(seconds=seconds)
    return edited(line, time=later.isoformat(timespec="microseconds"))


#: What is said about the stream of each relay: the code, and a part of the sentence.
RELAYS: dict[Behavior, tuple[str, str] | None] = {
    straight: None,
    block: (
        "held-back",
        r"for (1\.[89]\d*|2|2\.[0-4]\d*) s, then 4 lines at once, [3-5] t",
    ),
    stall: (
        "stalled",
        r"for (2\.[89]\d*|3|3\.[0-4]\d*) s, then 6 lines at once, once, ",
    ),
    one_behind: ("one-behind", r"^Each line came 0\.\d+ s late, when the next "),
    differ: ("clock-differs", r"^The server's clock is 3\.\d+ s behind this"),
    idle_timeout: ("cut-every-idle", r" 0\.[89]\d s after its last byte: an idle "),
    total_timeout: ("cut-every-total", r" 1\.[789]\d s after its start, with "),
    reset: ("reset", "^The connection was reset once, "),
    close: ("closed", "^The connection was closed in good order once, "),
    close_within_line: ("cut-within-line", "in the middle of a line once, "),
    lose: ("lines-lost", "^The numbers of 2 lines are missing: "),
    lose_unnumbered: ("lines-missing", "^2 intervals were without a line: "),
    halve: ("other-interval", r"^Lines come every [01][.\d]* s, not every 0.5 s"),
    set_clock: ("clock-set", r"^The time jumped forward by (29\.[5-9]|30\.[0-5]) s, "),
    hurry: ("other-rate", r"^The lines show 1\.6\d* s for each second that "),
    say_nothing: ("silent", r"^The connection was made, but no line came for \d"),
}


@pytest.fixture(scope="module")
def clocks() -> Iterator[dict[str, dict[str, Any]]]:
    """
    Check all relays at once, and return the report on each.
    """
    with (
        Server("--format", "json", "--interval", str(INTERVAL)) as server,
        ExitStack() as relays,
    ):
        addresses = []
        for behavior in RELAYS:
            relay = relays.enter_context(Relay(server.port, behavior))
            addresses.append(f"{behavior.__name__}=:{relay.port}")
        run = [command("clock-check"), "--json", "--for", str(LENGTH)]
        run += ["--interval", str(INTERVAL), "--max-gap", "2", *addresses]
        with Program(run) as program:
            report = json.loads(b"".join(program.rest()))
            assert program.end() == 1
        yield {clock["name"]: clock for clock in report["streams"]}


@pytest.mark.parametrize("behavior", RELAYS, ids=lambda each: each.__name__)
def test_relay(clocks: dict[str, dict[str, Any]], behavior: Behavior) -> None:
    """
    The diagnosis names what the relay does, and nothing else.
    """
    clock = clocks[behavior.__name__]
    expected = RELAYS[behavior]
    if expected is None:
        assert clock["diagnosis"] == clock["trouble"] == []
        return
    code, pattern = expected
    found = [each for each in clock["diagnosis"] if "-on-path" not in each["code"]]
    assert [each["code"] for each in found] == [code], clock
    assert re.search(pattern, found[0]["text"])
