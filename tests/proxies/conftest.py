"""
Run the proxies of a module.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.harness.proxies import Proxies


@pytest.fixture(scope="module")
def proxies(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxies]:
    """
    The programs of the module's C{PROXIES}, whose streams are its C{CASES}. They run
    until its last test.
    """
    folder = tmp_path_factory.mktemp("proxies")
    with ExitStack() as stack:
        yield Proxies(request.module.PROXIES, request.module.CASES, folder, stack)
