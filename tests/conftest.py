"""
What pytest is to know of these tests.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import need, need_module


def pytest_configure() -> None:
    """
    See to it that Ctrl-C is not ignored, as it is in what a script runs in the
    background: the programs that are tested inherit that. And to it that a scenario
    that fails says why.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    pytest.register_assert_rewrite("scenarios")


@pytest.fixture(scope="module")
def event_loop() -> Iterator[None]:
    """
    Set the event loop that Twisted's tests put back after those of the asyncio reactor:
    Python no longer makes one by itself.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


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
