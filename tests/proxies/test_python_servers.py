"""
Servers of Python whose streams are their own: what each setting does to them.
"""

from __future__ import annotations

import pytest

from tests.harness.proxies.cases import EMPTY, NOTHING, WHOLE, Case, Proxy, Said, cases
from tests.harness.proxies.running import Check, Proxies

_UVICORN = ("uvicorn", "--port", "8081")
_ASGI = "servers/asgi.py"
_DJANGO = "servers/django_app.py"

PROXIES = {
    "uvicorn": Proxy([*_UVICORN, "asgi:app"], [_ASGI], is_package=True),
    "starlette 0.41": Proxy(
        [*_UVICORN, "asgi:app"],
        [_ASGI],
        is_package=True,
        older="starlette==0.41.3",
    ),
    "hypercorn": Proxy(
        [
            *("hypercorn", "--insecure-bind", "127.0.0.1:8081"),
            *("--bind", "127.0.0.1:8443"),
            *("--certfile", "server.pem", "--keyfile", "server.pem", "asgi:app"),
        ],
        [_ASGI],
        is_package=True,
    ),
    "django with asgi": Proxy(
        [*_UVICORN, "django_app:asgi"], [_DJANGO], is_package=True
    ),
    "django with wsgi": Proxy(
        ["gunicorn", "--bind", "127.0.0.1:8081", "--threads", "9", "django_app:wsgi"],
        [_DJANGO],
        is_package=True,
    ),
    "gunicorn": Proxy(
        ["gunicorn", "--bind", "127.0.0.1:8081", "--timeout", "4", "django_app:wsgi"],
        [_DJANGO],
        is_package=True,
    ),
}

#: The parent of a worker looks once a second. The time after the last line may be the
#: same each time, too, by chance.
CUT = Said("cut-every-total", frozenset({"cut-every", "cut-within-response"}))

#: As L{cases} takes them.
SETTINGS = [
    ("uvicorn", "8081/default", WHOLE, None, WHOLE),
    ("uvicorn", "8081/gzip", WHOLE, None, WHOLE),
    ("uvicorn", "8081/collect", NOTHING, None, None),
    ("starlette 0.41", "8081/gzip", EMPTY, None, WHOLE),
    ("hypercorn", "8081/default", WHOLE, None, WHOLE),
    ("hypercorn", "8443/default", WHOLE, None, WHOLE),
]

CASES = [
    *cases(SETTINGS),
    Case("django with asgi", "8081/async/events", WHOLE),
    Case("django with asgi", "8081/async-gzip/events", WHOLE),
    Case("django with asgi", "8081/sync/events", EMPTY),
    Case("django with wsgi", "8081/sync/events", WHOLE),
    Case("django with wsgi", "8081/sync-gzip/events", EMPTY),
    Case("django with wsgi", "8081/async/events", NOTHING),
    Case("gunicorn", "8081/sync/events", CUT, ("--for", "20")),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_stream(proxies: Proxies, case: Case) -> None:
    """
    Each setting does to a stream what the documentation says.
    """
    proxies.assert_said(case)


def test_one_at_a_time(proxies: Proxies) -> None:
    """
    A sync worker of gunicorn serves one client. The next one waits until the first is
    gone, or the worker is ended.
    """
    ports = proxies.ports("gunicorn")
    addresses = [f"8081/sync/events?client={each}" for each in range(2)]
    with Check(ports, addresses, "--for", "3", "--max-gap", "2") as check:
        streams = [*check.report().values()]
    served, waiting = sorted(streams, key=lambda stream: -stream["lines"])
    assert served["lines"] >= 1
    assert [each["code"] for each in waiting["diagnosis"]] == ["headers-held-back"]
