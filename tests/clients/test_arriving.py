"""
The examples of C{docs/arriving.rst}: each command says what the page shows.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.clients.test_client_proxy import NONE, proxy_server
from tests.harness.processes import Program, command, free_ports, make_certificate
from tests.harness.proxies.running import answers
from tests.harness.requirements import need, need_module
from tests.harness.times import wait_until

DOCS = Path(__file__).parents[2] / "docs"

PAGE = (DOCS / "arriving.rst").read_text("utf-8")

#: Seconds to read each stream that has no end, instead of 10 or 200.
READ = 10

#: How many commands run at the same time: a client on a busy machine reads late.
AT_ONCE = 6


class Example(NamedTuple):
    """
    A command of the page, and the output that follows it.
    """

    command: str
    output: str


def examples() -> list[Example]:
    """
    Find each command that has an output.
    """
    blocks = re.findall(
        r"^    \$ (clock-check .+)\n((?:    .*\n|\n(?=    ))+)", PAGE, re.M
    )
    return [Example(line, re.sub("(?m)^    ", "", output)) for line, output in blocks]


def said(output: str, names: dict[str, str]) -> list[str]:
    """
    Return what an output says, without numbers: whether each stream is whole, its
    protocol and headers, and all sentences.

    @param names: what to write for each address.
    """
    for name, other in names.items():
        output = output.replace(name, other)
    table, paths, *sentences = output.strip().split("\n\n")
    whole = [str(row.endswith("  whole")) for row in table.splitlines()[1:]]
    where = [line.partition(";")[0] for line in paths.splitlines()]
    text = "\n".join([*whole, *where, *sentences])
    # A timeout of the test is nobody's default.
    text = re.sub(r" \([^()]* is the default of [^()]*\)", "", text)
    return re.sub(r"\d[\d.]*", "#", text).replace("# to #", "#").splitlines()


class Outputs:
    """
    The outputs of all examples, which run at the same time.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        for name in ("nginx", "haproxy"):
            need(name)
        for name in ("OpenSSL", "h2", "wsproto"):
            need_module(name)
        names = "app", "http", "tls", "origin", "haproxy"
        ports = dict(zip(names, map(str, free_ports(5)), strict=True))
        certificate = folder / "server.pem"
        make_certificate(certificate, "-addext", "subjectAltName=DNS:localhost")
        for name in ("app.nginx", "app.haproxy"):
            text = (DOCS / "examples" / name).read_text("utf-8")
            text = text.replace("proxy_read_timeout 60s", "proxy_read_timeout 3s")
            for old, new in (
                ("8000", "app"),
                ("8081", "http"),
                ("8443", "tls"),
                ("8444", "origin"),
                ("8082", "haproxy"),
            ):
                text = text.replace(f"127.0.0.1:{old}", f"127.0.0.1:{ports[new]}")
            (folder / name).write_text(text, "utf-8")
        for file, pattern in (
            ("request.json", r'^    (\{"model".*)$'),
            ("initialize.json", r'^    (\{"jsonrpc".*)$'),
        ):
            (body,) = re.findall(pattern, PAGE, re.M)
            (folder / file).write_text(body, "utf-8")
        app = [sys.executable, str(DOCS / "examples" / "app.py"), ports["app"]]
        nginx = [need("nginx"), "-g", "user root;", "-p", ".", "-c", "app.nginx"]
        stack.enter_context(Program(app))
        program = stack.enter_context(Program(nginx, cwd=folder))
        # If it is killed, its worker remains.
        stack.callback(program.end)
        stack.callback(program.interrupt)
        haproxy = [need("haproxy"), "-f", "app.haproxy"]
        stack.enter_context(Program(haproxy, cwd=folder))
        for port in ports.values():
            wait_until(partial(answers, int(port)))
        proxy = stack.enter_context(proxy_server())
        #: The addresses here of those on the page.
        self.names = {
            "https://app.example": f"https://localhost:{ports['tls']}",
            "wss://app.example": f"wss://localhost:{ports['tls']}",
            "192.0.2.7:443": f"localhost:{ports['origin']}",
            "localhost:8082": f"localhost:{ports['haproxy']}",
            "localhost:8000": f"localhost:{ports['app']}",
            "http://proxy.example:3128": f"http://127.0.0.1:{proxy.server_address[1]}",
        }
        environment = {**NONE, "SSL_CERT_FILE": str(certificate)}
        self.outputs: dict[Example, str] = {}
        left = examples()
        while left:
            now, left = left[:AT_ONCE], left[AT_ONCE:]
            programs = [
                stack.enter_context(
                    Program(self._run(each), cwd=folder, environment=environment)
                )
                for each in now
            ]
            for each, program in zip(now, programs, strict=True):
                self.outputs[each] = b"".join(program.rest()).decode()
        self.log = (folder / "stream.jsonl").read_text("utf-8")

    def _run(self, example: Example) -> list[str]:
        line = example.command
        for old, new in self.names.items():
            line = line.replace(old, new)
        _, *arguments = shlex.split(line)
        if "-d" not in arguments and "--log" not in arguments:
            arguments = [each for each in arguments if each not in ("--for", "200")]
            arguments += "--for", str(READ)
        return [command("clock-check"), *arguments]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outputs]:
    """
    The outputs of all examples.
    """
    with ExitStack() as stack:
        yield Outputs(tmp_path_factory.mktemp("arriving"), stack)


@pytest.mark.parametrize("example", examples(), ids=lambda each: each.command[12:60])
def test_example(outputs: Outputs, example: Example) -> None:
    """
    The check says what the page shows, but for numbers.
    """
    if "--log" in example.command:
        whats = [
            [json.loads(line)["what"] for line in text.splitlines() if line[0] == "{"]
            for text in (example.output, outputs.log)
        ]
        assert whats[0] == whats[1]
        return
    there = {new: old for old, new in outputs.names.items()}
    here, page = said(outputs.outputs[example], there), said(example.output, {})
    if "-d" in example.command:
        # On a busy machine, equal paths may differ by more than is worth mentioning.
        here, page = (
            [line for line in each if "later than on" not in line]
            for each in (here, page)
        )
    assert here == page


def test_all() -> None:
    """
    Each command with a prompt has an output, and is tested.
    """
    assert len(examples()) == len(re.findall(r"^    \$ clock-check", PAGE, re.M)) > 12


def test_commands_of_installation() -> None:
    """
    The extra of the installation has what the streams and the display need.
    """
    assert {*re.findall(r"'(?:\.|txclock)\[(.+?)\]'", PAGE)} == {"check"}
    setup = ConfigParser()
    setup.read(DOCS.parent / "setup.cfg", "utf-8")
    packages = setup["options.extras_require"]["check"].split()
    needed = {"Twisted[tls]", "wsproto", "h2", "brotli", "zstandard", "rich"}
    assert {*packages} == needed
