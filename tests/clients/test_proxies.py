"""
The clocks behind real proxies: what each setting of C{docs/proxies} does to a stream.

Each proxy runs once, with its own configuration. One C{clock-check} reads all of its
addresses at the same time; each test asserts what it said about one of them.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.harness.processes import Program, Server, command, free_ports
from tests.harness.requirements import need, need_module
from tests.harness.times import DEADLINE, LATE, wait_until
from tests.harness.web import line, need_websockets, request

#: The configurations.
PROXIES = Path(__file__).parents[2] / "docs" / "proxies"

#: For each proxy: the command that runs it in the foreground, in the folder of its
#: configuration. The ports are those of the configurations.
COMMANDS = {
    "nginx": ["nginx", "-g", "user root;", "-p", ".", "-c", "nginx.conf"],
    "haproxy": ["haproxy", "-f", "haproxy.cfg"],
    "caddy": ["caddy", "run", "--config", "Caddyfile"],
    "apache": ["apache2", "-X", "-d", ".", "-f", "apache.conf"],
    "varnish": [
        "varnishd",
        "-F",
        "-j",
        "none",
        "-n",
        "work",
        "-a",
        "127.0.0.1:8081",
        "-f",
        "varnish.vcl",
    ],
}

#: Seconds to read each stream, and the longest time without a line that is allowed:
#: longer than C{wait-for-body} waits.
READ, MAX_GAP = 8, 4

#: The port of nginx that speaks TLS.
TLS = "8443"


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
EMPTY = Said("silent")
NOTHING = Said("headers-held-back")
REFUSED = Said("not-reached")

#: With its timeout, Caddy ends a response in good order.
ENDED = Said("ended")
#: Connections may last equally long by chance. On a busy machine, too few of them may
#: have ended after the same time. If a line comes less than 0.3 s after another, nginx
#: does not restart its timeout (C{NGX_TIMER_LAZY_DELAY} in its sources).
CUT = Said(
    "cut-every-idle",
    frozenset({"cut-every", "cut-every-total", "cut-within-response", "closed"}),
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
    The proxies in front of two clocks, each started when it is first asked for.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._running: dict[str, Program] = {}
        self._ports: dict[str, dict[str, int]] = {}
        self._reports: dict[str, dict[str, dict[str, Any]]] = {}

    def ports(self, proxy: str) -> dict[str, int]:
        """
        Start a proxy, unless it runs.

        @return: the real ports, by those in the configuration.
        """
        if proxy not in self._ports:
            program, *arguments = COMMANDS[proxy]
            program = need(program)
            self._ports[proxy] = self._start(proxy, program, arguments)
        return self._ports[proxy]

    def _start(
        self, proxy: str, program: str, arguments: Sequence[str]
    ) -> dict[str, int]:
        folder = self._folder / proxy
        folder.mkdir()
        configuration = PROXIES / arguments[-1]
        text = configuration.read_text("utf-8")
        ports = dict(
            zip(("8081", "8082", "8083", TLS), free_ports(4), strict=True),
        )
        clocks = {
            number: self._stack.enter_context(
                Server("--web", "0", "--interval", interval)
            ).web_port
            for number, interval in (("8000", "1"), ("8001", "2"), ("8002", "0.01"))
            if number in text
        }
        if "server.pem" in text:
            make_certificate(folder / "server.pem")
        used = {number: port for number, port in ports.items() if number in text}
        used["8081"] = ports["8081"]
        for number, port in (used | clocks).items():
            text = re.sub(rf"\b{number}\b", str(port), text)
            arguments = [each.replace(number, str(port)) for each in arguments]
        # Varnish looks for relative paths in a folder of the system.
        names = "work", configuration.name
        arguments = [
            str(folder / each) if each in names else each for each in arguments
        ]
        (folder / configuration.name).write_text(text, "utf-8")
        environment = {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        running = self._stack.enter_context(
            Program([program, *arguments], cwd=folder, environment=environment)
        )
        if proxy == "nginx":
            # If nginx is killed, its worker remains. The other proxies are killed: they
            # have one process, or their child ends by itself, as that of Varnish does.
            self._stack.callback(running.end)
            self._stack.callback(running.interrupt)
        self._running[proxy] = running
        wait_until(
            lambda: (
                running.process.poll() is not None or all(map(answers, used.values()))
            )
        )
        self.check(proxy)
        return used

    def check(self, proxy: str) -> None:
        """
        Check that a proxy still runs.
        """
        running = self._running[proxy]
        status = running.process.poll()
        assert status is None, f"{proxy} ended with {status}: {running.errors()}"

    def report(self, proxy: str, address: str) -> dict[str, Any]:
        """
        Check all addresses of a proxy at the same time, unless they were checked.

        @param address: the port, as in the configuration, and the path.

        @return: what the check reports on this address.
        """
        if proxy not in self._reports:
            ports = self.ports(proxy)
            found: dict[str, list[str]] = {}
            for name, each, _ in CASES:
                if name == proxy and is_possible(each):
                    interval = "0.01" if "/fast/" in each else "1"
                    found.setdefault(interval, []).append(each)
            with ExitStack() as stack:
                checks = [
                    stack.enter_context(
                        Check(ports, each, "--for", f"{READ}", "--interval", interval)
                    )
                    for interval, each in found.items()
                ]
                self._reports[proxy] = {
                    address: clock
                    for check in checks
                    for address, clock in check.report().items()
                }
            self.check(proxy)
        return self._reports[proxy][address]


def make_certificate(pem: Path) -> None:
    """
    Make a key and a certificate in one file.
    """
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    openssl = [need("openssl"), *made, "-keyout", str(pem)]
    certificate = subprocess.run(openssl, check=True, capture_output=True).stdout
    with pem.open("ab") as both:
        both.write(certificate)


class Check(Program):
    """
    A C{clock-check} of several addresses.
    """

    def __init__(
        self, ports: Mapping[str, int], addresses: Iterable[str], *options: str
    ) -> None:
        self._addresses = [*addresses]
        run = [command("clock-check"), "--json", "--insecure", *options]
        super().__init__(
            [
                *(*run, "--max-gap", f"{MAX_GAP}"),
                *(f"{n}={url(ports, each)}" for n, each in enumerate(self._addresses)),
            ]
        )

    def report(self) -> dict[str, dict[str, Any]]:
        """
        Wait for the report.

        @return: what it has on each address.
        """
        report = b"".join(self.rest())
        assert report, self.errors()
        clocks = json.loads(report)["clocks"]
        return dict(zip(self._addresses, clocks, strict=True))


def url(ports: Mapping[str, int], address: str) -> str:
    """
    Make the URL of an address.
    """
    port, _, path = address.partition("/")
    scheme = "https" if port == TLS else "ws" if path.endswith("socket") else "http"
    return f"{scheme}://127.0.0.1:{ports[port]}/{path}"


def is_possible(address: str) -> bool:
    """
    Return whether the modules that an address needs are installed.
    """
    module = "OpenSSL" if address.startswith(TLS) else "wsproto"
    is_plain = not address.startswith(TLS) and not address.endswith("socket")
    return is_plain or find_spec(module) is not None


#: For each setting: the proxy, the port and the path, and what the check says of a
#: stream with the headers of the clock, of one without them, and of a WebSocket.
#: C{None} is for what is not read.
SETTINGS = [
    ("nginx", "8081/default", WHOLE, NOTHING, REFUSED),
    ("nginx", "8081/unbuffered", WHOLE, WHOLE, None),
    ("nginx", "8081/ignored", NOTHING, NOTHING, None),
    ("nginx", "8081/gzip", WHOLE, NOTHING, None),
    ("nginx", "8081/timeout", CUT, None, None),
    ("nginx", "8081/websocket", None, None, WHOLE),
    ("nginx", "8081/websocket-timeout", None, None, CUT),
    ("nginx", "8443", WHOLE, NOTHING, None),
    ("haproxy", "8081/default", DELAYED, DELAYED, WHOLE),
    ("haproxy", "8081/no-delay", WHOLE, WHOLE, None),
    ("haproxy", "8081/timeout", CUT, CUT, CUT),
    ("haproxy", "8081/timeout-tunnel", CUT, CUT, WHOLE),
    ("haproxy", "8081/tunnel", WHOLE, WHOLE, CUT),
    ("haproxy", "8081/compression", WHOLE, BEHIND, WHOLE),
    ("haproxy", "8081/wait-for-body", None, None, WHOLE),
    ("caddy", "8081/default", WHOLE, WHOLE, WHOLE),
    ("caddy", "8081/encode", WHOLE, WHOLE, WHOLE),
    ("caddy", "8081/minimum-length", EMPTY, EMPTY, WHOLE),
    ("caddy", "8081/excluded", WHOLE, WHOLE, None),
    ("caddy", "8081/interval", WHOLE, WHOLE, WHOLE),
    ("caddy", "8081/buffer", NOTHING, NOTHING, NOTHING),
    ("caddy", "8081/timeout", ENDED, ENDED, CUT),
    ("apache", "8081/default", WHOLE, WHOLE, WHOLE),
    ("apache", "8081/deflate", WHOLE, WHOLE, None),
    ("apache", "8081/buffer", WHOLE, WHOLE, None),
    ("apache", "8081/substitute", WHOLE, WHOLE, None),
    ("apache", "8082", CUT, CUT, None),
    ("apache", "8083", CUT, CUT, CUT),
    ("varnish", "8081/default", WHOLE, WHOLE, REFUSED),
    ("varnish", "8081/pass", WHOLE, WHOLE, REFUSED),
    ("varnish", "8081/pipe", WHOLE, WHOLE, WHOLE),
    ("varnish", "8081/do_stream-off", NOTHING, NOTHING, None),
    ("varnish", "8081/do_gzip", EMPTY, EMPTY, None),
    ("varnish", "8081/timeout", CUT, CUT, None),
]


def cases() -> Iterator[tuple[str, str, Said]]:
    """
    List each address, and what the check says of it.
    """
    streams = ("lines", "events")
    for proxy, where, own, bare, websocket in SETTINGS:
        for stream in streams:
            if own:
                yield proxy, f"{where}/{stream}", own
            if bare:
                yield proxy, f"{where}/{stream}?bare=1", bare
        if websocket:
            yield proxy, f"{where}/socket", websocket


CASES = [
    *cases(),
    ("nginx", "8081/fast/events?bare=1", HELD),
    ("haproxy", "8081/wait-for-body/events", TOGETHER),
    ("haproxy", "8081/wait-for-body/lines", REFUSED),
]


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxies]:
    """
    The proxies, which run until the last test.
    """
    with ExitStack() as stack:
        yield Proxies(tmp_path_factory.mktemp("proxies"), stack)


@pytest.mark.parametrize(("proxy", "address", "said"), CASES)
def test_stream(proxies: Proxies, proxy: str, address: str, said: Said) -> None:
    """
    Each setting does to a stream what the documentation says.
    """
    if address.endswith("socket"):
        need_websockets()
    if address.startswith(TLS):
        need_module("OpenSSL")
    clock = proxies.report(proxy, address)
    codes = [each["code"] for each in clock["diagnosis"]]
    codes = [each for each in codes if "-on-path" not in each] or ["whole"]
    assert len(codes) == 1, clock
    assert codes[0] in {said.code, *said.others}, clock
    if said.median is not None:
        assert clock["trouble"] == []
        assert clock["lines"] >= READ - 3
        late = clock["lateness"]
        for expected, name in ((said.median, "p50"), (said.most, "max")):
            assert -0.05 < late[name] - expected < LATE, clock


@pytest.mark.parametrize(
    ("proxy", "least", "most"),
    [
        ("nginx", 0.5, 0.8),
        ("haproxy", 0.8, 0.8),
        ("caddy", 0.8, 0.8),
        # The timeouts of Apache are whole seconds.
        ("apache", 1, 1),
        ("varnish", 0.8, 0.8),
    ],
)
def test_timeout(proxies: Proxies, proxy: str, least: float, most: float) -> None:
    """
    The check measures the timeouts of each proxy.
    """
    cut = [each[1] for each in CASES if each[0] == proxy and each[2] in (CUT, ENDED)]
    found = [
        float(seconds[1])
        for address in cut
        if is_possible(address)
        for each in proxies.report(proxy, address)["diagnosis"]
        if (seconds := re.search(r"([\d.]+) s after its last byte", each["text"]))
    ]
    assert found or proxy == "nginx"
    # If the last line is noticed late, the time after it is shorter.
    assert all(least - 0.1 < each < most + LATE for each in found)


def test_varnish_cache(proxies: Proxies) -> None:
    """
    Varnish caches an endless stream that does not forbid it: a second client gets all
    lines since the first one connected.
    """
    ports = proxies.ports("varnish")
    said = {"lines?bare=1&number=0": ["history-first"], "lines": []}
    with ExitStack() as stack:
        for path in said:
            first = stack.enter_context(request(ports["8081"], f"/default/{path}"))
        for _ in range(5):
            line(first)
        addresses = [f"8081/default/{path}" for path in said]
        check = stack.enter_context(Check(ports, addresses, "--for", "2"))
        found = [clock["diagnosis"] for clock in check.report().values()]
    assert [[each["code"] for each in one] for one in found] == [*said.values()]


def documented(proxy: str, where: str) -> set[str]:
    """
    Find the codes that the table of the documentation has for a setting.
    """
    page = (PROXIES.parent / "proxies.rst").read_text("utf-8")
    # The first cell is empty, except in the first row of each proxy.
    section = re.split(rf"(?i)\n   \* - {proxy}(?=\n)", page)[1]
    section = re.split(r"\n   \* - \w|\n\n", section)[0]
    port, _, path = where.partition("/")
    name = f"``{path}``" if path else f"port {port}"
    found: set[str] = set()
    for row in section.split("\n   * -"):
        _, setting, _, says, _ = row.split("\n     -")
        # The setting ends with the paths in parentheses.
        if name in setting[setting.rindex("(") :]:
            found |= {*re.findall(r"whole|(?<=``)[a-z-]+(?=``)", says)}
    return found


def test_documented() -> None:
    """
    The documentation has a table with every setting, in the section of its proxy, and
    with what the check says.
    """
    said: dict[tuple[str, str], set[str]] = {
        ("varnish", "8081/default"): {"history-first"}
    }
    for proxy, address, expected in CASES:
        where = re.sub(r"/?(lines|events|socket)(\?.*)?$", "", address)
        said.setdefault((proxy, where), set()).add(expected.code)
    for setting, codes in said.items():
        assert documented(*setting) == codes, setting
