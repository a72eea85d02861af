"""
Run the proxies of a module.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.harness.proxies.running import Proxies


@pytest.fixture(scope="module")
def proxies(request: pytest.FixtureRequest) -> Iterator[Proxies]:
    """
    The programs of the module's C{PROXIES}, whose streams are its C{CASES}. They run
    until its last test.
    """
    with TemporaryDirectory() as folder, ExitStack() as stack:
        # Some programs give up being root, and others may not enter pytest's folders.
        os.chmod(folder, 0o755)
        module = request.module
        yield Proxies(module.PROXIES, module.CASES, Path(folder), stack)
