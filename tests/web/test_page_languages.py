"""
The languages of the page, in a real browser.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.harness.requirements import need_module

need_module("selenium")

from tests.harness.browser import Browser, page
from tests.harness.times import DEADLINE

#: Returns the texts of the page: those of its elements and of its templates, and what
#: attributes show or a screen reader says.
TEXTS = """
const texts = [document.title];
const add = (root) => {
  for (const element of root.querySelectorAll("*")) {
    if (element.matches("noscript, script, #language, code")) continue;
    for (const name of ["title", "placeholder", "aria-label"]) {
      texts.push(element.getAttribute(name) ?? "");
    }
    for (const node of element.childNodes) {
      if (node.nodeType === 3) texts.push(node.data);
    }
    if (element.content) add(element.content);
  }
};
add(document.body);
return texts.map((text) => text.trim()).filter((text) => text);
"""

#: Returns for each text of each language: its name, and what it is.
STRINGS = """
const flat = (object, path) => Object.entries(object).flatMap(([name, value]) =>
  typeof value === "object" ? flat(value, `${path}${name}.`)
  : [[path + name, typeof value === "function" ? value("<0>", "<1>", "<2>") : value]]);
return Object.values(LANGUAGES).map((texts) => flat(texts, ""));
"""

#: What is not translated: names, commands, abbreviations and numbers.
DATA = re.compile(
    rf"\b({re.escape(socket.gethostname())}|clock|[A-Z]{{2,5}}|WebSocket)\b"
    r"|\$ curl.*|\^C|[^a-zA-Z\u4e00-\u9fff]",
    re.ASCII,
)

CHINESE = re.compile(r"[\u4e00-\u9fff]")


@contextmanager
def preferring(browser: Browser, languages: str) -> Iterator[None]:
    """
    Set the languages of the user.
    """
    browser.prefer(languages)
    try:
        yield
    finally:
        browser.prefer("en-US")


def shown(browser: Browser) -> str:
    """
    Return the language in which the page is.
    """
    language = str(browser.run("return document.documentElement.lang"))
    texts = browser.run(TEXTS)
    words = [word for text in texts if (word := DATA.sub("", text))]
    is_chinese = [bool(CHINESE.search(word)) for word in words]
    assert len(words) > 20
    other = [
        word
        for word, each in zip(words, is_chinese, strict=True)
        if each != (language == "zh-Hans")
    ]
    assert other == []
    return language


@pytest.mark.parametrize(
    ("languages", "expected"),
    [
        ("zh-CN,zh,en", "zh-Hans"),
        ("zh-TW", "zh-Hans"),
        ("de-DE,zh-CN,en", "zh-Hans"),
        ("en-GB,zh", "en"),
        ("de-DE", "en"),
    ],
)
def test_browser_decides(browser: Browser, languages: str, expected: str) -> None:
    """
    The page has the first language of the browser's that it knows, and else English. No
    text is in another language: with a client that is served, one that waits, and one
    that is disconnected.
    """
    with preferring(browser, languages), page(browser, "--sequential-port", "0"):
        for index in (0, 1, 1):
            browser.run(
                "document.querySelectorAll('.connect')[arguments[0]].click()", index
            )
        waiting = "第 1 位" if expected != "en" else "place 1"
        browser.wait(lambda sight: any(waiting in pane.turn for pane in sight.panes))
        browser.run("document.querySelector('.pane button').click()")
        browser.wait(lambda sight: len(sight.panes[0].typed) > 1)
        assert shown(browser) == expected
        assert browser.console() == []


def test_link(browser: Browser) -> None:
    """
    A link leads to the page in the other language, and back. It has precedence over the
    browser.
    """
    with page(browser):
        for expected in ("zh-Hans", "en"):
            browser.run("document.getElementById('language').click()")
            browser.wait(lambda sight: len(sight.clocks) == 1)
            assert shown(browser) == expected


def test_left_page(browser: Browser) -> None:
    """
    A page that is left has no connections, though the browser keeps it to show it
    again: the next page may need all six. It then begins anew.
    """
    with page(browser):
        browser.connect(0, 0, 0, 0)
        browser.run("document.getElementById('language').click()")
        browser.wait(lambda sight: sight.clocks and not sight.panes)
        # After a minute, the browser ends them.
        browser.wait(lambda sight: not sight.clocks[0].served.names, DEADLINE / 2)
        browser.driver.back()
        browser.wait(lambda sight: sight.clocks and not sight.panes)
        browser.connect(0, 0, 0, 0)


def test_strings(browser: Browser) -> None:
    """
    Each language has each text, with the same names and numbers in it.
    """
    with page(browser):
        english, chinese = (dict(each) for each in browser.run(STRINGS))
        assert english.keys() == chinese.keys()
        for name, text in english.items():
            assert text.strip() and chinese[name].strip(), name
            if name not in ("tag", "otherLanguage"):
                placed = [
                    sorted(re.findall(r"<\d>", each)) for each in (text, chinese[name])
                ]
                assert placed[0] == placed[1], name
