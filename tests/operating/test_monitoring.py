"""
What an operator sees: the totals in the log, and C{deploy/prometheus.yml} with its
rules, in a real Prometheus.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.harness.processes import Program, Server
from tests.harness.requirements import need, need_module
from tests.harness.times import DEADLINE, wait_until
from tests.harness.web import get

DEPLOY = Path(__file__).parents[2] / "deploy"

RULES = (DEPLOY / "prometheus-rules.yml").read_text("utf-8")

#: The labels that Prometheus gives to all series of a target.
TARGET = 'job="clock", instance="a:8000"'

SERVED = (
    f'clock_clients{{{TARGET}, state="served", zone="local", mode="concurrent", '
    'transport="tcp"}'
)
WAITING = SERVED.replace("served", "waiting")
TICK = f"clock_last_tick_timestamp_seconds{{{TARGET}}}"
MISSED = f"clock_ticks_missed_total{{{TARGET}}}"
REFUSED = f"clock_clients_refused_total{{{TARGET}}}"
UP = f"up{{{TARGET}}}"

#: For each alert, series that meet its condition, with one value every 15 seconds, and
#: series that almost meet it.
CASES = {
    "ClockDown": ({UP: "0x40"}, {UP: "0 0 0 1x37"}),
    "ClockTicksLate": (
        # The time is 0 at the first value.
        {TICK: "-6x40", SERVED: "1x40", WAITING: "0x40"},
        # Clients that only wait, and ticks that are not late.
        {
            TICK: "-6x40",
            SERVED: "0x40",
            WAITING: "2x40",
            TICK.replace("a:8000", "b:8000"): "-5+15x40",
            SERVED.replace("a:8000", "b:8000"): "1x40",
        },
    ),
    "ClockTicksMissed": ({MISSED: "0+1x40"}, {MISSED: "7x20 12x20"}),
    "ClockRefusesClients": ({REFUSED: "0+1x40"}, {REFUSED: "12x40"}),
}


def promtool(*arguments: str | Path) -> str:
    """
    Run C{promtool}, which must find no fault.
    """
    done = subprocess.run(
        [need("promtool"), *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=DEADLINE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def query(port: int, expression: str) -> list[Any]:
    """
    Evaluate an expression in a running Prometheus, and return the series.
    """
    answer = json.loads(get(port, f"/api/v1/query?query={quote(expression)}"))
    assert answer["status"] == "success"
    series: list[Any] = answer["data"]["result"]
    return series


def test_totals() -> None:
    """
    The last message of the server has the totals that C{/metrics} shows.
    """
    need_module("prometheus_client")
    options = "--verbose --max-clients 2 --tz UTC --zone Asia/Tokyo=0 --web 0"
    with Server(*options.split()) as server:
        tokyo = server.port_of("Asia/Tokyo")
        port = server.web_port
        with server.connect() as client, server.connect(tokyo) as other:
            client.lines(2)
            other.lines(1)
            assert server.connect().rest() == b""
        for _ in range(2):
            server.find("disconnected from")
        metrics: dict[str, int] = {}
        found = re.findall(r"^(\w+)_total\S* (\S+)$", get(port, "/metrics"), re.M)
        for name, value in found:
            metrics[name] = metrics.get(name, 0) + int(float(value))
        server.interrupt()
        log = b"".join(server.rest()).decode()
    totals = re.search(
        r"stopped after (\d+\.\d) s\. Clients connected: (\d+), refused: (\d+), "
        r"evicted: (\d+)\. Lines sent: (\d+)\. Ticks missed: (\d+)$",
        log,
        re.M,
    )
    assert totals
    names = ("clients_connected", "clients_refused", "clients_evicted")
    counted = [metrics[f"clock_{name}"] for name in (*names, "lines_sent")]
    assert counted[:3] == [2, 1, 0]
    assert counted[3] >= 3
    assert [int(total) for total in totals.groups()[1:5]] == counted
    assert int(totals[6]) == metrics["clock_ticks_missed"]
    assert float(totals[1]) > 0


def test_configuration() -> None:
    """
    C{promtool} finds no fault in the configuration and the rules.
    """
    checked = promtool("check", "config", DEPLOY / "prometheus.yml")
    assert f"SUCCESS: {len(CASES)} rules found" in checked


@pytest.mark.parametrize("alert", CASES)
def test_alert(alert: str, tmp_path: Path) -> None:
    """
    Each alert fires when its condition is met, but not when it is almost met. No other
    alert fires.
    """
    assert set(re.findall(r"alert: (\w+)", RULES)) == set(CASES)
    tests = [
        {
            "interval": "15s",
            "input_series": [
                {"series": name, "values": values} for name, values in series.items()
            ],
            "promql_expr_test": [
                {
                    "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                    "eval_time": "5m",
                    "exp_samples": raised,
                }
            ],
        }
        for series, raised in zip(
            CASES[alert],
            ([{"labels": f'{{alertname="{alert}"}}', "value": 1}], []),
            strict=True,
        )
    ]
    rules = tmp_path / "prometheus-rules.yml"
    rules.write_text(RULES, "utf-8")
    file = tmp_path / "tests.yml"
    # JSON is YAML.
    file.write_text(
        json.dumps(
            {
                "rule_files": [str(rules)],
                "evaluation_interval": "15s",
                "tests": tests,
            }
        ),
        "utf-8",
    )
    assert "SUCCESS" in promtool("test", "rules", file)


def test_prometheus(tmp_path: Path) -> None:
    """
    A Prometheus with this configuration reads the metrics of a clock, and each series
    that the rules ask for exists.
    """
    need_module("prometheus_client")
    program = need("prometheus")
    with Server("--web", "0") as server, server.connect() as client:
        client.line()
        (tmp_path / "prometheus-rules.yml").write_text(RULES, "utf-8")
        text = (DEPLOY / "prometheus.yml").read_text("utf-8")
        file = tmp_path / "prometheus.yml"
        for what, other in (
            ("localhost:8000", f"localhost:{server.web_port}"),
            ("scrape_interval: 15s", "scrape_interval: 1s"),
        ):
            assert what in text
            text = text.replace(what, other)
        file.write_text(text, "utf-8")
        arguments = [
            f"--config.file={file}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            "--web.listen-address=127.0.0.1:0",
        ]
        # It logs to standard error.
        shell = ["sh", "-c", 'exec "$@" 2>&1', "sh", program, *arguments]
        with Program(shell) as prometheus:
            port = int(prometheus.find(r"Listening on.*127\.0\.0\.1:(\d+)")[1])
            prometheus.find("Server is ready to receive web requests")
            wait_until(lambda: bool(query(port, 'up{job="clock"} == 1')))
            selectors = set(re.findall(r"\b(?:up|clock_\w+)\b(?:{.*?})?", RULES))
            assert len(selectors) == 5
            for selector in selectors:
                assert query(port, selector), selector
            prometheus.interrupt()
            assert prometheus.end() == 0
