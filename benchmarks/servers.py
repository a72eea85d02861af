"""
The servers that are compared: how each is built, and how it is started.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from processes import Program, command

PEERS = Path(__file__).parent / "peers"


class MissingError(Exception):
    """
    What a server needs is not on this machine.
    """


@dataclass(frozen=True)
class Kind:
    """
    One kind of server.

    @ivar name: a short name, for C{--only}.
    @ivar title: a name for tables.
    @ivar command: builds it in a folder, and gives the command that runs it.
    @ivar port: finds the port in a line of its output.
    """

    name: str
    title: str
    command: Callable[[Path], Sequence[str]]
    port: str = r"^(\d+)$"


def start(kind: Kind, folder: Path) -> tuple[Program, int]:
    """
    Start a server, and wait for its port.
    """
    server = Program(kind.command(folder), cwd=folder)
    return server, int(server.find(kind.port)[1])


def ours(folder: Path) -> Sequence[str]:
    """
    The clock, as everybody runs it.
    """
    return [command("twistd"), "-n", "--pidfile=", "clock", "--port", "0"]


def build(tool: str, *arguments: str) -> None:
    """
    Run a compiler.
    """
    path = shutil.which(tool)
    if path is None:
        raise MissingError(f"no {tool} here")
    subprocess.run([path, *arguments], check=True)


def go(folder: Path) -> Sequence[str]:
    """
    The server of the book.
    """
    program = folder / "clock2"
    if not program.exists():
        build("go", "build", "-o", str(program), str(PEERS / "clock2.go"))
    return [str(program)]


def floor(folder: Path) -> Sequence[str]:
    """
    The least that can be done.
    """
    program = folder / "floor"
    if not program.exists():
        build("cc", "-O2", "-o", str(program), str(PEERS / "floor.c"))
    return [str(program)]


def asyncio(folder: Path) -> Sequence[str]:
    """
    Python's own streams.
    """
    return [sys.executable, str(PEERS / "asyncio_streams.py")]


def uvloop(folder: Path) -> Sequence[str]:
    """
    The same on libuv.
    """
    if find_spec("uvloop") is None:
        raise MissingError("no uvloop here: it belongs to the extra 'bench'")
    return [*asyncio(folder), "uvloop"]


def twisted(folder: Path) -> Sequence[str]:
    """
    The obvious server in Twisted.
    """
    return [sys.executable, str(PEERS / "plain_twisted.py")]


KINDS = [
    Kind("ours", "clock", ours, r"Serving .* on .*:(\d+)$"),
    Kind("floor", "C, the floor", floor),
    Kind("go", "Go, clock2", go),
    Kind("uvloop", "asyncio on uvloop", uvloop),
    Kind("asyncio", "asyncio", asyncio),
    Kind("twisted", "plain Twisted", twisted),
]
