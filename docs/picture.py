"""
Draws docs/wall.svg: the real wall, in a terminal, with real servers, two of which
have come to grief.

Run it from the root of a checkout: C{python docs/picture.py}
"""

from __future__ import annotations

import re
import signal
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from terminal import CTRL_C, Terminal
from world import Server, command

ROWS, COLUMNS = 6, 70


def main() -> None:
    """
    Run the servers and the wall, and keep one picture of it.
    """
    zones = {"London": "Europe/London", "Tokyo": "Asia/Tokyo"}
    options = [f"--zone={zone}=0" for zone in zones.values()]
    with (
        Server("--tz", "America/New_York", *options) as server,
        Server("--tz", "Australia/Sydney") as stopped,
        Server("--tz", "Europe/Paris") as killed,
    ):
        clocks = [f"NewYork=localhost:{server.port}"]
        clocks += [f"{name}=localhost:{server.port_of(zones[name])}" for name in zones]
        clocks += [f"Sydney=localhost:{stopped.port}", f"Paris=localhost:{killed.port}"]
        wall = [command("clockwall"), "--interval=1", *clocks]
        with Terminal(wall, rows=ROWS, columns=COLUMNS) as terminal:
            terminal.wait(lambda rows: all("live" in row for row in rows[1:]))
            stopped.interrupt(signal.SIGSTOP)
            killed.process.kill()
            terminal.wait(lambda rows: re.search(r" 4\.\d s  stale", rows[4]))
            terminal.wait(lambda rows: ": Connection refused" in rows[5])
            *_, picture, _ = bytes(terminal.written).split(b"\x1b[H")
            terminal.type(CTRL_C)
            terminal.end()
    Path(__file__).with_name("wall.svg").write_text(svg(picture.decode()))


def svg(picture: str) -> str:
    """
    Export what a terminal was sent.
    """
    console = Console(record=True, width=COLUMNS, file=StringIO())
    console.print(Text.from_ansi(picture.replace("\r\n", "\n")))
    exported = console.export_svg(title="clockwall", theme=MONOKAI)
    # Whoever looks at it has a font of their own, and may be off line.
    exported = re.sub(r"\s*@font-face \{.*?\}", "", exported, flags=re.DOTALL)
    return exported.replace("Fira Code, monospace", "monospace")


if __name__ == "__main__":
    main()
