"""
The report of C{clock-check}: a table or JSON, and the exit status.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from clock.clients.check.evidence import Evidence
from clock.clients.check.report.histogram import Percentiles
from clock.clients.check.report.path import connectionRecord, pathText
from clock.clients.check.verdict import Verdict
from clock.console.text import printable

#: The exit statuses if every stream is whole, if a stream is not whole, and if a server
#: could not be reached.
WHOLE, NOT_WHOLE, NOT_REACHED = 0, 1, 2

_COLUMNS = (
    *("stream", "first", "lines", "repeats", "skips", "lost", "disconnects"),
    *("gap p50", "p99", "max", "late p50", "p99", "max", "verdict"),
)


def exitStatus(verdicts: Sequence[Verdict]) -> int:
    """
    Return the exit status.

    @param verdicts: the verdicts on all streams.

    @return: the exit status for the worst stream.
    """
    if not all(each.reached for each in verdicts):
        return NOT_REACHED
    return NOT_WHOLE if any(each.trouble for each in verdicts) else WHOLE


def jsonReport(
    verdicts: Sequence[Verdict],
    evidence: Sequence[Evidence],
    start: float,
    seconds: float,
) -> str:
    """
    Make a report for programs.

    @param verdicts: the verdicts on all streams, in order.
    @param evidence: what was seen of each stream, in the same order.
    @param start: the steady time at which the check began, in seconds.
    @param seconds: the length of the check, in seconds.

    @return: a JSON object on several lines.
    """
    streams = [
        {
            **each._asdict(),
            "gaps": each.gaps and each.gaps._asdict(),
            "lateness": each.lateness and each.lateness._asdict(),
            "whole": not each.trouble,
            "diagnosis": [found._asdict() for found in each.diagnosis],
            "comparison": each.comparison
            and {
                **each.comparison._asdict(),
                "later": each.comparison.later._asdict(),
            },
            "path": pathText(seen),
            "connections": [
                connectionRecord(connection, start) for connection in seen.connections
            ],
        }
        for each, seen in zip(verdicts, evidence, strict=True)
    ]
    whole = exitStatus(verdicts) == WHOLE
    return json.dumps(
        {"seconds": seconds, "whole": whole, "streams": streams}, indent=2
    )


def textReport(
    verdicts: Sequence[Verdict],
    evidence: Sequence[Evidence],
    columns: int | None = None,
) -> str:
    """
    Make a report for people.

    @param verdicts: the verdicts on all streams, in order.
    @param evidence: what was seen of each stream, in the same order.
    @param columns: the width of the terminal; C{None} if this is no terminal. If the
        table is wider, columns that show nothing of any stream are left out.

    @return: a table with a row for each stream, a line about the path of each, and a
        sentence for each diagnosis. Times are in seconds.
    """
    rows = [_COLUMNS, *(_row(each) for each in verdicts)]
    lines = _table(rows)
    if columns is not None and max(map(len, lines)) > columns:
        lines = _table(_withoutEmpty(rows))
    paths = [
        f"{printable(each.name)}: {text}"
        for each in evidence
        if (text := pathText(each))
    ]
    sentences = [
        printable(f"{each.name}: {found.text}")
        for each in verdicts
        for found in each.diagnosis
    ]
    blocks = ["\n".join(each) for each in (lines, paths, sentences) if each]
    return "\n\n".join(blocks)


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    name, *numbers, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = []
    for first, *middle, last in rows:
        cells = (text.rjust(w) for text, w in zip(middle, numbers, strict=True))
        lines.append("  ".join([first.ljust(name), *cells, last]))
    return lines


def _withoutEmpty(rows: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """
    Leave out the columns of numbers of which all cells are zero or unknown.
    """
    name, *numbers, verdict = zip(*rows, strict=True)
    kept = (column for column in numbers if not {*column[1:]} <= {"0", "-"})
    return [*zip(name, *kept, verdict, strict=True)]


def _row(verdict: Verdict) -> tuple[str, ...]:
    redirect = verdict.redirectedTo and f" (redirected to {verdict.redirectedTo})"
    return (
        printable(verdict.name),
        "-" if verdict.firstLine is None else f"{verdict.firstLine:.3f}",
        *(str(count) for count in (verdict.lines, verdict.repeats, verdict.skips)),
        "-" if verdict.lost is None else str(verdict.lost),
        str(verdict.disconnects),
        *_cells(verdict.gaps),
        *_cells(verdict.lateness),
        printable(("; ".join(verdict.trouble) or "whole") + (redirect or "")),
    )


def _cells(percentiles: Percentiles | None) -> tuple[str, ...]:
    if percentiles is None:
        return ("-",) * 3
    return tuple(f"{each:.3f}" for each in percentiles)
