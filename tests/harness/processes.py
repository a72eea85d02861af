"""
Real C{twistd} processes, and clients on real sockets.

Each wait has a deadline. The tests do not sleep for a fixed time: they wait for a line,
the end of a process, or a condition. If the deadline passes, the test fails.
"""

from __future__ import annotations

import os
import queue
import random
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn, cast

import pytest

if TYPE_CHECKING:
    from typing_extensions import Self

#: The unit of all times in these tests, in seconds. Set C{CLOCK_TEST_UNIT} to a higher
#: value on a slow machine.
UNIT = float(os.environ.get("CLOCK_TEST_UNIT", "1"))
if "PYTEST_XDIST_WORKER" in os.environ:
    # Other tests run at the same time.
    UNIT *= 2

#: Seconds to wait for anything before the test fails.
DEADLINE = 15 * UNIT

#: The greatest age of a line on arrival, in seconds, on a busy machine. (The benchmarks
#: measure the age on an idle one.)
LATE = 0.3 * UNIT

#: The folder with the commands of the tested installation.
BIN = Path(sys.executable).parent

LINE = re.compile(rb"[0-2]\d:[0-5]\d:[0-6]\d\n")


def command(name: str) -> str:
    """
    Find a command of the tested installation.
    """
    return str(BIN / name)


def skip(message: str, what: str = "tools") -> NoReturn:
    """
    Skip a test, or a module, because something is missing. If the variable
    C{CLOCK_REQUIRE} contains C{what}, C{tools} or C{modules}, fail instead.
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


def need_ipv6() -> None:
    """
    Skip if this host has no IPv6.
    """
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"there is no IPv6 here: {error}")


def need_module(name: str) -> None:
    """
    Find a Python module, or skip.
    """
    if find_spec(name) is None:
        skip(f"there is no module {name}: pip install 'txclock[test]'", "modules")


def free_ports(count: int) -> list[int]:
    """
    Find free ports, of those that no program gets unless it asks for them by number:
    ip(7), ip_local_port_range.
    """
    free = []
    for port in random.sample(range(20000, 32768), 1000):
        with suppress(OSError):
            socket.create_server(("127.0.0.1", port)).close()
            free.append(port)
        if len(free) == count:
            return free
    raise AssertionError("there are no free ports")


def make_certificate(pem: Path, *options: str) -> None:
    """
    Make a key and a self-signed certificate in one file, with C{openssl req}.
    """
    made = f"req -x509 -newkey rsa:2048 -nodes -keyout {pem} -subj /CN=localhost"
    openssl = subprocess.run(
        [need("openssl"), *made.split(), *options], check=True, capture_output=True
    )
    with pem.open("ab") as both:
        both.write(openssl.stdout)


@dataclass
class Arrival:
    """
    One line, and the steady time of its arrival, in seconds.
    """

    text: bytes
    at: float


class Program:
    """
    A program whose output is read as it arrives.
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
        Wait for several more lines of standard output.
        """
        return [self.line().text for _ in range(count)]

    def look(self, pattern: str) -> re.Match[str] | None:
        """
        Search for a pattern in the lines that have arrived already.
        """
        while not self._stdout.empty():
            if match := re.search(pattern, self.line().text.decode()):
                return match
        return None

    def find(self, pattern: str, within: float = DEADLINE) -> re.Match[str]:
        """
        Wait for a line of standard output that contains a pattern.
        """
        deadline = time.monotonic() + within
        while True:
            left = max(deadline - time.monotonic(), 0)
            match = re.search(pattern, self.line(left).text.decode())
            if match:
                return match

    def silent(self, seconds: float) -> bool:
        """
        Return whether nothing more arrives for some seconds.
        """
        try:
            self._stdout.get(timeout=seconds)
        except queue.Empty:
            return True
        return False

    def rest(self) -> Iterator[bytes]:
        """
        Return all remaining lines, up to the end of the output.
        """
        while (arrival := self._stdout.get(timeout=DEADLINE)) is not None:
            yield arrival.text

    def end(self) -> int:
        """
        Wait for the end of the program, and return its exit status.
        """
        status = self.process.wait(DEADLINE)
        for reader in self._readers:
            reader.join(DEADLINE)
        return status

    def errors(self) -> str:
        """
        Wait for the end of the program, and return its standard error.
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
        Return the resident memory of the program, in bytes.
        """
        if sys.implementation.name != "cpython":
            pytest.skip("this Python collects garbage late, so memory is not exact")
        pages = Path(f"/proc/{self.process.pid}/statm").read_text("utf-8").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        """
        Count the open files of the program.
        """
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


_ACTIVATION = """
import fcntl, os, sys
numbers, names, *command = sys.argv[1:]
high = [fcntl.fcntl(int(each), fcntl.F_DUPFD, 100) for each in numbers.split(",")]
for to, number in enumerate(high, 3):
    os.dup2(number, to)
    os.close(number)
os.environ.update(
    LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(high)), LISTEN_FDNAMES=names
)
os.execv(command[0], command)
"""


def activated(
    sockets: Mapping[str, socket.socket], arguments: Sequence[str]
) -> Program:
    """
    Start a program with listening sockets, as systemd does.

    @param sockets: the sockets, by the names that the program gets for them.
    """
    numbers = [each.fileno() for each in sockets.values()]
    start = [sys.executable, "-c", _ACTIVATION, ",".join(map(str, numbers))]
    return Program([*start, ":".join(sockets), *arguments], pass_fds=numbers)


class Server(Program):
    """
    A C{twistd -n clock} of the tested installation, on a free port.

    @ivar port: the TCP port that it listens on; 0 if it listens on a UNIX socket.
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
            try:
                where = self.find(r"Serving .* on (?:.*:(\d+)|unix:\S+)$")
            except BaseException:
                self.__exit__()
                raise
            self.port = int(where[1] or 0)

    def port_of(self, zone: str) -> int:
        """
        Wait until the server logs the port of this zone. The server logs zones in the
        order of the options.
        """
        return int(self.find(rf"Serving {zone} .*:(\d+)$")[1])

    @cached_property
    def web_port(self) -> int:
        """
        The port of C{--web}, or 0 if that is a UNIX socket. The server logs it after
        those of all zones.
        """
        return int(self.find(r"over HTTP on (?:.*:(\d+)/|.*unix:.*)$")[1] or 0)

    def connect(self, port: int | None = None) -> Client:
        """
        Connect a client. It is disconnected when the server ends, at the latest.
        """
        address = ("127.0.0.1", port or self.port)
        client = Client(socket.create_connection(address, DEADLINE))
        self._clients.append(client)
        return client

    def __exit__(self, *exception: object) -> None:
        for client in self._clients:
            client.close()
        super().__exit__(*exception)


@dataclass(eq=False)
class Client:
    """
    A client that reads lines from a socket, with the time of each arrival.
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
        Wait for several more lines.
        """
        return [self.line().text for _ in range(count)]

    def silent(self, seconds: float) -> bool:
        """
        Return whether nothing arrives for some seconds.
        """
        self.socket.settimeout(seconds)
        try:
            self._held += self.socket.recv(4096)
        except TimeoutError:
            return not self._held
        return False

    def hears(self) -> bool:
        """
        Wait for data or the server's FIN, and return whether data arrived.
        """
        self.socket.settimeout(DEADLINE)
        self._held += self.socket.recv(4096)
        return bool(self._held)

    def rest(self) -> bytes:
        """
        Return all data up to the server's FIN.

        @raise ConnectionResetError: if the end is a reset.
        """
        self.socket.settimeout(DEADLINE)
        while data := self.socket.recv(4096):
            self._held += data
        return self._held

    def half_close(self) -> None:
        """
        Close the sending half, as C{nc -N} does.
        """
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """
        Disconnect.
        """
        self.socket.close()


class Crowd:
    """
    Many clients at once, all read in one loop.

    @ivar arrivals: for each client, its lines, and the time of each arrival by the wall
        clock, in seconds since 1970.
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
        Connect one more client.
        """
        client = socket.create_connection(self._address, DEADLINE)
        client.setblocking(False)
        self._selector.register(client, selectors.EVENT_READ, len(self.arrivals))
        self._held[len(self.arrivals)] = b""
        self.arrivals.append([])

    def read(self, seconds: float) -> None:
        """
        Read everything that arrives within some seconds.
        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                client = cast("socket.socket", key.fileobj)
                data = client.recv(4096)
                if not data:
                    self.closed(client, key.data)
                    continue
                now = time.time()
                *lines, self._held[key.data] = (self._held[key.data] + data).split(
                    b"\n"
                )
                self.arrivals[key.data] += [Arrival(line, now) for line in lines]

    def read_until(self, condition: Callable[[], bool]) -> None:
        """
        Read everything that arrives until a condition is true.
        """
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < deadline
            self.read(0.05)

    def closed(self, client: socket.socket, number: int) -> None:
        """
        Fail, because the server has closed the connection of a client.
        """
        raise AssertionError("the server closed")


def wait_until(condition: Callable[[], bool]) -> None:
    """
    Wait until a condition is true.
    """
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def unanswered() -> Iterator[int]:
    """
    Listen on a port that answers no client, because its backlog is full.

    @return: yields the port.
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
    Return the age of a line: seconds since the start of the second that it shows.
    """
    local = now + time.localtime(now).tm_gmtoff
    return (local - second_of_day(line) + 43_200) % 86_400 - 43_200


def steps(lines: Iterable[bytes]) -> list[int]:
    """
    Return the seconds from each line to the next: all 1, if none is skipped or
    repeated.
    """
    shown = [second_of_day(line) for line in lines]
    return [(after - before) % 86_400 for before, after in pairwise(shown)]
