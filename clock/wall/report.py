"""
What C{--check} says in the end.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from clock.wall.judge import Verdict
from clock.wall.spread import Spread
from clock.wording import printable

#: The exit status where every stream was whole, where one was not, and where one
#: could not be reached.
WHOLE, BROKEN, UNREACHED = 0, 1, 2

_COLUMNS = (
    *("clock", "lines", "repeats", "skips", "lost", "disconnects"),
    *("gap p50", "p99", "max", "late p50", "p99", "max", "verdict"),
)


def status(verdicts: Sequence[Verdict]) -> int:
    """
    Sum up.

    @param verdicts: of all streams.

    @return: the exit status.
    """
    if not all(each.reached for each in verdicts):
        return UNREACHED
    return BROKEN if any(each.trouble for each in verdicts) else WHOLE


def jsonReport(verdicts: Sequence[Verdict], seconds: float) -> str:
    """
    Report for programs.

    @param verdicts: of all streams, in order.
    @param seconds: how long they were judged.

    @return: a JSON object on several lines.
    """
    clocks = [
        {
            **each._asdict(),
            "gaps": each.gaps and each.gaps._asdict(),
            "lateness": each.lateness and each.lateness._asdict(),
            "whole": not each.trouble,
        }
        for each in verdicts
    ]
    whole = status(verdicts) == WHOLE
    return json.dumps({"seconds": seconds, "whole": whole, "clocks": clocks}, indent=2)


def textReport(verdicts: Sequence[Verdict]) -> str:
    """
    Report for people.

    @param verdicts: of all streams, in order.

    @return: a table, a line for each stream; times are in seconds.
    """
    rows = [_COLUMNS, *(_row(each) for each in verdicts)]
    name, *numbers, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = []
    for first, *middle, last in rows:
        cells = (text.rjust(w) for text, w in zip(middle, numbers, strict=True))
        lines.append("  ".join([first.ljust(name), *cells, last]))
    return "\n".join(lines)


def _row(verdict: Verdict) -> tuple[str, ...]:
    return (
        printable(verdict.name),
        *(str(count) for count in (verdict.lines, verdict.repeats, verdict.skips)),
        "-" if verdict.lost is None else str(verdict.lost),
        str(verdict.disconnects),
        *_cells(verdict.gaps),
        *_cells(verdict.lateness),
        printable("; ".join(verdict.trouble)) or "whole",
    )


def _cells(spread: Spread | None) -> tuple[str, ...]:
    return ("-",) * 3 if spread is None else tuple(f"{each:.3f}" for each in spread)
