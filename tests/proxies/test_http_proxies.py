"""
The clocks behind real proxies for HTTP: what each setting does to a stream.
"""

from __future__ import annotations

import re
from contextlib import ExitStack

import pytest

from tests.harness.proxies.cases import (
    BEHIND,
    CUT,
    DELAYED,
    EMPTY,
    ENDED,
    HELD,
    NOTHING,
    REFUSED,
    TOGETHER,
    WHOLE,
    Case,
    Proxy,
    cases,
)
from tests.harness.proxies.running import Check, Proxies
from tests.harness.times import LATE
from tests.harness.web import line, request

PROXIES = {
    "nginx": Proxy(
        ["nginx", "-g", "user root;", "-p", ".", "-c", "nginx.conf"], ["nginx.conf"]
    ),
    "haproxy": Proxy(["haproxy", "-f", "haproxy.cfg"], ["haproxy.cfg"]),
    "caddy": Proxy(["caddy", "run", "--config", "Caddyfile"], ["Caddyfile"]),
    "apache": Proxy(
        ["apache2", "-X", "-d", "{folder}", "-f", "apache.conf"], ["apache.conf"]
    ),
    # Varnish looks for relative paths in a folder of the system.
    "varnish": Proxy(
        [
            *("varnishd", "-F", "-j", "none", "-n", "{folder}/work"),
            *("-a", "127.0.0.1:8081", "-f", "{folder}/varnish.vcl"),
        ],
        ["varnish.vcl"],
    ),
}

#: As L{cases} takes them.
SETTINGS = [
    ("nginx", "8081/default", WHOLE, NOTHING, REFUSED),
    ("nginx", "8081/unbuffered", WHOLE, WHOLE, None),
    ("nginx", "8081/ignored", NOTHING, NOTHING, None),
    ("nginx", "8081/gzip", WHOLE, NOTHING, None),
    ("nginx", "8081/http-1.1", WHOLE, WHOLE, None),
    ("nginx", "8081/http-1.1-gzip", WHOLE, NOTHING, None),
    ("nginx", "8081/timeout", CUT, None, None),
    ("nginx", "8081/websocket", None, None, WHOLE),
    ("nginx", "8081/websocket-timeout", None, None, CUT),
    ("nginx", "8443", WHOLE, NOTHING, None),
    ("haproxy", "8081/default", DELAYED, DELAYED, WHOLE),
    ("haproxy", "8443", WHOLE, WHOLE, WHOLE),
    ("haproxy", "8081/no-delay", WHOLE, WHOLE, None),
    ("haproxy", "8081/timeout", CUT, CUT, CUT),
    ("haproxy", "8081/timeout-tunnel", CUT, CUT, WHOLE),
    ("haproxy", "8081/tunnel", WHOLE, WHOLE, CUT),
    ("haproxy", "8081/compression", WHOLE, BEHIND, WHOLE),
    ("haproxy", "8081/wait-for-body", None, None, WHOLE),
    ("caddy", "8081/default", WHOLE, WHOLE, WHOLE),
    ("caddy", "8081/encode", WHOLE, WHOLE, WHOLE),
    ("caddy", "8081/minimum-length", EMPTY, EMPTY, WHOLE),
    ("caddy", "8081/excluded", WHOLE, WHOLE, None),
    ("caddy", "8081/interval", WHOLE, WHOLE, WHOLE),
    ("caddy", "8081/buffer", NOTHING, NOTHING, NOTHING),
    ("caddy", "8081/timeout", ENDED, ENDED, CUT),
    ("apache", "8081/default", WHOLE, WHOLE, WHOLE),
    ("apache", "8081/deflate", WHOLE, WHOLE, None),
    ("apache", "8081/buffer", WHOLE, WHOLE, None),
    ("apache", "8081/substitute", WHOLE, WHOLE, None),
    ("apache", "8082", CUT, CUT, None),
    ("apache", "8083", CUT, CUT, CUT),
    ("varnish", "8081/default", WHOLE, WHOLE, REFUSED),
    ("varnish", "8081/pass", WHOLE, WHOLE, REFUSED),
    ("varnish", "8081/pipe", WHOLE, WHOLE, WHOLE),
    ("varnish", "8081/do_stream-off", NOTHING, NOTHING, None),
    ("varnish", "8081/do_gzip", EMPTY, EMPTY, None),
    ("varnish", "8081/timeout", CUT, CUT, None),
]

CASES = [
    *cases(SETTINGS),
    Case("nginx", "8081/fast/events?bare=1", HELD, ("--interval", "0.01")),
    Case("haproxy", "8081/wait-for-body/events", TOGETHER),
    Case("haproxy", "8081/wait-for-body/lines", REFUSED),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_stream(proxies: Proxies, case: Case) -> None:
    """
    Each setting does to a stream what the documentation says.
    """
    proxies.assert_said(case)


@pytest.mark.parametrize(
    ("proxy", "least", "most"),
    [
        ("nginx", 0.5, 0.8),
        ("haproxy", 0.8, 0.8),
        ("caddy", 0.8, 0.8),
        # The timeouts of Apache are whole seconds.
        ("apache", 1, 1),
        ("varnish", 0.8, 0.8),
    ],
)
def test_timeout(proxies: Proxies, proxy: str, least: float, most: float) -> None:
    """
    The check measures the timeouts of each proxy.
    """
    found = [
        float(seconds[1])
        for case in CASES
        if case.program == proxy and case.said in (CUT, ENDED) and case.is_possible()
        for each in proxies.report(case)["diagnosis"]
        if (seconds := re.search(r"([\d.]+) s after its last byte", each["text"]))
    ]
    assert found or proxy == "nginx"
    # If the last line is noticed late, the time after it is shorter.
    assert all(least - 0.1 < each < most + LATE for each in found)


def test_varnish_cache(proxies: Proxies) -> None:
    """
    Varnish caches an endless stream that does not forbid it: a second client gets all
    lines since the first one connected.
    """
    ports = proxies.ports("varnish")
    said = {"lines?bare=1&number=0": ["history-first"], "lines": []}
    with ExitStack() as stack:
        for path in said:
            first = stack.enter_context(request(ports["8081"], f"/default/{path}"))
        for _ in range(5):
            line(first)
        addresses = [f"8081/default/{path}" for path in said]
        check = stack.enter_context(Check(ports, addresses, "--for", "2"))
        found = [clock["diagnosis"] for clock in check.report().values()]
    assert [[each["code"] for each in one] for one in found] == [*said.values()]
