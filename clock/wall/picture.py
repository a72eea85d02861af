"""
What the wall looks like: a line for each clock, in columns.

Names and times share the room that the age and the state leave. rich has tables, but
none in which a clock without a time can say why in the place of several columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from clock.wall.watch import Look, State

#: The least width of a name, of a time and of an age, and the space after each.
NAME, TIME, AGE, SPACE = 5, 8, 6, 2

#: The width of the state of a clock that has a time to show, and of any state.
SHORT, LONG = len("stale"), len("connecting")

_STYLES = {
    State.CONNECTING: "yellow",
    State.LIVE: "green",
    State.STALE: "yellow",
    State.DOWN: "red",
}


def choose(
    rows: Sequence[tuple[str, Look]], room: int
) -> tuple[list[tuple[str, Look]], str]:
    """
    Choose what to show where there is not room for all: clocks that are live last.

    @param rows: the name of each clock, and how it is.
    @param room: how many can be shown.

    @return: those that are shown, in order, and how the others are, in words.
    """
    order = sorted(range(len(rows)), key=lambda row: rows[row][1].state is State.LIVE)
    states = Counter(rows[row][1].state for row in order[room:])
    counts = [f"{states[each]} {each.value}" for each in State if states[each]]
    rest = f"({len(order[room:])} more: {', '.join(reversed(counts))})"
    return [rows[row] for row in sorted(order[:room])], rest


def picture(rows: Sequence[tuple[str, Look]], width: int) -> Text:
    """
    Draw some clocks.

    @param rows: the name of each, and how it is.
    @param width: the width of the window, in columns.

    @return: as many lines, and a heading. The state is always to be seen; what there
        is not room for ends in an ellipsis.
    """
    widths = _widths(rows, width)
    lines = [_line(["clock", "time", f"{'age':>{widths[2]}}"], ["dim"] * 3, widths)]
    for name, look in rows:
        if look.state in (State.LIVE, State.STALE):
            age = f"{look.age:.1f} s".rjust(widths[2])
            styles = ["bold", "bold", "dim"]
            if look.state is State.STALE:
                styles = ["bold", "dim", ""]
            line = _line([name, look.shown, age], styles, widths)
        else:
            # It has no time: there is room to say why.
            line = _line([name], ["bold"], widths)
        lines.append(line.append(look.words(), style=_STYLES[look.state]))
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return Text("\n", no_wrap=True).join(lines)


def _widths(rows: Sequence[tuple[str, Look]], width: int) -> tuple[int, int, int]:
    """
    Tell how wide the names, the times and the ages are. Names and times share what the
    state and the age leave; in a very narrow window there is no age, or no time either.
    """
    name = max([NAME, *(cell_len(name) for name, _ in rows)])
    time = max([TIME, *(cell_len(look.shown) for _, look in rows)])
    age = max([AGE, *(len(f"{look.age or 0:.1f} s") for _, look in rows)])
    room = width - 2 * SPACE - SHORT
    if room - age - SPACE >= NAME + TIME:
        room -= age + SPACE
    else:
        age = 0
    if room < NAME + TIME:
        return max(1, min(name, width - SPACE - LONG)), 0, 0
    name = min(name, max(room - time, min(room // 2, room - TIME)))
    return name, min(time, room - name), age


def _line(texts: Sequence[str], styles: Sequence[str], widths: Sequence[int]) -> Text:
    """
    Put texts into columns of these widths; a column of no width is left out.
    """
    line = Text()
    for text, style, width in zip(texts, styles, widths, strict=False):
        if width:
            cell = Text(text, style=style)
            cell.truncate(width, overflow="ellipsis", pad=True)
            line.append_text(cell).append(" " * SPACE)
    return line
