"""
The server that the tests over HTTP share.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.processes import Server
from tests.harness.web import web_server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """
    A server for tests that leave nothing behind.
    """
    with web_server("--zone", "Asia/Tokyo=0") as running:
        assert running.web_port
        yield running
