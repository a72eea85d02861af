"""
The clocks behind web servers, and a program that a web server runs: what each setting
does to a stream.
"""

from __future__ import annotations

import pytest

from tests.harness.proxies.cases import (
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

PROXIES = {
    "lighttpd": Proxy(["lighttpd", "-D", "-f", "lighttpd.conf"], ["lighttpd.conf"]),
    "h2o": Proxy(["h2o", "-c", "h2o.conf"], ["h2o.conf"]),
    "apache mod_fcgid": Proxy(
        ["apache2", "-X", "-d", "{folder}", "-f", "fcgid.conf"],
        ["fcgid.conf", "servers/fastcgi.py"],
    ),
}

#: The first line may not show it. Sometimes the next line is not enough.
BEHIND = Said("one-behind", frozenset({"whole", "held-back"}))

#: As L{cases} takes them.
SETTINGS = [
    ("lighttpd", "8081/default", NOTHING, NOTHING, REFUSED),
    ("lighttpd", "8081/stream", WHOLE, WHOLE, WHOLE),
    ("lighttpd", "8081/no-buffer", WHOLE, WHOLE, WHOLE),
    ("lighttpd", "8081/deflate", WHOLE, WHOLE, None),
    ("h2o", "8081/default", WHOLE, WHOLE, REFUSED),
    ("h2o", "8443/default", WHOLE, WHOLE, None),
    ("h2o", "8081/websocket", WHOLE, WHOLE, WHOLE),
]

#: The streams on which a timeout of 3 s works.
TIMEOUTS = [
    ("lighttpd", "8081/timeout/lines"),
    ("h2o", "8081/timeout/lines"),
    ("h2o", "8443/timeout/events"),
]

CASES = [
    *cases(SETTINGS),
    Case("h2o", "8081/compress/events", WHOLE),
    Case("h2o", "8081/compress/lines", BEHIND),
    Case("h2o", "8081/compress/lines?bare=1", BEHIND),
    Case("apache mod_fcgid", "8081/events", NOTHING),
    Case("apache mod_fcgid", "8082/events", WHOLE),
    *timeouts(TIMEOUTS),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_stream(proxies: Proxies, case: Case) -> None:
    """
    Each setting does to a stream what the documentation says.
    """
    proxies.assert_said(case)
