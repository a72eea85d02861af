"""
Requests over HTTP, and their responses.
"""

from __future__ import annotations

import http.client
import re
import time
from contextlib import closing
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from tests.harness.processes import Server
from tests.harness.times import DEADLINE, UNIT
from tests.harness.web import (
    CLOSE,
    curl,
    exchange,
    head,
    need_websockets,
    request,
)


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
    "POST": (head("/status", "POST", extra=CLOSE), 405, "use GET or HEAD"),
    "body of POST": (
        head("/status", "POST", extra="Content-Length: 4\r\n") + b"body",
        405,
        "use GET or HEAD",
    ),
    "body of GET": (
        head("/lines", extra="Content-Length: 4\r\n") + b"body",
        413,
        "only a POST of a stream may have a body",
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
    C{curl} is refused before it sends a large file.
    """
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    url = f"http://127.0.0.1:{server.web_port}/lines"
    asked = time.monotonic()
    with curl("-w", "%{http_code} %{size_upload}\\n", "-T", str(path), url) as client:
        assert client.end() == 0, client.errors()
        assert [*client.rest()] == [b"use GET, HEAD or POST\n", b"405 0\n"]
    assert time.monotonic() - asked < 1 * UNIT


def test_pipelined(server: Server) -> None:
    """
    Requests that a client sends without waiting for the responses are answered in
    order. The server answers none after the one that asks to close the connection.
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
    C{curl} reads the page and its files over one connection. A later request for a file
    that has not changed gets status 304.
    """
    base = f"http://127.0.0.1:{server.web_port}"
    files = ["", "style.css", "strings.js", "page.js", "icon.svg"]
    urls = [word for file in files for word in (f"{base}/{file}", "-o", "/dev/null")]
    with curl("-w", "%{num_connects}\\n", *urls) as client:
        assert client.end() == 0, client.errors()
        assert [*client.rest()] == [b"1\n", *[b"0\n"] * 4]
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
