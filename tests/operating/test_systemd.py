"""
The units in C{deploy/}: systemd finds no fault with them, and their commands serve on
sockets that systemd passes.
"""

from __future__ import annotations

import re
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from clock.plugin.options import Options
from tests.harness.clients import Client
from tests.harness.processes import BIN, Program, activated, command, free_ports
from tests.harness.requirements import need, need_ipv6
from tests.harness.times import DEADLINE, LINE, wait_until
from tests.harness.web import get

ROOT = Path(__file__).parents[2]

DEPLOY = ROOT / "deploy"

PAGE = (ROOT / "docs" / "operating" / "systemd.rst").read_text("utf-8")

#: What a client gets up to the server's FIN.
WHOLE = re.compile(rb"(?:%s)*" % LINE.pattern)

#: The environment of the clock in the units and in the page.
INSTALLED = "/opt/clock/bin/"

#: The exposure of each service: what C{systemd-analyze security} says, times ten.
EXPOSURE = {"clock.service": 4, "clock@.service": 12}


def unit(name: str) -> dict[str, list[str]]:
    """
    Read the settings of a unit, in their order.
    """
    settings: dict[str, list[str]] = {}
    for line in (DEPLOY / name).read_text("utf-8").splitlines():
        if match := re.match(r"(\w+)=(.*)", line):
            settings.setdefault(match[1], []).append(match[2])
    return settings


def started(name: str, options: str = "", instance: str = "8001") -> list[str]:
    """
    Return the command that a service runs.

    @param name: the unit of the service.
    @param options: the value of C{CLOCK_OPTIONS}.
    @param instance: the name of the instance, if the unit is a template.
    """
    settings = unit(name)
    assert settings["Environment"] == ["CLOCK_OPTIONS="]
    (line,) = settings["ExecStart"]
    line = line.replace("%i", instance).replace("$CLOCK_OPTIONS", options)
    assert "%" not in line and "$" not in line
    return shlex.split(line)


def installed(words: list[str]) -> list[str]:
    """
    Replace the program of a command by that of the tested installation.
    """
    program, *rest = words
    assert program.startswith(INSTALLED)
    return [command(program.removeprefix(INSTALLED)), *rest]


def verify(folder: Path, change: str = "", by: str = "") -> str:
    """
    Replace a text in the units, and return the faults that systemd finds in them.
    """
    units = sorted(DEPLOY.glob("clock*.s*"))
    assert len(units) == 4
    where = str(BIN).replace(" ", r"\x20")
    for each in units:
        text = each.read_text("utf-8").replace(INSTALLED, f"{where}/")
        (folder / each.name).write_text(
            text.replace(change, by) if change else text, "utf-8"
        )
    done = subprocess.run(
        [need("systemd-analyze"), "verify", *(f"./{each.name}" for each in units)],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=DEADLINE,
    )
    return done.stdout + done.stderr


def security(
    name: str, threshold: int, *options: str
) -> subprocess.CompletedProcess[str]:
    """
    Let systemd compare the exposure of a service to a threshold, from 0 to 100.
    """
    return subprocess.run(
        [
            *(need("systemd-analyze"), "security", "--offline=true", "--no-pager"),
            *(f"--threshold={threshold}", *options, f"./{name}"),
        ],
        cwd=DEPLOY,
        capture_output=True,
        encoding="utf-8",
        timeout=DEADLINE,
    )


def test_verify(tmp_path: Path) -> None:
    """
    systemd finds no fault in the units.
    """
    assert verify(tmp_path) == ""


@pytest.mark.parametrize(
    ("change", "by", "fault"),
    [
        ("RestartSec=", "RestartSecs=", "Unknown key"),
        ("FileDescriptorName=tcp", "FileDescriptorName=t:p", "Invalid"),
        ("bin/twistd", "bin/no", "not executable"),
    ],
)
def test_verify_fault(change: str, by: str, fault: str, tmp_path: Path) -> None:
    """
    systemd reports a fault in a unit.
    """
    assert fault in verify(tmp_path, change, by)


@pytest.mark.parametrize(("name", "exposure"), EXPOSURE.items())
def test_security(name: str, exposure: int) -> None:
    """
    The exposure of each service is what the page says. Other versions of systemd may
    rate it slightly higher or lower.
    """
    version = security(name, 100, "--version").stdout.split()[1]
    if f"systemd {version}" in PAGE:
        assert security(name, exposure - 1).returncode != 0
    else:
        exposure += 5
    done = security(name, exposure)
    assert done.returncode == 0, done.stdout
    documented = f"``{name}`` has an exposure of {EXPOSURE[name] / 10}"
    assert documented in " ".join(PAGE.split())


def test_sockets() -> None:
    """
    The sockets have the names that the command of the service uses.
    """
    names = {}
    for name in unit("clock.service")["Sockets"][0].split():
        settings = unit(name)
        # Without a setting, a socket belongs to the service of the same name.
        assert settings.get("Service", [name.replace("socket", "service")]) == [
            "clock.service"
        ]
        names[settings["FileDescriptorName"][0]] = settings["ListenStream"]
    assert names == {"tcp": ["127.0.0.1:8080"], "web": ["127.0.0.1:8000"]}
    words = started("clock.service")
    assert [word for word in words if word.startswith("systemd:")] == [
        f"systemd:domain=INET:name={name}" for name in names
    ]


def test_options() -> None:
    """
    The command of each service is valid, also with more options.
    """
    for name in EXPOSURE:
        words = started(name, "--tz Asia/Tokyo --verbose")
        options = Options()
        options.parseOptions(words[words.index("clock") + 1 :])
        assert options.web and options["verbose"]
        assert str(options.zones[0].timeFormat.zone) == "Asia/Tokyo"


def test_documented_changes() -> None:
    """
    The options and the commands that the page shows are valid.
    """
    added = re.findall(r'Environment="CLOCK_OPTIONS=(.*)"', PAGE)
    lines = re.findall(r"ExecStart=(/.*) \$CLOCK_OPTIONS", PAGE)
    assert len(added) == 2 and len(lines) == 1
    commands = [started("clock.service", each) for each in added]
    for words in [*commands, *map(shlex.split, lines)]:
        options = Options()
        options.parseOptions(words[words.index("clock") + 1 :])
        assert options.web


def test_page_names_each_unit() -> None:
    """
    The page describes each unit, and explains each group of settings.
    """
    for each in DEPLOY.glob("clock*.s*"):
        assert f"``{each.name}``" in PAGE
    hardening = {
        key
        for key in unit("clock.service")
        if re.match("Protect|Private|Restrict|SystemCall|IPAddress|Memory|Lock", key)
    }
    assert len(hardening) > 15
    assert {key for key in hardening if f"``{key}``" not in PAGE} == set()


def test_activation() -> None:
    """
    systemd's own tool passes both sockets, and the command of the service serves on
    them: lines over TCP, and the page over HTTP.
    """
    tcp, web = free_ports(2)
    tool = [need("systemd-socket-activate"), "--fdname=tcp:web"]
    listen = ["-l", f"127.0.0.1:{tcp}", "-l", f"127.0.0.1:{web}"]
    words = installed(started("clock.service", "--interval 0.1"))
    with Program([*tool, *listen, *words]) as server, ExitStack() as stack:
        first = socket.socket()
        client = stack.enter_context(Client(first))
        # The tool listens soon. Its first client starts the program.
        wait_until(lambda: not first.connect_ex(("127.0.0.1", tcp)))
        assert all(LINE.fullmatch(line) for line in client.lines(3))
        server.find(rf"on 127\.0\.0\.1:{tcp}$")
        assert get(web, "/healthz") == "ok\n"
        server.interrupt()
        assert WHOLE.fullmatch(client.rest())
        assert server.end() == -signal.SIGTERM


@contextmanager
def service(sockets: dict[str, socket.socket]) -> Iterator[Program]:
    """
    Run the command of the service on sockets that stay open when it ends.
    """
    words = installed(started("clock.service", "--interval 0.1"))
    with activated(sockets, words) as server:
        server.find("Serving the same")
        yield server


def test_restart() -> None:
    """
    While the service restarts, its sockets stay open: clients that connect meanwhile
    are served by the next process.
    """
    with ExitStack() as stack:
        sockets = {
            name: stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            for name in ("web", "tcp")
        }
        address = sockets["tcp"].getsockname()
        with service(sockets) as server:
            with Client(socket.create_connection(address, DEADLINE)) as client:
                assert LINE.fullmatch(client.line().text)
                server.interrupt()
                assert WHOLE.fullmatch(client.rest())
            assert server.end() == -signal.SIGTERM
        waiting = [
            stack.enter_context(Client(socket.create_connection(address, DEADLINE)))
            for _ in range(20)
        ]
        with service(sockets):
            for client in waiting:
                assert LINE.fullmatch(client.line().text)
            assert get(sockets["web"].getsockname()[1], "/healthz") == "ok\n"


def test_other_domain() -> None:
    """
    A socket whose domain is not the one in the command is an error. (Twisted would
    serve on it, and log wrong addresses.)
    """
    need_ipv6()
    with ExitStack() as stack:
        sockets = {
            "tcp": socket.create_server(("::1", 0), family=socket.AF_INET6),
            "web": socket.create_server(("127.0.0.1", 0)),
        }
        for each in sockets.values():
            stack.enter_context(each)
        with activated(sockets, installed(started("clock.service"))) as server:
            assert server.end() == 1
            assert server.errors() == (
                "twistd clock: --listen 'systemd:domain=INET:name=tcp': systemd passed "
                "a socket of another domain: try domain=INET6\n"
            )
