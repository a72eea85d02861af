"""
The status of the server over HTTP, for people and for monitors.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from contextlib import ExitStack
from typing import Any

from tests.harness.requirements import need, need_module
from tests.harness.times import DEADLINE, LATE, steps
from tests.harness.web import (
    CLOSE,
    exchange,
    get,
    head,
    line,
    request,
    status,
    web_server,
)


def test_status() -> None:
    """
    C{/status} lists the clients of each clock that are served, and those that wait.
    """
    options = ["--sequential", "--zone", "Asia/Tokyo=0", "--tz", "Europe/London"]
    with web_server(*options) as server, ExitStack() as stack:
        port = server.web_port
        first = line(stack.enter_context(request(port, "/lines"))).text
        server.connect().silent(0.1)
        stack.enter_context(request(port, "/events?zone=Asia/Tokyo"))
        state = json.loads(get(port, "/status"))
    assert state["host"] == socket.gethostname()
    assert [clock["key"] for clock in state["clocks"]] == [
        "Europe/London",
        "Asia/Tokyo",
    ]
    assert [clock["zone"] for clock in state["clocks"]] == [
        "Europe/London",
        "Asia/Tokyo",
    ]
    for clock in state["clocks"]:
        assert (clock["mode"], clock["interval"]) == ("sequential", 1.0)
        assert clock["format"] == "%H:%M:%S"
    london, tokyo = state["clocks"]
    assert steps([first, f"{london['line']}\n".encode()])[0] in (0, 1)
    assert transports(london) == (["http"], ["tcp"])
    assert transports(tokyo) == (["http"], [])
    (served,) = london["served"]["clients"]
    assert served["number"] == 1 and served["lines"] >= 1
    assert 0 < served["seconds"] < DEADLINE


def transports(clock: Any) -> tuple[list[str], list[str]]:
    """
    Return the transports of the served clients, and of the waiting ones.
    """
    return (
        [each["transport"] for each in clock["served"]["clients"]],
        [each["transport"] for each in clock["waiting"]["clients"]],
    )


def test_status_events() -> None:
    """
    C{/status/events} reports each change within a third of a second.
    """
    with (
        web_server("--sequential") as server,
        request(server.web_port, "/status/events") as response,
    ):

        def until(served: int, waiting: int) -> None:
            changed = time.monotonic()
            while True:
                (clock,) = status(response)["clocks"]
                counts = clock["served"]["count"], clock["waiting"]["count"]
                if counts == (served, waiting):
                    break
            assert time.monotonic() - changed < 1 / 3 + LATE

        until(0, 0)
        first = server.connect()
        first.line()
        until(1, 0)
        second = server.connect()
        until(1, 1)
        first.close()
        until(1, 0)
        second.close()
        until(0, 0)


def test_metrics() -> None:
    """
    C{promtool} finds no error in C{/metrics}, and the figures match the clients.
    """
    need_module("prometheus_client")
    options = ["--sequential", "--max-clients", "2", "--tz", "Asia/Tokyo"]
    with (
        web_server(*options, "--zone", "Europe/London=0") as server,
        ExitStack() as stack,
    ):
        port = server.web_port
        active = server.connect()
        lines = len(active.lines(2))
        assert stack.enter_context(request(port, "/events")).status == 200
        assert server.connect().rest() == b""
        answer = exchange(port, head("/metrics", extra=CLOSE))
        top, _, text = answer.partition(b"\r\n\r\n")
    assert b"\r\nContent-Type: text/plain; version=" in top
    checked = subprocess.run(
        [need("promtool"), "check", "metrics"],
        input=text,
        capture_output=True,
        timeout=DEADLINE,
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
    values = dict(re.findall(r"^([^#].*) (\S+)$", text.decode(), re.M))
    clients = {
        (state, zone, transport): float(
            values.pop(
                f'clock_clients{{mode="sequential",state="{state}",'
                f'transport="{transport}",zone="{zone}"}}'
            )
        )
        for state in ("served", "waiting")
        for zone in ("Asia/Tokyo", "Europe/London")
        for transport in ("tcp", "http", "websocket")
    }
    assert {key: count for key, count in clients.items() if count} == {
        ("served", "Asia/Tokyo", "tcp"): 1,
        ("waiting", "Asia/Tokyo", "http"): 1,
    }
    tokyo, london = (
        f'{{mode="sequential",zone="{zone}"}}'
        for zone in ("Asia/Tokyo", "Europe/London")
    )
    sent = float(values.pop(f"clock_lines_sent_total{tokyo}"))
    assert lines <= sent <= lines + 1
    last = float(values.pop("clock_last_tick_timestamp_seconds"))
    assert 0 <= time.time() - last < 1 + LATE
    assert last.is_integer()
    assert values.pop("clock_clients_limit") == "2.0"
    assert values.pop("clock_clients_counted") == "2.0"
    assert {name: float(value) for name, value in values.items()} == {
        f"clock_clients_connected_total{tokyo}": 2,
        f"clock_clients_connected_total{london}": 0,
        f"clock_lines_sent_total{london}": 0,
        "clock_clients_refused_total": 1,
        "clock_clients_evicted_total": 0,
        "clock_ticks_missed_total": 0,
    }
