"""
What pytest is to know of these tests.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from network import run_as_root
from world import need, need_module


def pytest_configure(config: pytest.Config) -> None:
    """
    Name our marks, and see to it that Ctrl-C is not ignored, as it is in what a script
    runs in the background: the programs that are tested inherit that.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "namespaces: needs network namespaces")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """
    Run what needs to be root as root.
    """
    if pyfuncitem.get_closest_marker("namespaces") is None or os.geteuid() == 0:
        return None
    run_as_root(pyfuncitem)
    return True


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
