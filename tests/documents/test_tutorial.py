"""
Run each command of the tutorial as the text shows it, and compare the output with the
text.

Times, ports and addresses may differ, nothing else. Free ports replace 8080 and 8443.
The tests share one copy of the programs, like a reader: a change that the text asks for
stays, unless the text asks to undo it.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.harness.processes import BIN, Program, free_ports
from tests.harness.requirements import need, need_module
from tests.harness.times import DEADLINE

SOURCE = Path(__file__).parents[2] / "docs" / "tutorial"
TEXT = (SOURCE / "index.rst").read_text("utf-8")
PROJECT = SOURCE / "step8_project"
#: All programs, without the copies that an installation leaves in the project.
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

    @ivar folder: the folder in the clone in which the commands are entered.
    @ivar commands: the commands, without the prompts.
    @ivar output: the normalized output of the last command.
    """

    folder: str
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
    folder = ""
    for name, body in BLOCK.findall(TEXT):
        commands: list[str] = []
        output = ""
        for line in body.splitlines():
            if entered := re.fullmatch(r"   \w*\$ (.*)", line):
                commands.append(entered[1])
                output = ""
                if move := re.fullmatch("cd (.*)", entered[1]):
                    folder = os.path.normpath(os.path.join(folder, move[1]))
            elif not re.fullmatch(r"   (\w*\$|\^C)", line):
                output += line[3:] + "\n"
        blocks[name] = Shown(folder, commands, normalized(output))
    return blocks


class Tutorial:
    """
    A copy of the tutorial's programs.

    @ivar clone: the folder that the reader has cloned the repository to.
    @ivar path: the folder of the programs in it.
    @ivar ports: the ports that replace 8080 and 8443.
    """

    def __init__(self, clone: Path) -> None:
        self.clone = clone
        self.path = clone / "docs" / "tutorial"
        ignored = shutil.ignore_patterns(
            *("__pycache__", "dropin.cache", "_trial*", "venv"),
            *("build", "*.egg-info"),
        )
        shutil.copytree(SOURCE, self.path, ignore=ignored)
        self.ports = dict(zip(("8080", "8443"), map(str, free_ports(2)), strict=True))
        for program in self.path.rglob("*.py"):
            program.write_text(self.moved(program.read_text("utf-8")), "utf-8")

    def moved(self, text: str) -> str:
        """
        Replace the ports in a command or a program.
        """
        for port, free in self.ports.items():
            text = text.replace(port, free)
        return text

    @contextmanager
    def edited(
        self, change: str, undo: str, program: Path, old: str, new: str
    ) -> Iterator[None]:
        """
        Change a program, and then change it back.

        @param change: the words in which the text asks the reader for the change.
        @param undo: the words in which it later asks to undo the change.
        """
        words = " ".join(TEXT.split())
        assert undo in words[words.index(change) :]
        text = program.read_text("utf-8")
        assert text.count(old) == 1
        program.write_text(text.replace(old, new), "utf-8")
        try:
            yield
        finally:
            program.write_text(text, "utf-8")

    def start(self, block: str, command: str | None = None) -> Program:
        """
        Start a command of a block.

        @param command: the command; by default, the last one of the block.
        """
        command = self.moved(command or shown()[block].commands[-1])
        for tool in ("nc", "openssl"):
            if tool in command.split():
                need(tool)
        # The program replaces the shell, so that it gets the signals.
        if " | " in command:
            left, _, right = command.partition(" | ")
            command = f"exec {right} < <({left})"
        else:
            command = re.sub(r"^((\w+=\S+ )*)", r"\1exec ", command)
        return Program(
            [need("bash"), "-c", command],
            cwd=self.clone / shown()[block].folder,
            environment={"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        )

    def serve(self, block: str, log: str | None = None) -> Program:
        """
        Start the server of a block, its first command, and wait until it listens.

        @param log: a pattern of the line that says so, or C{None} if the server prints
            nothing.
        """
        server = self.start(block, shown()[block].commands[0])
        if log is not None:
            server.find(log)
            return server
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline and server.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", int(self.ports["8080"]))).close()
            except ConnectionRefusedError:
                time.sleep(0.02)
            else:
                return server
        raise AssertionError("the server does not listen")

    def output(
        self, block: str, command: str | None = None, status: int = 0
    ) -> list[str]:
        """
        Run a command of a block to its end, and return its output.
        """
        with self.start(block, command) as program:
            text = b"".join(program.rest()).decode()
            assert program.end() == status, text + program.errors()
            return normalized(text + program.errors())


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Tutorial:
    """
    Copy the tutorial.
    """
    return Tutorial(tmp_path_factory.mktemp("clone"))


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
    Each session in the text is tested by a test here, except for the installation.
    """
    steps = [name for name in shown() if name.startswith("step")]
    assert TEXT.count("code-block:: console") == len(steps) + 1
    tests = Path(__file__).read_text("utf-8")
    assert [name for name in steps if f'"{name}"' not in tests] == []


def test_step_1(tutorial: Tutorial) -> None:
    """
    Two clients get the time side by side.
    """
    with tutorial.serve("step1-first"), tutorial.start("step1-first") as first:
        first.line()
        with tutorial.start("step1-second") as second:
            expect(second, "step1-second")
            expect(first, "step1-first")


def test_step_2(tutorial: Tutorial) -> None:
    """
    The second client gets nothing until the first is interrupted.
    """
    with tutorial.serve("step2-first"), tutorial.start("step2-first") as first:
        expect(first, "step2-first")
        with tutorial.start("step2-second") as second:
            assert second.silent(1.5)
            first.interrupt(signal.SIGINT)
            expect(second, "step2-second")


def test_step_3(tutorial: Tutorial) -> None:
    """
    The program listens on the address of its command line, and a port in use is an
    error.
    """
    with tutorial.start("step3-tcp") as server:
        expect(server, "step3-tcp")
    with (
        tutorial.serve("step3-unix", log=LISTENING) as server,
        tutorial.start("step3-unix") as client,
    ):
        expect(client, "step3-unix")
        server.interrupt(signal.SIGINT)
        server.end()
    with tutorial.serve("step3-error"):
        output = tutorial.output("step3-error", status=1)
    assert output == shown()["step3-error"].output
    [program] = re.findall(".*step3_endpoint.py", shown()["step3-error"].commands[-1])
    output = tutorial.output("step3-error", program, status=1)
    assert output == ["usage: step3_endpoint.py ENDPOINT"]


def test_step_3_tls(tutorial: Tutorial) -> None:
    """
    With the extra that the text names, and a certificate that its command makes, the
    program serves over TLS.
    """
    need_module("OpenSSL")
    install, _ = shown()["step3-certificate"].commands
    assert install == "pip install 'twisted[tls]'"
    tutorial.output("step3-certificate")
    with (
        tutorial.serve("step3-tls", log=LISTENING),
        tutorial.start("step3-tls") as client,
    ):
        expect(client, "step3-tls")


def test_step_4(tutorial: Tutorial) -> None:
    """
    The tests pass, and one fails if the protocol does not stop its loop.
    """
    assert tutorial.output("step4-tests") == shown()["step4-tests"].output
    with tutorial.edited(
        "In ``step4_clock.py``, replace ``self.loop.stop()`` with ``pass``",
        "Then put ``self.loop.stop()`` back.",
        tutorial.path / "step4_clock.py",
        "self.loop.stop()",
        "pass",
    ):
        output = tutorial.output("step4-tests", status=1)
    failed = [line for line in output if "[FAIL]" in line]
    assert [line.split()[0] for line in failed] == ["test_disconnecting", "[FAIL]"]


@pytest.mark.parametrize("block", ["step5-naive", "step5-repaired"])
def test_step_5(tutorial: Tutorial, block: str) -> None:
    """
    The simulation prints exactly the lines in the text.
    """
    with tutorial.start(block) as program:
        printed = b"".join(program.rest()).decode()
    section = TEXT[TEXT.index(f":name: {block}\n") :]
    assert "".join(f"   {line}" for line in printed.splitlines(True)) in section


@pytest.mark.parametrize("block", ["step6-wall", "step6-steady"])
def test_step_6(tutorial: Tutorial, block: str) -> None:
    """
    Once the clock is set back, lines come only if the reactor's time is steady.
    """
    with tutorial.start(block) as program:
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
    with tutorial.serve("step7-naive"), tutorial.start("step7-naive") as client:
        lines = [line.decode() for line in client.rest()]
        assert client.end() == 0
        expected = without_repeats(shown()["step7-naive"].output)
        assert without_repeats(normalized("".join(lines))) == expected
    with tutorial.serve("step7-repaired"), tutorial.start("step7-repaired") as client:
        expect(client, "step7-repaired")


def test_step_8(tutorial: Tutorial) -> None:
    """
    The project's tests pass, and one fails without the rule for half-closed clients.
    """
    assert tutorial.output("step8-tests") == shown()["step8-tests"].output
    program = tutorial.path / "step8_project" / "stepclock" / "factory.py"
    text = program.read_text("utf-8")
    [update] = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.name == "update"
    ]
    rule = "".join(text.splitlines(True)[: update.end_lineno][-2:])
    assert "if client.halfClosed" in rule
    with tutorial.edited(
        "In ``stepclock/factory.py``, delete the last two lines of ``update``",
        "Put the two lines back",
        program,
        rule,
        "",
    ):
        expected = shown()["step8-failure"].output
        output = tutorial.output("step8-failure", status=1)
    assert output[: len(expected)] == expected


def test_step_9(tutorial: Tutorial) -> None:
    """
    C{twistd} runs the plugin, a half-closed client loses its turn, and Ctrl-C stops it.
    """
    assert tutorial.output("step9-help") == shown()["step9-help"].output
    with tutorial.serve("step9-first", log=LISTENING) as server:
        with tutorial.start("step9-first") as first:
            expect(first, "step9-first")
            with tutorial.start("step9-second") as second:
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
    command = "PYTHONPATH=. twistd -n stepclock --listen tcp:http"
    output = tutorial.output("step9-first", command, status=1)
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
    command = "PYTHONPATH=../installed twistd stepclock --help"
    assert tutorial.output("step9-help", command) == shown()["step9-help"].output


def test_step_10(tutorial: Tutorial) -> None:
    """
    A program that uses the package serves the time.
    """
    with tutorial.start("step10-server") as server:
        expect(server, "step10-server")
        with tutorial.start("step10-client") as client:
            expect(client, "step10-client")
