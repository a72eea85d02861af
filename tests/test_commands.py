"""
What all commands have in common: their help, and their output that cannot be written.
"""

from __future__ import annotations

import os
import subprocess

import pytest
from world import DEADLINE, command

COMMANDS = ["clock-netcat", "clockwall", "twistd clock", "twist clock"]

OPTIONS = ["--help", "-h", "--version"]


def run(line: str, output: int) -> tuple[int, str]:
    """
    Run a command, and give its exit status and standard error.
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


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", COMMANDS)
def test_nobody_reads(name: str, option: str) -> None:
    """
    The end is quiet if nothing reads the help, as in C{| head -1}.
    """
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb"):
        assert run(f"{name} {option}", writing) == (0, "")


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", COMMANDS)
def test_output_full(name: str, option: str) -> None:
    """
    Where the help cannot be written, one line says so.
    """
    with open("/dev/full", "wb") as full:
        line = f"{name}: standard output: No space left on device\n"
        assert run(f"{name} {option}", full.fileno()) == (1, line)
