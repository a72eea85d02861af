"""
The server that tests over HTTP share, and the browser that tests of the page share.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.harness.processes import Server
from tests.harness.web import web_server

if TYPE_CHECKING:
    from tests.harness.browser import Browser


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """
    A server for tests that leave nothing behind.
    """
    with web_server("--zone", "Asia/Tokyo=0") as running:
        assert running.web_port
        yield running


@pytest.fixture(scope="module")
def one_browser() -> Iterator[Browser]:
    """
    Start a browser for all tests of a module.
    """
    from tests.harness.browser import Browser

    with Browser() as browser:
        yield browser


@pytest.fixture
def browser(one_browser: Browser) -> Iterator[Browser]:
    """
    Give the browser, with no page open.
    """
    yield one_browser
    one_browser.close()
