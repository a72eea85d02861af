"""
The world outside: real C{twistd} processes, and real clients of theirs.

Everything here has a deadline, and no sleep is a guess: what is waited for is a line,
an end, something that comes true, or the deadline, which fails the test.
"""

from __future__ import annotations

import os
import queue
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn, cast

import pytest

if TYPE_CHECKING:
    from typing_extensions import Self

#: The unit that all times in these tests are made of, in seconds. A machine
#: that cannot keep up sets C{CLOCK_TEST_UNIT} higher.
UNIT = float(os.environ.get("CLOCK_TEST_UNIT", "1"))

#: How long anything may take before the test has failed, in seconds.
DEADLINE = 15 * UNIT

#: How old a second may be when it arrives, in seconds, on a machine that has
#: other things to do. (What it is on a quiet one, the benchmark tells.)
LATE = 0.3 * UNIT

#: Where the commands of the tested installation are.
BIN = Path(sys.executable).parent

LINE = re.compile(rb"[0-2]\d:[0-5]\d:[0-6]\d\n")


def command(name: str) -> str:
    """
    Find a command of the tested installation.
    """
    return str(BIN / name)


def skip(message: str, what: str = "tools") -> NoReturn:
    """
    Skip a test, or a module, for want of something; fail where the variable
    C{CLOCK_REQUIRE} says that there must be C{tools} or C{modules}.
    """
    if what in os.environ.get("CLOCK_REQUIRE", ""):
        raise AssertionError(message)
    pytest.skip(message, allow_module_level=True)


def need(tool: str) -> str:
    """
    Find a tool of the system, or skip.
    """
    path = shutil.which(tool)
    if path is None:
        skip(f"{tool} is not installed")
    return path


def need_module(name: str) -> None:
    """
    See to it that there is a Python module, or skip.
    """
    if find_spec(name) is None:
        skip(f"there is no module {name}: pip install 'txclock[test]'", "modules")


@dataclass
class Arrival:
    """
    One line, and when it arrived by the steady clock, in seconds.
    """

    text: bytes
    at: float


class Program:
    """
    A program whose output is read as it comes.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path | None = None,
        environment: dict[str, str] | None = None,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.process = subprocess.Popen(
            arguments,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=pass_fds,
        )
        self._stdout: queue.Queue[Arrival | None] = queue.Queue()
        self._stderr: list[bytes] = []
        self._readers = [
            threading.Thread(target=self._read_stdout, daemon=True),
            threading.Thread(target=self._read_stderr, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(DEADLINE)
        for reader in self._readers:
            reader.join(DEADLINE)
        for pipe in (self.process.stdout, self.process.stderr, self.process.stdin):
            if pipe is not None:
                pipe.close()

    def _read_stdout(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._stdout.put(Arrival(line, time.monotonic()))
        self._stdout.put(None)

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        self._stderr.extend(self.process.stderr)

    def line(self, within: float = DEADLINE) -> Arrival:
        """
        Wait for one more line of standard output.
        """
        try:
            arrival = self._stdout.get(timeout=within)
        except queue.Empty:
            raise AssertionError(f"no line within {within} s") from None
        assert arrival is not None, f"ended: {self.errors()}"
        return arrival

    def lines(self, count: int) -> list[bytes]:
        """
        Wait for so many more lines of standard output.
        """
        return [self.line().text for _ in range(count)]

    def look(self, pattern: str) -> re.Match[str] | None:
        """
        ClockStatus for a pattern in those lines that have come by now.
        """
        while not self._stdout.empty():
            if match := re.search(pattern, self.line().text.decode()):
                return match
        return None

    def find(self, pattern: str, within: float = DEADLINE) -> re.Match[str]:
        """
        Wait for a line of standard output that holds a pattern.
        """
        while True:
            match = re.search(pattern, self.line(within).text.decode())
            if match:
                return match

    def silent(self, seconds: float) -> bool:
        """
        Tell whether nothing more arrives for so long.
        """
        try:
            self._stdout.get(timeout=seconds)
        except queue.Empty:
            return True
        return False

    def rest(self) -> Iterator[bytes]:
        """
        Give all lines that come before the end.
        """
        while (arrival := self._stdout.get(timeout=DEADLINE)) is not None:
            yield arrival.text

    def end(self) -> int:
        """
        Wait for the end of the program, and give its exit status.
        """
        status = self.process.wait(DEADLINE)
        for reader in self._readers:
            reader.join(DEADLINE)
        return status

    def errors(self) -> str:
        """
        Give what was written to standard error, once the program has ended.
        """
        self.end()
        return b"".join(self._stderr).decode()

    def interrupt(self, number: int = signal.SIGTERM) -> None:
        """
        Send a signal.
        """
        self.process.send_signal(number)

    def cpu(self) -> float:
        """
        Read the CPU clock of the program, in seconds: clock_getcpuclockid(3).
        """
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def memory(self) -> int:
        """
        Tell the resident memory of the program, in bytes.
        """
        if sys.implementation.name != "cpython":
            pytest.skip("what this Python has not collected yet is counted, too")
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        """
        Count the open files of the program.
        """
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


class Server(Program):
    """
    A C{twistd -n clock} of the tested installation, on a port of its choice.

    @ivar port: the TCP port it listens on, or 0 if it listens elsewhere.
    """

    def __init__(
        self,
        *options: str,
        tool: Sequence[str] = ("twistd", "-n", "--pidfile="),
        listen: Sequence[str] = ("--port", "0"),
        environment: dict[str, str] | None = None,
        cwd: Path | None = None,
        prefix: Sequence[str] = (),
        logs: bool = True,
    ) -> None:
        super().__init__(
            [*prefix, command(tool[0]), *tool[1:], "clock", *listen, *options],
            cwd=cwd,
            environment=environment,
        )
        self._clients: list[Client] = []
        self.port = 0
        if logs:
            where = self.find(r"Serving .* on (?:.*:(\d+)|unix:\S+)$")
            self.port = int(where[1] or 0)

    def port_of(self, zone: str) -> int:
        """
        Wait until the server tells the port of the next zone, which it logs in the
        order that they were given.
        """
        return int(self.find(rf"Serving {zone} .*:(\d+)$")[1])

    def connect(self, port: int | None = None) -> Client:
        """
        Connect a client, who leaves with the server at the latest.
        """
        address = ("127.0.0.1", port or self.port)
        client = Client(socket.create_connection(address, DEADLINE))
        self._clients.append(client)
        return client

    def __exit__(self, *exception: object) -> None:
        for client in self._clients:
            client.close()
        super().__exit__(*exception)


@dataclass
class Client:
    """
    A client that reads lines from a socket, and knows when each arrived.
    """

    socket: socket.socket
    _held: bytes = field(default=b"", repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def line(self, within: float = DEADLINE) -> Arrival:
        """
        Wait for one more line.
        """
        self.socket.settimeout(within)
        while b"\n" not in self._held:
            data = self.socket.recv(4096)
            assert data, f"the server closed after {self._held!r}"
            self._held += data
        text, _, self._held = self._held.partition(b"\n")
        return Arrival(text + b"\n", time.monotonic())

    def lines(self, count: int) -> list[bytes]:
        """
        Wait for so many more lines.
        """
        return [self.line().text for _ in range(count)]

    def silent(self, seconds: float) -> bool:
        """
        Tell whether nothing arrives for so long.
        """
        self.socket.settimeout(seconds)
        try:
            self._held += self.socket.recv(4096)
        except TimeoutError:
            return not self._held
        return False

    def hears(self) -> bool:
        """
        Tell whether a first line comes, or the server's FIN.
        """
        self.socket.settimeout(DEADLINE)
        self._held += self.socket.recv(4096)
        return bool(self._held)

    def rest(self) -> bytes:
        """
        Give all that comes before the server's FIN.

        @raise ConnectionResetError: if the end is a reset.
        """
        self.socket.settimeout(DEADLINE)
        while data := self.socket.recv(4096):
            self._held += data
        return self._held

    def half_close(self) -> None:
        """
        Send no more, as C{nc -N} does.
        """
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """
        Leave.
        """
        self.socket.close()


class Crowd:
    """
    Many clients at once, all read by one loop.

    @ivar arrivals: by client, each line and when it arrived by the wall clock, in
        seconds since 1970.
    """

    def __init__(self, port: int) -> None:
        self.arrivals: list[list[Arrival]] = []
        self._address = ("127.0.0.1", port)
        self._selector = selectors.DefaultSelector()
        self._held: dict[int, bytes] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for key in [*self._selector.get_map().values()]:
            cast("socket.socket", key.fileobj).close()
        self._selector.close()

    def connect(self) -> None:
        """
        Let one more come.
        """
        client = socket.create_connection(self._address, DEADLINE)
        client.setblocking(False)
        self._selector.register(client, selectors.EVENT_READ, len(self.arrivals))
        self._held[len(self.arrivals)] = b""
        self.arrivals.append([])

    def read(self, seconds: float) -> None:
        """
        Read whatever arrives in so long.
        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                data = cast("socket.socket", key.fileobj).recv(4096)
                assert data, "the server closed"
                now = time.time()
                *lines, self._held[key.data] = (self._held[key.data] + data).split(
                    b"\n"
                )
                self.arrivals[key.data] += [Arrival(line, now) for line in lines]


def wait_until(condition: Callable[[], bool]) -> None:
    """
    Look again and again, until something is so.
    """
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def unanswered() -> Iterator[int]:
    """
    Listen on a port that answers no client, as its queue is full, and give the port.
    """
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as full,
        ExitStack() as queue,
    ):
        # PyPy makes a backlog of 0 one of 1.
        with suppress(TimeoutError):
            while True:
                client = socket.create_connection(full.getsockname(), 0.5)
                queue.enter_context(client)
        yield full.getsockname()[1]


def second_of_day(line: bytes) -> int:
    """
    Read a line, C{HH:MM:SS}.
    """
    hours, minutes, seconds = line.strip().split(b":")
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds)


def age(line: bytes, now: float) -> float:
    """
    Tell how long ago the second that is shown has begun, in seconds.
    """
    local = now + time.localtime(now).tm_gmtoff
    return (local - second_of_day(line) + 43_200) % 86_400 - 43_200


def steps(lines: Iterable[bytes]) -> list[int]:
    """
    Give the seconds from each line to the next: all 1, if all is well.
    """
    shown = [second_of_day(line) for line in lines]
    return [(after - before) % 86_400 for before, after in pairwise(shown)]
