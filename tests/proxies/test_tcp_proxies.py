"""
The clocks behind proxies for TCP, some of which add TLS: each line arrives in time, and
their idle timeouts differ in how they end a stream.
"""

from __future__ import annotations

import os

import pytest

from tests.harness.proxies.cases import WHOLE, Case, Proxy, cases, timeouts
from tests.harness.proxies.running import Proxies

_SOCAT = "TCP-LISTEN:8081,bind=127.0.0.1,reuseaddr,fork"

PROXIES = {
    "nginx stream": Proxy(
        ["nginx", "-p", ".", "-c", "stream.conf", "-g", "user root;"],
        ["tcp/stream.conf"],
    ),
    "haproxy tcp": Proxy(["haproxy", "-f", "haproxy.cfg"], ["tcp/haproxy.cfg"]),
    "stunnel": Proxy(["stunnel", "stunnel.conf"], ["tcp/stunnel.conf"]),
    # Only root may, and must, name a user.
    "hitch": Proxy(
        [
            "hitch",
            *(["--user=nobody"] if os.geteuid() == 0 else ()),
            "--config=hitch.conf",
        ],
        ["tcp/hitch.conf"],
    ),
    "socat": Proxy(["socat", "-T", "3", _SOCAT, "TCP:127.0.0.1:8000"], []),
}

#: As L{cases} takes them.
SETTINGS = [
    ("stunnel", "8443", WHOLE, WHOLE, WHOLE),
    ("hitch", "8443", WHOLE, WHOLE, WHOLE),
    ("socat", "8081", WHOLE, WHOLE, WHOLE),
]

#: The streams on which a timeout of 3 s works.
TIMEOUTS = [
    ("nginx stream", "8082/lines"),
    ("haproxy tcp", "8082/lines"),
    ("stunnel", "8443/lines"),
    ("socat", "8081/lines"),
]

CASES = [
    *cases(SETTINGS),
    Case("nginx stream", "tcp:8081", WHOLE),
    Case("haproxy tcp", "tcp:8081", WHOLE),
    *timeouts(TIMEOUTS),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_stream(proxies: Proxies, case: Case) -> None:
    """
    Each setting does to a stream what the documentation says.
    """
    proxies.assert_said(case)
