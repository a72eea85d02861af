"""
Compare the clock with its peers: C{python -m benchmarks --help}.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import psutil
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks import raise_open_file_limit, report
from benchmarks.report import Run
from benchmarks.servers import KINDS, Kind, MissingError, start

console = Console(width=160)


def measure(kind: Kind, clients: int, seconds: int, folder: Path) -> Run:
    """
    Start a server, load it, and look at it before and after.
    """
    server, port = start(kind, folder)
    with server:
        process = psutil.Process(server.process.pid)
        empty = server.memory()
        load = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load"]
            + [str(number) for number in (port, clients, seconds)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert load.stdout is not None
        with load, load.stdout:
            load.stdout.readline()
            before, full, began = process.cpu_times(), server.memory(), server.cpu()
            load.stdout.readline()
            used, after = server.cpu() - began, process.cpu_times()
            seen = json.loads(load.stdout.readline())
    each = 1e6 * used / seen["lines"]
    # The parts are known in hundredths of a second only.
    user, system = after.user - before.user, after.system - before.system
    part = user / ((user + system) or 1)
    return Run(
        kind=kind.name,
        clients=clients,
        user=each * part,
        system=each * (1 - part),
        memory=(full - empty) / clients,
        **seen,
    )


def parse() -> argparse.Namespace:
    """
    Read the command line.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Compare the clock with its peers."
    )
    parser.add_argument(
        "--clients",
        type=lambda text: [int(part) for part in text.split(",")],
        default=[10_000],
        help="how many at a time; several numbers, with commas (10000)",
    )
    parser.add_argument(
        "--seconds", type=int, default=10, help="how long to measure each (10)"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="how often, in turn; medians count (3)"
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=[kind.name for kind in KINDS],
        help="leave the others out; may be repeated",
    )
    parser.add_argument(
        "--json", type=Path, help="write every run to this file, for benchmarks.plots"
    )
    return parser.parse_args()


def build(kinds: list[Kind], folder: Path) -> list[Kind]:
    """
    Build what has to be built, and leave out what cannot be.
    """
    there = []
    for kind in kinds:
        try:
            kind.command(folder)
        except MissingError as why:
            console.print(f"{kind.title} is left out: {why}")
        else:
            there.append(kind)
    return there


def main() -> None:
    """
    Run all servers in turn, several times, and report.
    """
    arguments = parse()
    raise_open_file_limit()
    runs: list[Run] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kinds = [k for k in KINDS if k.name in (arguments.only or [k.name])]
        kinds = build(kinds, folder)
        columns = (
            TextColumn("{task.description:<34}"),
            BarColumn(),
            TimeRemainingColumn(),
        )
        total = len(kinds) * len(arguments.clients) * arguments.rounds
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("", total=total)
            for _ in range(arguments.rounds):
                for clients in arguments.clients:
                    for kind in kinds:
                        what = f"{kind.title}, {clients:,} clients"
                        progress.update(task, description=what)
                        runs.append(measure(kind, clients, arguments.seconds, folder))
                        progress.advance(task)
    console.print(
        f"{time.strftime('%Y-%m-%d')}, {platform.platform()}, {psutil.cpu_count()} "
        f"CPUs, Python {platform.python_version()}; {arguments.rounds} rounds of "
        f"{arguments.seconds} s, medians"
    )
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(run) for run in runs]))
    console.print("; ".join(report.versions(kinds)))
    for clients in arguments.clients:
        console.print(report.table(kinds, runs, clients))


if __name__ == "__main__":
    main()
