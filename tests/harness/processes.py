"""
Programs whose output is read as it arrives, such as a real C{twistd}.

Each wait has a deadline. The tests do not sleep for a fixed time: they wait for a line,
the end of a process, or a condition. If the deadline passes, the test fails.
"""

from __future__ import annotations

import os
import queue
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from tests.harness.clients import Arrival, Client
from tests.harness.requirements import need
from tests.harness.times import DEADLINE

if TYPE_CHECKING:
    from typing_extensions import Self

#: Seconds for a program to end by itself, before it is killed.
GRACE = 5

#: The folder with the commands of the tested installation.
BIN = Path(sys.executable).parent


def command(name: str) -> str:
    """
    Find a command of the tested installation.
    """
    return str(BIN / name)


def free_ports(count: int) -> list[int]:
    """
    Find free ports below those that the kernel gives to programs that ask for any port
    (ip_local_port_range in ip(7)).
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


class Program:
    """
    A program whose output is read as it arrives.

    @ivar has_group: whether it runs in a process group of its own. Then the processes
        that it has started end with it.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path | None = None,
        environment: dict[str, str] | None = None,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        pass_fds: Sequence[int] = (),
        has_group: bool = False,
    ) -> None:
        self.has_group = has_group
        self.process = subprocess.Popen(
            arguments,
            cwd=cwd,
            env={**_environment(), **(environment or {})},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=pass_fds,
            start_new_session=has_group,
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
        if self.has_group:
            # Some programs have named shared memory, which only they remove. If root's
            # squid leaves it, no other user's squid starts.
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(GRACE)
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
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

    def rest(self, within: float = DEADLINE) -> Iterator[bytes]:
        """
        Return all remaining lines, up to the end of the output.

        @param within: seconds to wait for each.
        """
        while (arrival := self._stdout.get(timeout=within)) is not None:
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


def _environment() -> dict[str, str]:
    """
    Return the environment without proxies: a client would read through them.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy")
    }


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
