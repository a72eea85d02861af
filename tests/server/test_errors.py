"""
Mistakes of the user: each is one line and exit status 1, and leaves no files.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.harness.processes import Program, Server, command
from tests.harness.requirements import need
from tests.harness.times import LINE

TOOLS = {"twistd": ["twistd", "-n"], "twist": ["twist"]}

#: One mistake for each place that finds it: the options, the service, and the start.
#: Unit tests cover the others.
PLACES = [
    (["--port", "http"], "--port 'http' is not a whole number from 0 to 65535"),
    (["--listen", "pigeon:1"], "--listen 'pigeon:1' is not an endpoint"),
    (["--listen", "unix:/nowhere/a\nb\x1b[31m"], r"unix:/nowhere/a b\x1b[31m: No such"),
]

#: Mistakes that the system finds, and one that standard error cannot encode.
MISTAKES = [
    (["--interface", "192.0.2.1"], "192.0.2.1:8080: Cannot assign requested address; "),
    (["--interface", "nohost.invalid"], "nohost.invalid:8080: "),
    (["--format", os.fsdecode(b"\xff")], "cannot be encoded in UTF-8"),
    (["--listen", "tcp:99999"], "tcp:99999: "),
    (["--listen", "ssl:0:privateKey=/nowhere"], "--listen 'ssl:0:privateKey=/nowhere'"),
]


@pytest.fixture
def taken() -> Iterator[int]:
    """
    Listen on a port, so that it is in use.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def fails(
    tool: str, options: list[str], where: Path, prefix: Sequence[str] = ()
) -> str:
    """
    Run a command that cannot start, and return its error.
    """
    name, *arguments = TOOLS[tool]
    line = [*prefix, command(name), *arguments, "clock", *options]
    with Program(line, cwd=where) as program:
        assert program.end() == 1
        (message,) = program.errors().splitlines()
        assert message.startswith(f"{name} clock: ")
        assert b"Traceback" not in b"".join(program.rest())
    assert list(where.glob("*.pid")) == []
    return message


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(("options", "says"), PLACES, ids=ascii)
def test_places(tool: str, options: list[str], says: str, tmp_path: Path) -> None:
    """
    Wherever a mistake is found, it is one line that names the value.
    """
    assert says in fails(tool, options, tmp_path)


@pytest.mark.parametrize(("options", "says"), MISTAKES, ids=ascii)
def test_mistakes(options: list[str], says: str, tmp_path: Path) -> None:
    """
    A mistake that the system finds is also one line.
    """
    assert says in fails("twistd", options, tmp_path)


@pytest.mark.parametrize("tool", TOOLS)
def test_port_in_use(tool: str, taken: int, tmp_path: Path) -> None:
    """
    A port in use is an error.
    """
    message = fails(tool, ["--port", str(taken)], tmp_path)
    assert f": localhost:{taken}: Address already in use" in message


@pytest.mark.parametrize("tool", TOOLS)
def test_no_permission(tool: str, tmp_path: Path) -> None:
    """
    A port that needs more privileges is an error.
    """
    root = ["setpriv", "--bounding-set=-net_bind_service"]
    prefix = [need("setpriv"), *root[1:]] if os.geteuid() == 0 else []
    message = fails(tool, ["--port", "13"], tmp_path, prefix)
    assert ": localhost:13: Permission denied; a port below 1024 needs root" in message


@pytest.mark.parametrize("tool", TOOLS)
def test_second_endpoint_fails(tool: str, taken: int, tmp_path: Path) -> None:
    """
    If one endpoint fails, the command fails, and the others are closed.
    """
    path = tmp_path / "clock"
    first = ["--listen", f"unix:{path}"]
    second = ["--listen", f"tcp:{taken}:interface=127.0.0.1"]
    fails(tool, [*first, *second], tmp_path)
    assert [*tmp_path.iterdir()] == []
    with Server(listen=first):
        assert path.exists()


@pytest.mark.parametrize("tool", TOOLS)
def test_unix_socket_in_use(tool: str, tmp_path: Path) -> None:
    """
    A second server on a UNIX socket fails, and the first server keeps serving.
    """
    path = tmp_path / "clock"
    listen = ["--listen", f"unix:{path}"]
    with Server("--interval", "0.1", listen=listen) as server:
        message = fails(tool, listen, tmp_path)
        assert message.endswith(
            ": a server listens there; stop it, or use another path"
        )
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            assert LINE.fullmatch(client.recv(9))
        server.interrupt()
        server.end()
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("tool", TOOLS)
def test_leftover_unix_socket(tool: str, tmp_path: Path) -> None:
    """
    If a socket file exists and no server listens there, the error names the file and
    says what to do. No lock file is left.
    """
    path = tmp_path / "clock"
    with socket.socket(socket.AF_UNIX) as former:
        former.bind(str(path))
    message = fails(tool, ["--listen", f"unix:{path}"], tmp_path)
    assert ": Address already in use; if no server listens there, remove" in message
    assert [*tmp_path.iterdir()] == [path]
    path.unlink()
    with Server(listen=["--listen", f"unix:{path}"]):
        assert path.is_socket()


def test_daemonised(taken: int, tmp_path: Path) -> None:
    """
    If a daemon fails to start, its parent exits with status 1 and prints the error. The
    log has the error, too.
    """
    with Program(
        [command("twistd"), "clock", "--port", str(taken)], cwd=tmp_path
    ) as program:
        assert program.end() == 1
        assert f"localhost:{taken}: Address already in use" in program.errors()
    assert list(tmp_path.glob("*.pid")) == []
    log = (tmp_path / "twistd.log").read_text("utf-8")
    assert f"Cannot listen on localhost:{taken}: Address already in use" in log
    assert "Traceback" not in log


def test_a_running_server_is_not_disturbed(tmp_path: Path) -> None:
    """
    A second server on the same port fails, and the first server keeps serving.
    """
    with Server("--interval", "0.1") as server, server.connect() as client:
        client.line()
        fails("twistd", ["--port", str(server.port)], tmp_path)
        assert LINE.fullmatch(client.line().text)
