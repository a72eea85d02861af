"""
A browser, and the page as a person sees it there.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.harness.processes import Server
from tests.harness.requirements import need
from tests.harness.times import DEADLINE, steps

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")

#: What the page says while there is no server.
GONE = "server not reachable; reconnecting"

#: What the page says where no client can be connected.
FULL = "Four at most, because a browser opens only six connections to one server."

ARGUMENTS = [
    "--headless=new",
    # root may run it, too.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Containers may have little shared memory.
    "--disable-dev-shm-usage",
]

#: Reads all of the page at once, because it may change at any time.
LOOK = """
const text = (root, selector) => {
  const element = root.querySelector(selector);
  return element?.checkVisibility() ? element.innerText : "";
};
const list = (table) => ({
  title: table.caption.innerText,
  rows: [...table.tBodies[0].rows].map((row) => [...row.cells].map((c) => c.innerText)),
  more: text(table, "tfoot"),
});
return {
  state: text(document, "#state"),
  news: document.getElementById("news").textContent,
  clocks: [...document.querySelectorAll("article")].map((clock) => ({
    zone: text(clock, ".zone"),
    mode: text(clock, ".mode"),
    time: text(clock, ".time"),
    hint: text(clock, ".full"),
    command: text(clock, ".same code"),
    panes: [...clock.querySelectorAll(".pane")].map((pane) => ({
      name: text(pane, "h3"),
      turn: text(pane, ".turn"),
      button: text(pane, "button"),
      lines: [...pane.querySelectorAll("pre span")].map((line) => line.innerText),
    })),
    lists: [...clock.querySelectorAll("table")].map(list),
  })),
};
"""


@dataclass
class Pane:
    """
    One client of the page.

    @ivar typed: the lines of its terminal that did not come from the server.
    @ivar times: those that did.
    """

    name: str
    turn: str
    button: str
    lines: list[str]

    @property
    def times(self) -> list[str]:
        return [line for line in self.lines if line[0] not in "$^("]

    @property
    def typed(self) -> list[str]:
        return [line for line in self.lines if line[0] in "$^("]


@dataclass
class ClientList:
    """
    The clients that are served, or those that wait.
    """

    title: str
    rows: list[list[str]]
    more: str

    @property
    def names(self) -> list[str]:
        return [row[0] for row in self.rows]


@dataclass
class Clock:
    """
    One clock of the page.

    @ivar zone: the heading: the zone, and the mode if the zone has a clock of each.
    @ivar command: the command that does the same as the form.
    """

    zone: str
    mode: str
    time: str
    hint: str
    command: str
    panes: list[Pane]
    lists: list[ClientList]

    @property
    def served(self) -> ClientList:
        return self.lists[0]

    @property
    def waiting(self) -> ClientList:
        return self.lists[1]


@dataclass
class Sight:
    """
    All that the page shows at one moment.

    @ivar state: whether there is a server.
    @ivar news: what a screen reader has been told last.
    """

    state: str
    news: str
    clocks: list[Clock]

    @property
    def panes(self) -> list[Pane]:
        return [pane for clock in self.clocks for pane in clock.panes]


@dataclass
class Accessible:
    """
    One element or text of the page, as a screen reader gets it.

    @ivar states: the names of its properties, such as C{focusable} or C{disabled}.
    """

    role: str
    name: str
    description: str
    states: set[str]


def web_port(server: Server) -> int:
    """
    Wait until a server logs the port of its page.
    """
    return int(server.find(r"over HTTP on http://.*:(\d+)/")[1])


class Browser:
    """
    A Chromium without a window, with an empty profile.
    """

    def __init__(self) -> None:
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            profile = undo.enter_context(TemporaryDirectory(ignore_cleanup_errors=True))
            options = ChromeOptions()
            options.binary_location = need("chromium")
            for argument in [*ARGUMENTS, f"--user-data-dir={profile}"]:
                options.add_argument(argument)
            options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
            service = Service(need("chromedriver"))
            self.driver = Chrome(options=options, service=service)
            undo.callback(self.driver.quit)
            self.driver.set_page_load_timeout(DEADLINE)
            self.driver.set_script_timeout(DEADLINE)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def open(
        self, url: str, *, width: int = 1200, height: int = 900, scheme: str = "light"
    ) -> None:
        """
        Open a page in a window of this size, for a user who prefers this color scheme.
        """
        self.close()
        size = {"width": width, "height": height, "deviceScaleFactor": 2}
        self._set("DeviceMetricsOverride", **size, mobile=False)
        scheme_feature = {"name": "prefers-color-scheme", "value": scheme}
        self._set("EmulatedMedia", features=[scheme_feature])
        self.driver.get(url)

    def prefer(self, languages: str) -> None:
        """
        Set the languages of the user, in the order of preference.
        """
        agent = self.run("return navigator.userAgent")
        self._set("UserAgentOverride", userAgent=agent, acceptLanguage=languages)

    def close(self) -> None:
        """
        Leave the page, and discard what it wrote to the console.
        """
        self.driver.get("about:blank")
        self.console()

    def look(self) -> Sight:
        """
        Read the page.
        """
        seen = self.run(LOOK)
        for clock in seen["clocks"]:
            clock["panes"] = [Pane(**pane) for pane in clock["panes"]]
            clock["lists"] = [ClientList(**each) for each in clock["lists"]]
        seen["clocks"] = [Clock(**clock) for clock in seen["clocks"]]
        return Sight(**seen)

    def wait(
        self, condition: Callable[[Sight], object], within: float = DEADLINE
    ) -> Sight:
        """
        Read the page again and again until a condition is true.

        @return: what it shows then.
        """
        deadline = time.monotonic() + within
        while True:
            sight = self.look()
            if _holds(condition, sight):
                return sight
            assert time.monotonic() < deadline, sight

    def click(self, button: str, index: int = 0) -> None:
        """
        Click on one of the buttons that begin with this text.
        """
        buttons = self.driver.find_elements(By.TAG_NAME, "button")
        [each for each in buttons if each.text.startswith(button)][index].click()

    def connect(self, *indexes: int) -> None:
        """
        Connect clients to these clocks, one after another. A list that grows moves the
        buttons below it, so a click waits until the last client is listed.
        """
        for count, index in enumerate(indexes, 1):
            self.click("Connect a client", index)
            self.wait(partial(_lists, count))

    def fill(self, index: int = 0, /, **values: object) -> None:
        """
        Type values into the fields of one of the forms.
        """
        for name, value in values.items():
            field = self.driver.find_elements(By.NAME, name)[index]
            field.clear()
            field.send_keys(str(value))

    def press(self, *keys: str) -> None:
        """
        Press keys, one after another.
        """
        ActionChains(self.driver, duration=0).send_keys(*keys).perform()

    def focused(self) -> str:
        """
        Return the name that a screen reader gives to the element with the focus.
        """
        return str(self.driver.switch_to.active_element.accessible_name)

    def accessible(self) -> list[Accessible]:
        """
        Return what the browser passes to a screen reader.
        """
        tree = self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})
        return [
            Accessible(
                role=node["role"]["value"],
                name=node["name"]["value"],
                description=node.get("description", {}).get("value", ""),
                states={each["name"] for each in node["properties"]},
            )
            for node in tree["nodes"]
            if not node["ignored"] and node["role"]["value"] != "InlineTextBox"
        ]

    def tab_to(self, name: str) -> None:
        """
        Press the Tab key until an element with this name has the focus.
        """
        deadline = time.monotonic() + DEADLINE
        while self.focused() != name:
            assert time.monotonic() < deadline, f"no way to {name}"
            self.press(Keys.TAB)

    def run(self, script: str, *arguments: object) -> Any:
        """
        Run a script in the page.

        @return: what it returns.
        """
        return self.driver.execute_script(script, *arguments)

    def console(self) -> list[str]:
        """
        Return what was written to the console since the last call.
        """
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def picture(self, selector: str) -> bytes:
        """
        Draw an element of the page, over the whole width of the window, as PNG.
        """
        box = self.run(
            "const box = document.querySelector(arguments[0]).getBoundingClientRect();"
            "return {x: 0, y: box.y, width: innerWidth, height: box.height}",
            selector,
        )
        drawn = self.driver.execute_cdp_cmd(
            "Page.captureScreenshot", {"clip": {**box, "scale": 1}}
        )
        return base64.b64decode(drawn["data"])

    def _set(self, what: str, **values: object) -> None:
        self.driver.execute_cdp_cmd(f"Emulation.set{what}", values)


def _lists(count: int, sight: Sight) -> bool:
    """
    Return whether the lists of all clocks have so many clients.
    """
    lists = [each for clock in sight.clocks for each in clock.lists]
    return sum(len(each.rows) for each in lists) == count


def _holds(condition: Callable[[Sight], object], sight: Sight) -> bool:
    """
    Return whether a condition is true. It is false if the element does not exist yet.
    """
    try:
        return bool(condition(sight))
    except IndexError:
        return False


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
    browser.wait(lambda sight: sight.clocks)


def seconds(times: list[str]) -> list[int]:
    """
    Return the seconds from each time to the next.
    """
    return steps(line.encode() for line in times)
