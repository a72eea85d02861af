"""
Streams over HTTP: C{/lines} and C{/events}, read by C{curl} and C{http.client}.
"""

from __future__ import annotations

import json
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.harness.processes import Server
from tests.harness.times import LATE, LINE, UNIT, steps
from tests.harness.web import (
    check_seconds,
    curl,
    ended,
    five,
    get,
    head,
    line,
    request,
    web_server,
)


def test_each_second_once() -> None:
    """
    Every client sees each second once, on time, and the same ones as over TCP.
    """
    with web_server() as server, ExitStack() as stack:
        address = f"http://127.0.0.1:{server.web_port}"
        responses = [
            stack.enter_context(request(server.web_port, path))
            for path in ("/lines", "/lines?bare=1", "/events", "/events?bare=1")
        ]
        programs = [
            stack.enter_context(curl(*options, f"{address}/lines"))
            for options in ((), ("--http1.0",))
        ]
        reads = [
            server.connect().line,
            *(partial(line, response) for response in responses),
            *(program.line for program in programs),
        ]
        with ThreadPoolExecutor(len(reads)) as pool:
            seen = [*pool.map(five, reads)]
    for arrivals in seen:
        check_seconds(arrivals)
    shown = [{each.text for each in arrivals} for arrivals in seen]
    # They may have connected on both sides of a boundary.
    assert len(set.intersection(*shown)) >= 4


def test_first_at_once(server: Server) -> None:
    """
    The first line comes at once.
    """
    for path in ("/lines", "/events"):
        asked = time.monotonic()
        with request(server.web_port, path) as response:
            assert line(response).at - asked < LATE


def test_json() -> None:
    """
    With C{--format json}, each line and the data of each event are JSON.
    """
    with web_server("--format", "json", "--interval", "0.1") as server:
        for path in ("/lines", "/events"):
            with request(server.web_port, path) as response:
                first, second = (json.loads(line(response).text) for _ in range(2))
                assert second["tick"] == first["tick"] + 1


def test_waiting() -> None:
    """
    In sequential mode, a client that waits gets the headers and the comment of
    C{/events} at once. It gets its first line when its turn begins.
    """
    with web_server("--sequential") as server:
        active = server.connect()
        active.line()
        asked = time.monotonic()
        with (
            request(server.web_port, "/events") as events,
            request(server.web_port, "/lines") as lines,
        ):
            assert events.readline() == b": connected\n"
            assert time.monotonic() - asked < LATE
            assert events.getheader("Content-Type") == "text/event-stream"
            assert lines.getheader("Content-Type") == "text/plain; charset=utf-8"
            assert "served" in get(server.web_port, "/status")
            (clock,) = json.loads(get(server.web_port, "/status"))["clocks"]
            assert [each["lines"] for each in clock["waiting"]["clients"]] == [0, 0]
            active.close()
            closed = time.monotonic()
            assert line(events).at - closed < LATE
            events.close()
            closed = time.monotonic()
            assert line(lines).at - closed < LATE


def test_tls(certificate: Path) -> None:
    """
    C{ssl:} serves HTTPS, and ends a response in order.
    """
    where = f"ssl:0:privateKey={certificate}:interface=127.0.0.1"
    with Server("--interval", "0.1", "--web", where) as server:
        trust = ["--cacert", str(certificate)]
        base = f"https://localhost:{server.web_port}"
        with curl(*trust, f"{base}/lines") as lines, curl(f"{base}/lines") as stranger:
            assert all(LINE.fullmatch(each) for each in lines.lines(3))
            assert stranger.end() == 60
            with curl(*trust, f"{base}/healthz") as health:
                assert [*health.rest()] == [b"ok\n"]
            sent = ended(server, signal.SIGTERM)
            assert lines.end() == 0, lines.errors()
            assert time.monotonic() - sent < 1 * UNIT
            assert all(LINE.fullmatch(each) for each in lines.rest())


def test_unix(tmp_path: Path) -> None:
    """
    C{unix:} serves HTTP on a socket file.
    """
    path = tmp_path / "web"
    with Server("--interval", "0.1", "--web", f"unix:{path}") as server:
        assert server.web_port == 0
        with curl("--unix-socket", str(path), "http://x/lines") as client:
            assert all(LINE.fullmatch(each) for each in client.lines(3))
            ended(server, signal.SIGTERM)
            assert client.end() == 0, client.errors()
        assert not path.exists()


def test_input_is_ignored(server: Server) -> None:
    """
    A stream continues, whatever its client sends.
    """
    with server.connect(server.web_port) as client:
        client.socket.sendall(head("/events", version="1.0"))
        while client.line().text != b"\r\n":
            pass
        client.socket.sendall(b"hello\r\n" * 1000 + head("/healthz") * 1000)
        text = b"".join(client.lines(12))
    assert b"HTTP/1." not in text
    assert steps(re.findall(rb"^data: (.*\n)", text, re.M)) == [1, 1]
