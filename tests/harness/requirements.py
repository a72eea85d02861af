"""
What tests need and a machine may lack.
"""

from __future__ import annotations

import os
import shutil
import socket
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest


def skip(message: str, what: str = "tools") -> NoReturn:
    """
    Skip a test, or a module, because something is missing. If the variable
    C{CLOCK_REQUIRE} contains C{what}, C{tools} or C{modules}, fail instead.
    """
    if what in os.environ.get("CLOCK_REQUIRE", ""):
        raise AssertionError(message)
    pytest.skip(message, allow_module_level=True)


def need(tool: str) -> str:
    """
    Find a tool of the system, or skip.
    """
    path = shutil.which(tool)
    if path is None:
        skip(f"{tool} is not installed")
    return path


def servers() -> Path:
    """
    Find the folder with the packages of C{docs/proxies/requirements.txt} and
    C{docs/proxies/package.json}, or skip.
    """
    folder = os.environ.get("CLOCK_TEST_SERVERS")
    if not folder:
        skip("CLOCK_TEST_SERVERS does not name a folder: see docs/symptoms.rst")
    return Path(folder).absolute()


def need_ipv6() -> None:
    """
    Skip if this host has no IPv6.
    """
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"there is no IPv6 here: {error}")


def need_module(name: str) -> None:
    """
    Find a Python module, or skip.
    """
    if find_spec(name) is None:
        skip(f"there is no module {name}: pip install 'txclock[test]'", "modules")
