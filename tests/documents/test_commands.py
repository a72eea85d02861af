"""
Tests of all commands: the help, output and errors that cannot be written, and Ctrl-C
during the start or the end.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.harness.processes import BIN, Program, Server, command
from tests.harness.requirements import need_module
from tests.harness.times import DEADLINE

COMMANDS = ["clock-check", "clock-netcat", "clockwall", "twistd clock", "twist clock"]

OPTIONS = ["--help", "--version"]

#: Python runs this when it starts. It records each module that is imported, and sends
#: SIGINT just before one of them.
SPY = """
import os, signal, sys

class Spy:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ.get("INTERRUPT_BEFORE"):
            os.kill(os.getpid(), signal.SIGINT)
        with open(os.environ["IMPORTED"], "a") as imported:
            imported.write(name + chr(10))

sys.meta_path.insert(0, Spy())
"""


def run(line: str, output: int) -> tuple[int, str]:
    """
    Run a command. Return its exit status and standard error.
    """
    name, *arguments = line.split()
    ended = subprocess.run(
        [command(name), *arguments],
        stdout=output,
        stderr=subprocess.PIPE,
        timeout=DEADLINE,
        check=False,
    )
    return ended.returncode, ended.stderr.decode()


@pytest.mark.parametrize("name", COMMANDS)
def test_width(name: str) -> None:
    """
    The help fits in a terminal with 80 columns.
    """
    program, *arguments = name.split()
    printed = subprocess.run(
        [command(program), *arguments, "--help"],
        env={**os.environ, "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        timeout=DEADLINE,
        check=True,
        text=True,
    )
    assert [line for line in printed.stdout.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", COMMANDS)
def test_output_closed(name: str, option: str) -> None:
    """
    If the reader of the help closes the pipe, as C{| head -1} does, no error is
    printed.
    """
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb"):
        assert run(f"{name} {option}", writing) == (0, "")


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", COMMANDS)
def test_output_full(name: str, option: str) -> None:
    """
    If the help cannot be written, the error is one line.
    """
    with open("/dev/full", "wb") as full:
        line = f"{name}: standard output: No space left on device\n"
        assert run(f"{name} {option}", full.fileno()) == (1, line)


def ends(line: str, stderr: str, unbuffered: str) -> tuple[int, str]:
    """
    Run a command with a standard error that nothing can be written to. Return its exit
    status and standard output.
    """
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        ended = subprocess.run(
            ["bash", "-c", f"exec {BIN}/{line} {stderr}"],
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stdout=subprocess.PIPE,
            stderr=pipe,
            timeout=DEADLINE,
            check=False,
        )
    return ended.returncode, ended.stdout.decode()


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("stderr", ["", "2>&-", "2>/dev/full"])
@pytest.mark.parametrize(
    "line",
    [
        "clock-check nonsense",
        "clock-check --insecure nonsense",
        "clock-check --junit /nowhere/x localhost:1",
        "clockwall --nonsense",
        "clock-netcat 127.0.0.1:1",
        "clock-netcat --insecure https://127.0.0.1:1",
        "python -m clock.clients.netcat --nonsense",
    ],
)
def test_error_cannot_be_written(line: str, stderr: str, unbuffered: str) -> None:
    """
    If an error cannot be written, because standard error is closed, has no reader or is
    full, the command ends all the same, and prints nothing to standard output.
    """
    assert ends(line, stderr, unbuffered) == (1, "")


@pytest.mark.parametrize("stderr", ["", "2>&-", "2>/dev/full"])
def test_start_error_cannot_be_written(stderr: str, tmp_path: Path) -> None:
    """
    A server that cannot start ends, too, if its error cannot be written. Its log has
    the error.
    """
    listen = "--listen unix:/nowhere/clock"
    line = f"twistd -n --pidfile={tmp_path}/pid clock {listen}"
    status, log = ends(line, stderr, "")
    assert (status, list(tmp_path.iterdir())) == (1, [])
    assert log.count("unix:/nowhere/clock: No such file or directory") == 1
    assert "Traceback" not in log


@pytest.mark.parametrize(
    "line",
    [
        "clock-netcat 127.0.0.1:1",
        "clock-check --for 0.1 X=127.0.0.1:1",
        "clockwall --help",
    ],
)
def test_interrupted_while_it_starts(line: str, tmp_path: Path) -> None:
    """
    Ctrl-C exits with 130 and prints nothing while any module is being imported. The
    client commands import no module of the server.
    """
    (tmp_path / "sitecustomize.py").write_text(SPY, "utf-8")
    imported = tmp_path / "imported"
    name, *arguments = line.split()

    def start(before: str) -> subprocess.CompletedProcess[bytes]:
        imported.write_text("", "utf-8")
        return subprocess.run(
            [command(name), *arguments],
            env={
                **os.environ,
                "PYTHONPATH": str(tmp_path),
                "IMPORTED": str(imported),
                "INTERRUPT_BEFORE": before,
            },
            capture_output=True,
            timeout=DEADLINE,
            check=False,
        )

    start("")
    modules = imported.read_text("utf-8").splitlines()
    ours = modules[modules.index("clock.clients.entry") + 1 :]
    assert "twisted" in ours
    assert not {"clock.factory", "clock.ticker", "clock.timeformat"} & {*ours}
    for module in ours[:: len(ours) // 12]:
        ended = start(module)
        assert (module, ended.returncode, ended.stderr) == (module, 130, b"")


def test_interrupted_twice(tmp_path: Path) -> None:
    """
    A second Ctrl-C ends a check at once, while it draws its plot. No file is empty.
    """
    need_module("matplotlib")
    (tmp_path / "sitecustomize.py").write_text(SPY)
    report, picture = tmp_path / "check.xml", tmp_path / "check.svg"
    environment = {
        "PYTHONPATH": str(tmp_path),
        "IMPORTED": str(tmp_path / "imported"),
        "INTERRUPT_BEFORE": "matplotlib.figure",
    }
    files = "--junit", str(report), "--plot", str(picture)
    run = [command("clock-check"), "--for", "3600", *files]
    with (
        Server("--verbose") as server,
        Program([*run, f":{server.port}"], environment=environment) as program,
    ):
        server.find("connected to .*: 1 active")
        assert not report.exists()
        program.interrupt(signal.SIGINT)
        assert [*program.rest()] == []
        assert (program.end(), program.errors()) == (130, "")
    assert report.read_text().endswith("</testsuites>\n")
    assert not picture.exists()
