"""
The clients over HTTP, server-sent events and WebSockets: a real server, and an origin
that does what proxies do.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.harness.clients import reset_on_close
from tests.harness.processes import Program, Server, command, make_certificate
from tests.harness.requirements import need_module
from tests.harness.times import DEADLINE, LINE, UNIT
from tests.harness.web import need_websockets

#: Seconds between two lines of the origin.
PERIOD = 0.5


class Origin(BaseHTTPRequestHandler):
    """
    Streams in C{PERIOD}, by path.
    """

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """
        Serve a path.
        """
        try:
            getattr(self, self.path.strip("/"))()
        except ConnectionError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """
        Log nothing.
        """

    def head(self, status: int = 200, **headers: str) -> None:
        """
        Send the head of a response.
        """
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def chunk(self, data: bytes) -> None:
        """
        Send a chunk.
        """
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def old(self) -> None:
        """
        Redirect to L{gzip}.
        """
        self.head(302, Location="/gzip", Content_Length="0")

    def gzip(self) -> None:
        """
        Send events with a time in milliseconds, in gzip, flushed after each.
        """
        assert "gzip" in self.headers["Accept-Encoding"]
        self.head(
            Content_Encoding="gzip",
            Content_Type="text/event-stream",
            Transfer_Encoding="chunked",
        )
        encoder = zlib.compressobj(wbits=31)
        while True:
            event = json.dumps({"id": 9, "timestamp": time.time_ns() // 1_000_000})
            data = encoder.compress(f"data: {event}\r\n\r\n".encode())
            self.chunk(data + encoder.flush(zlib.Z_SYNC_FLUSH))
            time.sleep(PERIOD)

    def counter(self) -> None:
        """
        Send numbers without the time, and omit 3, until the client disconnects.
        """
        self.head(Content_Type="text/plain", Connection="close")
        for number in (1, 2, *range(4, 1000)):
            self.wfile.write(b'{"n": %d}\n' % number)
            time.sleep(PERIOD)

    def some(self) -> None:
        """
        Send the first chunks of a body, for longer than half of a check.
        """
        self.head(Transfer_Encoding="chunked")
        for _ in range(5):
            self.chunk(b"a\n")
            time.sleep(PERIOD)

    def cut(self) -> None:
        """
        End a body with chunks without its last one.
        """
        self.some()
        self.close_connection = True

    def limit(self) -> None:
        """
        End a body after some time without a chunk.
        """
        self.head(Transfer_Encoding="chunked")
        time.sleep(PERIOD)
        self.close_connection = True

    def hold(self) -> None:
        """
        Do not answer, until the client disconnects.
        """
        self.connection.recv(1)
        self.close_connection = True

    def reset(self) -> None:
        """
        Reset the connection after some lines.
        """
        self.some()
        reset_on_close(self.connection)
        # The server would send FIN first.
        os.close(self.connection.detach())
        self.close_connection = True

    def bad(self) -> None:
        """
        Be a proxy whose server is down.
        """
        self.head(502, Content_Length="0")


@pytest.fixture
def origin() -> Iterator[str]:
    """
    Run an origin. Return its URL.
    """
    with ThreadingHTTPServer(("127.0.0.1", 0), Origin) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def check(*arguments: str) -> list[dict[str, Any]]:
    """
    Check these clocks for some seconds. Return what was found on each.
    """
    run = [command("clock-check"), "--json", "--for", "4"]
    with Program([*run, "--max-gap", f"{1.5 + UNIT:g}", *arguments]) as program:
        clocks: list[dict[str, Any]]
        clocks = json.loads(b"".join(program.rest()))["streams"]
        return clocks


def test_check() -> None:
    """
    A stream is whole on each transport. The events of the server have numbers, so no
    line was lost.
    """
    need_websockets()
    with Server("--web", "0") as server:
        address = f"localhost:{server.web_port}"
        urls = f"http://{address}/lines", f"http://{address}/events"
        for clock in check(*urls, f"ws://{address}/socket", f":{server.port}"):
            assert clock["trouble"] == []
            assert 4 <= clock["lines"] <= 6
            assert 0.9 < clock["gaps"]["max"] < 1 + UNIT
            assert clock["lost"] == (0 if "events" in clock["name"] else None)


def test_netcat() -> None:
    """
    C{clock-netcat} copies the decoded body, and a line for each message.
    """
    need_websockets()
    with Server("--web", "0") as server:
        address = f"localhost:{server.web_port}"
        netcat = command("clock-netcat")
        for url in (f"http://{address}/lines", f"ws://{address}/socket"):
            with Program([netcat, url]) as program:
                assert all(LINE.fullmatch(line) for line in program.lines(3))
        with Program([netcat, f"http://{address}/events"]) as program:
            comment, _, id, data = program.lines(4)
            assert comment == b": connected\n"
            assert re.fullmatch(rb"id: \d+\n", id)
            assert data.startswith(b"data: ")
        with Program([netcat, f"http://{address}/nope"]) as program:
            assert program.end() == 1
            assert program.errors().endswith("/nope: 404 Not Found\n")


def test_wall() -> None:
    """
    C{clockwall} shows the data of events.
    """
    with Server("--web", "0") as server:
        url = f"http://localhost:{server.web_port}/events"
        with Program([command("clockwall"), f"Web={url}"]) as program:
            for line in program.lines(3):
                assert LINE.fullmatch(line.removeprefix(b"Web "))


def test_headers() -> None:
    """
    Headers are sent, and replace the defaults.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        headers = "--header", "Accept-Encoding: br", "--header", "X-Test: 1"
        with (
            Program([command("clock-netcat"), *headers, url]),
            listening.accept()[0] as client,
        ):
            client.settimeout(DEADLINE)
            lines = [*iter(client.makefile("rb").readline, b"\r\n")]
        assert {b"Accept-Encoding: br\r\n", b"X-Test: 1\r\n"} <= {*lines}
        assert b"Accept-Encoding: gzip\r\n" not in lines


def test_tls(certificate: Path) -> None:
    """
    A certificate is verified. With C{--insecure} it is not, and the command prints a
    warning.
    """
    need_websockets()
    trust = {"SSL_CERT_FILE": str(certificate)}
    options = "--web", f"ssl:0:privateKey={certificate}"
    with Server(*options) as server:
        netcat = command("clock-netcat")
        address = f"localhost:{server.web_port}"
        for url in (f"https://{address}/lines", f"wss://{address}/socket"):
            with Program([netcat, url]) as program:
                assert program.end() == 1
                assert program.errors().endswith(": certificate verify failed\n")
            with Program([netcat, url], environment=trust) as program:
                assert LINE.fullmatch(program.line().text)
            with Program([netcat, "--insecure", url]) as program:
                assert LINE.fullmatch(program.line().text)
                program.interrupt(signal.SIGINT)
                program.end()
                assert "certificates are not verified" in program.errors()


#: Certificates that are trusted, but whose names cannot be compared with a host.
NAMELESS = {
    "none": ((), "does not contain any `subjectAltName`s"),
    "email": (("-addext", "subjectAltName=email:a@b.example"), "does not contain any"),
    "wildcard": (("-addext", "subjectAltName=DNS:localhost,DNS:*"), "too few host"),
}


@pytest.mark.parametrize("names", NAMELESS)
def test_nameless_certificate(names: str, tmp_path: Path) -> None:
    """
    A certificate without valid names is refused in one line, by all clients, for names
    and addresses, and over every kind of TLS.
    """
    need_websockets()
    need_module("OpenSSL")
    options, detail = NAMELESS[names]
    pem = tmp_path / "server.pem"
    make_certificate(pem, *options)
    endpoint = f"ssl:0:privateKey={pem}"
    trust = {"SSL_CERT_FILE": str(pem)}
    listen = ["--listen", f"{endpoint}:interface=127.0.0.1"]
    with Server("--web", endpoint, listen=listen) as server:
        addresses = []
        for host in ("localhost", "127.0.0.1"):
            web, tcp = f"{host}:{server.web_port}", f"{host}:{server.port}"
            addresses += [f"https://{web}/lines", f"wss://{web}/socket"]
            addresses.append(f"tls:{tcp}:trustRoots={tmp_path}")
            addresses.append(f"ssl:{tcp}:caCertsDir={tmp_path}:hostname={host}")
        for address in addresses:
            with Program(
                [command("clock-netcat"), address], environment=trust
            ) as program:
                assert program.end() == 1
                (error,) = program.errors().splitlines()
                assert f"{address}: the certificate is not valid for any host" in error
                assert detail in error
        check = [command("clock-check"), "--for", "3", *addresses]
        with Program(check, environment=trust) as program:
            report = b"".join(program.rest()).decode()
            assert (program.end(), program.errors()) == (2, "")
            reason = "not reached: the certificate is not valid for any host"
            assert report.count(reason) == len(addresses)
        wall = [command("clockwall"), f"x={addresses[0]}"]
        with Program(wall, environment=trust) as program:
            program.find("x down, .*: the certificate is not valid for any host")
            program.interrupt(signal.SIGTERM)
            assert program.errors() == ""


@pytest.mark.parametrize("scheme", ["https", "wss"])
def test_nothing_is_sent(scheme: str, tmp_path: Path) -> None:
    """
    The request, which may have a password, is not sent to a server whose certificate is
    refused.
    """
    need_websockets()
    need_module("OpenSSL")
    good, nameless = tmp_path / "good.pem", tmp_path / "nameless.pem"
    make_certificate(good, "-addext", "subjectAltName=DNS:localhost")
    make_certificate(nameless)
    for pem in (good, nameless):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pem)
        trust = {"SSL_CERT_FILE": str(pem)}
        with socket.create_server(("127.0.0.1", 0)) as listening:
            url = f"{scheme}://localhost:{listening.getsockname()[1]}/"
            with Program([command("clock-netcat"), url], environment=trust):
                connection, _ = listening.accept()
                connection.settimeout(DEADLINE)
                received = b""
                with (
                    suppress(OSError),
                    context.wrap_socket(connection, server_side=True) as tls,
                ):
                    received = tls.recv(65536)
        assert received.startswith(b"GET / ") == (pem is good)
        assert bool(received) == (pem is good)


def test_any_clock(origin: str) -> None:
    """
    A time in milliseconds in a field, after a redirect and in gzip, is judged like the
    time of this server. So is a counter that omits a number.
    """
    period = "--interval", str(PERIOD)
    (clock,) = check(*period, "--field", "timestamp", f"x={origin}/old")
    assert clock["redirectedTo"] == f"{origin}/gzip"
    # The origin is not on time: it only waits between two lines.
    assert clock["lines"] - clock["repeats"] - clock["skips"] >= 4
    assert clock["unreadable"] == 0
    assert 0 <= clock["lateness"]["max"] < UNIT
    (clock,) = check(*period, "--field", "n", f"x={origin}/counter")
    assert (clock["lost"], clock["repeats"]) == (1, 0)
    assert clock["trouble"] == ["1 lost"]
    assert clock["lateness"] is None


def test_reasons(origin: str) -> None:
    """
    The report distinguishes how a stream ended, or why it did not begin.
    """
    found = {
        "cut": ("(cut within a response)", "cut-within-response"),
        "limit": ("(cut within a response)", "cut-every"),
        "reset": ("(reset by the server)", "reset"),
        "bad": ("502 Bad Gateway", "not-reached"),
        "hold": ("no headers for ", "headers-held-back"),
    }
    addresses = (f"{path}={origin}/{path}" for path in found)
    for clock in check("--interval", str(PERIOD), "--max-gap", "3", *addresses):
        reason, code = found[clock["name"]]
        if clock["reached"]:
            assert reason in clock["trouble"][-1]
        else:
            assert clock["trouble"] == [f"not reached: {reason}"]
        assert clock["reached"] == (clock["name"] != "bad")
        assert [each["code"] for each in clock["diagnosis"]] == [code]
