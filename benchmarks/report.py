"""
Report the runs in a table.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from statistics import median

import psutil
from rich.table import Table

from benchmarks.load import PER_MILLE
from benchmarks.servers import Kind


@dataclass
class Run:
    """
    The result of one server under one load.

    @ivar user: CPU time of the server for one line in user mode, in microseconds.
    @ivar system: the same in the kernel.
    @ivar cores: CPU time of all processes of the server, in seconds per second.
    @ivar memory: resident memory for one client, in bytes.
    @ivar first: quantiles of the time to the first line, in milliseconds.
    @ivar ages: quantiles of the age on arrival, in milliseconds.
    @ivar gaps: number of events with an C{id} that did not follow that of the last
        event.
    @ivar events: status events for each page, per second.
    @ivar noise: share of all CPUs that other programs used meanwhile.
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
    gaps: int = 0
    events: float = 0
    noise: float = 0
    cores: float = 0


def machine() -> str:
    """
    Return the date, the system, the number of CPUs and the version of Python.
    """
    return (
        f"{time.strftime('%Y-%m-%d')}, {platform.platform()}, {psutil.cpu_count()} "
        f"CPUs, Python {platform.python_version()}"
    )


def versions(kinds: list[Kind]) -> Iterator[str]:
    """
    Return the versions of the compared programs.
    """
    for package in (
        *("txclock", "Twisted", "uvloop"),
        *("aiohttp", "starlette", "uvicorn", "httptools"),
    ):
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            continue
    for command in (["go", "version"], ["cc", "--version"], ["node", "--version"]):
        if shutil.which(command[0]):
            output = subprocess.run(command, capture_output=True, text=True).stdout
            yield f"{command[0]}: {output.splitlines()[0]}"


def of(runs: list[Run], kind: str, clients: int) -> list[Run]:
    """
    Select the runs of one server under one load.
    """
    return [run for run in runs if (run.kind, run.clients) == (kind, clients)]


def cost(run: Run) -> float:
    """
    Return the CPU time of one line, in microseconds.
    """
    return run.user + run.system


def quantile(values: list[float], per_mille: int) -> float:
    """
    Return one quantile of a distribution.
    """
    return values[PER_MILLE.index(per_mille)]


def ratio(runs: list[Run], kind: str, clients: int) -> float:
    """
    Return the median ratio of the clock's cost to a peer's, over all rounds.
    """
    pairs = zip(of(runs, "ours", clients), of(runs, kind, clients), strict=True)
    return median(cost(our) / cost(their) for our, their in pairs)


def table(kinds: list[Kind], runs: list[Run], clients: int) -> Table:
    """
    Put the medians of all rounds in a table. Columns that contain only zeros are
    omitted.
    """
    ran = [of(runs, kind.name, clients) for kind in kinds]
    columns = {
        "CPU per line\nµs": [f"{median(map(cost, each)):.1f}" for each in ran],
        "user\nµs": [f"{median(run.user for run in each):.1f}" for each in ran],
        "system\nµs": [f"{median(run.system for run in each):.1f}" for each in ran],
    }
    if any(kind.processes > 1 for kind in kinds):
        columns["cores\nin all"] = [
            f"{median(run.cores for run in each):.2f}" for each in ran
        ]
    elif any(kind.name == "ours" for kind in kinds):
        columns["ours\n/ its"] = [
            f"{ratio(runs, kind.name, clients):.2f}" for kind in kinds
        ]
    columns["memory per\nclient, KB"] = [
        f"{median(run.memory for run in each) / 1000:.2f}" for each in ran
    ]
    for title, part in (("p50", 500), ("p99", 990), ("max", 1000)):
        columns[f"age {title}\nms"] = [
            f"{median(quantile(run.ages, part) for run in each):.1f}" for each in ran
        ]
    columns["first line\np50, ms"] = [
        f"{median(quantile(run.first, 500) for run in each):.2f}" for each in ran
    ]
    for title in ("repeats", "skips", "lost", "gaps", "lines"):
        columns[title] = [
            f"{sum(getattr(run, title) for run in each):,}" for each in ran
        ]
    columns["page\nevents/s"] = [
        f"{median(run.events for run in each):.1f}" for each in ran
    ]
    columns["other\nload, %"] = [
        f"{100 * median(run.noise for run in each):.0f}" for each in ran
    ]
    for title in ("lost", "gaps", "page\nevents/s"):
        if not any(float(each.replace(",", "")) for each in columns[title]):
            del columns[title]
    shown = Table(title=f"{clients:,} clients")
    shown.add_column("server", no_wrap=True)
    for title in columns:
        shown.add_column(title, justify="right")
    for kind, *row in zip(kinds, *columns.values(), strict=True):
        shown.add_row(kind.title, *row)
    return shown
