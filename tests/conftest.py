"""
Configure pytest, and define the fixtures that several modules use.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# A failed assertion shows its values.
pytest.register_assert_rewrite("tests.harness")

from tests.harness.processes import make_certificate
from tests.harness.requirements import need_module


def pytest_configure() -> None:
    """
    Handle SIGINT and SIGQUIT, which are ignored if a script runs pytest in the
    background, and SIGHUP, which nohup ignores: tested programs inherit that.
    """
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        # Unlike SIG_IGN, a handler is not inherited.
        signal.signal(signal.SIGHUP, lambda number, frame: None)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


#: Variables that change what programs print, and when.
CHANGING = (
    *("TZ", "LANG", "LANGUAGE", "TERM", "COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR"),
    *("PYTHONUTF8", "PYTHONCOERCECLOCALE", "PYTHONIOENCODING"),
)

#: The longest path of a folder for temporary files, in characters. The path of a UNIX
#: socket in it has 107 bytes at most, and the folders of tests have long names.
MAX_FOLDER = 20


def pytest_sessionstart() -> None:
    """
    Define the environment of all tests and of each program that they start: local time
    is that of the system, the locale is C.UTF-8, nothing is coloured, connections to
    this host use no proxy, others may read new files, and paths of temporary files are
    short.
    """
    for name in [*os.environ]:
        if name in CHANGING or name.startswith("LC_"):
            del os.environ[name]
    os.environ["LC_ALL"] = "C.UTF-8"
    time.tzset()
    local = "localhost,127.0.0.1,::1"
    for name in ("no_proxy", "NO_PROXY"):
        # pip may need the proxy.
        others = os.environ.get(name)
        os.environ[name] = f"{local},{others}" if others else local
    os.umask(0o022)
    if len(tempfile.gettempdir()) > MAX_FOLDER:
        os.environ["TMPDIR"] = tempfile.tempdir = "/tmp"


def pytest_addoption(parser: pytest.Parser) -> None:
    """
    Add C{--skipped}.
    """
    parser.addoption(
        "--skipped",
        metavar="FILE",
        help="write the names of the skipped tests and modules to FILE, one a line, so "
        "that 'pytest @FILE' runs them where nothing is missing",
    )


_skipped: list[str] = []


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """
    Note a module that is skipped.
    """
    if report.skipped:
        _skipped.append(report.nodeid)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """
    Note a test that is skipped.
    """
    if report.skipped:
        _skipped.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """
    Write the file of C{--skipped}. A worker of pytest-xdist sends the names instead.
    """
    config: Any = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["skipped"] = _skipped
    elif path := config.getoption("--skipped"):
        names = dict.fromkeys(_skipped)
        Path(path).write_text("".join(f"{name}\n" for name in names), "utf-8")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """
    Note what a worker has skipped.
    """
    _skipped.extend(getattr(node, "workeroutput", {}).get("skipped", []))


@pytest.fixture(scope="module")
def event_loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """
    Set an event loop. Twisted's tests of the asyncio reactor restore it at their end,
    and Python no longer makes one by itself. Change to another folder, since Twisted's
    tests leave files in the current one. At the end collect what tests on real reactors
    leave to the garbage collector, while its warnings are ignored.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("reactors"))
    yield
    os.chdir(before)
    asyncio.set_event_loop(None)
    loop.close()
    gc.collect()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """
    Make a key and a certificate in one file.
    """
    need_module("OpenSSL")
    pem = tmp_path / "server.pem"
    make_certificate(pem, "-addext", "subjectAltName=DNS:localhost")
    return pem
