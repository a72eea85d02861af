"""
Run each command of the tutorial as the text shows it, and compare the output with the
text.

Times, ports and addresses may differ, nothing else. A free port replaces 8080.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from processes import BIN, DEADLINE, Program, need

SOURCE = Path(__file__).parent.parent / "docs" / "tutorial"
TEXT = (SOURCE / "index.rst").read_text("utf-8")
PROJECT = SOURCE / "step8_project"
#: All programs, without copies that an installation of the project leaves in it.
PROGRAMS = sorted(
    [
        *SOURCE.glob("*.py"),
        *PROJECT.glob("stepclock/*.py"),
        *PROJECT.glob("twisted/plugins/*.py"),
    ]
)

BLOCK = re.compile(
    r"^\.\. code-block:: console\n   :name: (.*)\n\n((?:   .*\n|\n)+)", re.M
)

#: Finds the line in which a program logs or prints that it listens.
LISTENING = r"Serving on|Starting factory"


@dataclass
class Shown:
    """
    One named block of the text.

    @ivar commands: what is entered, without the prompts.
    @ivar output: what is printed after the last command, normalized.
    """

    commands: list[str]
    output: list[str]


def normalized(text: str) -> list[str]:
    """
    Split output into lines, without the parts that differ between runs.
    """
    for pattern, name in [
        (r"\d\d:\d\d:\d\d", "TIME"),
        (r"(?m)^\d\.\d s ", "SECONDS"),
        (r"(?m)\d\.\d+s$", "SECONDS"),
        (r"(port=|Port |tcp:|127\.0\.0\.1:)\d+", r"\1PORT"),
        (r"0x[0-9a-f]+", "ADDRESS"),
        (r"\.\d{6}", ".MICROSECONDS"),
    ]:
        text = re.sub(pattern, name, text)
    return [line.rstrip() for line in text.strip().splitlines()]


@cache
def shown() -> dict[str, Shown]:
    """
    Read the named blocks of the text.
    """
    blocks = {}
    for name, body in BLOCK.findall(TEXT):
        commands: list[str] = []
        output = ""
        for line in body.splitlines():
            if entered := re.fullmatch(r"   \w*\$ (.*)", line):
                commands.append(entered[1])
                output = ""
            elif not re.fullmatch(r"   (\w*\$|\^C)", line):
                output += line[3:] + "\n"
        blocks[name] = Shown(commands, normalized(output))
    return blocks


class Tutorial:
    """
    A copy of the tutorial's programs, for one test.

    @ivar path: the folder that the reader works in.
    @ivar port: what has taken the place of 8080.
    """

    def __init__(self, path: Path) -> None:
        ignored = shutil.ignore_patterns(
            *("__pycache__", "dropin.cache", "_trial*", "venv"),
            *("build", "*.egg-info"),
        )
        shutil.copytree(SOURCE, path, ignore=ignored)
        self.path = path
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        for program in path.rglob("*.py"):
            self.edit(program, "8080", str(self.port), required=False)

    def edit(self, name: str | Path, old: str, new: str, required: bool = True) -> None:
        """
        Change a program, as the text instructs the reader to.
        """
        program = self.path / name
        text = program.read_text("utf-8")
        assert old in text or not required
        program.write_text(text.replace(old, new), "utf-8")

    def start(self, command: str, under: str = ".") -> Program:
        """
        Start a command of the text.
        """
        command = command.replace("8080", str(self.port))
        assignments, words = {}, shlex.split(command)
        while "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            assignments[name] = value
        if "nc" in words:
            need("nc")
        assignments["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"
        if "|" in words:
            # So that no more than one program is to be ended.
            left, _, right = command.partition("|")
            words = ["bash", "-c", f"exec {right} < <({left})"]
        return Program(
            words,
            cwd=self.path / under,
            environment={
                "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
                **assignments,
            },
        )

    def serve(self, block: str, under: str = ".", log: str | None = None) -> Program:
        """
        Start the server of a block, and wait until it listens.

        @param log: what its output then has, or C{None} if it prints nothing.
        """
        server = self.start(shown()[block].commands[0], under)
        if log is not None:
            server.find(log)
            return server
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline and server.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except ConnectionRefusedError:
                time.sleep(0.02)
            else:
                return server
        raise AssertionError("the server does not listen")

    def client(self, block: str) -> Program:
        """
        Start the client of a block: its last command.
        """
        return self.start(shown()[block].commands[-1])

    def output(self, command: str, under: str = ".", status: int = 0) -> list[str]:
        """
        Run a command to its end, and return its output.
        """
        with self.start(command, under) as program:
            text = b"".join(program.rest()).decode()
            assert program.end() == status, text + program.errors()
            return normalized(text + program.errors())


@pytest.fixture
def tutorial(tmp_path: Path) -> Tutorial:
    """
    Copy the tutorial.
    """
    return Tutorial(tmp_path / "tutorial")


def expect(program: Program, block: str) -> None:
    """
    Wait for as many lines as a block shows, and compare.
    """
    output = shown()[block].output
    assert output
    received = program.lines(len(output))
    assert normalized(b"".join(received).decode()) == output


def without_repeats(lines: list[str]) -> list[str]:
    """
    Remove each line that is the same as the line before.
    """
    return [line for i, line in enumerate(lines) if lines[i - 1 : i] != [line]]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: str(path.name))
def test_program(program: Path) -> None:
    """
    A program has at most 60 lines, is part of the text, and imports Twisted, its
    neighbours and the standard library; only the last step imports the clock.
    """
    text = program.read_text("utf-8")
    assert len(text.splitlines()) <= 60
    included = f".. literalinclude:: {program.relative_to(SOURCE)}\n"
    assert included in TEXT or program.name == "__init__.py"
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    allowed = sys.stdlib_module_names | {"twisted", "zope", "stepclock"}
    allowed |= {path.stem for path in PROGRAMS}
    strange = {str(name).partition(".")[0] for name in imported} - allowed
    assert strange == ({"clock"} if program.name == "step10_package.py" else set())


def test_every_block_is_tested() -> None:
    """
    Each session in the text is tested by a test here.
    """
    assert TEXT.count("code-block:: console") == len(shown()) + 1  # the installation
    tests = Path(__file__).read_text("utf-8")
    assert [name for name in shown() if f'"{name}"' not in tests] == []


def test_step_1(tutorial: Tutorial) -> None:
    """
    Two clients get the time side by side.
    """
    with tutorial.serve("step1-first"), tutorial.client("step1-first") as first:
        first.line()
        with tutorial.client("step1-second") as second:
            expect(second, "step1-second")
            expect(first, "step1-first")


def test_step_2(tutorial: Tutorial) -> None:
    """
    The second client gets nothing until the first is interrupted.
    """
    with tutorial.serve("step2-first"), tutorial.client("step2-first") as first:
        expect(first, "step2-first")
        with tutorial.client("step2-second") as second:
            assert second.silent(1.5)
            first.interrupt(signal.SIGINT)
            expect(second, "step2-second")


def test_step_3(tutorial: Tutorial) -> None:
    """
    The program listens on the address of its command line, and a port in use is an
    error.
    """
    with tutorial.start(shown()["step3-tcp"].commands[0]) as server:
        expect(server, "step3-tcp")
    with (
        tutorial.serve("step3-unix", log=LISTENING),
        tutorial.client("step3-unix") as client,
    ):
        expect(client, "step3-unix")
    (command,) = shown()["step3-error"].commands
    with socket.create_server(("127.0.0.1", tutorial.port)):
        output = tutorial.output(command, status=1)
    assert output == shown()["step3-error"].output
    output = tutorial.output(command.rpartition(" ")[0], status=1)
    assert output == ["usage: step3_endpoint.py ENDPOINT"]


def test_step_4(tutorial: Tutorial) -> None:
    """
    The tests pass, and one fails if the protocol does not stop its loop.
    """
    (command,) = shown()["step4-tests"].commands
    assert tutorial.output(command) == shown()["step4-tests"].output
    tutorial.edit("step4_clock.py", "self.loop.stop()", "pass")
    failed = [line for line in tutorial.output(command, status=1) if "[FAIL]" in line]
    assert [line.split()[0] for line in failed] == ["test_disconnecting", "[FAIL]"]


@pytest.mark.parametrize("block", ["step5-naive", "step5-repaired"])
def test_step_5(tutorial: Tutorial, block: str) -> None:
    """
    The simulation prints exactly the lines in the text.
    """
    (command,) = shown()[block].commands
    with tutorial.start(command) as program:
        printed = b"".join(program.rest()).decode()
    section = TEXT[TEXT.index(f":name: {block}\n") :]
    assert "".join(f"   {line}" for line in printed.splitlines(True)) in section


@pytest.mark.parametrize("block", ["step6-wall", "step6-steady"])
def test_step_6(tutorial: Tutorial, block: str) -> None:
    """
    Once the clock is set back, lines come only if the reactor's time is steady.
    """
    (command,) = shown()[block].commands
    with tutorial.start(command) as program:
        lines = [program.line().text.decode()]
        while "set back" not in lines[-1]:
            lines.append(program.line().text.decode())
        if block == "step6-wall":
            assert program.silent(2.5)
        else:
            lines += [line.decode() for line in program.lines(3)]
            before, after = (re.findall(r"(\d\d):\d\d:", lines[i])[0] for i in (0, -1))
            assert (int(before) - int(after)) % 24 in (0, 1)
        program.interrupt(signal.SIGINT)
        lines += [line.decode() for line in program.rest()]
    expected = without_repeats(shown()[block].output)
    assert without_repeats(normalized("".join(lines))) == expected


def test_step_7(tutorial: Tutorial) -> None:
    """
    The server of step 1 closes the connection when its client half-closes; that of
    step 7 does not.
    """
    with tutorial.serve("step7-naive"), tutorial.client("step7-naive") as client:
        lines = [line.decode() for line in client.rest()]
        assert client.end() == 0
        expected = without_repeats(shown()["step7-naive"].output)
        assert without_repeats(normalized("".join(lines))) == expected
    with tutorial.serve("step7-repaired"), tutorial.client("step7-repaired") as client:
        expect(client, "step7-repaired")


def test_step_8(tutorial: Tutorial) -> None:
    """
    The project's tests pass, and one fails without the rule for half-closed clients.
    """
    change, command = shown()["step8-tests"].commands
    under = change.removeprefix("cd ")
    assert tutorial.output(command, under) == shown()["step8-tests"].output
    program = tutorial.path / under / "stepclock" / "factory.py"
    lines = program.read_text("utf-8").splitlines(True)
    (rule,) = (i for i, line in enumerate(lines) if "client.halfClosed" in line)
    assert lines[rule + 2] == "\n"
    program.write_text("".join(lines[:rule] + lines[rule + 2 :]), "utf-8")
    (command,) = shown()["step8-failure"].commands
    expected = shown()["step8-failure"].output
    assert tutorial.output(command, under, status=1)[: len(expected)] == expected


def test_step_9(tutorial: Tutorial) -> None:
    """
    C{twistd} runs the plugin, a half-closed client loses its turn, and Ctrl-C stops it.
    """
    under = "step8_project"
    (command,) = shown()["step9-help"].commands
    assert tutorial.output(command, under) == shown()["step9-help"].output
    with tutorial.serve("step9-first", under, log=LISTENING) as server:
        with tutorial.client("step9-first") as first:
            expect(first, "step9-first")
            with tutorial.client("step9-second") as second:
                expect(second, "step9-second")
                assert [line for line in first.rest() if line.count(b":") != 2] == []
                assert first.end() == 0
        server.interrupt(signal.SIGINT)
        log = b"".join(server.rest()).decode()
    ending = normalized(re.sub(r"(?m)^\S+ ", "", log))
    expected = shown()["step9-log"].output
    assert ending[-len(expected) :] == expected


def test_step_9_wrong_endpoint(tutorial: Tutorial) -> None:
    """
    A malformed endpoint ends C{twistd} with a message and status 1.
    """
    command = "env PYTHONPATH=. twistd -n stepclock --listen tcp:http"
    output = tutorial.output(command, "step8_project", status=1)
    assert re.search("twistd -n: --listen tcp:http: .", output[-1])


def test_step_9_installed(tutorial: Tutorial) -> None:
    """
    The project can be installed, and Twisted then finds its plugin.
    """
    installed = tutorial.path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    subprocess.run(
        [*pip, installed, tutorial.path / "step8_project"],
        check=True,
        timeout=20 * DEADLINE,
    )
    command = f"env PYTHONPATH={shlex.quote(str(installed))} twistd stepclock --help"
    assert tutorial.output(command) == shown()["step9-help"].output


def test_step_10(tutorial: Tutorial) -> None:
    """
    A program that uses the package serves the time.
    """
    command = shown()["step10-server"].commands[-1].replace("docs/tutorial/", "")
    with tutorial.start(command) as server:
        expect(server, "step10-server")
        with tutorial.client("step10-client") as client:
            expect(client, "step10-client")
