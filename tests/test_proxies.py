"""
The clocks behind real proxies: what each setting of C{docs/proxies} does to a stream.

Each proxy runs once, with its own configuration. All of its addresses are read at the
same time; each test asserts what one reader saw.
"""

from __future__ import annotations

import http.client
import random
import re
import socket
import ssl
import subprocess
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest
from processes import DEADLINE, LATE, Arrival, Program, Server, age, need, wait_until
from web import line, need_websockets, request

#: The configurations.
PROXIES = Path(__file__).parent.parent / "docs" / "proxies"

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

#: Seconds to read each stream.
READ = 6.0

#: What a reader sees.
IN_TIME = "each line arrives in time"
DELAYED = "each line arrives 0.2 s late"
BEHIND = "each line arrives with the next one"
HELD = "the first lines arrive together, the others in time"
STEPS = "many lines arrive together, again and again"
EMPTY = "the headers arrive, and no line"
NOTHING = "nothing arrives, not even the headers"
CUT = "the stream is cut after some time without a line"
REFUSED = "an error is returned instead of the stream"


@dataclass
class Reading:
    """
    What a client received.

    @ivar status: the status of the response; 0 if none arrived.
    @ivar lines: the lines of time, with the time of their arrival by the wall clock, in
        seconds since 1970.
    @ivar ended: when the stream ended; 0 if it did not.
    """

    status: int = 0
    lines: list[Arrival] = field(default_factory=list)
    ended: float = 0

    def seen(self) -> str:
        """
        Say what the reader saw.
        """
        if self.status not in (0, 101, 200):
            return REFUSED
        if self.ended:
            return CUT
        if not self.lines:
            return EMPTY if self.status else NOTHING
        together = Counter(each.at for each in self.lines)
        if len(together) > 1 and min(together.values()) > 100:
            return STEPS
        first, *others = [age(each.text, each.at) for each in self.lines]
        assert len(others) >= 3
        # A proxy that delays the first line may send the second with it, early.
        least = min(others[1:])
        if least >= 0.95:
            return BEHIND
        if least >= 0.15:
            return DELAYED
        if first >= 1 + LATE and max(others[-2:]) < LATE:
            return HELD
        assert max(others) < LATE, self.lines
        return IN_TIME

    def patience(self) -> float:
        """
        Return how long the proxy waited after the last line, in seconds.
        """
        return self.ended - self.lines[-1].at


def read_http(address: tuple[str, int], path: str, tls: bool = False) -> Reading:
    """
    Read a stream for some seconds. Like a browser, accept gzip.
    """
    reading = Reading()
    deadline = time.monotonic() + READ
    connection = http.client.HTTPConnection(*address, timeout=READ)
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(
            *address, timeout=READ, context=context
        )
    connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
    # The connection forgets its socket when it hands it to the response.
    reader = connection.sock
    try:
        with connection.getresponse() as response:
            reading.status = response.status
            zipped = response.getheader("Content-Encoding") == "gzip"
            unzip = zlib.decompressobj(31).decompress if zipped else bytes
            held = b""
            while not reading.ended and (left := deadline - time.monotonic()) > 0:
                reader.settimeout(left)
                data = response.read1(65536)
                now = time.time()
                *lines, held = (held + unzip(data)).split(b"\n")
                reading.lines += [
                    Arrival(text.removeprefix(b"data: ") + b"\n", now)
                    for text in lines
                    if text and not text.startswith((b":", b"id:"))
                ]
                if not data:
                    reading.ended = now
    except TimeoutError:
        pass
    except (http.client.HTTPException, ConnectionError):
        reading.ended = time.time()
    finally:
        connection.close()
    return reading


def read_socket(address: tuple[str, int], path: str) -> Reading:
    """
    Read a WebSocket for some seconds.
    """
    from wsproto import ConnectionType, WSConnection
    from wsproto.events import AcceptConnection, RejectConnection, Request, TextMessage

    reading = Reading()
    deadline = time.monotonic() + READ
    connection = WSConnection(ConnectionType.CLIENT)
    with socket.create_connection(address, DEADLINE) as client, suppress(TimeoutError):
        client.sendall(connection.send(Request(host="localhost", target=path)))
        while not reading.ended and (left := deadline - time.monotonic()) > 0:
            client.settimeout(left)
            data = client.recv(65536)
            if not data:
                reading.ended = time.time()
                break
            connection.receive_data(data)
            for event in connection.events():
                if isinstance(event, AcceptConnection):
                    reading.status = 101
                elif isinstance(event, RejectConnection):
                    reading.status = event.status_code
                    # A response of 200 is no WebSocket either.
                    reading.status += reading.status == 200
                    return reading
                elif isinstance(event, TextMessage):
                    text = f"{event.data}\n".encode()
                    reading.lines.append(Arrival(text, time.time()))
    return reading


def free_ports(count: int) -> list[int]:
    """
    Find free ports, of those that no program gets unless it asks for them by number:
    ip(7), ip_local_port_range.
    """
    free = []
    for port in random.sample(range(20000, 32768), 1000):
        with suppress(OSError):
            socket.create_server(("127.0.0.1", port)).close()
            free.append(port)
        if len(free) == count:
            return free
    raise AssertionError("there are no free ports")


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
        self._readings: dict[str, dict[str, Reading]] = {}

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
        text = configuration.read_text()
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
        # Varnish looks for a relative path in its own folder.
        arguments = [*arguments[:-1], str(folder / configuration.name)]
        (folder / configuration.name).write_text(text)
        environment = {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        running = self._stack.enter_context(
            Program([program, *arguments], cwd=folder, environment=environment)
        )
        if proxy == "nginx":
            # If it is killed, its worker remains. The other proxies are killed: they
            # are one process, or their child ends by itself, as that of Varnish.
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

    def reading(self, proxy: str, address: str) -> Reading:
        """
        Read all addresses of a proxy at the same time, unless they were read.

        @param address: the port, as in the configuration, and the path.
        """
        if proxy not in self._readings:
            ports = self.ports(proxy)
            addresses = [each[1] for each in CASES if each[0] == proxy]
            try:
                with ThreadPoolExecutor(len(addresses)) as pool:
                    readings = list(pool.map(partial(read, ports), addresses))
            finally:
                self.check(proxy)
            self._readings[proxy] = dict(zip(addresses, readings, strict=True))
        return self._readings[proxy][address]


def make_certificate(pem: Path) -> None:
    """
    Make a key and a certificate in one file.
    """
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    openssl = [need("openssl"), *made, "-keyout", str(pem)]
    certificate = subprocess.run(openssl, check=True, capture_output=True).stdout
    with pem.open("ab") as both:
        both.write(certificate)


def read(ports: dict[str, int], address: str) -> Reading:
    """
    Read an address for some seconds.
    """
    port, _, path = address.partition("/")
    where = ("127.0.0.1", ports[port])
    if not path.endswith("socket"):
        return read_http(where, f"/{path}", tls=port == TLS)
    if find_spec("wsproto") is None:
        return Reading()
    return read_socket(where, f"/{path}")


#: The port of nginx that speaks TLS.
TLS = "8443"

#: For each setting: the proxy, the port and the path, and what readers see of a stream
#: with the headers of the clock, of one without them, and of a WebSocket. The empty
#: text is for what is not read.
SETTINGS = [
    ("nginx", "8081/default", IN_TIME, NOTHING, REFUSED),
    ("nginx", "8081/unbuffered", IN_TIME, IN_TIME, ""),
    ("nginx", "8081/ignored", NOTHING, NOTHING, ""),
    ("nginx", "8081/gzip", IN_TIME, NOTHING, ""),
    ("nginx", "8081/timeout", CUT, "", ""),
    ("nginx", "8081/websocket", "", "", IN_TIME),
    ("nginx", "8081/websocket-timeout", "", "", CUT),
    ("nginx", "8443", IN_TIME, NOTHING, ""),
    ("haproxy", "8081/default", DELAYED, DELAYED, IN_TIME),
    ("haproxy", "8081/no-delay", IN_TIME, IN_TIME, ""),
    ("haproxy", "8081/timeout", CUT, CUT, CUT),
    ("haproxy", "8081/timeout-tunnel", CUT, CUT, IN_TIME),
    ("haproxy", "8081/tunnel", IN_TIME, IN_TIME, CUT),
    ("haproxy", "8081/compression", IN_TIME, BEHIND, IN_TIME),
    ("haproxy", "8081/wait-for-body", "", "", IN_TIME),
    ("caddy", "8081/default", IN_TIME, IN_TIME, IN_TIME),
    ("caddy", "8081/encode", IN_TIME, IN_TIME, IN_TIME),
    ("caddy", "8081/minimum-length", EMPTY, EMPTY, IN_TIME),
    ("caddy", "8081/excluded", IN_TIME, IN_TIME, ""),
    ("caddy", "8081/interval", IN_TIME, IN_TIME, IN_TIME),
    ("caddy", "8081/buffer", NOTHING, NOTHING, NOTHING),
    ("caddy", "8081/timeout", CUT, CUT, CUT),
    ("apache", "8081/default", IN_TIME, IN_TIME, IN_TIME),
    ("apache", "8081/deflate", IN_TIME, IN_TIME, ""),
    ("apache", "8081/buffer", IN_TIME, IN_TIME, ""),
    ("apache", "8081/substitute", IN_TIME, IN_TIME, ""),
    ("apache", "8082", CUT, CUT, ""),
    ("apache", "8083", CUT, CUT, CUT),
    ("varnish", "8081/default", IN_TIME, IN_TIME, REFUSED),
    ("varnish", "8081/pass", IN_TIME, IN_TIME, REFUSED),
    ("varnish", "8081/pipe", IN_TIME, IN_TIME, IN_TIME),
    ("varnish", "8081/do_stream-off", NOTHING, NOTHING, ""),
    ("varnish", "8081/do_gzip", EMPTY, EMPTY, ""),
    ("varnish", "8081/timeout", CUT, CUT, ""),
]


def cases() -> Iterator[tuple[str, str, str]]:
    """
    List each address, and what its reader sees.
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
    ("nginx", "8081/fast/events?bare=1", STEPS),
    ("haproxy", "8081/wait-for-body/events", HELD),
    ("haproxy", "8081/wait-for-body/lines", REFUSED),
]


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxies]:
    """
    The proxies, which run until the last test.
    """
    with ExitStack() as stack:
        yield Proxies(tmp_path_factory.mktemp("proxies"), stack)


@pytest.mark.parametrize(("proxy", "address", "seen"), CASES)
def test_stream(proxies: Proxies, proxy: str, address: str, seen: str) -> None:
    """
    Each setting does to a stream what the documentation says.
    """
    if address.endswith("socket"):
        need_websockets()
    reading = proxies.reading(proxy, address)
    assert reading.seen() == seen
    if seen == CUT:
        # All timeouts are 0.8 s, but Apache counts in seconds.
        least = 1 if proxy == "apache" else 0.8
        assert abs(reading.patience() - least) < LATE


def test_varnish_cache(proxies: Proxies) -> None:
    """
    Varnish caches an endless stream that does not forbid it: a second client gets all
    lines since the first one connected.
    """
    port = proxies.ports("varnish")["8081"]
    for path, cached in (("lines?bare=1&number=0", True), ("lines", False)):
        with request(port, f"/default/{path}") as first:
            shown = [line(first).text for _ in range(4)]
            with request(port, f"/default/{path}") as second:
                assert (line(second).text == shown[0]) is cached


def test_documented() -> None:
    """
    The documentation has a table with every setting, in the section of its proxy.
    """
    table = (PROXIES.parent / "proxies.rst").read_text()
    for proxy, where, *_ in SETTINGS:
        start = table.lower().index(f"   * - {proxy}\n")
        section = re.split(r"\n   \* - \w", table[start + 8 :])[0]
        port, _, path = where.partition("/")
        name = path or f"port {port}"
        assert re.search(rf"``{name}``|\({name}\)", section), (proxy, where)
