"""
Connections over HTTP: half-closed ones, the client limit, and the end of the server.
"""

from __future__ import annotations

import http.client
import re
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.harness.processes import Server
from tests.harness.times import LATE, UNIT, steps, wait_until
from tests.harness.web import (
    CLOSE,
    check_seconds,
    ended,
    exchange,
    get,
    head,
    line,
    request,
    status,
    web_server,
)


def test_half_closed() -> None:
    """
    A client that closes its sending half still gets a short response. A stream ends at
    once, because a page that closes a stream looks the same.
    """
    with web_server("--verbose", "--sequential", "--interval", "60") as server:
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
    with web_server("--verbose", "--interval", "0.1", "--tz", "Asia/Tokyo") as server:
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
    with web_server("--max-clients", "3") as server, ExitStack() as stack:
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
    Up to 16 connections without a stream do not count against the limit. At that
    number, an idle connection is closed for a new one.
    """
    with web_server("--max-clients", "1") as server:
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
        # The server cannot send a response, and the client has half a second to close.
        with pytest.raises(ConnectionResetError):
            client.rest()
        assert 10 <= time.monotonic() - connected < 10.5 + LATE


def test_clean_end() -> None:
    """
    When the server stops, every response ends complete, and soon.
    """
    with web_server("--sequential") as server, ExitStack() as stack:
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
        # A response that was cut would raise IncompleteRead.
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
    with web_server() as server, request(server.web_port, "/lines") as response:
        line(response)
        ended(server, signal.SIGKILL)
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            response.read()


def test_restart() -> None:
    """
    A server that restarts serves on the same port. A client that reconnects, as an
    C{EventSource} does, sees no second twice, except perhaps the last one.
    """
    with web_server() as server:
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
    check_seconds(after)
    assert steps(before) == [1] * (len(before) - 1)
    # The restart may have taken less than a second.
    assert steps([before[-1], after[0].text])[0] >= 0
