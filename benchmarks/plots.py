"""
Draw the pictures of the documentation: C{python -m benchmarks.plots --help}.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
from io import BytesIO, StringIO
from pathlib import Path
from statistics import median

import matplotlib
from matplotlib.figure import Figure
from PIL import Image
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from benchmarks import ROOT
from benchmarks.load import PER_MILLE
from benchmarks.report import Run, cost, of
from benchmarks.servers import KINDS
from tests.harness.browser import Browser
from tests.harness.processes import Server, command
from tests.harness.terminal import CTRL_C, Terminal

#: The size of the terminal in which the wall is drawn.
ROWS, COLUMNS = 6, 70

#: The port of the server in the page's picture. The page shows it.
WEB_PORT = 8000

#: The size of the window in which the page is drawn: all of it, without a scroll bar.
WINDOW = {"width": 1180, "height": 1200}

#: The number of colors in that picture, which needs only a few and shades between them.
COLORS = 128

#: The space above and below the page in that picture, in pixels.
MARGIN = 40

matplotlib.rcParams.update(
    {
        # Use the viewer's fonts instead of the outline of each letter.
        "svg.fonttype": "none",
        # Without a fixed salt, each run writes a different file for the same figures.
        "svg.hashsalt": "clock",
    }
)


def plot(curves: dict[str, tuple[list[float], list[float]]], **axes: object) -> str:
    """
    Draw one curve for each server, with its points if they are few.

    @param curves: by title, the x and y values of the points.
    @param axes: properties of the axes.
    """
    figure = Figure(figsize=(8.5, 4.5), layout="constrained")
    plane = figure.subplots()
    for title, (across, up) in curves.items():
        plane.plot(across, up, label=title, marker="o" if len(up) < 10 else "")
    plane.set(**axes)
    plane.minorticks_off()
    plane.xaxis.set_major_formatter("{x:,g}")
    plane.grid(alpha=0.3)
    plane.legend(loc="upper left", bbox_to_anchor=(1, 1))
    drawn = StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    return drawn.getvalue()


def small(svg: str) -> str:
    """
    Remove decimals and line breaks that make no visible difference.
    """
    svg = re.sub(r"\d+\.\d{2,}", lambda number: f"{float(number[0]):.1f}", svg)
    return re.sub(r"\s+(?=[^<>]*>)", " ", svg)


def draw_cost(runs: list[Run]) -> str:
    """
    Draw cost against number of clients.
    """
    loads = sorted({run.clients for run in runs})
    curves = {
        kind.title: (
            [float(load) for load in loads],
            [median(map(cost, of(runs, kind.name, load))) for load in loads],
        )
        for kind in KINDS
        if of(runs, kind.name, loads[-1])
    }
    return plot(
        curves,
        title="What one line costs the server",
        xscale="log",
        xticks=loads,
        xlabel="clients",
        ylabel="CPU per line, µs",
        ylim=(0, None),
    )


def draw_age(runs: list[Run]) -> str:
    """
    Draw the age on arrival as a distribution.
    """
    load = max(run.clients for run in runs)
    last = {run.kind: run.ages for run in runs if run.clients == load}
    parts = [part / 1000 for part in PER_MILLE]
    curves = {k.title: (last[k.name], parts) for k in KINDS if k.name in last}
    return plot(
        curves,
        title=f"How late a line is, {load:,} clients",
        xscale="symlog",
        xlabel="age of the second shown, on arrival, ms",
        ylabel="part of lines",
    )


def draw_wall() -> str:
    """
    Draw the real wall, in a terminal, with real servers. One of the servers is stopped,
    and one is killed.
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
    console = Console(record=True, width=COLUMNS, file=StringIO())
    console.print(Text.from_ansi(picture.decode().replace("\r\n", "\n")))
    exported = console.export_svg(title="clockwall", theme=MONOKAI, unique_id="wall")
    # Use the viewer's own font: the viewer may be offline.
    exported = re.sub(r"\s*@font-face \{.*?\}", "", exported, flags=re.DOTALL)
    return exported.replace("Fira Code, monospace", "monospace")


def draw_page() -> bytes:
    """
    Draw the real page of a server in both modes, with two clients of each.
    """
    options = [f"--web={WEB_PORT}", "--sequential-port=0", "--tz=Europe/London"]
    with Server(*options), Browser() as browser:
        browser.open(f"http://localhost:{WEB_PORT}/", **WINDOW)
        browser.wait(lambda sight: len(sight.clocks) == 2)
        # A mouse pointer would change the look of the button under it.
        connect = (
            "for (const each of document.querySelectorAll('.connect')) each.click()"
        )
        browser.run(connect)
        browser.wait(lambda sight: all(len(pane.times) > 1 for pane in sight.panes))
        browser.run(connect)
        browser.wait(
            lambda sight: (
                [clock.served.rows[0][2] for clock in sight.clocks] == ["5", "5"]
                and sight.panes[3].turn == "waiting, place 1"
            )
        )
        drawn = Image.open(BytesIO(browser.picture("main")))
    paper = drawn.getpixel((0, drawn.height // 2))
    whole = Image.new("RGB", (drawn.width, drawn.height + 2 * MARGIN), paper)
    whole.paste(drawn, (0, MARGIN))
    png = BytesIO()
    whole.quantize(COLORS, dither=Image.Dither.NONE).save(png, "png", optimize=True)
    return png.getvalue()


def main() -> None:
    """
    Draw the wall, the page and the measurements.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.plots",
        description="Draw the pictures of the documentation, which are in docs.",
    )
    parser.add_argument(
        "runs",
        type=Path,
        nargs="?",
        help="a file that 'python -m benchmarks --json' wrote, with several numbers of "
        "clients (without it, cost.svg and age.svg are not drawn)",
    )
    file = parser.parse_args().runs
    pictures = {"wall": draw_wall()}
    if file:
        runs = [Run(**run) for run in json.loads(file.read_text())]
        pictures |= {"cost": draw_cost(runs), "age": draw_age(runs)}
    for name, picture in pictures.items():
        (ROOT / "docs" / f"{name}.svg").write_text(small(picture))
    (ROOT / "docs" / "page.png").write_bytes(draw_page())


if __name__ == "__main__":
    main()
