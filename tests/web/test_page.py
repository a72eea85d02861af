"""
The page, as a person sees it in a real browser, on a real server.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from threading import Thread

import pytest

from tests.harness.processes import Server
from tests.harness.requirements import need_module
from tests.harness.times import DEADLINE, LATE, steps

need_module("selenium")

from selenium.webdriver.common.keys import Keys

from tests.harness.browser import Browser, Sight, web_port
from tests.harness.web import request

#: What the page says while there is no server.
GONE = "server not reachable; reconnecting"

#: What it says where no client can be connected.
FULL = "Four at most, because a browser opens only six connections to one server."

#: Gives all texts of the page, each with its color and what is behind it.
COLORS = """
const behind = (element) => {
  const color = getComputedStyle(element).backgroundColor;
  return color === "rgba(0, 0, 0, 0)" ? behind(element.parentElement) : color;
};
return [...document.body.querySelectorAll(":not(script, template, .spoken)")]
  .filter((element) => element.checkVisibility()
    && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
  .map((element) =>
    [element.innerText, getComputedStyle(element).color, behind(element)]);
"""

#: Counts what a screen reader is told, from now on.
LISTEN = """
window.told = 0;
new MutationObserver(() => window.told++)
  .observe(document.getElementById("news"), {childList: true, subtree: true});
"""

#: Keeps each time that is shown from now on, and when it was shown, in milliseconds.
WATCH = """
window.changes = [];
for (const element of document.querySelectorAll(".time, pre")) {
  new MutationObserver(() => window.changes.push(
    [element.innerText.trim().split("\\n").at(-1), performance.now()]
  )).observe(element, {childList: true, characterData: true, subtree: true});
}
"""

#: Gives what is not wholly within the width of the window.
OUTSIDE = """
return [...document.body.querySelectorAll(":not(.spoken, .spoken *)")]
  .filter((element) => element.getBoundingClientRect().right > innerWidth)
  .map((element) => element.outerHTML.slice(0, 80));
"""


@pytest.fixture(scope="module")
def one_browser() -> Iterator[Browser]:
    """
    Start a browser for all tests.
    """
    with Browser() as browser:
        yield browser


@pytest.fixture
def browser(one_browser: Browser) -> Iterator[Browser]:
    """
    Give the browser, with no page open.
    """
    yield one_browser
    one_browser.close()


@contextmanager
def page(browser: Browser, *options: str, **look: object) -> Iterator[Server]:
    """
    Start a server, and open its page.
    """
    with Server("--web", "0", *options) as server:
        show(browser, web_port(server), **look)
        yield server


def show(browser: Browser, port: int, **look: object) -> None:
    """
    Open the page of a server.
    """
    browser.open(f"http://127.0.0.1:{port}/", **look)  # type: ignore[arg-type]
    browser.wait(lambda sight: sight.state == "live")


def seconds(times: list[str]) -> list[int]:
    """
    Give the seconds from each time to the next.
    """
    return steps(line.encode() for line in times)


def test_concurrent_clients_are_served_side_by_side(browser: Browser) -> None:
    """
    All clients get each second once: those of the page, and others, which it counts.
    The time on the page is that of the lines.
    """
    with page(browser, "--tz", "Pacific/Kiritimati") as server:
        other = server.connect()
        assert "concurrent" in browser.look().clocks[0].mode
        browser.click("Connect a client")
        browser.click("Connect a client")
        sight = browser.wait(lambda sight: len(sight.panes[1].times) > 3)
        [clock] = sight.clocks
        assert clock.zone == "Pacific/Kiritimati"
        assert [pane.name for pane in clock.panes] == ["Client 2", "Client 3"]
        assert [pane.turn for pane in clock.panes] == ["served", "served"]
        assert clock.served.title == "Served: 3"
        assert clock.served.names == ["1", "2 (here)", "3 (here)"]
        assert [row[3] for row in clock.served.rows] == ["TCP", "HTTP", "HTTP"]
        assert clock.waiting.title == "Waiting: none"
        cells = "[...document.querySelector('thead tr').cells]"
        heads = f"return {cells}.map((c) => c.innerText)"
        assert browser.run(heads) == ["client", "connected for", "lines", "transport"]
        read = [line.decode().strip() for line in other.lines(4)]
        for pane in clock.panes:
            assert pane.typed == [
                f"$ curl -N {browser.run('return location.host')}/lines"
            ]
            assert {*seconds(pane.times[1:])} == {1}
            assert {*pane.times} & {*read}
        browser.wait(lambda sight: sight.clocks[0].time == sight.panes[0].times[-1])

        def counted(sight: Sight) -> bool:
            lines = int(sight.clocks[0].served.rows[1][2])
            return lines == len(sight.panes[0].times)

        browser.wait(counted)


def test_sequential_clients_are_served_one_after_the_other(browser: Browser) -> None:
    """
    The second pane stays silent until the first one is closed. The lists have the
    clients in the order of their turns.
    """
    with page(browser, "--sequential") as server:
        assert "sequential" in browser.look().clocks[0].mode
        browser.click("Connect a client")
        browser.wait(lambda sight: sight.panes[0].times)
        browser.click("Connect a client")
        browser.wait(lambda sight: sight.clocks[0].waiting.names == ["2 (here)"])
        server.connect()
        shown = len(browser.look().panes[0].times)
        sight = browser.wait(
            lambda sight: (
                len(sight.panes[0].times) > shown + 2
                and sight.clocks[0].waiting.names == ["2 (here)", "3"]
            )
        )
        first, second = sight.panes
        assert (first.turn, second.turn) == ("served", "waiting, place 1")
        assert second.times == []
        assert sight.clocks[0].served.names == ["1 (here)"]
        browser.click("Disconnect")
        sight = browser.wait(lambda sight: sight.panes[1].times)
        first, second = sight.panes
        assert (first.turn, second.turn) == ("disconnected", "served")
        assert first.lines[-1] == "^C"
        assert seconds([first.times[-1], second.times[0]]) in ([0], [1])
        sight = browser.wait(lambda sight: sight.clocks[0].waiting.names == ["3"])
        assert sight.clocks[0].served.names == ["2 (here)"]
        ended = len(first.times)
        sight = browser.wait(lambda sight: len(sight.panes[1].times) > 2)
        assert len(sight.panes[0].times) == ended


def test_zones(browser: Browser) -> None:
    """
    Each clock of the server is on the page, with its own clients and its own time.
    """
    with page(browser, "--tz", "UTC", "--zone", "Asia/Kathmandu=0"):
        browser.click("Connect a client", 1)
        sight = browser.wait(lambda sight: len(sight.panes[0].times) > 1)
        assert [clock.zone for clock in sight.clocks] == ["UTC", "Asia/Kathmandu"]
        assert [len(clock.panes) for clock in sight.clocks] == [0, 1]
        assert "lines?zone=Asia/Kathmandu'" in sight.panes[0].typed[0]
        assert [clock.served.names for clock in sight.clocks] == [[], ["1 (here)"]]
        ahead = seconds([sight.clocks[0].time, sight.panes[0].times[-1]])[0]
        assert abs(ahead - (5 * 60 + 45) * 60) <= 1


def test_zone_with_a_plus_sign(browser: Browser) -> None:
    """
    The command that a pane shows reads the pane's zone, also if its name has a plus
    sign, which means a space in a query.
    """
    with page(browser, "--zone", "Etc/GMT+5=0"):
        port = int(browser.run("return location.port"))
        browser.click("Connect a client", 1)
        sight = browser.wait(lambda sight: bool(sight.panes))
        typed = sight.panes[0].typed[0]
        path = "/" + typed.rstrip("'").partition("/")[2]
        with request(port, path) as response:
            assert response.status == 200


def test_four_clients_at_most(browser: Browser) -> None:
    """
    A fifth client is not connected, since the browser would let it wait for ever; the
    page says so. One that has ended makes room.
    """
    with page(browser):
        for _ in range(4):
            browser.click("Connect a client")
        sight = browser.wait(lambda sight: len(sight.clocks[0].served.names) == 4)
        assert sight.clocks[0].hint == FULL
        browser.click("Connect a client")
        assert len(browser.look().panes) == 4
        assert browser.console() == []
        browser.click("Disconnect")
        sight = browser.wait(lambda sight: sight.clocks[0].served.title == "Served: 3")
        assert sight.clocks[0].hint == ""
        browser.click("Connect a client")
        sight = browser.wait(lambda sight: sight.panes[3].times)
        names = [pane.name for pane in sight.panes]
        assert names == ["Client 2", "Client 3", "Client 4", "Client 5"]


def test_many_clients(browser: Browser) -> None:
    """
    The lists have the first 50 clients, and how many more there are.
    """
    with page(browser, "--sequential") as server:
        for _ in range(61):
            server.connect()
        browser.click("Connect a client")
        sight = browser.wait(lambda sight: sight.panes[0].turn == "waiting")
        [clock] = sight.clocks
        assert clock.waiting.title == "Waiting: 61"
        assert clock.waiting.names == [str(number) for number in range(2, 52)]
        assert clock.waiting.more == "and 11 more"
        assert clock.served.more == ""


def test_a_pane_keeps_the_last_hundred_lines(browser: Browser) -> None:
    """
    A page that is open for long does not grow.
    """
    with page(browser, "--interval", "0.01", "--format", "%s"):
        browser.click("Connect a client")
        sight = browser.wait(lambda sight: len(sight.panes[0].lines) >= 100)
        last = sight.panes[0].lines[-1]
        sight = browser.wait(lambda sight: last not in sight.panes[0].lines)
        assert len(sight.panes[0].lines) == 100


class BadGateway(BaseHTTPRequestHandler):
    """
    A proxy whose server is away.
    """

    def do_GET(self) -> None:
        self.send_error(502)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def bad_gateway(port: int) -> Iterator[None]:
    """
    Be a proxy whose server is away.
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
    The page says that the server is not reachable, and reconnects, also after a proxy
    has answered in between. No pane shows anything twice, though the new server sends
    what the old one has sent: here the time of a clock that ticks once a day.
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
    After a restart a pane goes on with the seconds that follow, each of them once.
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


def test_a_server_that_hangs(browser: Browser) -> None:
    """
    The page says that nothing comes any more, though the connections are there.
    """
    with page(browser) as server:
        server.interrupt(signal.SIGSTOP)
        browser.wait(lambda sight: sight.state == "the server is silent")
        server.interrupt(signal.SIGCONT)
        browser.wait(lambda sight: sight.state == "live")


def test_keyboard(browser: Browser) -> None:
    """
    Everything can be done with the keyboard, and the focus is never lost.
    """
    with page(browser, "--sequential", "--tz", "Asia/Tokyo"):
        connect = "Connect a client to Asia/Tokyo"
        browser.tab_to(connect)
        browser.press(Keys.ENTER)
        browser.wait(lambda sight: sight.panes[0].times)
        browser.press(Keys.SPACE)
        browser.wait(lambda sight: sight.panes[1].turn == "waiting, place 1")
        assert browser.focused() == connect
        outline = "return getComputedStyle(document.activeElement).outlineStyle"
        assert browser.run(outline) == "solid"
        browser.tab_to("Disconnect Client 1")
        browser.press(Keys.ENTER)
        browser.wait(lambda sight: sight.panes[1].times)
        assert browser.focused() == "Remove Client 1"
        browser.press(Keys.ENTER)
        browser.wait(lambda sight: len(sight.panes) == 1)
        assert browser.focused() == connect


def test_screen_readers_are_told_what_changes(browser: Browser) -> None:
    """
    One live region says which clients are served, wait and are disconnected; the
    seconds are not announced.
    """
    with page(browser, "--sequential") as server:
        browser.click("Connect a client")
        browser.wait(lambda sight: "Client 1 is served." in sight.news)
        browser.click("Connect a client")
        browser.wait(lambda sight: "Client 2 is waiting, place 1." in sight.news)
        browser.click("Disconnect")
        told = "Client 1 is disconnected. Client 2 is served."
        browser.wait(lambda sight: told in sight.news)
        server.connect()
        browser.wait(lambda sight: "1 served, 1 waiting." in sight.news)
        browser.run(LISTEN)
        shown = len(browser.look().panes[1].times)
        browser.wait(lambda sight: len(sight.panes[1].times) > shown + 6)
        assert browser.run("return window.told") == 0
        live = (
            "const roles = '[role=status], [role=alert], [role=log], [role=timer]';"
            "return document.querySelectorAll(`[aria-live], ${roles}`).length"
        )
        assert browser.run(live) == 1
        server.interrupt()
        browser.wait(lambda sight: "Server not reachable; reconnecting." in sight.news)


def test_screen_readers_get_names_and_reasons(browser: Browser) -> None:
    """
    Each element that can have the focus has a name, a disabled button says why, and the
    cursor of a terminal is not read.
    """
    with page(browser, "--tz", "UTC", "--zone", "Asia/Tokyo=0"):
        for index in (0, 0, 1, 1):
            browser.click("Connect a client", index)
        browser.wait(lambda sight: all(pane.times for pane in sight.panes))
        elements = browser.accessible()
        focusable = [each for each in elements if "focusable" in each.states]
        assert [each.name for each in focusable if each.role == "group"] == [
            "Terminal of Client 1 of UTC",
            "Terminal of Client 2 of UTC",
            "Terminal of Client 1 of Asia/Tokyo",
            "Terminal of Client 2 of Asia/Tokyo",
        ]
        assert all(each.name for each in focusable)
        disabled = [each for each in elements if "disabled" in each.states]
        assert [(each.name, each.description) for each in disabled] == [
            ("Connect a client to UTC", FULL),
            ("Connect a client to Asia/Tokyo", FULL),
        ]
        texts = [each.name for each in elements if each.role == "StaticText"]
        assert texts and all(text.isascii() for text in texts)
        browser.click("Disconnect")
        browser.wait(lambda sight: sight.panes[0].turn == "disconnected")
        described = [each.name for each in browser.accessible() if each.description]
        assert described == []


@pytest.mark.parametrize("width", [360, 768, 1200])
def test_nothing_is_wider_than_the_window(browser: Browser, width: int) -> None:
    """
    On a small telephone, and on anything larger, nothing scrolls sideways.
    """
    options = ["--sequential", "--format", "json"]
    zone = ["--zone", "America/Argentina/ComodRivadavia=0"]
    with page(browser, *options, *zone, width=width):
        for index in (0, 0, 1, 1):
            browser.click("Connect a client", index)
        sight = browser.wait(
            lambda sight: sum("waiting" in pane.turn for pane in sight.panes) == 2
        )
        assert "Four at most" in sight.clocks[0].hint
        assert browser.run(OUTSIDE) == []
        assert browser.run("return document.documentElement.scrollWidth") <= width


def brightness(color: str) -> float:
    """
    Give the relative luminance of a CSS color, as WCAG 2 has it.
    """
    channels = [int(part) / 255 for part in color.strip("rgb()").split(",")]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("scheme", "brightest"), [("light", True), ("dark", False)], ids=["light", "dark"]
)
def test_colors(browser: Browser, scheme: str, brightest: bool) -> None:
    """
    The page is light or dark, as the user prefers, and all of it can be read: the
    contrast of every text is at least 4.5 (WCAG 2, AA).
    """

    def bad() -> list[str]:
        texts = browser.run(COLORS)
        assert {*"Served: 1"} & {*"".join(text for text, *_ in texts)}
        return [
            f"{text}: {color} on {background}"
            for text, color, background in texts
            for dark, bright in [sorted((brightness(color), brightness(background)))]
            if (bright + 0.05) / (dark + 0.05) < 4.5
        ]

    with page(browser, "--sequential", scheme=scheme) as server:
        for _ in range(3):
            browser.click("Connect a client")
        browser.wait(lambda sight: sight.panes[2].turn == "waiting, place 2")
        browser.click("Disconnect")
        browser.wait(lambda sight: sight.panes[2].turn == "waiting, place 1")
        paper = "return getComputedStyle(document.body).backgroundColor"
        assert (brightness(browser.run(paper)) > 0.5) is brightest
        assert bad() == []
        server.interrupt()
        browser.wait(lambda sight: sight.state == GONE)
        assert bad() == []


def test_nothing_comes_from_elsewhere(browser: Browser) -> None:
    """
    The page needs nothing but its server, says so to the browser, and breaks none of
    its own rules.
    """
    with page(browser):
        port = browser.run("return Number(location.port)")
        browser.click("Connect a client")
        browser.wait(lambda sight: len(sight.panes[0].times) > 1)
        loaded = browser.run(
            "return performance.getEntriesByType('resource').map(({name}) => name)"
        )
        origin = f"http://127.0.0.1:{port}/"
        assert {f"{origin}style.css", f"{origin}page.js"} <= {*loaded}
        assert all(name.startswith(origin) for name in loaded)
        assert browser.console() == []
        connection = HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        connection.request("GET", "/")
        policy = connection.getresponse().headers["Content-Security-Policy"]
        connection.close()
        assert policy.startswith("default-src 'self'")


def test_panes_and_the_large_time_change_together(browser: Browser) -> None:
    """
    The page looks as if it had one clock, though each pane has a connection of its own.
    """
    with page(browser):
        for _ in range(4):
            browser.click("Connect a client")
        browser.wait(lambda sight: len(sight.panes[3].times) > 1)
        browser.run(WATCH)
        shown = len(browser.look().panes[0].times)
        browser.wait(lambda sight: len(sight.panes[0].times) > shown + 4)
        changes: dict[str, list[float]] = {}
        for text, at in browser.run("return window.changes"):
            changes.setdefault(text, []).append(at / 1000)
        # The first and the last second may have been seen in part.
        whole = [*changes.values()][1:-1]
        assert [len(times) for times in whole] == [5] * len(whole)
        assert max(max(times) - min(times) for times in whole) < LATE
