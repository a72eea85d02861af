"""
The completions of a real zsh, on a terminal.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

from tests.harness.processes import BIN
from tests.harness.requirements import need, need_module

need_module("pyte")

from tests.harness.terminal import Terminal

#: The user's F{.zshrc}. The zstyle lines only make the screen easy to read.
SETUP = """
autoload -U compinit && compinit -u -D
compdef _twisted clockwall clock-check clock-netcat
zstyle ':completion:*' format '<%d>'
zstyle ':completion:*' list-colors ''
echo rea''dy
"""


@pytest.fixture(scope="module")
def zsh() -> Iterator[Terminal]:
    """
    Start a zsh that completes our commands.
    """
    shell = [need("zsh"), "-f", "-i"]
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    environment = {"PS1": "$ ", "PATH": path}
    with Terminal(shell, rows=40, columns=80, environment=environment) as terminal:
        terminal.type("; ".join(SETUP.strip().splitlines()).encode() + b"\n")
        terminal.wait(lambda rows: any(row.startswith("ready") for row in rows))
        yield terminal


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("twistd clock --format ", {"%H:%M:%S", "ansic", "json", "unix"}),
        ("twistd clock -f ", {"%H:%M:%S", "ansic", "json", "unix"}),
        ("twistd clock --interface ", {"0.0.0.0", "::", "::1", "localhost"}),
        ("twistd clock --zone Europe/L", {"Europe/London=", "Europe/Lisbon="}),
        ("twistd clock --port ", {"<TCP port>"}),
        ("clock-check --", {"--for", "--json", "--max-gap"}),
        ("clock-check ", {"<NAME=HOST:PORT>"}),
        ("clockwall --", {"--interval"}),
        ("clockwall ", {"<NAME=HOST:PORT>"}),
        ("clock-netcat ", {"<HOST:PORT, HOST, URL or ENDPOINT>"}),
        ("clock-netcat localhost ", {"<PORT>"}),
    ],
)
def test_offers(zsh: Terminal, typed: str, offered: set[str]) -> None:
    """
    Tab lists the possible completions.
    """
    zsh.type(b"\x15\x0c" + typed.encode())
    zsh.wait(lambda rows: rows[0] == f"$ {typed}".rstrip())
    zsh.type(b"\t")
    # Completions are at least two spaces apart, and may contain one.
    zsh.wait(lambda rows: offered <= {*re.split("  +", "  ".join(rows[1:]))})
