"""
The clocks behind load balancers, caches and a proxy for debugging: what each setting
does to a stream.
"""

from __future__ import annotations

import pytest

from tests.harness.proxies.cases import (
    CUT,
    EMPTY,
    NOTHING,
    REFUSED,
    WHOLE,
    Case,
    Proxy,
    Said,
    cases,
    timeouts,
)
from tests.harness.proxies.running import Proxies

_MITMPROXY = [
    *("mitmdump", "--set", "confdir={folder}", "--listen-host", "127.0.0.1"),
    *("--listen-port", "8081", "--mode", "reverse:http://127.0.0.1:8000"),
]

PROXIES = {
    "caddy 2.11": Proxy(
        ["caddy", "run", "--adapter", "caddyfile", "--config", "Caddyfile-2.11"],
        ["Caddyfile-2.11"],
        is_package=True,
    ),
    "envoy": Proxy(
        ["envoy", "--concurrency", "1", "--use-dynamic-base-id", "-c", "envoy.yaml"],
        ["envoy.yaml"],
        is_package=True,
    ),
    "nghttpx": Proxy(["nghttpx", "--conf", "nghttpx.conf"], ["nghttpx.conf"]),
    # In another folder, squid would look for the file in its own one.
    "squid": Proxy(["squid", "-N", "-f", "{folder}/squid.conf"], ["squid.conf"]),
    "traffic server": Proxy(
        ["traffic_server", "--run-root={folder}/runroot.yaml"], ["trafficserver"]
    ),
    "mitmproxy": Proxy(_MITMPROXY, [], is_package=True),
    "mitmproxy streaming": Proxy(
        [*_MITMPROXY, "--set", "stream_large_bodies=1"], [], is_package=True
    ),
}

#: If each cut comes just before the next line is due, the time after the last line is
#: the same, too.
LIMITED = Said("cut-every-total", frozenset({"cut-every"}))

#: As L{cases} takes them.
SETTINGS = [
    ("caddy 2.11", "8081/default", WHOLE, WHOLE, WHOLE),
    ("caddy 2.11", "8081/minimum-length", WHOLE, WHOLE, WHOLE),
    ("caddy 2.11", "8081/timeout", CUT, CUT, CUT),
    ("envoy", "8081/no-timeout", WHOLE, WHOLE, REFUSED),
    ("envoy", "8081/websocket", None, None, WHOLE),
    ("envoy", "8081/idle", CUT, None, None),
    ("envoy", "8082", WHOLE, WHOLE, None),
    ("nghttpx", "8081", WHOLE, WHOLE, WHOLE),
    ("nghttpx", "8443", WHOLE, WHOLE, WHOLE),
    ("squid", "8081", WHOLE, WHOLE, REFUSED),
    ("traffic server", "8081/default", WHOLE, WHOLE, WHOLE),
    ("traffic server", "8081/compress", EMPTY, EMPTY, None),
    ("traffic server", "8081/flush", WHOLE, WHOLE, None),
    ("mitmproxy", "8081", NOTHING, NOTHING, WHOLE),
    ("mitmproxy streaming", "8081", WHOLE, WHOLE, WHOLE),
]

#: The programs whose timeout is 3 s.
TIMEOUTS = [
    ("nghttpx", "8081/lines"),
    ("nghttpx", "8081/socket"),
    ("nghttpx", "8443/events"),
    ("squid", "8081/lines"),
    ("traffic server", "8081/default/lines"),
]

CASES = [
    *cases(SETTINGS),
    *(
        Case(
            "envoy",
            f"8081/default/{path}",
            LIMITED,
            ("--for", "35"),
        )
        for path in ("lines", "events?bare=1")
    ),
    *timeouts(TIMEOUTS),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_stream(proxies: Proxies, case: Case) -> None:
    """
    Each setting does to a stream what the documentation says.
    """
    proxies.assert_said(case)
