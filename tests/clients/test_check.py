"""
C{clock-check} on streams that are whole, and on streams that are not.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.harness.processes import Program, Server, command
from tests.harness.requirements import need, need_module
from tests.harness.times import DEADLINE, LATE, UNIT

CONFIGURATION = Path(__file__).parents[2] / "docs" / "haproxy.cfg"

#: The longest time without a line that a slow machine may cause, in seconds.
MAX_GAP = f"{1.5 + UNIT:g}"


def check(*arguments: str, seconds: float = 3, home: str | None = None) -> Program:
    """
    Check these clocks.

    @param home: the user's home folder.
    """
    run = [command("clock-check"), "--for", f"{seconds:g}", "--max-gap", MAX_GAP]
    return Program([*run, *arguments], environment={"HOME": home} if home else None)


def verdicts(program: Program) -> list[dict[str, Any]]:
    """
    Return the clocks of a report in JSON.
    """
    found = json.loads(b"".join(program.rest()))
    assert found["seconds"] >= 3
    assert found["whole"] == all(each["whole"] for each in found["streams"])
    clocks: list[dict[str, Any]] = found["streams"]
    return clocks


@pytest.mark.parametrize("format", ["%H:%M:%S", "json"])
def test_whole(format: str) -> None:
    """
    The streams of a server are whole and on time, with numbers and without.
    """
    zone = "--zone=Asia/Kathmandu=0"
    with Server("--format", format, zone) as server:
        clocks = f"Here=:{server.port}", f"There=:{server.port_of('Asia/Kathmandu')}"
        with check("--json", *clocks) as program:
            for clock, name in zip(verdicts(program), ["Here", "There"], strict=True):
                assert clock["name"] == name
                assert 3 <= clock["lines"] <= 5
                assert clock["trouble"] == []
                assert 0.9 < clock["gaps"]["max"] < 1 + UNIT
                assert -0.01 < clock["lateness"]["p50"] < 0.3 * UNIT
                assert clock["lost"] == (0 if format == "json" else None)
            assert program.end() == 0


@pytest.mark.parametrize(("interval", "format"), [(0.2, "json"), (1.5, "%H:%M:%S")])
def test_other_interval(interval: float, format: str) -> None:
    """
    With the server's C{--interval}, the stream is whole, even in a format that does not
    show the interval.
    """
    with Server("--interval", str(interval), "--format", format) as server:
        arguments = "--json", "--interval", str(interval), f"Here=:{server.port}"
        with check(*arguments, seconds=4) as program:
            (clock,) = verdicts(program)
            assert clock["lines"] + clock["skips"] >= 3.7 / interval
            assert clock["whole"]
            assert clock["lateness"]["p50"] < 0.3 * UNIT


def test_tls(certificate: Path) -> None:
    """
    Over TLS, a clock is reached when the handshake is done.
    """
    key = str(certificate)
    trust = f"trustRoots={certificate.parent}"
    with (
        Server(listen=["--listen", f"ssl:0:privateKey={key}"]) as server,
        Server() as plain,
    ):
        clocks = [
            f"Here=tls:localhost:{server.port}:{trust}",
            f"Plain=tls:localhost:{plain.port}:{trust}",
            f"Other=tls:127.0.0.1:{server.port}:{trust}",
        ]
        with check("--json", *clocks) as program:
            here, not_tls, other = verdicts(program)
            assert here["whole"]
            assert "certificate is not for 127.0.0.1" in " ".join(other["trouble"])
            assert not not_tls["reached"]
            assert "wrong version number" in not_tls["trouble"][0]
            assert program.end() == 2


def test_stopped_server() -> None:
    """
    Seconds in which the server did not run are skipped. No tick number is missing, so
    nothing was lost.
    """
    with (
        Server("--format", "json", "--verbose") as server,
        check("--json", f"Here=:{server.port}", seconds=8) as program,
    ):
        server.find("connected to .*: 1 active")
        client = server.connect()
        client.lines(2)
        server.interrupt(signal.SIGSTOP)
        assert client.silent(3)
        server.interrupt(signal.SIGCONT)
        (clock,) = verdicts(program)
        assert clock["skips"] >= 2
        assert clock["lost"] == clock["repeats"] == clock["disconnects"] == 0
        # The last line before the stop may have been late by this much.
        assert clock["silence"] > 3 - LATE
        assert [each["code"] for each in clock["diagnosis"]] == ["server-slept"]
        assert program.end() == 1


def test_interrupted() -> None:
    """
    Ctrl-C ends a check early, with a report.
    """
    with (
        Server("--verbose") as server,
        check(f"Here=:{server.port}", seconds=3600) as program,
    ):
        server.find("connected to .*: 1 active")
        with server.connect() as client:
            client.lines(2)
        program.interrupt(signal.SIGINT)
        assert program.line().text.startswith(b"stream ")
        assert b"Here" in program.line().text
        assert program.end() == 130


def test_pipeline(tmp_path: Path) -> None:
    """
    C{--quiet} prints nothing. C{--until-broken} ends a check when the stream is cut.
    JUnit XML and the plot are in their files. A user without a home folder gets no
    warning.
    """
    need_module("matplotlib")
    report, picture = tmp_path / "check.xml", tmp_path / "check.svg"
    files = "--junit", str(report), "--plot", str(picture)
    with (
        Server("--verbose") as server,
        check(
            *("--quiet", "--until-broken", *files, f"Here=:{server.port}"),
            seconds=3600,
            home="/dev/null/home",
        ) as program,
    ):
        server.find("connected to .*: 1 active")
        with server.connect() as client:
            client.lines(3)
        server.interrupt(signal.SIGTERM)
        assert [*program.rest()] == []
        assert program.end() == 1
        assert program.errors() == ""
    (suite,) = ElementTree.parse(report).getroot()
    (case,) = suite
    assert (suite.attrib["failures"], case.attrib["name"]) == ("1", "Here")
    assert case[0].attrib["message"] == "disconnected once (closed by the server)"
    assert case[0].attrib["type"] == "closed"
    assert ">Here</text>" in picture.read_text("utf-8")


def test_progress() -> None:
    """
    On a terminal, a line for each stream and a progress bar are shown. At the end the
    table replaces them.
    """
    need_module("pyte")
    need_module("rich")
    from tests.harness.terminal import CTRL_C, Terminal

    run = [command("clock-check"), "--for", "3600"]
    clocks = "A=:{0}", "Bee=:{0}", "No=127.0.0.1:1"
    with (
        Server() as server,
        Terminal(
            [*run, *(each.format(server.port) for each in clocks)], columns=160
        ) as terminal,
    ):
        terminal.wait(lambda rows: re.fullmatch("checking .* 2 of 3600 s", rows[3]))
        first, second, third = terminal.rows()[:3]
        assert re.fullmatch(r"A +[2-4] lines  [0-9:]{8}  connected", first)
        assert re.fullmatch(r"Bee +[2-4] lines  [0-9:]{8}  connected", second)
        assert re.fullmatch(r"No +0 lines +(connecting|down: .*refused)", third)
        assert not terminal.cursor_is_hidden()
        terminal.type(CTRL_C)
        assert terminal.end() == 130
        rows = terminal.rows()
        assert rows[0].startswith("stream ")
        assert not re.search("checking|  connected|down:", "".join(rows))


def test_forced_color(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without a terminal there is no progress, even if colors are forced.
    """
    need_module("rich")
    monkeypatch.setenv("FORCE_COLOR", "1")
    with check("Here=127.0.0.1:1", seconds=0.5) as program:
        assert program.end() == 2
        assert program.errors() == ""


def test_haproxy() -> None:
    """
    The example of C{docs/proxies.rst}: HAProxy with a timeout that is too short and one
    that is right, behind the PROXY protocol.
    """
    haproxy = need("haproxy")
    free = []
    for _ in range(3):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            free.append(str(listening.getsockname()[1]))
    clock, short, right = free
    ports = {"CLOCK": clock, "SHORT": short, "RIGHT": right}
    direct = "tcp:0:interface=127.0.0.1"
    behind = f"haproxy:tcp:{clock}:interface=127.0.0.1"
    options = "--verbose", "--listen", direct, "--listen", behind
    with (
        Server(*options, listen=()) as server,
        Program([haproxy, "-f", str(CONFIGURATION)], environment=ports) as proxy,
    ):
        with connect_to(int(right)) as client:
            client.recv(9)
            host, port = client.getsockname()
        # The server has the client's address from the PROXY header.
        server.find(rf"{host}:{port} disconnected ")
        clocks = f"Short=:{short}", f"Right=:{right}"
        with check("--json", *clocks, seconds=5) as program:
            short_clock, right_clock = verdicts(program)
            assert program.end() == 1
        assert short_clock["disconnects"] >= 2
        assert "closed by the server" in short_clock["trouble"][-1]
        assert right_clock["whole"]
        proxy.interrupt(signal.SIGTERM)
        proxy.end()


def connect_to(port: int) -> socket.socket:
    """
    Connect as soon as a process listens on a port.
    """
    end = time.monotonic() + DEADLINE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), DEADLINE)
        except ConnectionRefusedError:
            assert time.monotonic() < end, f"no process listens on {port}"
