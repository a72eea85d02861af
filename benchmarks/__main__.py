"""
Compare the clock with its peers: C{python -m benchmarks --help}.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, cast

import psutil
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks import raise_open_file_limit, report
from benchmarks.load import MAX_CLIENTS, quantiles
from benchmarks.pages import Pages
from benchmarks.report import Run
from benchmarks.servers import (
    KINDS,
    PAGE_KINDS,
    SHAPE_KINDS,
    WEB_KINDS,
    Kind,
    add_common_options,
    available,
    process_kinds,
    start,
)

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


class LoadGenerators:
    """
    As many load generators as the clients need.
    """

    def __init__(self, port: int, clients: int, seconds: int, path: str) -> None:
        self._stack = ExitStack()
        self._programs: list[subprocess.Popen[str]] = []
        count = -(-clients // MAX_CLIENTS)
        for number in range(count):
            share = clients // count + (number < clients % count)
            arguments = [port, share, seconds, number, count, path]
            load = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.load", *map(str, arguments)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            self._programs.append(self._stack.enter_context(load))

    def __enter__(self) -> LoadGenerators:
        return self

    def __exit__(self, *exception: object) -> None:
        for program in self._programs:
            program.kill()
        self._stack.close()

    @property
    def processes(self) -> list[psutil.Process]:
        """
        The processes of the load generators.
        """
        return [psutil.Process(program.pid) for program in self._programs]

    def lines(self) -> list[str]:
        """
        Wait for one line from each load generator.
        """
        lines = [cast(IO[str], each.stdout).readline() for each in self._programs]
        if not all(lines):
            raise SystemExit("a load generator has ended")
        return lines

    def begin(self) -> None:
        """
        When all clients are served, let all load generators begin at the same time, in
        the middle of a second.
        """
        self.lines()
        begin = time.monotonic() + 2 + (0.5 - time.time()) % 1
        for program in self._programs:
            stdin = cast(IO[str], program.stdin)
            stdin.write(f"{begin}\n")
            stdin.flush()
        self.lines()

    def result(self) -> dict[str, Any]:
        """
        Return the results of all load generators together.
        """
        results = [json.loads(line) for line in self.lines()]
        total = {
            name: sum((each[name] for each in results), type(value)())
            for name, value in results[0].items()
        }
        return {
            name: quantiles(value) if isinstance(value, list) else value
            for name, value in total.items()
        }


def measure(kind: Kind, clients: int, pages: int, seconds: int, folder: Path) -> Run:
    """
    Start a server, and measure it before and after the load.
    """
    with start(kind, folder) as (servers, port, web):
        processes = [psutil.Process(server.process.pid) for server in servers]

        def memory() -> int:
            return sum(server.memory() for server in servers)

        def cpu() -> float:
            return sum(server.cpu() for server in servers)

        def times() -> tuple[float, float]:
            every = [process.cpu_times() for process in processes]
            return sum(each.user for each in every), sum(each.system for each in every)

        empty = memory()
        opened = Pages(web, pages if web else 0)
        with LoadGenerators(port, clients, seconds, kind.path) as load:
            measured = [*processes, *load.processes]
            load.begin()
            before, full, began = times(), memory(), cpu()
            noise, events = others(*measured), opened.events
            load.lines()
            used, after = cpu() - began, times()
            noise, events = others(*measured) - noise, opened.events - events
            seen = load.result()
    each = 1e6 * used / seen["lines"]
    # The resolution of user and system time is 10 ms.
    user, system = after[0] - before[0], after[1] - before[1]
    part = user / ((user + system) or 1)
    return Run(
        kind=kind.name,
        clients=clients,
        user=each * part,
        system=each * (1 - part),
        cores=used / seconds,
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
    what.add_argument(
        "--shapes",
        action="store_true",
        help="compare the clock's own event streams of several shapes",
    )
    what.add_argument(
        "--processes",
        type=int,
        default=1,
        metavar="N",
        help="measure the clock alone, with N processes on one port (--reuse-port)",
    )
    parser.add_argument(
        "--seconds",
        type=int,
        default=10,
        help="seconds to measure each server (default: 10)",
    )
    add_common_options(parser)
    parser.add_argument(
        "--json", type=Path, help="write every run to this file, for benchmarks.plots"
    )
    arguments = parser.parse_args()
    http = arguments.http or arguments.shapes
    arguments.clients = arguments.clients or [5_000 if http else 10_000]
    arguments.kinds = KINDS
    if arguments.http:
        arguments.kinds = WEB_KINDS
    elif arguments.shapes:
        arguments.kinds = SHAPE_KINDS
    elif arguments.pages:
        arguments.kinds = PAGE_KINDS
    elif arguments.processes > 1:
        arguments.kinds = process_kinds(arguments.processes)
    return arguments


def main() -> None:
    """
    Run all servers in turn, several times, and report.
    """
    arguments = parse()
    raise_open_file_limit()
    runs: list[Run] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kinds = available(arguments.kinds, arguments.only, folder, console.print)
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
        f"{report.machine()}; {arguments.rounds} rounds of {arguments.seconds} s, "
        "medians"
    )
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(run) for run in runs]))
    console.print("; ".join(report.versions(kinds)))
    for clients in arguments.clients:
        console.print(report.table(kinds, runs, clients))


if __name__ == "__main__":
    main()
