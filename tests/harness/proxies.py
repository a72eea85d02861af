"""
Proxies, and servers of other makers, as C{docs/proxies} configures them, and what
C{clock-check} says of the streams that come from them.

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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from tests.harness.processes import (
    Program,
    Server,
    command,
    free_ports,
    make_certificate,
)
from tests.harness.requirements import need, need_module, servers
from tests.harness.times import DEADLINE, LATE, wait_until
from tests.harness.web import need_websockets

#: The configurations.
CONFIGURATIONS = Path(__file__).parents[2] / "docs" / "proxies"

#: Seconds to read each stream, and the longest time without a line that is allowed:
#: longer than C{wait-for-body} of HAProxy waits.
READ, MAX_GAP = 8, 4

#: The port for TLS.
TLS = "8443"

#: The ports of configurations on which a program listens.
PORTS = "8081", "8082", "8083", TLS

#: The ports of configurations that stand for a clock: over TCP, if anything needs it,
#: and over HTTP, by the interval of the clock.
CLOCKS = {"1": ("8080", "8000"), "2": (None, "8001"), "0.01": (None, "8002")}


class Said(NamedTuple):
    """
    What C{clock-check} says about a stream.

    @ivar code: the code of its diagnosis, or C{whole}.
    @ivar others: the codes that it may have instead.
    @ivar median: the median lateness, in seconds; C{None} if lines do not keep coming.
    @ivar most: the greatest lateness, in seconds.
    """

    code: str
    others: frozenset[str] = frozenset()
    median: float | None = None
    most: float = 0


WHOLE = Said("whole", median=0)
#: The first lines arrive together. No gap is too long, and the others are in time.
TOGETHER = Said("whole", median=0, most=1)
#: On a busy machine, the delay may vary too much. If the first line comes at the start
#: of an interval, it does not show whether the lines are delayed or the clocks differ.
DELAYED = Said("delayed", frozenset({"whole"}), median=0.2, most=0.2)
#: A first line that is sent just before the next one is not delayed, so it does not
#: show this either.
BEHIND = Said("one-behind", frozenset({"whole"}), median=1, most=1)
HELD = Said("held-back")
#: A timeout after the first line may be for idle connections or for all.
CUT_AFTER_ONE = Said(
    "cut-every", frozenset({"cut-within-response", "closed", "http2-error"})
)
EMPTY = Said("silent")
NOTHING = Said("headers-held-back")
REFUSED = Said("not-reached")
#: The program ends a response in good order when its timeout has passed.
ENDED = Said("ended")
#: Connections may last equally long by chance. On a busy machine, too few of them may
#: have ended after the same time. If a line comes less than 0.3 s after another, nginx
#: does not restart its timeout (C{NGX_TIMER_LAZY_DELAY} in its sources).
CUT = Said(
    "cut-every-idle",
    frozenset({"cut-every", "cut-every-total", "cut-within-response", "closed"}),
)


class Proxy(NamedTuple):
    """
    How to run a program. It listens on ports of C{PORTS}, on 8081 at least, unless
    C{ports} has others.

    @ivar command: the command that runs it in the foreground, in a folder with its
        files. C{{folder}} stands for the path of this folder.
    @ivar files: these files, or folders, in C{docs/proxies}.
    @ivar is_package: whether it is a package of PyPI or npm. The folder then has a link
        to C{node_modules}.
    @ivar older: a package of PyPI that it uses instead of the installed version.
    """

    command: Sequence[str]
    files: Sequence[str]
    is_package: bool = False
    older: str | None = None


class Case(NamedTuple):
    """
    A stream, and what the check says of it.

    @ivar program: the name of the program.
    @ivar address: the port, as in the configuration, and the path: C{8081/path};
        C{tcp:8081} for a stream without HTTP.
    @ivar said: what the check says.
    @ivar options: options of C{clock-check}, besides those of all streams, which they
        override.
    @ivar setting: the name of the setting in the documentation, if it is neither the
        path nor the port.
    """

    program: str
    address: str
    said: Said
    options: tuple[str, ...] = ()
    setting: str | None = None

    def __str__(self) -> str:
        return f"{self.program}-{self.address}"

    def need(self) -> None:
        """
        Skip if a module that is needed for the stream is not installed.
        """
        if "/socket" in self.address:
            need_websockets()
        if self.address.startswith(TLS):
            need_module("OpenSSL")

    def is_possible(self) -> bool:
        """
        Return whether the modules that are needed for the stream are installed.
        """
        if self.address.startswith(TLS) and find_spec("OpenSSL") is None:
            return False
        return "/socket" not in self.address or find_spec("wsproto") is not None


def cases(
    settings: Iterable[tuple[str, str, Said | None, Said | None, Said | None]],
) -> Iterator[Case]:
    """
    List the streams of the clock that are read through proxies.

    @param settings: for each setting: the proxy, the port and the path, and what the
        check says of a stream with the headers of the clock, of one without them, and
        of a WebSocket. C{None} is for what is not read.
    """
    for proxy, where, own, bare, websocket in settings:
        for stream in ("lines", "events"):
            if own:
                yield Case(proxy, f"{where}/{stream}", own)
            if bare:
                yield Case(proxy, f"{where}/{stream}?bare=1", bare)
        if websocket:
            yield Case(proxy, f"{where}/socket", websocket)


def timeouts(streams: Iterable[tuple[str, str]]) -> Iterator[Case]:
    """
    List streams of a single line, on which an idle timeout of 3 s works.

    @param streams: for each: the proxy, and the port and the path.
    """
    options = "--max-gap", "86400", "--for", "14"
    for proxy, address in streams:
        yield Case(proxy, f"{address}?every=86400", CUT_AFTER_ONE, options, "timeout")


def _replaced(text: str, ports: Mapping[str, int]) -> str:
    """
    Replace the ports of a configuration.
    """
    numbers = "|".join(ports)
    return re.sub(
        rf"(?<!\d)({numbers})(?!\d)", lambda found: str(ports[found[1]]), text
    )


def answers(port: int) -> bool:
    """
    Return whether something listens on a port.
    """
    try:
        socket.create_connection(("127.0.0.1", port), DEADLINE).close()
    except ConnectionRefusedError:
        return False
    return True


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
        folder = self._folder / name.replace(" ", "-")
        program = (
            need(proxy.command[0])
            if not proxy.is_package
            else str(servers() / "bin" / proxy.command[0])
        )
        folder.mkdir()
        folder.chmod(0o777)
        for each in proxy.files:
            source = CONFIGURATIONS / each
            if source.is_dir():
                shutil.copytree(source, folder, dirs_exist_ok=True)
            else:
                shutil.copy(source, folder)
        texts = {
            each: each.read_text("utf-8")
            for each in folder.rglob("*")
            if each.is_file()
        }
        arguments = [each.format(folder=folder) for each in proxy.command[1:]]
        variables = "XDG_DATA_HOME", "XDG_CONFIG_HOME", "PWD"
        environment = dict.fromkeys(variables, str(folder))
        if proxy.is_package:
            (folder / "node_modules").symlink_to(servers() / "node_modules")
        if proxy.older:
            pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
            older = folder / "older"
            subprocess.run([*pip, "--target", older, proxy.older], check=True)
            environment["PYTHONPATH"] = str(older)
        text = "\n".join([*texts.values(), *arguments])
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        used = {number: port for number, port in ports.items() if number in text}
        replaced = used | self._clocks(text)
        if "server.pem" in text:
            make_certificate(folder / "server.pem")
        for file, content in texts.items():
            file.write_text(_replaced(content, replaced), "utf-8")
        running = self._stack.enter_context(
            Program(
                [program, *(_replaced(each, replaced) for each in arguments)],
                cwd=folder,
                environment=environment,
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
        for interval, (tcp, web) in CLOCKS.items():
            if re.search(rf"(?<!\d)({tcp}|{web})(?!\d)", text):
                server = self._stack.enter_context(
                    Server("--web", "0", "--interval", interval)
                )
                found[web] = server.web_port
                if tcp:
                    found[tcp] = server.port
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
        report = b"".join(self.rest())
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
