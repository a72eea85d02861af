"""
What C{clock-check} says about streams as other people have them.

L{tests.harness.streams} serves them. Each stream that is not whole has a neighbor with
the same symptoms and another cause. A few commands read them all.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.harness.processes import Program, command, free_ports, make_certificate
from tests.harness.proxies.running import answers
from tests.harness.requirements import need, need_module
from tests.harness.streams import Streams
from tests.harness.streams.expected import (
    ENDLESS,
    FINITE,
    TIMING,
    Said,
    also,
    bad,
    either,
    good,
    noted,
    unreached,
)
from tests.harness.times import DEADLINE, wait_until
from tests.harness.web import get

#: Seconds to wait for the end of a run.
PATIENCE = 4 * DEADLINE


class Run(NamedTuple):
    """
    A run of the check.

    @ivar expected: what it says about each stream.
    @ivar options: its options.
    @ivar status: its exit status.
    @ivar logs: whether it writes a log.
    @ivar environment: variables, and their values with the names of ports.
    """

    expected: Mapping[str, Said]
    options: tuple[str, ...]
    status: int
    logs: bool = False
    environment: Mapping[str, str] = {}


#: The runs. Those of one row run at the same time.
ROWS: tuple[dict[str, Run], ...] = (
    {
        "endless": Run(ENDLESS, ("--for", "12", "-k"), 2),
        # A default timeout of a proxy takes its time.
        "long": Run(
            {"cut_once_at_15": bad("cut-within-response", also(r"15\.\d+ s", "Envoy"))},
            ("--for", "16.5"),
            1,
        ),
    },
    {
        "once": Run(FINITE, ("--once", "--for", "12", "-k"), 2),
        "post": Run(
            {"post_only": good(), "ws_asked": good()}, ("-d", '{"stream": true}'), 0
        ),
        "late": Run(
            {
                "words": good(),
                "late_by_700ms": bad("late|clock-differs"),
                "prompt": good(),
                "book": good(),
            },
            ("--for", "8", "--max-late", "0.3"),
            1,
        ),
        "numbers": Run(
            {
                "direct_by_number": good(),
                "later_by_number": either("later-on-path", r"0\.(19|2)\d* s later"),
                "missing_by_number": bad("lines-lost missing-on-path", r"\b3 lines\b"),
            },
            ("--for", "8"),
            1,
        ),
        "times": Run(
            {
                "direct_by_time": good(),
                "later_by_time": Said(None, None, r"0\.(19|2)\d* s later"),
                "tls_words": unreached("certificate", "tls/words"),
            },
            ("--for", "8"),
            2,
        ),
        "texts": Run(
            {
                "direct_by_text": good(),
                "later_by_text": either("later-on-path", r"0\.(19|2)\d* s later"),
                "missing_by_text": either("missing-on-path", r"\b3 lines\b"),
                "constant_text": good(),
            },
            ("--for", "8"),
            1,
        ),
    },
    {
        # No server of names knows these hosts, and the other one needs no proxy.
        "environment": Run(
            {
                "direct": good("tls/words"),
                "http": good("http://n1.invalid/long_chunks"),
                "https": good("https://n1.invalid:{tls}/long_chunks"),
            },
            ("--for", "5", "-k"),
            0,
            environment={
                "http_proxy": "http://127.0.0.1:{http}",
                "https_proxy": "http://127.0.0.1:{http}",
                "no_proxy": "127.0.0.1",
            },
        ),
        "timing": Run(TIMING, ("--for", "8", "-k"), 1),
        "log": Run(
            {
                "words": good(),
                "heartbeats_between": good(),
                "ws_pings_between": good(),
                "headers_held": bad("headers-held-back", reached=bool),
            },
            ("--for", "5"),
            1,
            logs=True,
        ),
    },
    {"fast": Run({"faster": good()}, ("--for", "4"), 0)},
    {"flood": Run({"flood": noted("reader-paused")}, ("--for", "3"), 0)},
)
RUNS = {name: run for row in ROWS for name, run in row.items()}

NGINX = """
daemon off; pid nginx.pid; error_log stderr; events {{}}
http {{
    access_log off; client_body_temp_path body; proxy_temp_path proxy;
    fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    server {{
        listen 127.0.0.1:{nginx};
        location / {{
            proxy_pass http://127.0.0.1:{http};
            proxy_buffer_size 16k;
            proxy_buffers 8 16k;
        }}
        # nginx does not wait until a buffer is full if its server sends chunks.
        location /chunks/ {{
            proxy_pass http://127.0.0.1:{http}/;
            proxy_http_version 1.1;
            proxy_buffer_size 16k;
            proxy_buffers 8 16k;
        }}
    }}
}}
"""

HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 800ms
listen delaying
    bind 127.0.0.1:{haproxy}
    server streams 127.0.0.1:{http}
listen prompt
    bind 127.0.0.1:{haproxy_prompt}
    option http-no-delay
    server streams 127.0.0.1:{http}
"""


class Report(NamedTuple):
    """
    The result of a run.

    @ivar clocks: what it says about each stream.
    @ivar status: its exit status.
    @ivar errors: its standard error.
    """

    clocks: Mapping[str, dict[str, Any]]
    status: int
    errors: str


def place(name: str, said: Said) -> str:
    """
    Return the name of a stream's port and its path, or its URL.
    """
    port = name.partition("_")[0]
    return said.address or f"{port if port in ('tls', 'h2') else 'http'}/{name}"


def url(name: str, said: Said, ports: Mapping[str, int]) -> str:
    """
    Return the URL of a stream.
    """
    where = place(name, said)
    if "://" in where:
        return where.format(**ports)
    port, _, path = where.partition("/")
    secure = port in ("tls", "h2", "hang")
    scheme = "https" if secure else "ws" if path.startswith("ws_") else "http"
    return f"{scheme}://127.0.0.1:{ports[port]}/{path}"


def needed(name: str, said: Said) -> tuple[list[str], list[str]]:
    """
    List the tools and the modules that a stream needs.
    """
    port, _, path = place(name, said).partition("/")
    tools = [tool for tool in ("nginx", "haproxy") if port.startswith(tool)]
    modules = {
        "OpenSSL": port in ("tls", "h2", "hang", "https:"),
        "h2": port == "h2",
        "wsproto": path.startswith("ws_"),
    }
    return tools, [module for module, is_needed in modules.items() if is_needed]


def need_all(name: str, said: Said) -> None:
    """
    Skip the test if this machine lacks what a stream needs.
    """
    tools, modules = needed(name, said)
    for tool in tools:
        need(tool)
    for module in modules:
        need_module(module)


def is_possible(name: str, said: Said) -> bool:
    """
    Return whether this machine has what a stream needs.
    """
    tools, modules = needed(name, said)
    return all(map(shutil.which, tools)) and all(map(find_spec, modules))


def proxies(folder: Path, ports: dict[str, int], stack: ExitStack) -> None:
    """
    Start the proxies that this machine has.
    """
    names = "nginx", "haproxy", "haproxy_prompt", "closed"
    ports |= zip(names, free_ports(len(names)), strict=True)
    for name, text in (("nginx", NGINX), ("haproxy", HAPROXY)):
        if shutil.which(name):
            (folder / name).write_text(text.format(**ports), "utf-8")
    if program := shutil.which("nginx"):
        run = [program, "-g", "user root;", "-p", f"{folder}", "-c", "nginx"]
        nginx = stack.enter_context(Program(run))
        # If it is killed, its worker remains.
        stack.callback(nginx.end)
        stack.callback(nginx.interrupt)
    if program := shutil.which("haproxy"):
        stack.enter_context(Program([program, "-f", f"{folder / 'haproxy'}"]))
    for name in ("nginx", "haproxy"):
        if shutil.which(name):
            wait_until(partial(answers, ports[name]))


def start(run: Run, ports: Mapping[str, int], log: Path) -> Program:
    """
    Start a run.
    """
    arguments = [*run.options]
    for name, said in run.expected.items():
        if is_possible(name, said):
            arguments += (each.format(name=name, **ports) for each in said.options)
            arguments.append(f"{name}={url(name, said, ports)}")
    if run.logs:
        arguments += "--log", str(log)
    environment = {
        variable: value.format(**ports) for variable, value in run.environment.items()
    }
    return Program(
        [command("clock-check"), "--json", *arguments], environment=environment
    )


class Reports(NamedTuple):
    """
    The results of all runs.

    @ivar runs: the results by the names of the runs.
    @ivar requests: how often each path was asked for.
    @ivar log: the file that one run has written.
    """

    runs: Mapping[str, Report]
    requests: Mapping[str, int]
    log: Path


def result(program: Program) -> Report:
    """
    Wait for the end of a run.
    """
    # It is longer than the time that a line may take.
    program.process.wait(PATIENCE)
    status, output = program.end(), b"".join(program.rest())
    clocks = json.loads(output)["streams"] if output else []
    return Report({each["name"]: each for each in clocks}, status, program.errors())


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reports]:
    """
    Read all streams.
    """
    folder = tmp_path_factory.mktemp("streams")
    make_certificate(folder / "server.pem")
    log = folder / "log"
    found: dict[str, Report] = {}
    with ExitStack() as stack:
        streams = stack.enter_context(Streams(folder / "server.pem"))
        ports = dict(streams.ports)
        proxies(folder, ports, stack)
        for row in ROWS:
            running = {
                name: stack.enter_context(start(run, ports, log))
                for name, run in row.items()
            }
            found |= {name: result(program) for name, program in running.items()}
        requests = json.loads(get(ports["http"], "/requests"))
        yield Reports(found, requests, log)


def fit(codes: list[str], expected: tuple[str, ...]) -> bool:
    """
    Return whether each code is one of those that are expected, and none is missing.
    """
    return len(codes) == len(expected) and all(
        any(code in each.split("|") for code in codes) for each in expected
    )


@pytest.mark.parametrize(
    ("run", "name"), [(run, name) for run in RUNS for name in RUNS[run].expected]
)
def test_stream(reports: Reports, run: str, name: str) -> None:
    """
    The check says what the stream is, and nothing else.
    """
    said = RUNS[run].expected[name]
    need_all(name, said)
    report = reports.runs[run]
    assert name in report.clocks, report.errors
    clock = report.clocks[name]
    shown = f"{name}: {json.dumps(clock, indent=1)}"
    codes = [each["code"] for each in clock["diagnosis"]]
    text = " ".join(each["text"] for each in clock["diagnosis"])
    if said.codes is not None:
        assert fit(codes, said.codes), f"{codes}, not {said.codes}: {shown}"
    assert re.search(said.pattern, text), f"{text!r} lacks {said.pattern!r}: {shown}"
    if said.whole is not None:
        assert clock["whole"] == said.whole, shown
    for field, is_right in said.fields.items():
        assert is_right(clock[field]), f"{field}: {shown}"


@pytest.mark.parametrize("run", RUNS)
def test_status(reports: Reports, run: str) -> None:
    """
    The exit status is that of the worst stream.
    """
    for name, said in RUNS[run].expected.items():
        need_all(name, said)
    report = reports.runs[run]
    assert "Traceback" not in report.errors
    assert report.status == RUNS[run].status, {
        name: clock["trouble"] for name, clock in report.clocks.items()
    }


@pytest.mark.parametrize(
    "path",
    [
        *("answer_without_done", "answer_at_end", "answer_cut", "answer_late"),
        *("ws_answer", "ws_answer_1011", "ws_asked"),
    ],
)
def test_once(reports: Reports, path: str) -> None:
    """
    With C{--once}, and with a body, no stream is asked for twice.
    """
    if path.startswith("ws"):
        need_module("wsproto")
    assert reports.requests[path] == 1


def test_log(reports: Reports) -> None:
    """
    The log has a line of JSON for each arrival, also of what is not a line.
    """
    entries = [json.loads(line) for line in reports.log.read_text("utf-8").splitlines()]
    assert all(isinstance(each, dict) for each in entries)
    clocks = reports.runs["log"].clocks.values()
    assert len(entries) > sum(clock["lines"] for clock in clocks)
    assert "comment" in f"{entries}"
    if find_spec("wsproto") is not None:
        assert "ping" in f"{entries}"
