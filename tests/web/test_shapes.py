"""
Streams of any shape, read by C{curl}.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

from tests.harness.processes import Server
from tests.harness.times import LATE, LINE, UNIT, steps, wait_until
from tests.harness.web import curl, exchange, head, request, status


def url(server: Server, path: str) -> str:
    """
    Return the URL of a path.
    """
    return f"http://127.0.0.1:{server.web_port}{path}"


def test_lines_and_every(server: Server) -> None:
    """
    A stream ends after its last line, complete, and its ticks are as far apart as they
    should be.
    """
    with curl(url(server, "/events?lines=3&every=2")) as client:
        lines = [*client.rest()]
        assert client.end() == 0
    ids = [int(line[4:]) for line in lines if line.startswith(b"id: ")]
    assert ids == [ids[0], ids[0] + 2, ids[0] + 4]
    assert len([line for line in lines if line.startswith(b"data: ")]) == 3


def test_bytes(server: Server) -> None:
    """
    A padded line, an event and a message have the size that was asked for.
    """
    for path, size in (("/lines", 65_536), ("/events", 4000)):
        with curl(url(server, f"{path}?lines=2&bytes={size}")) as client:
            text = b"".join(client.rest()).removeprefix(b": connected\n\n")
            assert client.end() == 0
        assert len(text) == 2 * size
        assert len(re.findall(rb"\d\d:\d\d:\d\d\b", text)) == 2


def test_delay_and_late_header(server: Server) -> None:
    """
    The first line comes after the delay; the header before it, or with it.
    """
    delay = UNIT
    for late in ("", "&headers=late"):
        with server.connect(server.web_port) as client:
            client.socket.sendall(head(f"/lines?delay={delay}{late}"))
            sent = time.monotonic()
            header = client.line()
            assert header.text.startswith(b"HTTP/1.1 200 ")
            assert (header.at - sent >= delay) == bool(late)
            while not LINE.fullmatch((arrival := client.line()).text):
                pass
            assert delay <= arrival.at - sent < delay + LATE


def test_type(server: Server) -> None:
    """
    The media type is the one that was asked for.
    """
    with curl("-i", url(server, "/lines?lines=1&type=application/x-ndjson")) as client:
        assert b"Content-Type: application/x-ndjson\r\n" in [*client.rest()]


def test_post(server: Server, tmp_path: Path) -> None:
    """
    C{curl} posts a body, also one for which it waits to be told to go on, and a chunked
    one, and gets the same stream. A body that is too large is refused.
    """
    file = tmp_path / "body"
    file.write_bytes(bytes(65_536))
    data = f"@{file}"
    for arguments in (
        ["--data", '{"prompt": "What time is it?"}'],
        ["--data-binary", data],
        ["--data-binary", data, "-H", "Expect: 100-continue"],
        ["--data-binary", data, "-H", "Transfer-Encoding: chunked"],
        ["-F", f"file={file}"],
    ):
        with curl(*arguments, url(server, "/lines?lines=2")) as client:
            assert steps(client.rest()) == [1]
            assert client.end() == 0
    file.write_bytes(bytes(65_537))
    for header in ("X: y", "Expect: 100-continue", "Transfer-Encoding: chunked"):
        arguments = ["-i", "--data-binary", data, "-H", header]
        with curl(*arguments, url(server, "/lines")) as client:
            assert b"HTTP/1.1 413 Request Entity Too Large\r\n" in [*client.rest()]


def test_post_ends_its_connection(server: Server) -> None:
    """
    What follows the body of a request is not another request.
    """
    data = head("/lines?lines=1", "POST", extra="Content-Length: 1\r\n") + b"x"
    assert exchange(server.web_port, data + head("/healthz")).count(b"HTTP/1.1") == 1


def test_padded_stream_that_is_not_read(server: Server) -> None:
    """
    A client that does not read a padded stream does not delay the others, and gets the
    time, not a backlog, when it reads again.
    """
    with server.connect(server.web_port) as stuck, server.connect() as other:
        stuck.socket.sendall(head("/lines?bytes=65536"))
        begun = time.monotonic()
        while time.monotonic() - begun < 4 * UNIT:
            assert steps(line.text for line in [other.line(), other.line()]) == [1]


def test_turn_ends_with_the_stream() -> None:
    """
    In sequential mode, a complete stream ends its client's turn.
    """
    with Server("--sequential", "--web", "0") as server, server.connect() as first:
        first.line()
        with curl(url(server, "/lines?lines=2")) as second:
            with request(server.web_port, "/status/events") as events:
                wait_until(lambda: status(events)["clocks"][0]["waiting"]["count"] == 1)
            first.close()
            assert len([*second.rest()]) == 2
            assert second.end() == 0
        with curl(url(server, "/lines?lines=1")) as third:
            assert len([*third.rest()]) == 1
