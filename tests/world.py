"""
The world outside: real C{twistd} processes, and real clients of theirs.

Everything here has a deadline, and nothing sleeps: what is waited for is a line,
an end, or the deadline, which fails the test.
"""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO

import pytest
from typing_extensions import Self

#: The unit that all times in these tests are made of, in seconds. A machine
#: that cannot keep up sets C{CLOCK_TEST_UNIT} higher.
UNIT = float(os.environ.get("CLOCK_TEST_UNIT", "1"))

#: How long anything may take before the test has failed, in seconds.
DEADLINE = 15 * UNIT

#: Where the commands of the tested installation are.
BIN = Path(sys.executable).parent

LINE = re.compile(rb"[0-2]\d:[0-5]\d:[0-6]\d\n")


def command(name: str) -> str:
    """
    Find a command of the tested installation.
    """
    return str(BIN / name)


def need(tool: str) -> str:
    """
    Find a tool of the system, or skip the test; in CI, fail it.
    """
    path = shutil.which(tool)
    if path is None:
        message = f"{tool} is not installed"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path


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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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

    def find(self, pattern: str) -> re.Match[str]:
        """
        Wait for a line of standard output that holds a pattern.
        """
        while True:
            match = re.search(pattern, self.line().text.decode())
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
    ) -> None:
        super().__init__(
            [command(tool[0]), *tool[1:], "clock", *listen, *options],
            cwd=cwd,
            environment=environment,
        )
        self._clients: list[Client] = []
        where = self.find(r"Telling .* on (?:.*:(\d+)|unix:\S+)$")
        self.port = int(where[1] or 0)

    def connect(self) -> Client:
        """
        Connect a client, who leaves with the server at the latest.
        """
        address = ("127.0.0.1", self.port)
        client = Client(socket.create_connection(address, DEADLINE))
        self._clients.append(client)
        return client

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for client in self._clients:
            client.close()
        super().__exit__(kind, error, trace)


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
