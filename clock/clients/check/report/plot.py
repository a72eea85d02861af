"""
The plot of C{clock-check}: when lines arrived.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.util import find_spec
from io import BytesIO

from clock.clients.check.evidence import Evidence
from clock.console.text import printable, shorten

#: Width of the picture, and height of a stream, in inches.
WIDTH, ROW_HEIGHT = 8.5, 1.6


def canPlot() -> bool:
    """
    Tell whether matplotlib is installed.
    """
    return find_spec("matplotlib") is not None


def plot(streams: Sequence[Evidence], start: float, seconds: float) -> bytes:
    """
    Draw a row for each stream: a tick for each line, as far right as the time of its
    arrival, and as high as its number. A stream that is on time is a straight line of
    ticks. A buffer shows as a staircase; each step is as high as the lines it held. A
    dashed line is the end of a connection.

    @param streams: what was seen of each stream.
    @param start: the steady time at which the check began, in seconds.
    @param seconds: the length of the check, in seconds.

    @return: the picture, as SVG.
    """
    # matplotlib warns if it cannot write to the home folder, as in a service.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib
    from matplotlib.figure import Figure

    # Keep text as text, and write the same file for the same plot.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "clock"}):
        size = (WIDTH, ROW_HEIGHT * len(streams) + 0.6)
        figure = Figure(figsize=size, layout="constrained")
        rows = figure.subplots(len(streams), sharex=True, squeeze=False)[:, 0]
        for axes, evidence in zip(rows, streams, strict=True):
            axes.set_title(
                _plain(shorten(printable(evidence.name))), loc="left", fontsize=10
            )
            axes.set_ylabel("lines")
            arrivals = [each.at - start for each in evidence.arrivals]
            numbers = range(1, len(arrivals) + 1)
            axes.step(arrivals, numbers, where="post", linewidth=0.5, color="gray")
            axes.plot(arrivals, numbers, linestyle="", marker="|", color="tab:blue")
            ends = [each.end for each in evidence.made() if each.end is not None]
            for end in ends:
                axes.axvline(end - start, linestyle="--", color="tab:red")
            axes.set_xlim(0, seconds)
            axes.set_ylim(bottom=0)
        rows[-1].set_xlabel("seconds since the start of the check")
        picture = BytesIO()
        figure.savefig(picture, format="svg", metadata={"Date": None})
    return picture.getvalue()


def _plain(text: str) -> str:
    # matplotlib typesets what is between dollar signs.
    return text.replace("$", r"\$")
