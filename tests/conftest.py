"""
What pytest is to know of these tests.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from network import run_as_root
from world import need, need_module


def pytest_configure(config: pytest.Config) -> None:
    """
    Name our marks.
    """
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
    openssl = subprocess.run(
        [need("openssl"), *made.split()], check=True, capture_output=True
    )
    with pem.open("ab") as both:
        both.write(openssl.stdout)
    return pem
