"""
Both modes, on real sockets, with C{clock-netcat}.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.harness.processes import Program, Server, command
from tests.harness.times import DEADLINE, LINE, UNIT, second_of_day
from tests.harness.web import get, line, request


def netcat(server: Server) -> Program:
    """
    Run C{clock-netcat}.
    """
    return Program([command("clock-netcat"), f"127.0.0.1:{server.port}"])


def test_clients_are_served_side_by_side() -> None:
    """
    Two clients of a concurrent server both get the time, second by second.
    """
    with Server() as server, netcat(server) as first, netcat(server) as second:
        for client in (first, second):
            # The first line may arrive at any time in its second.
            assert LINE.fullmatch(client.line().text)
            boundary = client.line()
            assert abs(client.line().at - boundary.at - 1) < 0.3 * UNIT


def test_sequential_clients_are_served_one_after_the_other() -> None:
    """
    The second client gets nothing until the first one disconnects.
    """
    with Server("--sequential") as server, netcat(server) as first:
        first.line()
        with netcat(server) as second:
            assert second.silent(1.5)
            first.interrupt(signal.SIGINT)
            assert first.end() == 130
            assert LINE.fullmatch(second.line().text)


def test_a_half_closed_client_is_disconnected_for_another() -> None:
    """
    In sequential mode, a half-closed client is disconnected when another one connects.
    """
    with (
        Server("--sequential", "--interval", "0.1") as server,
        server.connect() as first,
    ):
        first.half_close()
        first.lines(3)
        with server.connect() as second:
            second.line()
            first.rest()


def test_a_stuck_client_does_not_delay_the_end() -> None:
    """
    A client whose window is full is aborted, and the server stops in time.
    """
    with Server("--format", "x" * 60_000, "--interval", "0.01") as server:
        stuck, other = server.connect(), server.connect()
        stuck.line()
        # 12 MB, far more than the sockets buffer. Only the other client reads them.
        other.lines(200)
        server.interrupt()
        start = time.monotonic()
        server.end()
        assert time.monotonic() - start < 1.5 * UNIT


def test_verbose_log() -> None:
    """
    With C{--verbose} the log has a line for each client that connects or disconnects.
    """
    zone = "--tz=Asia/Tokyo"
    with Server("--verbose", "--interval", "0.1", zone) as server:
        with server.connect() as client:
            server.find("connected to Asia/Tokyo: 1 active, 0 waiting")
            client.lines(3)
            host, port = client.socket.getsockname()
        ended = r"disconnected from Asia/Tokyo after 0\.\d s and \d lines: \w"
        server.find(rf"{host}:{port} {ended}")


LIBRARY = """
from twisted.internet import endpoints, reactor
from clock import ClockFactory

def listening(port):
    print(port.getHost().port, flush=True)

endpoints.serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(
    ClockFactory()
).addCallback(listening)
reactor.run()
"""


def test_as_a_library() -> None:
    """
    C{ClockFactory()} serves on any endpoint without arguments.
    """
    with Program([sys.executable, "-c", LIBRARY]) as program:
        port = int(program.line().text)
        address = f"127.0.0.1:{port}"
        with Program([command("clock-netcat"), address]) as client:
            assert LINE.fullmatch(client.line().text)


def test_importing_installs_no_reactor() -> None:
    """
    A program that imports the clock may still choose its reactor.
    """
    check = "import clock, sys; sys.exit('twisted.internet.reactor' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True, timeout=DEADLINE)


def test_zones() -> None:
    """
    One process serves several time zones, each on a port of its own and with a queue of
    its own, on the same ticks.
    """
    zones = {"Asia/Tokyo": 9, "America/Phoenix": -7}
    options = [f"--zone={zone}=0" for zone in zones]
    with Server("--sequential", "--tz", "UTC", *options) as server:
        clients = {0: server.connect()}
        for zone, hours in zones.items():
            clients[hours] = server.connect(server.port_of(zone))
        waiting = server.connect(server.port)
        for client in clients.values():
            client.line()
        ticks = {hours: client.line() for hours, client in clients.items()}
        for hours, tick in ticks.items():
            ahead = second_of_day(tick.text) - second_of_day(ticks[0].text)
            assert (ahead - hours * 3600) % 86_400 == 0
            assert abs(tick.at - ticks[0].at) < 0.3 * UNIT
        assert waiting.silent(0.1)


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


def test_both_modes() -> None:
    """
    One process serves all clients of one port at once, and those of another one after
    the other, in the same queue as the readers of C{/lines?mode=sequential}.
    """
    options = ["--sequential-port=0", "--web=0", "--tz=UTC", "--interval=0.1"]
    with Server(*options, "--verbose") as server:
        sequential, web_port = server.port_of("UTC"), server.web_port
        clients = [server.connect(), server.connect()]
        for client in clients:
            client.lines(3)
        first, second = server.connect(sequential), server.connect(sequential)
        server.find(r"connected to UTC \(sequential\): 1 active, 1 waiting")
        first.lines(2)
        with (
            request(web_port, "/lines?mode=sequential") as third,
            request(web_port, "/lines") as other,
        ):
            line(other)
            clocks = json.loads(get(web_port, "/status"))["clocks"]
            assert [
                (each["mode"], each["served"]["count"], each["waiting"]["count"])
                for each in clocks
            ] == [("concurrent", 3, 0), ("sequential", 1, 2)]
            assert second.silent(0.3 * UNIT)
            first.close()
            second.lines(2)
            second.close()
            line(third)
            for client in clients:
                client.lines(2)
            fourth = server.connect(sequential)
            server.find(r"connected to UTC \(sequential\): 1 active, 1 waiting")
            server.interrupt()
            rests = [other.read(), third.read(), *(each.rest() for each in clients)]
            for rest in rests:
                assert re.fullmatch(rb"([\d:]{8}\n)*", rest)
            # The client that waits gets no line.
            assert fourth.rest() == b""
        assert server.end() == -signal.SIGTERM
        assert "Traceback" not in b"".join(server.rest()).decode()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--sequential-port=1", "--sequential"], "--sequential and --sequential-port"),
        (["--sequential-port=1", "--reuse-port"], "--reuse-port and --sequential-port"),
        (["--sequential-port=8020", "--zone=UTC=8020"], "--zone 'UTC=8020': .* twice"),
        (["--sequential-port=x"], "--sequential-port 'x': 'x' is not an endpoint"),
        (["--sequential-port="], "--sequential-port '': '' is not an endpoint"),
    ],
)
def test_wrong_sequential_port(options: list[str], error: str) -> None:
    """
    A mistake with C{--sequential-port} is one line, and exit status 1.
    """
    with Server(*options, logs=False) as server:
        assert re.fullmatch(f"twistd clock: {error}.*\n", server.errors())
        assert server.end() == 1
