"""
Run programs, and check the streams that come from them.

The ports of a configuration are replaced by free ones. One check reads all addresses of
a program at the same time; each test asserts what it said about one of them.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.harness.processes import (
    Program,
    Server,
    command,
    free_ports,
    make_certificate,
)
from tests.harness.proxies.cases import PORTS, TLS, Case, Proxy
from tests.harness.requirements import need, servers
from tests.harness.times import DEADLINE, LATE, wait_until

#: The configurations.
CONFIGURATIONS = Path(__file__).parents[3] / "docs" / "proxies"

#: Seconds to read each stream, and the longest time without a line that is allowed:
#: longer than C{wait-for-body} of HAProxy waits.
READ, MAX_GAP = 8, 4

#: The ports of configurations that stand for a clock, by its interval: over HTTP, and
#: over TCP if anything needs it.
CLOCKS = {"1": ("8000", "8080"), "2": ("8001",), "0.01": ("8002",)}


def answers(port: int) -> bool:
    """
    Return whether something listens on a port.
    """
    try:
        socket.create_connection(("127.0.0.1", port), DEADLINE).close()
    except ConnectionRefusedError:
        return False
    return True


def _pattern(ports: Iterable[str]) -> str:
    return rf"(?<!\d)({'|'.join(ports)})(?!\d)"


def _replaced(text: str, ports: Mapping[str, int]) -> str:
    """
    Replace the ports of a configuration.
    """
    return re.sub(_pattern(ports), lambda found: str(ports[found[1]]), text)


def _copied(proxy: Proxy, folder: Path) -> dict[Path, str]:
    """
    Make a folder with the files of a program.

    @return: the texts of the files.
    """
    folder.mkdir()
    # Some programs give up being root.
    folder.chmod(0o777)
    for each in proxy.files:
        source = CONFIGURATIONS / each
        if source.is_dir():
            shutil.copytree(source, folder, dirs_exist_ok=True)
        else:
            shutil.copy(source, folder)
    files = [each for each in folder.rglob("*") if each.is_file()]
    return {each: each.read_text("utf-8") for each in files}


def _environment(proxy: Proxy, folder: Path) -> dict[str, str]:
    """
    Return the variables of a program, and make what they name.
    """
    variables = "XDG_DATA_HOME", "XDG_CONFIG_HOME", "PWD"
    environment = dict.fromkeys(variables, str(folder))
    if proxy.is_package:
        (folder / "node_modules").symlink_to(servers() / "node_modules")
    if proxy.older:
        older = folder / "older"
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
        subprocess.run([*pip, "--target", older, proxy.older], check=True)
        environment["PYTHONPATH"] = str(older)
    return environment


class Proxies:
    """
    Programs and their clocks, each started when it is first asked for.
    """

    def __init__(
        self,
        proxies: Mapping[str, Proxy],
        cases: Sequence[Case],
        folder: Path,
        stack: ExitStack,
    ) -> None:
        self._proxies = proxies
        self._cases = cases
        self._folder = folder
        self._stack = stack
        self._running: dict[str, Program] = {}
        self._ports: dict[str, dict[str, int]] = {}
        self._reports: dict[str, dict[Case, dict[str, Any]]] = {}

    def ports(self, name: str) -> dict[str, int]:
        """
        Start a program, unless it runs.

        @return: the real ports, by those in the configuration.
        """
        if name not in self._ports:
            self._ports[name] = self._start(name, self._proxies[name])
        return self._ports[name]

    def _start(self, name: str, proxy: Proxy) -> dict[str, int]:
        program = proxy.command[0]
        program = (
            str(servers() / "bin" / program) if proxy.is_package else need(program)
        )
        folder = self._folder / name.replace(" ", "-")
        texts = _copied(proxy, folder)
        arguments = [each.format(folder=folder) for each in proxy.command[1:]]
        text = "\n".join([*texts.values(), *arguments])
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        used = {number: port for number, port in ports.items() if number in text}
        replaced = used | self._clocks(text)
        for file, content in texts.items():
            file.write_text(_replaced(content, replaced), "utf-8")
        if "server.pem" in text:
            make_certificate(folder / "server.pem")
        running = self._stack.enter_context(
            Program(
                [program, *(_replaced(each, replaced) for each in arguments)],
                cwd=folder,
                environment=_environment(proxy, folder),
                # Many of the programs have children, which remain if it is killed.
                has_group=True,
            )
        )
        self._running[name] = running
        wait_until(
            lambda: (
                running.process.poll() is not None or all(map(answers, used.values()))
            )
        )
        self.check_running(name)
        return used

    def _clocks(self, text: str) -> dict[str, int]:
        """
        Start the clocks whose ports are in a text.

        @return: their real ports, by those in the text.
        """
        found: dict[str, int] = {}
        for interval, ports in CLOCKS.items():
            if re.search(_pattern(ports), text):
                server = self._stack.enter_context(
                    Server("--web", "0", "--interval", interval)
                )
                found |= zip(ports, (server.web_port, server.port), strict=False)
        return found

    def check_running(self, name: str) -> None:
        """
        Check that a program still runs.
        """
        running = self._running[name]
        status = running.process.poll()
        assert status is None, f"{name} ended with {status}: {running.errors()}"

    def report(self, case: Case) -> dict[str, Any]:
        """
        Check all streams of a program at the same time, unless they were checked.

        @return: what the check reports on this one.
        """
        name = case.program
        if name not in self._reports:
            ports = self.ports(name)
            by_options: dict[tuple[str, ...], list[Case]] = {}
            for each in self._cases:
                if each.program == name and each.is_possible():
                    by_options.setdefault(each.options, []).append(each)
            with ExitStack() as stack:
                checks = {
                    options: stack.enter_context(
                        Check(ports, [each.address for each in cases], *options)
                    )
                    for options, cases in by_options.items()
                }
                self._reports[name] = {
                    each: clock
                    for options, check in checks.items()
                    for each, clock in zip(
                        by_options[options], check.report().values(), strict=True
                    )
                }
            self.check_running(name)
        return self._reports[name][case]

    def assert_said(self, case: Case) -> None:
        """
        Assert that the check says of a stream what is expected.
        """
        case.need()
        clock = self.report(case)
        said = case.said
        codes = [each["code"] for each in clock["diagnosis"]]
        codes = [each for each in codes if "-on-path" not in each] or ["whole"]
        assert len(codes) == 1, clock
        assert codes[0] in {said.code, *said.others}, clock
        if said.median is not None:
            assert clock["trouble"] == []
            assert clock["lines"] >= READ - 3
            late = clock["lateness"]
            for expected, key in ((said.median, "p50"), (said.most, "max")):
                assert -0.05 < late[key] - expected < LATE, clock


class Check(Program):
    """
    A C{clock-check} of several addresses.
    """

    def __init__(
        self, ports: Mapping[str, int], addresses: Iterable[str], *options: str
    ) -> None:
        self._addresses = [*addresses]
        given = dict(zip(options[::2], options[1::2], strict=True))
        self._seconds = float(given.get("--for", READ))
        defaults = f"--for {READ} --interval 1 --max-gap {MAX_GAP}".split()
        run = [command("clock-check"), "--json", "--insecure", *defaults]
        run += (_replaced(each, ports) for each in options)
        streams = (f"{n}={url(ports, each)}" for n, each in enumerate(self._addresses))
        super().__init__([*run, *streams])

    def report(self) -> dict[str, dict[str, Any]]:
        """
        Wait for the report.

        @return: what it has on each address.
        """
        report = b"".join(self.rest(self._seconds + DEADLINE))
        assert report, self.errors()
        clocks = json.loads(report)["streams"]
        return dict(zip(self._addresses, clocks, strict=True))


def url(ports: Mapping[str, int], address: str) -> str:
    """
    Make the URL of an address.
    """
    if address.startswith("tcp:"):
        return f"127.0.0.1:{ports[address[4:]]}"
    port, _, path = address.partition("/")
    scheme = "ws" if "/socket" in address else "http"
    scheme += "s" if port == TLS else ""
    return f"{scheme}://127.0.0.1:{ports[port]}/{path}"
