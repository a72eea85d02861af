"""
C{clockwall} on a terminal.
"""

from __future__ import annotations

import re
import shlex

from tests.harness.processes import command
from tests.harness.terminal import Terminal
from tests.harness.times import UNIT

WALL = command("clockwall")
SHELL_WALL = shlex.quote(WALL)

#: The row of a live clock: its name, its time and its age.
LIVE = re.compile(r"(\S+) +(\d\d:\d\d:\d\d) +(\d+\.\d) s  live")


def wall(*clocks: str, **options: object) -> Terminal:
    """
    Run the wall on a terminal.
    """
    return Terminal([WALL, *clocks], **options)  # type: ignore[arg-type]


def live(row: str) -> str:
    """
    Return the time in a row whose clock is live, otherwise an empty string.
    """
    match = LIVE.match(row)
    return match[2] if match else ""


def shown(terminal: Terminal, row: int, count: int) -> list[bytes]:
    """
    Return the next C{count} times that a row shows.
    """
    times: list[str] = []
    for _ in range(count):
        rows = terminal.wait(
            lambda rows: live(rows[row]) and [live(rows[row])] != times[-1:],
            3 * UNIT,
        )
        times.append(live(rows[row]))
    return [time.encode() for time in times]
