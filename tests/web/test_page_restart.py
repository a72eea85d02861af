"""
The page while its server restarts or hangs, in a real browser.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from threading import Thread

import pytest

from tests.harness.processes import Server
from tests.harness.requirements import need_module
from tests.harness.times import DEADLINE

need_module("selenium")

from tests.harness.browser import GONE, Browser, Sight, page


class BadGateway(BaseHTTPRequestHandler):
    """
    A proxy whose server is down.
    """

    def do_GET(self) -> None:
        self.send_error(502)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def bad_gateway(port: int) -> Iterator[None]:
    """
    Run a proxy whose server is down.
    """
    with ThreadingHTTPServer(("127.0.0.1", port), BadGateway) as proxy:
        thread = Thread(target=proxy.serve_forever)
        thread.start()
        try:
            yield
        finally:
            proxy.shutdown()
            thread.join(DEADLINE)


@pytest.mark.parametrize(
    ("end", "proxy", "lines"),
    [(signal.SIGTERM, False, "%A"), (signal.SIGKILL, True, "json")],
    ids=["stopped", "killed, behind a proxy"],
)
def test_the_server_is_restarted(
    browser: Browser, end: int, proxy: bool, lines: str
) -> None:
    """
    The page says that the server is not reachable, and reconnects, even if a proxy has
    answered in between. No pane shows a line twice, although the new server sends the
    same line as the old one: here, the time of a clock that ticks once a day.
    """
    options = ["--interval", "86400", "--format", lines]

    def days(sight: Sight) -> list[object]:
        if lines != "json":
            return [*sight.panes[0].times]
        return [json.loads(line)["unix"] // 86400 for line in sight.panes[0].times]

    with page(browser, *options) as server:
        port = browser.run("return Number(location.port)")
        browser.click("Connect a client")
        browser.wait(lambda sight: sight.panes[0].times)
        server.interrupt(end)
        server.end()
        browser.wait(lambda sight: sight.state == GONE)
        browser.wait(lambda sight: sight.panes[0].turn == "reconnecting")
    if proxy:
        with bad_gateway(port):
            browser.wait(lambda _: any("502" in said for said in browser.console()))
    with Server("--web", str(port), *options):
        sight = browser.wait(
            lambda sight: sight.state == "live" and sight.panes[0].turn == "served"
        )
        assert len({*days(sight)}) == len(days(sight))
        [prompt, note, again] = sight.panes[0].typed
        assert (note, again) == ("(the connection has ended)", prompt)
        browser.wait(lambda sight: sight.clocks[0].served.names == ["1 (here)"])


def test_seconds_across_a_restart(browser: Browser) -> None:
    """
    After a restart, a pane continues with the next seconds, and shows each of them
    once.
    """
    with page(browser, "--format", "json") as server:
        port = browser.run("return Number(location.port)")
        browser.click("Connect a client")
        browser.wait(lambda sight: len(sight.panes[0].times) > 2)
        server.interrupt(signal.SIGKILL)
        server.end()
    with Server("--web", str(port), "--format", "json"):
        browser.wait(lambda sight: sight.panes[0].turn != "served")
        before = len(browser.look().panes[0].times)
        sight = browser.wait(lambda sight: len(sight.panes[0].times) > before + 2)
        shown = [int(json.loads(line)["unix"]) for line in sight.panes[0].times]
        gaps = [later - earlier for earlier, later in pairwise(shown)]
        assert min(gaps) == 1
        assert max(gaps) == gaps[before - 1]


def test_a_restart_with_another_default(browser: Browser) -> None:
    """
    After a restart with another zone first, a pane still reads its own zone, and the
    command of a new pane names it.
    """
    with page(browser, "--format", "%Z", "--tz", "UTC", "--zone", "Asia/Tokyo=0"):
        port = browser.run("return Number(location.port)")
        browser.click("Connect a client")
        sight = browser.wait(lambda sight: sight.panes[0].times)
        assert sight.panes[0].typed[0].endswith("/lines")
    options = ["--format", "%Z", "--tz", "Asia/Tokyo", "--zone", "UTC=0"]
    browser.wait(lambda sight: sight.panes[0].turn == "reconnecting")
    browser.wait(lambda sight: sight.state == GONE)
    with Server("--web", str(port), *options):
        browser.wait(lambda sight: sight.state == "live")
        before = len(browser.look().panes[0].times)
        sight = browser.wait(lambda sight: len(sight.panes[0].times) > before + 1)
        assert {*sight.panes[0].times} == {"UTC"}
        browser.click("Connect a client")
        sight = browser.wait(lambda sight: len(sight.clocks[0].panes) == 2)
        assert sight.clocks[0].panes[1].typed[0].endswith("/lines?zone=UTC'")


def test_a_restart_with_both_modes(browser: Browser) -> None:
    """
    A clock that the server has after a restart comes where the server lists it. The
    panes of the other clocks go on.
    """
    options = ["--tz", "UTC", "--zone", "Asia/Tokyo=0"]
    with page(browser, *options):
        port = browser.run("return Number(location.port)")
        browser.click("Connect a client")
        browser.wait(lambda sight: sight.panes[0].times)
    browser.wait(lambda sight: sight.panes[0].turn == "reconnecting")
    with Server("--web", str(port), "--sequential-port=0", *options):
        sight = browser.wait(lambda sight: len(sight.clocks) == 3)
        assert [clock.zone for clock in sight.clocks] == [
            "UTC in concurrent mode",
            "UTC in sequential mode",
            "Asia/Tokyo",
        ]
        sight = browser.wait(lambda sight: sight.panes[0].turn == "served")
        assert len(sight.clocks[0].panes) == 1


def test_a_server_that_hangs(browser: Browser) -> None:
    """
    The page says that no more lines arrive, although the connections are still open.
    """
    with page(browser) as server:
        server.interrupt(signal.SIGSTOP)
        browser.wait(lambda sight: sight.state == "the server is silent")
        server.interrupt(signal.SIGCONT)
        browser.wait(lambda sight: sight.state == "live")
