"""
The page, as a person sees it in a real browser, on a real server.
"""

from __future__ import annotations

from http.client import HTTPConnection

from tests.harness.requirements import need_module
from tests.harness.times import DEADLINE, LATE

need_module("selenium")

from tests.harness.browser import FULL, Browser, Sight, page, seconds
from tests.harness.web import request

#: Records each time that is shown from now on, and when it was shown, in milliseconds.
WATCH = """
window.changes = [];
for (const element of document.querySelectorAll(".time, pre")) {
  new MutationObserver(() => window.changes.push(
    [element.innerText.trim().split("\\n").at(-1), performance.now()]
  )).observe(element, {childList: true, characterData: true, subtree: true});
}
"""


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


def test_both_modes(browser: Browser) -> None:
    """
    The page of a server in both modes shows both clocks of the zone, and names the mode
    of each. All clients of one are served, and those of the other one after the other.
    """
    options = ["--sequential-port=0", "--zone=Asia/Tokyo=0"]
    with page(browser, "--tz", "UTC", *options):
        browser.connect(0, 0, 1, 1)
        sight = browser.wait(
            lambda sight: (
                all(len(pane.times) > 2 for pane in sight.panes[:3])
                and sight.panes[3].turn == "waiting, place 1"
            )
        )
        concurrent, sequential, tokyo = sight.clocks
        assert [(clock.zone, clock.mode) for clock in sight.clocks] == [
            ("UTC in concurrent mode", "all clients at once"),
            ("UTC in sequential mode", "one client at a time"),
            ("Asia/Tokyo", "concurrent: all clients at once"),
        ]
        assert concurrent.served.names == ["1 (here)", "2 (here)"]
        assert sequential.served.names == ["1 (here)"]
        assert sequential.waiting.names == ["2 (here)"]
        assert sequential.panes[1].times == []
        assert {clock.hint for clock in sight.clocks} == {FULL}
        typed = [pane.typed[0].partition("/")[2] for pane in sight.panes]
        assert typed == ["lines", "lines"] + ["lines?mode=sequential'"] * 2
        assert tokyo.command.endswith("/lines?zone=Asia/Tokyo'")
        browser.click("Disconnect", 2)
        told = "Client 2 of UTC in sequential mode is served."
        browser.wait(lambda sight: told in sight.news)


def test_zones(browser: Browser) -> None:
    """
    Each clock of the server is on the page, with its own clients and its own time.
    """
    with page(browser, "--tz", "UTC", "--zone", "Asia/Kathmandu=0"):
        browser.click("Connect a client", 1)
        # The status may come after the second line.
        sight = browser.wait(lambda sight: len(sight.panes[0].times) > 2)
        assert [clock.zone for clock in sight.clocks] == ["UTC", "Asia/Kathmandu"]
        assert [len(clock.panes) for clock in sight.clocks] == [0, 1]
        assert "lines?zone=Asia/Kathmandu'" in sight.panes[0].typed[0]
        assert [clock.served.names for clock in sight.clocks] == [[], ["1 (here)"]]
        ahead = seconds([sight.clocks[0].time, sight.panes[0].times[-1]])[0]
        assert abs(ahead - (5 * 60 + 45) * 60) <= 1


def test_zone_with_a_plus_sign(browser: Browser) -> None:
    """
    The command that a pane shows reads the pane's zone, even if its name has a plus
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
    A fifth client is not connected, because the browser would let it wait forever. The
    page says so. When a client ends, another one can connect.
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
    A page that stays open for a long time does not grow.
    """
    with page(browser, "--interval", "0.01", "--format", "%s"):
        browser.click("Connect a client")
        sight = browser.wait(lambda sight: len(sight.panes[0].lines) >= 100)
        last = sight.panes[0].lines[-1]
        sight = browser.wait(lambda sight: last not in sight.panes[0].lines)
        assert len(sight.panes[0].lines) == 100


def test_nothing_comes_from_elsewhere(browser: Browser) -> None:
    """
    The page loads nothing from other servers, tells the browser to load nothing from
    them, and does not violate its own policy.
    """
    with page(browser):
        port = browser.run("return Number(location.port)")
        browser.click("Connect a client")
        browser.wait(lambda sight: len(sight.panes[0].times) > 1)
        loaded = browser.run(
            "return performance.getEntriesByType('resource').map(({name}) => name)"
        )
        origin = f"http://127.0.0.1:{port}/"
        files = "style.css", "strings.js", "page.js"
        assert {f"{origin}{file}" for file in files} <= {*loaded}
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
