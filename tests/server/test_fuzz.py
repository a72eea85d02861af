"""
Hypothesis tries command lines: each makes a service, or ends with one line.
"""

from __future__ import annotations

import sys
from unittest import mock

from tests.harness.requirements import need_module

need_module("hypothesis")

from hypothesis import example, given, settings
from hypothesis.strategies import (
    builds,
    floats,
    from_regex,
    integers,
    lists,
    one_of,
    sampled_from,
    text,
)
from twisted.internet.testing import MemoryReactorClock

from clock.plugin import tap
from clock.plugin.service import ClockService
from clock.plugin.tap import Options, makeService

#: Keywords that the endpoint parsers know, and some of their values.
PIECES = sampled_from(
    [
        *("tcp", "tcp6", "unix", "ssl", "tls", "systemd", "haproxy", "stdio"),
        *("0", "80", "65536", "-1", ":", ":", ":", "=", "\\", "/tmp", "/tmp/clock"),
        *("interface=localhost", "interface=\\:\\:", "backlog=5", "backlog=x"),
        *("mode=666", "mode=9", "lockfile=0", "privateKey=/nowhere", "name=x"),
        *("domain=INET", "domain=NONE", "index=0", "sslmethod=SSLv2_METHOD"),
    ]
)

VALUES = one_of(
    text(),
    floats().map(str),
    integers().map(str),
    lists(PIECES, max_size=8).map("".join),
    lists(PIECES, max_size=5).map(":".join),
    from_regex(r"%[-_0^#EO+]*[0-9]*[a-zA-Z%]"),
    sampled_from(["UTC", "Europe/London", "America", "localtime", "../UTC", "posix"]),
)

NAMES = sampled_from(
    [
        *("--port", "--interface", "--listen", "--interval", "--tz", "--format"),
        *("--max-clients", "--stall-timeout", "--sequential-port"),
    ]
)

ARGUMENTS = lists(
    one_of(
        builds("{}={}".format, NAMES, VALUES),
        sampled_from(["-s", "-v", "--sequential", "--verbose", "--", "-p", "-x"]),
        VALUES,
    ),
    max_size=4,
)


@settings(max_examples=1500, deadline=None)
@given(arguments=ARGUMENTS)
@example(arguments=["--listen=tcp:80\\"])
@example(arguments=["--listen=stdio:"])
@example(arguments=["--format=%"])
@example(arguments=["--interface=\udcff"])
@example(arguments=["--port=" + "9" * 5000])
def test_options(arguments: list[str]) -> None:
    """
    Any command line makes a service, or ends with one printable line.
    """
    arguments = [argument for argument in arguments if argument[:3] != "--h"]
    options = Options()
    with (
        mock.patch.object(sys, "argv", ["twistd"]),
        mock.patch.object(tap, "raiseOpenFileLimit", lambda reactor: 1000),
    ):
        try:
            options.parseOptions(arguments)
            service = makeService(options, MemoryReactorClock())
        except SystemExit as refusal:
            message = str(refusal.code)
            assert message.startswith("twistd clock: ")
            assert message.isprintable()
            return
    assert isinstance(service, ClockService)
