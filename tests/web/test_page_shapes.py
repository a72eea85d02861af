"""
The form of the page, which chooses the shape of a stream, in a real browser.
"""

from __future__ import annotations

import shlex
from contextlib import ExitStack

import pytest

from tests.harness.requirements import need_module
from tests.harness.web import curl

need_module("selenium")

from tests.harness.browser import Browser, page, seconds


def test_a_stream_that_ends(browser: Browser) -> None:
    """
    A stream of three lines ends complete. The browser, which reconnects by itself after
    the end of a response, does not read it again.
    """
    with page(browser):
        browser.fill(lines=3)
        browser.click("Connect a client")
        sight = browser.wait(lambda sight: sight.panes[0].turn == "complete")
        [pane] = sight.panes
        assert seconds(pane.times) == [1, 1]
        assert pane.typed[0].endswith("/lines?lines=3'")
        assert pane.typed[1:] == ["(the stream is complete)"]
        assert pane.button == "Remove"
        browser.wait(lambda sight: "The stream of Client 1 is complete." in sight.news)
        browser.fill(lines="")
        browser.click("Connect a client")
        # A browser reconnects after 3 s.
        sight = browser.wait(lambda sight: len(sight.panes[1].times) > 5)
        assert sight.panes[0] == pane
        assert sight.panes[1].name == "Client 2"
        assert sight.clocks[0].served.names == ["2 (here)"]


def test_a_rare_and_padded_stream(browser: Browser) -> None:
    """
    A pane shows each second line, without its padding, and is served in between.
    """
    with page(browser):
        browser.fill(every=2, bytes=1000)
        browser.click("Connect a client")
        sight = browser.wait(lambda sight: len(sight.panes[0].times) > 2)
        assert seconds(sight.panes[0].times) == [2, 2]
        assert sight.panes[0].turn == "served"
        assert browser.console() == []


def test_command(browser: Browser) -> None:
    """
    The command that a form shows reads the same clock, in the same shape. A pane shows
    the same command.
    """
    zone = "--zone=Etc/GMT+5=0"
    with page(browser, "--tz", "UTC", "--sequential-port=0", zone), ExitStack() as undo:
        for index in range(3):
            browser.fill(index, lines=2, every=2, bytes=100)
        commands = [clock.command for clock in browser.look().clocks]
        programs = []
        for command in commands:
            words = shlex.split(command)
            assert words[:2] == ["curl", "-N"]
            programs.append(undo.enter_context(curl(*words[2:])))
        browser.wait(
            lambda sight: (
                [clock.served.title for clock in sight.clocks] == ["Served: 1"] * 3
            )
        )
        for index in range(3):
            browser.click("Connect a client", index)
        sight = browser.wait(
            lambda sight: [pane.turn for pane in sight.panes] == ["complete"] * 3
        )
        for command, program, pane in zip(commands, programs, sight.panes, strict=True):
            assert pane.typed[0] == f"$ {command}"
            lines = [each.decode() for each in program.rest()]
            assert [len(line) for line in lines] == [100, 100]
            times = [line.split()[0] for line in lines]
            assert seconds(times) == seconds(pane.times) == [2]
            assert program.end() == 0


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [("lines", 0, 1), ("every", 1.5, 2), ("bytes", 65537, 65536)],
)
def test_wrong_value(browser: Browser, name: str, wrong: float, right: int) -> None:
    """
    The form shows no command for a wrong value, and connects no client. The field gets
    the focus.
    """
    with page(browser):
        browser.fill(**{name: wrong})
        assert browser.look().clocks[0].command == ""
        browser.click("Connect a client")
        assert browser.focused() == name
        browser.fill(**{name: right})
        assert browser.look().clocks[0].command.endswith(f"/lines?{name}={right}'")
        browser.click("Connect a client")
        sight = browser.wait(lambda sight: sight.panes[0].times)
        assert len(sight.panes) == 1
