"""
The page with a keyboard, with a screen reader, in small windows, and in light or dark
colors, in a real browser.
"""

from __future__ import annotations

import pytest

from tests.harness.requirements import need_module

need_module("selenium")

from selenium.webdriver.common.keys import Keys

from tests.harness.browser import FULL, GONE, Browser, page

#: Returns all texts of the page, each with its color and that of its background.
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

#: Returns the left and the upper edge of each clock.
CORNERS = """
return [...document.querySelectorAll("article")].map((clock) => {
  const { left, top } = clock.getBoundingClientRect();
  return [left, top];
});
"""

#: Returns the elements that are wider than the window.
OUTSIDE = """
return [...document.body.querySelectorAll(":not(.spoken, .spoken *)")]
  .filter((element) => element.getBoundingClientRect().right > innerWidth)
  .map((element) => element.outerHTML.slice(0, 80));
"""


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
    One live region announces when clients are served, wait or disconnect. It does not
    announce the seconds.
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
    Each element that can have the focus has a name, a disabled button gives the reason,
    and the cursor of a terminal is not read aloud.
    """
    with page(browser, "--tz", "UTC", "--zone", "Asia/Tokyo=0"):
        browser.connect(0, 0, 1, 1)
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
        fields = [each for each in elements if each.role == "spinbutton"]
        assert [each.name for each in fields] == ["lines", "every", "bytes"] * 2
        assert all(each.description for each in fields)
        texts = [each.name for each in elements if each.role == "StaticText"]
        assert "中文" in texts
        assert all(text.isascii() for text in texts if text != "中文")
        browser.click("Disconnect")
        browser.wait(lambda sight: sight.panes[0].turn == "disconnected")
        buttons = [each for each in browser.accessible() if each.role == "button"]
        assert [each.description for each in buttons] == [""] * len(buttons)


def test_screen_readers_are_told_the_mode(browser: Browser) -> None:
    """
    If a zone has a clock of each mode, the name of each element says of which clock it
    is.
    """
    with page(browser, "--tz", "UTC", "--sequential-port=0"):
        for index in (0, 1):
            browser.click("Connect a client", index)
        browser.wait(lambda sight: all(pane.times for pane in sight.panes))
        elements = browser.accessible()
        for mode in ("concurrent", "sequential"):
            for role, name in {
                "heading": "{}",
                "group": "Terminal of Client 1 of {}",
                "button": "Disconnect Client 1 of {}",
            }.items():
                named = (role, name.format(f"UTC in {mode} mode"))
                assert named in [(each.role, each.name) for each in elements]
        names = [each.name for each in elements if "focusable" in each.states]
        fields = ["lines", "every", "bytes"]
        others = [name for name in names if name not in fields]
        assert len(others) == len({*others})


@pytest.mark.parametrize("width", [360, 768, 1200])
def test_nothing_is_wider_than_the_window(browser: Browser, width: int) -> None:
    """
    On a small phone, and on any larger screen, nothing scrolls sideways.
    """
    options = ["--sequential", "--format", "json"]
    zone = ["--zone", "America/Argentina/ComodRivadavia=0"]
    with page(browser, *options, *zone, width=width):
        browser.connect(0, 0, 1, 1)
        sight = browser.wait(
            lambda sight: sum("waiting" in pane.turn for pane in sight.panes) == 2
        )
        assert "Four at most" in sight.clocks[0].hint
        assert browser.run(OUTSIDE) == []
        assert browser.run("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("width", "beside"), [(360, False), (1200, True)])
def test_both_modes(browser: Browser, width: int, beside: bool) -> None:
    """
    The clocks of both modes are side by side, the concurrent one on the left. On a
    small phone they are one below the other.
    """
    with page(browser, "--sequential-port=0", width=width):
        browser.connect(0, 0, 1, 1)
        browser.fill(1, lines=999999999, every=999999999, bytes=65536)
        browser.wait(lambda sight: "waiting" in sight.panes[3].turn)
        [left, top], [other_left, other_top] = browser.run(CORNERS)
        assert (left < other_left, top == other_top) == (beside, beside)
        assert (left == other_left, top < other_top) == (not beside, not beside)
        assert browser.run(OUTSIDE) == []
        assert browser.run("return document.documentElement.scrollWidth") <= width


def brightness(color: str) -> float:
    """
    Return the relative luminance of a CSS color, as WCAG 2 defines it.
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
    The page is light or dark, as the user prefers. Every text is readable: its contrast
    is at least 4.5 (WCAG 2, AA).
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
        browser.fill(lines=1)
        browser.click("Connect a client")
        browser.click("Disconnect")
        browser.click("Disconnect")
        browser.wait(lambda sight: sight.panes[3].turn == "complete")
        paper = "return getComputedStyle(document.body).backgroundColor"
        assert (brightness(browser.run(paper)) > 0.5) is brightest
        assert bad() == []
        server.interrupt()
        browser.wait(lambda sight: sight.state == GONE)
        assert bad() == []
