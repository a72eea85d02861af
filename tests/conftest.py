"""
Configure pytest, and define the fixtures that several modules use.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import need, need_module


def pytest_configure() -> None:
    """
    Handle SIGINT and SIGQUIT, which are ignored if a script runs pytest in the
    background, and SIGHUP, which nohup ignores: tested programs inherit that. Rewrite
    the assertions of C{scenarios}, so that a failure shows the values.
    """
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        # Unlike SIG_IGN, a handler is not inherited.
        signal.signal(signal.SIGHUP, lambda number, frame: None)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    pytest.register_assert_rewrite("scenarios")


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
    Write the file of C{--skipped}.
    """
    if path := session.config.getoption("--skipped"):
        Path(path).write_text("".join(f"{name}\n" for name in _skipped))


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
    made = f"req -x509 -newkey rsa:2048 -nodes -keyout {pem} -subj /CN=localhost"
    made += " -addext subjectAltName=DNS:localhost"
    openssl = subprocess.run(
        [need("openssl"), *made.split()], check=True, capture_output=True
    )
    with pem.open("ab") as both:
        both.write(openssl.stdout)
    return pem
