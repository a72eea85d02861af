"""
What the runs amount to: a table.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from statistics import median

from rich.table import Table

from benchmarks.load import PER_MILLE
from benchmarks.servers import Kind


@dataclass
class Run:
    """
    What one server did under one load.

    @ivar user: CPU time of the server for one line, in microseconds.
    @ivar system: the kernel's part of it.
    @ivar memory: resident memory for one client, in bytes.
    @ivar first: quantiles of the time to the first line, in milliseconds.
    @ivar ages: quantiles of the age on arrival, in milliseconds.
    """

    kind: str
    clients: int
    user: float
    system: float
    memory: float
    lines: int
    repeats: int
    skips: int
    lost: int
    first: list[float]
    ages: list[float]


def versions(kinds: list[Kind]) -> Iterator[str]:
    """
    Name the versions of what was compared.
    """
    for package in ("clock", "Twisted", "uvloop"):
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            continue
    for command in (["go", "version"], ["cc", "--version"]):
        if shutil.which(command[0]):
            said = subprocess.run(command, capture_output=True, text=True).stdout
            yield said.splitlines()[0]


def of(runs: list[Run], kind: str, clients: int) -> list[Run]:
    """
    Pick the runs of one server under one load.
    """
    return [run for run in runs if (run.kind, run.clients) == (kind, clients)]


def cost(run: Run) -> float:
    """
    Sum the CPU time of one line up, in microseconds.
    """
    return run.user + run.system


def quantile(values: list[float], per_mille: int) -> float:
    """
    Read one quantile of a distribution.
    """
    return values[PER_MILLE.index(per_mille)]


def ratio(runs: list[Run], kind: str, clients: int) -> float:
    """
    Compare our cost with a peer's, round by round.
    """
    pairs = zip(of(runs, "ours", clients), of(runs, kind, clients), strict=True)
    return median(cost(our) / cost(their) for our, their in pairs)


def table(kinds: list[Kind], runs: list[Run], clients: int) -> Table:
    """
    Put the medians of all rounds in a table.
    """
    shown = Table(title=f"{clients:,} clients")
    shown.add_column("server")
    for column in (
        "CPU per line\nµs",
        "user\nµs",
        "system\nµs",
        "ours\n/ its",
        "memory per\nclient, KB",
        "age p50\nms",
        "age p99\nms",
        "age max\nms",
        "first line\np50, ms",
        "repeats",
        "skips",
        "lines",
    ):
        shown.add_column(column, justify="right")
    with_ours = any(kind.name == "ours" for kind in kinds)
    for kind in kinds:
        ran = of(runs, kind.name, clients)
        shown.add_row(
            kind.title,
            f"{median(cost(run) for run in ran):.1f}",
            f"{median(run.user for run in ran):.1f}",
            f"{median(run.system for run in ran):.1f}",
            f"{ratio(runs, kind.name, clients):.2f}" if with_ours else "",
            f"{median(run.memory for run in ran) / 1000:.2f}",
            *(
                f"{median(quantile(run.ages, part) for run in ran):.1f}"
                for part in (500, 990, 1000)
            ),
            f"{median(quantile(run.first, 500) for run in ran):.2f}",
            f"{sum(run.repeats for run in ran):,}",
            f"{sum(run.skips for run in ran):,}",
            f"{sum(run.lines for run in ran):,}",
        )
    return shown
