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
from benchmarks.pages import Pages
from benchmarks.report import Run
from benchmarks.servers import KINDS, PAGE_KINDS, WEB_KINDS, Kind, MissingError, start

console = Console(width=160)


def others(*measured: psutil.Process) -> float:
    """
    Return the CPU time of everything else on this machine, in seconds.
    """
    every = psutil.cpu_times()
    own = [process.cpu_times() for process in measured]
    return (
        every.user
        + every.nice
        + every.system
        + every.steal
        - sum(times.user + times.system for times in own)
    )


def measure(kind: Kind, clients: int, pages: int, seconds: int, folder: Path) -> Run:
    """
    Start a server, and measure it before and after the load.
    """
    server, port, web = start(kind, folder)
    with server:
        process = psutil.Process(server.process.pid)
        empty = server.memory()
        opened = Pages(web, pages if web else 0)
        load = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load"]
            + [str(each) for each in (port, clients, seconds, kind.path)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert load.stdout is not None
        with load, load.stdout:
            loading = psutil.Process(load.pid)
            load.stdout.readline()
            before, full, began = process.cpu_times(), server.memory(), server.cpu()
            noise, events = others(process, loading), opened.events
            load.stdout.readline()
            used, after = server.cpu() - began, process.cpu_times()
            noise, events = others(process, loading) - noise, opened.events - events
            seen = json.loads(load.stdout.readline())
    each = 1e6 * used / seen["lines"]
    # The resolution of user and system time is 10 ms.
    user, system = after.user - before.user, after.system - before.system
    part = user / ((user + system) or 1)
    return Run(
        kind=kind.name,
        clients=clients,
        user=each * part,
        system=each * (1 - part),
        memory=(full - empty) / clients,
        events=events / seconds / pages if web else 0,
        noise=noise / seconds / psutil.cpu_count(),
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
        help="number of clients; several runs are separated by commas "
        "(default: 10000; 5000 over HTTP)",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--http",
        action="store_true",
        help="compare event streams over HTTP instead of lines over TCP",
    )
    what.add_argument(
        "--pages",
        type=int,
        default=0,
        metavar="N",
        help="compare the clock without pages, and with N open pages",
    )
    parser.add_argument(
        "--seconds",
        type=int,
        default=10,
        help="seconds to measure each server (default: 10)",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=3,
        help="number of rounds; the medians are reported (default: 3)",
    )
    parser.add_argument(
        "--only",
        action="append",
        metavar="NAME",
        help="measure only this server; may be repeated",
    )
    parser.add_argument(
        "--json", type=Path, help="write every run to this file, for benchmarks.plots"
    )
    arguments = parser.parse_args()
    arguments.clients = arguments.clients or [5_000 if arguments.http else 10_000]
    arguments.kinds = KINDS
    if arguments.http:
        arguments.kinds = WEB_KINDS
    elif arguments.pages:
        arguments.kinds = PAGE_KINDS
    names = [kind.name for kind in arguments.kinds]
    if unknown := set(arguments.only or ()) - {*names}:
        parser.error(f"no server {', '.join(unknown)} here; use {', '.join(names)}")
    return arguments


def build(kinds: list[Kind], folder: Path) -> list[Kind]:
    """
    Build the servers. Omit each server that cannot be built.
    """
    there = []
    for kind in kinds:
        try:
            kind.command(folder)
        except MissingError as why:
            console.print(f"{kind.title} is omitted: {why}")
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
        only = arguments.only
        kinds = [k for k in arguments.kinds if k.name in (only or [k.name])]
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
                        runs.append(
                            measure(
                                kind,
                                clients,
                                arguments.pages,
                                arguments.seconds,
                                folder,
                            )
                        )
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
