"""
Measure the server under faults, at full size: C{python -m benchmarks.faults --help}.

The scenarios are those of C{tests/server/test_faults.py}.
"""

from __future__ import annotations

import argparse
import sys

import pytest
from rich.console import Console
from rich.table import Table

from benchmarks import raise_open_file_limit
from tests.harness.scenarios import SCENARIOS


def main() -> None:
    """
    Run the scenarios on the command line, or all.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.faults",
        description="Measure the server under each fault, or under these: "
        + ", ".join(SCENARIOS),
    )
    parser.add_argument("name", nargs="*", help="name of a fault (default: all)")
    names = parser.parse_args().name or [*SCENARIOS]
    if unknown := set(names) - SCENARIOS.keys():
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    raise_open_file_limit()
    console = Console()
    table = Table("fault", "result", "name", show_lines=True)
    failed = False
    with console.status("") as status:
        for name in names:
            scenario = SCENARIOS[name]
            status.update(scenario.title)
            try:
                seen = scenario.run(**scenario.full)
            except (AssertionError, pytest.skip.Exception):
                console.print_exception()
                seen, failed = "failed, see above", True
            table.add_row(scenario.title, seen, name)
    console.print(table)
    sys.exit(failed)


if __name__ == "__main__":
    main()
