"""
Servers of Node, and its development servers in front of a clock: what each setting does
to a stream.
"""

from __future__ import annotations

import pytest

from tests.harness.proxies.cases import (
    EMPTY,
    NOTHING,
    REFUSED,
    WHOLE,
    Case,
    Proxy,
    Said,
    cases,
)
from tests.harness.proxies.running import Proxies

PROXIES = {
    "express": Proxy(["node", "express.js"], ["servers/express.js"], is_package=True),
    "http-proxy-middleware": Proxy(
        ["node", "middleware.js"], ["servers/middleware.js"], is_package=True
    ),
    "vite": Proxy(
        ["node", "node_modules/.bin/vite"],
        ["servers/vite.config.mjs"],
        is_package=True,
    ),
    "webpack-dev-server": Proxy(
        ["node", "node_modules/.bin/webpack", "serve"],
        ["servers/webpack.config.js"],
        is_package=True,
    ),
}

#: With gzip, the compressor sends a header of its own at once, and with br nothing.
#: The check accepts br if there is a package for it.
COMPRESSED = Said("headers-held-back", frozenset({"silent"}))

#: As L{cases} takes them.
SETTINGS = [
    ("http-proxy-middleware", "8081/default", WHOLE, WHOLE, WHOLE),
    ("http-proxy-middleware", "8081/interceptor", NOTHING, NOTHING, None),
    ("http-proxy-middleware", "8081/compression", WHOLE, COMPRESSED, None),
    ("http-proxy-middleware", "8081/timeout", EMPTY, EMPTY, None),
    ("vite", "8081/default", WHOLE, WHOLE, WHOLE),
    ("vite", "8081/timeout", EMPTY, EMPTY, None),
    ("webpack-dev-server", "8081", WHOLE, COMPRESSED, REFUSED),
    ("webpack-dev-server", "8082", WHOLE, WHOLE, None),
]

CASES = [
    *cases(SETTINGS),
    Case("express", "8081/uncompressed/events", WHOLE),
    Case("express", "8081/compressed/events", COMPRESSED),
    Case("express", "8081/flush/events", WHOLE),
    Case("express", "8081/no-transform/events", WHOLE),
    # A browser sends the origin of the page.
    Case(
        "webpack-dev-server",
        "8082/socket",
        WHOLE,
        ("--header", "Origin: http://127.0.0.1:8082"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_stream(proxies: Proxies, case: Case) -> None:
    """
    Each setting does to a stream what the documentation says.
    """
    proxies.assert_said(case)
