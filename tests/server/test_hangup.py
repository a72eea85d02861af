"""
SIGHUP: the server reopens its log and keeps running. If its terminal is closed, the
server stops.
"""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from tests.harness.clients import Client
from tests.harness.processes import Program, Server, command
from tests.harness.requirements import need, need_module
from tests.harness.times import DEADLINE, LINE, wait_until

TOOLS = {
    "twistd": ["twistd", "-n", "--pidfile=", "--logfile=clock.log"],
    "twist": ["twist", "--log-file=clock.log", "--log-format=text"],
    "daemon": ["twistd", "--logfile=clock.log"],
}


def wait_for_text(path: Path, text: str) -> None:
    """
    Wait until a file exists and contains a text.
    """
    wait_until(lambda: path.exists() and text in path.read_text("utf-8"))


def connect(path: Path) -> Client:
    """
    Connect to a UNIX socket as soon as the server listens on it. The file of the socket
    exists a moment before.
    """
    connection = socket.socket(socket.AF_UNIX)
    wait_until(lambda: connection.connect_ex(str(path)) == 0)
    return Client(connection)


@pytest.mark.parametrize("tool", TOOLS)
def test_log_is_reopened(tool: str, tmp_path: Path) -> None:
    """
    Each time that the log is renamed and the signal is sent, the server begins a new
    log. A client stays connected.
    """
    log, path = tmp_path / "clock.log", tmp_path / "clock"
    name, *options = TOOLS[tool]
    line = [command(name), *options, "clock", "--verbose", f"--listen=unix:{path}"]
    with Program(line, cwd=tmp_path) as program, connect(path) as client:
        client.line()
        server = program.process.pid
        if tool == "daemon":
            assert program.end() == 0
            server = int((tmp_path / "twistd.pid").read_text("utf-8"))
        try:
            for number in range(2):
                wait_for_text(log, "connected to")
                log.rename(tmp_path / f"clock.log.{number}")
                os.kill(server, signal.SIGHUP)
                wait_for_text(log, "Reopened")
                with connect(path) as another:
                    another.line()
            assert LINE.fullmatch(client.line().text)
        finally:
            os.kill(server, signal.SIGTERM)
        wait_for_text(log, "The clock has stopped")
        assert client.rest().count(b"\n") < 5
    assert (
        "connected to"
        not in (tmp_path / "clock.log.1").read_text("utf-8").partition("continuing")[2]
    )


def test_log_that_cannot_be_reopened(tmp_path: Path) -> None:
    """
    If the log cannot be reopened, the server logs the reason to the old log.
    """
    folder = tmp_path / "logs"
    folder.mkdir()
    tool = ["twistd", "-n", "--pidfile=", f"--logfile={folder}/clock.log"]
    path = tmp_path / "clock"
    line = [command(tool[0]), *tool[1:], "clock", f"--listen=unix:{path}"]
    with Program(line, cwd=tmp_path) as program, connect(path) as client:
        client.line()
        folder.rename(tmp_path / "moved")
        program.interrupt(signal.SIGHUP)
        log = tmp_path / "moved" / "clock.log"
        wait_for_text(
            log, f"Cannot reopen the log: No such file or directory: {folder}"
        )
        assert LINE.fullmatch(client.line().text)
        program.interrupt()
        program.end()
        assert "The clock has stopped" in log.read_text("utf-8")


@pytest.mark.parametrize("tool", ["twistd -n --pidfile=", "twist --log-format=text"])
def test_standard_output(tool: str) -> None:
    """
    A server that logs to standard output keeps running.
    """
    with Server(tool=tool.split()) as server, server.connect() as client:
        client.line()
        for _ in range(2):
            server.interrupt(signal.SIGHUP)
            server.find("Received SIGHUP: continuing")
        assert LINE.fullmatch(client.line().text)


def test_nohup() -> None:
    """
    If the signal is ignored from the start, it stays ignored.
    """
    with Server(prefix=[need("nohup")]) as server, server.connect() as client:
        client.line()
        server.interrupt(signal.SIGHUP)
        assert LINE.fullmatch(client.line().text)
        server.interrupt()
        assert not any(b"SIGHUP" in line for line in server.rest())


def test_terminal_closed(tmp_path: Path) -> None:
    """
    If its terminal is closed, the server stops cleanly. The signal alone does not stop
    it.
    """
    need_module("pyte")
    from tests.harness.terminal import Terminal

    path = tmp_path / "clock"
    pidfile, log = tmp_path / "twistd.pid", tmp_path / "clock.log"
    line = [command("twistd"), "-n", f"--pidfile={pidfile}", f"--logfile={log}"]
    line += ["clock", f"--listen=unix:{path}"]
    with Terminal(line, reads=False) as terminal, connect(path) as client:
        client.line()
        assert pidfile.exists()
        terminal.process.send_signal(signal.SIGHUP)
        wait_for_text(log, "Received SIGHUP: continuing")
        terminal.hang_up()
        terminal.process.send_signal(signal.SIGHUP)
        # A second signal may arrive after Python has restored the default action.
        assert terminal.process.wait(DEADLINE) in (0, -signal.SIGHUP)
        assert len(client.rest()) % len(b"HH:MM:SS\n") == 0
    assert [*tmp_path.iterdir()] == [log]
    assert "The clock has stopped" in log.read_text("utf-8")
