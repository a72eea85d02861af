"""
The table of the wall: a row for each clock.

The columns of ages and states have fixed widths. Names and times share the rest of the
width. A table of rich is not used: in it, the reason why a clock is down could not span
several columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from clock.clients.wall.monitor import ClockStatus, State

#: The minimum widths of a name, a time and an age, and the space after each.
MIN_NAME, MIN_TIME, MIN_AGE, SPACE = 5, 8, 6, 2

#: The width of the state of a clock that has a time to show, and of any state.
SHORT_STATE, ANY_STATE = len("stale"), len("connecting")

_STYLES = {
    State.CONNECTING: "yellow",
    State.LIVE: "green",
    State.STALE: "yellow",
    State.DOWN: "red",
}


def selectRows(
    rows: Sequence[tuple[str, ClockStatus]], room: int
) -> tuple[list[tuple[str, ClockStatus]], str]:
    """
    Select the rows to show in a window that is too small for all. Live clocks are
    hidden first.

    @param rows: the name and the status of each clock.
    @param room: the number of rows that can be shown.

    @return: the selected rows, in order, and a summary of the hidden ones.
    """
    order = sorted(range(len(rows)), key=lambda row: rows[row][1].state is State.LIVE)
    states = Counter(rows[row][1].state for row in order[room:])
    counts = [f"{states[each]} {each.value}" for each in State if states[each]]
    summary = f"({len(order[room:])} more: {', '.join(reversed(counts))})"
    return [rows[row] for row in sorted(order[:room])], summary


def drawTable(rows: Sequence[tuple[str, ClockStatus]], width: int) -> Text:
    """
    Draw the table.

    @param rows: the name and the status of each clock.
    @param width: the width of the window, in columns.

    @return: a heading, and a line for each row. A text that is too long ends in an
        ellipsis. The state is shown in full wherever possible.
    """
    widths = _widths(rows, width)
    lines = [_line(["clock", "time", f"{'age':>{widths[2]}}"], ["dim"] * 3, widths)]
    for name, status in rows:
        if status.state in (State.LIVE, State.STALE):
            age = f"{status.age:.1f} s".rjust(widths[2])
            styles = ["bold", "bold", "dim"]
            if status.state is State.STALE:
                styles = ["bold", "dim", ""]
            line = _line([name, status.text, age], styles, widths)
        else:
            # Without a time, the state uses the columns of the time and the age.
            line = _line([name], ["bold"], widths)
        lines.append(line.append(status.describe(), style=_STYLES[status.state]))
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return Text("\n", no_wrap=True).join(lines)


def _widths(
    rows: Sequence[tuple[str, ClockStatus]], width: int
) -> tuple[int, int, int]:
    """
    Return the widths of the names, the times and the ages. A narrow window shows no
    ages, and a very narrow one no times either: their width is 0.
    """
    name = max([MIN_NAME, *(cell_len(name) for name, _ in rows)])
    time = max([MIN_TIME, *(cell_len(status.text) for _, status in rows)])
    age = max([MIN_AGE, *(len(f"{status.age or 0:.1f} s") for _, status in rows)])
    room = width - 2 * SPACE - SHORT_STATE
    if room - age - SPACE >= MIN_NAME + MIN_TIME:
        room -= age + SPACE
    else:
        age = 0
    if room < MIN_NAME + MIN_TIME:
        return max(1, min(name, width - SPACE - ANY_STATE)), 0, 0
    name = min(name, max(room - time, min(room // 2, room - MIN_TIME)))
    return name, min(time, room - name), age


def _line(texts: Sequence[str], styles: Sequence[str], widths: Sequence[int]) -> Text:
    """
    Put texts into columns of these widths. A column of width 0 is omitted.
    """
    line = Text()
    for text, style, width in zip(texts, styles, widths, strict=False):
        if width:
            cell = Text(text, style=style)
            cell.truncate(width, overflow="ellipsis", pad=True)
            line.append_text(cell).append(" " * SPACE)
    return line
