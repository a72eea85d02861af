"""
The clocks over HTTP: a real server, C{curl}, C{http.client} and WebSockets.
"""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.harness.clients import Arrival, Client
from tests.harness.processes import Program, Server
from tests.harness.requirements import need, need_module
from tests.harness.times import DEADLINE, LATE, LINE, UNIT, age, steps, wait_until
from tests.harness.web import (
    CLOSE,
    WebSocket,
    get,
    head,
    line,
    need_websockets,
    request,
    status,
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """
    A server for tests that leave nothing behind.
    """
    with web("--zone", "Asia/Tokyo=0") as running:
        assert running.web_port
        yield running


def web(*options: str) -> Server:
    """
    Start a server that serves over HTTP as well.
    """
    return Server(*options, "--web", "0")


def curl(*arguments: str) -> Program:
    """
    Run C{curl} without a buffer of its own, a user's settings, and a proxy.
    """
    return Program([need("curl"), "-q", "-sSN", "--noproxy", "*", *arguments])


def exchange(port: int, data: bytes) -> bytes:
    """
    Send some bytes, and return all that comes before the server's FIN.
    """
    with Client(socket.create_connection(("127.0.0.1", port), DEADLINE)) as client:
        client.socket.sendall(data)
        return client.rest()


def five(read: Callable[[], Arrival]) -> list[Arrival]:
    """
    Read five lines.
    """
    return [read() for _ in range(5)]


def check(arrivals: list[Arrival]) -> None:
    """
    Assert that each second came once, and all but the first on time.
    """
    assert steps(each.text for each in arrivals) == [1] * (len(arrivals) - 1)
    steady = time.time() - time.monotonic()
    for arrival in arrivals[1:]:
        assert -0.01 < age(arrival.text, steady + arrival.at) < LATE


def ended(server: Server, number: signal.Signals) -> float:
    """
    End a server by a signal.

    @return: the steady time when the signal was sent, in seconds.
    """
    server.interrupt(number)
    sent = time.monotonic()
    assert server.end() == -number
    return sent


# Streams


def test_each_second_once() -> None:
    """
    Every client sees each second once, on time, and the same ones as over TCP.
    """
    with web() as server, ExitStack() as stack:
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
        check(arrivals)
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
    With C{--format json} each line, and so the data of each event, is JSON.
    """
    with web("--format", "json", "--interval", "0.1") as server:
        for path in ("/lines", "/events"):
            with request(server.web_port, path) as response:
                first, second = (json.loads(line(response).text) for _ in range(2))
                assert second["tick"] == first["tick"] + 1


def test_waiting() -> None:
    """
    In sequential mode a client that waits gets the headers, and the comment of
    C{/events}, at once, and its first line when its turn begins.
    """
    with web("--sequential") as server:
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


# Requests


@pytest.mark.parametrize(
    "path", ["/", "/lines", "/events", "/status", "/status/events", "/healthz", "/x"]
)
def test_head(server: Server, path: str) -> None:
    """
    HEAD has the headers of GET, no body, and an end.
    """
    with request(server.web_port, path, "HEAD") as response:
        assert response.read() == b""
        headers = dict(response.getheaders())
    with request(server.web_port, path) as other:
        assert response.status == other.status
        differing = dict(response.getheaders()).items() ^ other.getheaders()
        assert {name for name, _ in differing} <= {"Date", "Transfer-Encoding"} | (
            # The status grows with what it counts.
            {"Content-Length"} if path == "/status" else set()
        )
    # A stream ends with its connection.
    is_stream = path in ("/lines", "/events", "/status/events")
    assert headers.get("Connection") == ("close" if is_stream else None)


REFUSED = {
    "POST": (head("/lines", "POST", extra=CLOSE), 405, "use GET or HEAD"),
    "body of POST": (
        head("/lines", "POST", extra="Content-Length: 4\r\n") + b"body",
        405,
        "use GET or HEAD",
    ),
    "body of GET": (
        head("/lines", extra="Content-Length: 4\r\n") + b"body",
        413,
        "a request must not have a body",
    ),
    "path": (head("/line", extra=CLOSE), 404, "no such path"),
    "zone": (
        head("/events?zone=Mars", extra=CLOSE),
        404,
        "no clock of this zone; there are: local time, Asia/Tokyo",
    ),
    "long line": (
        head("/", extra=f"X: {'y' * 20_000}\r\n"),
        431,
        "the header is too long",
    ),
    "long path": (head("/" + "x" * 20_000), 431, "the header is too long"),
    "no colon": (head("/", extra="hello\r\n"), 400, "not an HTTP request"),
    "two lengths": (
        head("/", extra="Content-Length: 0\r\nContent-Length: 4\r\n") + b"body",
        400,
        "not an HTTP request",
    ),
    "no HTTP": (b"hello\r\n\r\n", 400, "not an HTTP request"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n", 400, "not an HTTP request"),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400, "a request needs one Host"),
    "bad Host": (
        head("/", extra="Host: a/b\r\n").replace(b"Host: x\r\n", b""),
        400,
        "the Host is not valid",
    ),
    "no WebSocket": (head("/socket", extra=CLOSE), 426, "use a WebSocket client"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(server: Server, name: str) -> None:
    """
    A request that is not accepted gets a status, one line of text, and the end.
    """
    if name == "no WebSocket":
        need_websockets()
    data, code, reason = REFUSED[name]
    top, _, body = exchange(server.web_port, data).partition(b"\r\n\r\n")
    first, *headers = top.decode().split("\r\n")
    assert first.startswith(f"HTTP/1.1 {code} ")
    assert body.decode() == f"{reason}\n"
    assert "Content-Type: text/plain; charset=utf-8" in headers
    assert f"Content-Length: {len(body)}" in headers
    assert "Connection: close" in headers
    assert "Server: clock" in headers
    (date,) = (each for each in headers if each.startswith("Date: "))
    parsedate_to_datetime(date.removeprefix("Date: "))
    assert ("Allow: GET, HEAD" in headers) == (code == 405)


def test_curl_upload(server: Server, tmp_path: Path) -> None:
    """
    C{curl} that wants to send a large file is refused before it does.
    """
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    url = f"http://127.0.0.1:{server.web_port}/lines"
    asked = time.monotonic()
    with curl("-w", "%{http_code} %{size_upload}\\n", "-T", str(path), url) as client:
        assert client.end() == 0, client.errors()
        assert [*client.rest()] == [b"use GET or HEAD\n", b"405 0\n"]
    assert time.monotonic() - asked < 1 * UNIT


def test_pipelined(server: Server) -> None:
    """
    Requests that a client sends without waiting for the responses are answered in
    order, up to the one that is the last.
    """
    paths = ["/healthz", "/x", "/style.css", "/healthz"]
    requests = [head(path) for path in paths[:-1]]
    answer = exchange(
        server.web_port, b"".join(requests) + head(paths[-1], extra=CLOSE) * 2
    )
    codes = re.findall(rb"^HTTP/1.1 (\d+)", answer, re.M)
    assert codes == [b"200", b"404", b"200", b"200"]
    assert answer.count(b"\r\nConnection: close\r\n") == 1
    assert answer.endswith(b"\r\n\r\nok\n")


def test_one_connection(server: Server) -> None:
    """
    C{curl} reads the page and its files over one connection, and is told later that
    they have not changed.
    """
    base = f"http://127.0.0.1:{server.web_port}"
    files = ["", "style.css", "page.js", "icon.svg"]
    urls = [word for file in files for word in (f"{base}/{file}", "-o", "/dev/null")]
    with curl("-w", "%{num_connects}\\n", *urls) as client:
        assert client.end() == 0, client.errors()
        assert [*client.rest()] == [b"1\n", b"0\n", b"0\n", b"0\n"]
    connection = http.client.HTTPConnection("127.0.0.1", server.web_port, DEADLINE)
    with closing(connection):
        connection.request("GET", "/style.css")
        first = connection.getresponse()
        assert first.read()
        tag = first.getheader("ETag")
        assert tag
        connection.request("GET", "/style.css", headers={"If-None-Match": tag})
        second = connection.getresponse()
        assert (second.status, second.read()) == (304, b"")


def test_input_is_ignored(server: Server) -> None:
    """
    A stream goes on, whatever its client sends.
    """
    with server.connect(server.web_port) as client:
        client.socket.sendall(head("/events", version="1.0"))
        while client.line().text != b"\r\n":
            pass
        client.socket.sendall(b"hello\r\n" * 1000 + head("/healthz") * 1000)
        text = b"".join(client.lines(12))
    assert b"HTTP/1." not in text
    assert steps(re.findall(rb"^data: (.*\n)", text, re.M)) == [1, 1]


# Connections


def test_half_closed() -> None:
    """
    A client that closes its sending half gets a short response, and is gone from a
    stream at once: a page that closes a stream looks the same.
    """
    with web("--verbose", "--sequential", "--interval", "60") as server:
        for path in ("/healthz", "/status", "/", "/x"):
            with server.connect(server.web_port) as client:
                client.socket.sendall(head(path))
                client.half_close()
                assert client.rest().startswith(b"HTTP/1.1 ")
        with server.connect(server.web_port) as client:
            client.socket.sendall(head("/lines"))
            assert client.line().text.startswith(b"HTTP/1.1 200 ")
            client.half_close()
            server.find(" disconnected from .* 1 lines: ", LATE)
            assert client.rest().endswith(b"\r\n")


def test_verbose() -> None:
    """
    C{--verbose} logs the clients of streams with their addresses, and nothing else.
    """
    with web("--verbose", "--interval", "0.1", "--tz", "Asia/Tokyo") as server:
        get(server.web_port, "/status")
        with server.connect(server.web_port) as client:
            peer = re.escape(":".join(map(str, client.socket.getsockname())))
            client.socket.sendall(head("/lines"))
            client.lines(12)
        log = [server.line().text.decode() for _ in range(2)]
    assert re.search(rf" {peer} connected to Asia/Tokyo: 1 active, 0 waiting$", log[0])
    pattern = rf" {peer} disconnected from Asia/Tokyo after \S+ s and \d+ lines: "
    assert re.search(pattern, log[1])


def test_limit() -> None:
    """
    Each stream counts against C{--max-clients}. At the limit, the page and the status
    are served, and a stream is refused with a status.
    """
    with web("--max-clients", "3") as server, ExitStack() as stack:
        port = server.web_port
        tcp = server.connect()
        tcp.line()
        line(stack.enter_context(request(port, "/lines")))
        reader = stack.enter_context(request(port, "/status/events"))
        status(reader)
        # There is no room for any other.
        assert server.connect().rest() == b""
        for path in ("/", "/page.js", "/status", "/healthz"):
            get(port, path)
        for path in ("/lines", "/events", "/status/events"):
            with request(port, path) as response:
                assert response.status == 503
                assert response.getheader("Retry-After") == "5"
                assert response.read() == b"the client limit is reached\n"
        tcp.close()
        wait_until(lambda: server.connect().hears())
        server.find("Client limit of 3 reached: 1 connections refused")


def test_many_connections() -> None:
    """
    Only 16 connections without a stream do not count. An idle one makes room for a new
    one.
    """
    with web("--max-clients", "1") as server:
        port = server.web_port
        tcp = server.connect()
        tcp.line()
        idle = server.connect(port)
        idle.socket.sendall(head("/healthz"))
        while idle.line().text != b"ok\n":
            pass
        silent = [server.connect(port) for _ in range(16)]
        assert idle.rest() == b""
        assert server.connect(port).rest() == b""
        silent[0].socket.sendall(head("/healthz", extra=CLOSE))
        assert silent[0].rest().endswith(b"\r\n\r\nok\n")
        wait_until(
            lambda: exchange(port, head("/healthz", extra=CLOSE)).endswith(b"ok\n")
        )


def test_no_handshake(certificate: Path) -> None:
    """
    A connection without a TLS handshake is closed.
    """
    where = f"ssl:0:privateKey={certificate}:interface=127.0.0.1"
    with Server("--web", where) as server:
        client = server.connect(server.web_port)
        connected = time.monotonic()
        assert client.silent(9)
        # It cannot be told anything, and has half a second to close.
        with pytest.raises(ConnectionResetError):
            client.rest()
        assert 10 <= time.monotonic() - connected < 10.5 + LATE


# The end


def test_clean_end() -> None:
    """
    When the server stops, every response ends complete, and soon.
    """
    with web("--sequential") as server, ExitStack() as stack:
        port = server.web_port
        opened = [
            stack.enter_context(request(port, path))
            for path in ("/lines", "/events", "/lines", "/status/events")
        ]
        idle = server.connect(port)
        # The kernel resets a connection that the server has not accepted yet.
        get(port, "/healthz")
        line(opened[0])
        server.interrupt()
        sent = time.monotonic()
        assert idle.rest() == b""
        # What was cut would raise IncompleteRead.
        last = [response.read() for response in opened]
        assert server.end() == -signal.SIGTERM
        assert time.monotonic() - sent < 1 * UNIT
        assert server.errors() == ""
        log = b"".join(server.rest())
    assert re.fullmatch(rb"(?:\d\d:\d\d:\d\d\n)?", last[0])
    assert last[1] == b": connected\n\n"
    assert last[2] == b""
    assert last[3].startswith(b"data: {") and last[3].endswith(b"}\n\n")
    assert b"The clock has stopped" in log
    assert b"Error" not in log and b"Traceback" not in log


def test_cut() -> None:
    """
    A server that is killed cuts its responses, and a client can tell.
    """
    with web() as server, request(server.web_port, "/lines") as response:
        line(response)
        ended(server, signal.SIGKILL)
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            response.read()


def test_restart() -> None:
    """
    A server that is started again serves on the same port, and a client that connects
    again, as an C{EventSource} does, sees no second it has seen, but perhaps one.
    """
    with web() as server:
        port = server.web_port
        with request(port, "/events") as response:
            before = [line(response).text for _ in range(2)]
            ended(server, signal.SIGTERM)
            before += re.findall(rb"data: (.*\n)", response.read())
    with (
        Server("--web", str(port)) as server,
        request(server.web_port, "/events", Last_Event_ID="2") as response,
    ):
        after = [line(response) for _ in range(3)]
    assert server.web_port == port
    check(after)
    assert steps(before) == [1] * (len(before) - 1)
    # Whether it lasted less than a second to start again is not for this test.
    assert steps([before[-1], after[0].text])[0] >= 0


# Status


def test_status() -> None:
    """
    C{/status} lists who is served and who waits, of each clock.
    """
    options = ["--sequential", "--zone", "Asia/Tokyo=0", "--tz", "Europe/London"]
    with web(*options) as server, ExitStack() as stack:
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
    C{/status/events} tells what has changed soon, and at most four times a second.
    """
    with (
        web("--sequential") as server,
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
    C{promtool} finds no fault in C{/metrics}, and the figures are those of the clients.
    """
    need_module("prometheus_client")
    options = ["--sequential", "--max-clients", "2", "--tz", "Asia/Tokyo"]
    with web(*options, "--zone", "Europe/London=0") as server, ExitStack() as stack:
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


# WebSockets


@pytest.fixture
def websocket(server: Server) -> Iterator[WebSocket]:
    """
    A WebSocket to the server.
    """
    need_websockets()
    address = ("127.0.0.1", server.web_port)
    with WebSocket(socket.create_connection(address, DEADLINE)) as connected:
        yield connected


def test_messages(websocket: WebSocket) -> None:
    """
    Each line is a text message, on time.
    """
    check(five(websocket.line))


def test_ping(websocket: WebSocket) -> None:
    """
    Pings are answered, each within a second, as the server then reads again.
    """
    from wsproto.events import Ping, Pong

    for payload in (b"one", b"two", b"three"):
        websocket.send(Ping(payload))
        sent = time.monotonic()
        while not isinstance(event := websocket.event(), Pong):
            assert event is not None
        assert event.payload == payload
        assert time.monotonic() - sent < 1 + LATE


def test_closing_handshake(websocket: WebSocket) -> None:
    """
    A client that closes gets an answer, no more messages, and the end.
    """
    from wsproto.events import CloseConnection

    websocket.line()
    websocket.send(CloseConnection(1000))
    event = websocket.event()
    assert isinstance(event, CloseConnection) and event.code == 1000
    assert websocket.event(1 * UNIT) is None


def test_closed_by_the_server() -> None:
    """
    When the server stops, it says that it goes away, also to a client that waits.
    """
    need_websockets()
    from wsproto.events import CloseConnection

    with web("--sequential") as server, ExitStack() as stack:
        connections = [server.connect(server.web_port).socket for _ in range(2)]
        clients = [stack.enter_context(WebSocket(each)) for each in connections]
        clients[0].line()
        sent = ended(server, signal.SIGTERM)
        assert time.monotonic() - sent < 1 * UNIT
        for client in clients:
            event = client.event()
            assert isinstance(event, CloseConnection) and event.code == 1001
            assert client.event() is None


#: The headers of a handshake.
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def test_origins() -> None:
    """
    Pages of other sites can read a stream, or open a WebSocket, if they are allowed.
    """
    need_websockets()
    with web("--allow-origin", "https://example.org") as server:
        port = server.web_port
        for origin, code in [
            ("https://example.org", 101),
            (f"http://127.0.0.1:{port}", 101),
            ("https://example.com", 403),
        ]:
            with request(port, "/socket", Origin=origin, **HANDSHAKE) as response:
                assert response.status == code
        for origin, allowed in [
            ("https://example.org", "https://example.org"),
            ("https://example.com", None),
        ]:
            with request(port, "/lines", Origin=origin) as response:
                assert response.getheader("Access-Control-Allow-Origin") == allowed
                line(response)
        origin = "https://example.org"
        with request(port, "/events", "OPTIONS", Origin=origin) as response:
            assert response.status == 204
            assert response.getheader("Access-Control-Allow-Methods") == "GET, HEAD"


@pytest.mark.parametrize("size", [1_000_000, 5_000_000])
def test_much_input_of_a_waiting_client(size: int) -> None:
    """
    A client that waits, sends much and disconnects loses its place within seconds.
    """
    with Server("--sequential", "--verbose") as server:
        active = server.connect()
        active.line()
        waiting = server.connect()
        server.find(": 1 active, 1 waiting$")
        # A half-closed client keeps its place while nobody waits behind it.
        server.connect()
        server.find(": 1 active, 2 waiting$")
        waiting.socket.settimeout(DEADLINE)
        waiting.socket.sendall(b"x" * size)
        waiting.close()
        server.find(" disconnected from .* 0 lines: ", 4 * UNIT)


def test_much_input_of_a_waiting_websocket() -> None:
    """
    So does one that uses a WebSocket.
    """
    need_websockets()
    from wsproto.events import BytesMessage

    with web("--sequential", "--verbose") as server:
        port = server.web_port
        server.connect().line()
        waiting = WebSocket(server.connect(port).socket)
        server.find(": 1 active, 1 waiting$")
        waiting.send(BytesMessage(b"x" * 30_000))
        waiting.socket.close()
        server.find(" disconnected from .* 0 lines: ", 6 * UNIT)


def test_websocket_turns() -> None:
    """
    A WebSocket waits for its turn, counts once against the limit, and leaves at once.
    """
    need_websockets()
    with web("--sequential", "--max-clients", "3", "--verbose") as server:
        active = server.connect()
        active.line()
        first = WebSocket(server.connect(server.web_port).socket)
        second = WebSocket(server.connect(server.web_port).socket)
        assert server.connect().rest() == b""
        with request(server.web_port, "/socket", **HANDSHAKE) as response:
            assert response.status == 503
        server.find(": 1 active, 2 waiting$")
        first.socket.close()
        server.find(" disconnected from .* 0 lines: ", LATE)
        active.close()
        closed = time.monotonic()
        assert second.line().at - closed < LATE
