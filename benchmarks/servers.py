"""
Build and start the servers that are compared.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.harness.processes import Program, command

PEERS = Path(__file__).parent / "peers"


class MissingError(Exception):
    """
    A program or module that a server needs is not installed.
    """


@dataclass(frozen=True)
class Kind:
    """
    One kind of server.

    @ivar name: a short name, for C{--only}.
    @ivar title: a name for tables.
    @ivar command: builds it in a folder, and returns the command that runs it.
    @ivar port: a pattern that finds the port in a line of its output.
    @ivar path: the path of its event stream, if it is measured over HTTP.
    @ivar web: a pattern that finds the port of its pages, if it has pages.
    @ivar processes: the number of processes that listen on its port.
    """

    name: str
    title: str
    command: Callable[[Path], Sequence[str]]
    port: str = r"^(\d+)$"
    path: str = ""
    web: str = ""
    processes: int = 1


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """
    Add the options that say which servers to measure, and how often.
    """
    parser.add_argument(
        "--rounds",
        type=int,
        default=3,
        help="number of rounds; the medians are reported (default: 3)",
    )
    parser.add_argument(
        "--only",
        action="append",
        metavar="NAME",
        help="measure only this server; may be repeated",
    )


def available(
    kinds: list[Kind],
    names: list[str] | None,
    folder: Path,
    show: Callable[[str], None],
) -> list[Kind]:
    """
    Build the servers. Omit each server that cannot be built.

    @param kinds: all servers that can be compared.
    @param names: the names of those to compare; by default all.
    @param folder: the folder for compiled programs.
    @param show: a function that shows which servers are omitted, and why.
    """
    known = [kind.name for kind in kinds]
    if unknown := {*(names or ())} - {*known}:
        raise SystemExit(f"no server {', '.join(unknown)} here; use {', '.join(known)}")
    there = []
    for kind in kinds:
        if kind.name not in (names or known):
            continue
        try:
            kind.command(folder)
        except MissingError as why:
            show(f"{kind.title} is omitted: {why}")
        else:
            there.append(kind)
    return there


@contextmanager
def start(kind: Kind, folder: Path) -> Iterator[tuple[list[Program], int, int]]:
    """
    Start a server. Yield its processes, its port, and the port of its pages, or 0.
    """
    with ExitStack() as stack:
        command = kind.command(folder)
        servers = [stack.enter_context(Program(command, cwd=folder))]
        port = int(servers[0].find(kind.port)[1])
        web = int(servers[0].find(kind.web)[1]) if kind.web else 0
        for _ in range(1, kind.processes):
            other = Program([*command, "--port", str(port)], cwd=folder)
            servers.append(stack.enter_context(other))
            other.find(kind.port)
        yield servers, port, web


def ours(folder: Path) -> Sequence[str]:
    """
    The clock over TCP.
    """
    return [command("twistd"), "-n", "--pidfile=", "clock", "--port", "0"]


def shared(folder: Path) -> Sequence[str]:
    """
    The clock over TCP, on a port that several processes share.
    """
    return [*ours(folder), "--reuse-port"]


def web(folder: Path) -> Sequence[str]:
    """
    The clock over TCP and HTTP.
    """
    return [*ours(folder), "--web", "0"]


def build(tool: str, *arguments: str) -> None:
    """
    Run a compiler.
    """
    path = shutil.which(tool)
    if path is None:
        raise MissingError(f"{tool} is not installed")
    subprocess.run([path, *arguments], check=True)


def built(source: str, folder: Path) -> Sequence[str]:
    """
    Compile a server, unless it is compiled already.
    """
    path = PEERS / source
    program = folder / path.stem
    if not program.exists():
        if path.suffix == ".go":
            build("go", "build", "-o", str(program), str(path))
        else:
            build("cc", "-O2", "-o", str(program), str(path))
    return [str(program)]


def python(source: str, *modules: str) -> Sequence[str]:
    """
    Run a server in this Python, if it has the modules.
    """
    for module in modules:
        if find_spec(module) is None:
            raise MissingError(f"{module} is not installed: pip install '.[bench]'")
    return [sys.executable, str(PEERS / source)]


def go(folder: Path) -> Sequence[str]:
    """
    The concurrent server of the book, in Go.
    """
    return built("clock2.go", folder)


def floor(folder: Path) -> Sequence[str]:
    """
    The minimum, in C: one timer, and one C{send} for each client.
    """
    return built("floor.c", folder)


def asyncio(folder: Path) -> Sequence[str]:
    """
    Python's own streams.
    """
    return python("asyncio_streams.py")


def uvloop(folder: Path) -> Sequence[str]:
    """
    Python's own streams, on libuv.
    """
    return [*python("asyncio_streams.py", "uvloop"), "uvloop"]


def twisted(folder: Path) -> Sequence[str]:
    """
    A simple server in Twisted.
    """
    return python("plain_twisted.py")


def http_go(folder: Path) -> Sequence[str]:
    """
    Go's own server.
    """
    return built("http_go.go", folder)


def http_node(folder: Path) -> Sequence[str]:
    """
    Node's own server.
    """
    path = shutil.which("node")
    if path is None:
        raise MissingError("node is not installed")
    return [path, str(PEERS / "http_node.js")]


def http_aiohttp(folder: Path) -> Sequence[str]:
    """
    The server of aiohttp, on libuv.
    """
    return python("http_aiohttp.py", "aiohttp", "uvloop")


def http_starlette(folder: Path) -> Sequence[str]:
    """
    An ASGI application, on libuv and a parser in C.
    """
    return python("http_starlette.py", "starlette", "uvicorn", "uvloop", "httptools")


def http_twisted(folder: Path) -> Sequence[str]:
    """
    A simple server on C{twisted.web}.
    """
    return python("http_twisted.py")


#: Patterns that find the clock's ports in its log.
PORT = r"Serving .* on [^/]*:(\d+)$"
WEB_PORT = r"Serving .* over HTTP on http://.*:(\d+)/$"

#: Lines over TCP.
KINDS = [
    Kind("ours", "clock", ours, PORT),
    Kind("floor", "C, the floor", floor),
    Kind("go", "Go, clock2", go),
    Kind("uvloop", "asyncio on uvloop", uvloop),
    Kind("asyncio", "asyncio", asyncio),
    Kind("twisted", "plain Twisted", twisted),
]

#: Event streams over HTTP.
WEB_KINDS = [
    Kind("ours", "clock", web, WEB_PORT, "/events"),
    Kind("go", "Go, net/http", http_go, path="/events"),
    Kind("node", "Node, http", http_node, path="/events"),
    Kind("aiohttp", "aiohttp on uvloop", http_aiohttp, path="/events"),
    Kind("starlette", "starlette on uvicorn", http_starlette, path="/events"),
    Kind("twisted", "plain twisted.web", http_twisted, path="/events"),
]

#: Lines over TCP, without and with pages that show the clients.
PAGE_KINDS = [
    Kind("ours", "clock", web, PORT),
    Kind("pages", "clock, with pages", web, PORT, web=WEB_PORT),
]


#: Event streams of several shapes.
SHAPE_KINDS = [
    Kind("ours", "clock, /events", web, WEB_PORT, "/events"),
    Kind("every", "every=1&lines=1000", web, WEB_PORT, "/events?every=1&lines=1000"),
    Kind("bytes", "bytes=1000", web, WEB_PORT, "/events?bytes=1000"),
    Kind("long", "bytes=10000", web, WEB_PORT, "/events?bytes=10000"),
]


def process_kinds(processes: int) -> list[Kind]:
    """
    Lines over TCP, from several processes on one port.
    """
    title = f"clock, {processes} processes"
    return [Kind("ours", title, shared, PORT, processes=processes)]
