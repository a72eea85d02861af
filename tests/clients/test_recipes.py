"""
The commands of "Questions, and one command for each" in C{docs/proxies.rst}: each finds
what the configuration of the proxy says.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.harness.processes import Program, Server, command, free_ports
from tests.harness.proxies.running import Check, Proxies, answers, url
from tests.harness.requirements import need
from tests.harness.times import LATE, LINE, age, steps, wait_until
from tests.harness.web import curl, need_websockets, request
from tests.proxies.test_http_proxies import PROXIES

#: Seconds of the timeouts here and in the configuration of nginx.
TIMEOUT = 0.8

#: The buffer of nginx, in bytes. The first one also holds the header.
BUFFER = 4096

TCP = """
listen clock
    mode tcp
    bind 127.0.0.1:{port}
    timeout connect 5s
    timeout client 800ms
    timeout server 800ms
    server clock 127.0.0.1:{clock}
"""


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """
    The ports of nginx in front of a clock, by those in its configuration.
    """
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("recipes")
        yield Proxies(PROXIES, [], folder, stack).ports("nginx")


def idle(address: str) -> tuple[float, str]:
    """
    Read one line, and wait for the end.

    @return: the seconds between them, and what C{clock-netcat} says about the end.
    """
    with Program([command("clock-netcat"), address]) as client:
        while not LINE.search((line := client.line()).text):
            pass
        assert not [text for text in client.rest() if LINE.search(text)]
        return time.monotonic() - line.at, client.errors().strip()


@pytest.mark.parametrize(
    "path", ["timeout/lines", "timeout/events", "websocket-timeout/socket"]
)
def test_idle_timeout(nginx: dict[str, int], path: str) -> None:
    """
    With C{every}, C{clock-netcat} runs as long as the idle timeout. nginx may restart
    its timer up to 0.3 s late.
    """
    if path.endswith("socket"):
        need_websockets()
    seconds, said = idle(url(nginx, f"8081/{path}") + "?every=86400")
    assert TIMEOUT - 0.35 < seconds < TIMEOUT + LATE
    assert said.endswith("cut within a response")


def test_idle_timeout_of_tcp(tmp_path: Path) -> None:
    """
    A clock with one line a day shows the idle timeout of a proxy for TCP, which closes
    the connection in good order.
    """
    program = need("haproxy")
    (port,) = free_ports(1)
    file = tmp_path / "haproxy.cfg"
    with Server("--interval", "86400") as server:
        file.write_text(TCP.format(port=port, clock=server.port), "utf-8")
        with Program([program, "-f", str(file)]) as proxy:
            wait_until(lambda: proxy.process.poll() is not None or answers(port))
            seconds, said = idle(f"127.0.0.1:{port}")
    assert TIMEOUT - 0.05 < seconds < TIMEOUT + LATE
    assert said == ""


def test_timeout_of_the_header(nginx: dict[str, int]) -> None:
    """
    With C{delay} and C{headers=late}, the timeout ends in a response of the proxy.
    """
    begun = time.monotonic()
    path = "/timeout/lines?delay=3600&headers=late"
    with request(nginx["8081"], path) as response:
        assert response.status == 504
    assert TIMEOUT - 0.05 < time.monotonic() - begun < TIMEOUT + LATE


def test_buffer(nginx: dict[str, int]) -> None:
    """
    The number of lines that come at once, times their size, is that of the buffer.
    """
    address, size = "8081/fast/lines?bare=1&bytes=100", 100
    with Check(nginx, [address], "--for", "4", "--interval", "0.01") as check:
        (diagnosis,) = check.report()[address]["diagnosis"]
    assert diagnosis["code"] == "held-back"
    found = re.search(r"then (\d+) lines at once", diagnosis["text"])
    assert found
    assert 0.9 * BUFFER < int(found[1]) * size < 1.1 * BUFFER


def test_post(nginx: dict[str, int]) -> None:
    """
    nginx passes on the stream of a POST as that of a GET: each line at once, and all of
    them at the end without the headers of the clock.
    """
    path = "8081/default/lines?lines=3"
    steady = time.time() - time.monotonic()
    with ExitStack() as stack:
        clients = {
            (bare, *data): stack.enter_context(curl(url(nginx, path + bare), *data))
            for bare in ("", "&bare=1")
            for data in ([], ["--data", "x"])
        }
        for (bare, *_), client in clients.items():
            lines = [client.line() for _ in range(3)]
            assert client.end() == 0
            assert steps(each.text for each in lines) == [1, 1]
            if bare:
                assert lines[-1].at - lines[0].at < LATE
            else:
                late = [age(each.text, steady + each.at) for each in lines[1:]]
                assert -0.01 < min(late) <= max(late) < LATE
