"""
Tests for L{clock.clients.wall.picture}.
"""

from __future__ import annotations

from importlib.util import find_spec
from io import StringIO

from twisted.trial.unittest import SynchronousTestCase

from clock.clients.wall.monitor import ClockStatus, State

if find_spec("rich") is None:
    skip = "rich is not installed: pip install 'txclock[wall]'"
else:
    from rich.console import Console

    from clock.clients.wall.picture import drawTable, selectRows

#: Some clocks, one in each state.
ROWS = [
    ("Tokyo", ClockStatus(State.LIVE, "19:03:13", 0.25)),
    ("[b]London", ClockStatus(State.STALE, "10:03:10", 3.04)),
    ("Paris", ClockStatus(State.DOWN, reason="[red]refused", retryIn=2.6)),
    ("Rome", ClockStatus(State.CONNECTING)),
]


def draw(
    rows: list[tuple[str, ClockStatus]], width: int = 80, colours: bool = False
) -> str:
    """
    Draw a table. Return the text for a terminal of this width.
    """
    file = StringIO()
    Console(
        file=file,
        width=width,
        force_terminal=colours,
        color_system="standard" if colours else None,
        legacy_windows=False,
        _environ={},
    ).print(drawTable(rows, width))
    return file.getvalue()


class PictureTests(SynchronousTestCase):
    """
    The table.
    """

    def test_rows(self) -> None:
        """
        Each clock has a row, in the order given. Text is not interpreted as markup.
        """
        rows = [line.rstrip() for line in draw(ROWS).splitlines()]
        self.assertEqual(
            rows,
            [
                "clock      time         age",
                "Tokyo      19:03:13   0.2 s  live",
                "[b]London  10:03:10   3.0 s  stale",
                "Paris      down, next try in 3 s: [red]refused",
                "Rome       connecting",
            ],
        )

    def lines(self, rows: list[tuple[str, ClockStatus]], width: int) -> list[str]:
        """
        Draw a table. Return its lines without trailing spaces.
        """
        return [line.rstrip() for line in draw(rows, width).splitlines()]

    def test_narrow(self) -> None:
        """
        In a narrow window the reason why a clock is down is truncated first, then the
        names. Each clock still has one row with its state.
        """
        rows = [
            *ROWS,
            ("Production-Frankfurt", ClockStatus(State.DOWN, reason="refused")),
        ]
        self.assertEqual(
            self.lines(rows, 40),
            [
                "clock            time         age",
                "Tokyo            19:03:13   0.2 s  live",
                "[b]London        10:03:10   3.0 s  stale",
                "Paris            down, next try in 3 s:…",
                "Rome             connecting",
                "Production-Fra…  down, next try in 0 s:…",
            ],
        )

    def test_veryNarrow(self) -> None:
        """
        In a narrower window the ages are omitted, and then the times.
        """
        self.assertEqual(
            self.lines(ROWS, 28),
            [
                "clock      time",
                "Tokyo      19:03:13  live",
                "[b]London  10:03:10  stale",
                "Paris      down, next try i…",
                "Rome       connecting",
            ],
        )
        self.assertEqual(
            self.lines(ROWS, 18),
            [
                "clock",
                "Tokyo   live",
                "[b]Lo…  stale",
                "Paris   down, nex…",
                "Rome    connecting",
            ],
        )

    def test_anyWidth(self) -> None:
        """
        At any width, each clock has one row that fits. It shows the state if the width
        allows it.
        """
        ages = [*ROWS, ("n" * 40, ClockStatus(State.STALE, "t" * 40, 12345.6))]
        for width in range(1, 120):
            lines = self.lines(ages, width)
            self.assertEqual(len(lines), 6)
            self.assertLessEqual(max(map(len, lines)), width)
            if width >= 13:
                for line, (_, status) in zip(lines[1:], ages, strict=True):
                    self.assertIn(f"  {status.state.value}", line)

    def test_longTexts(self) -> None:
        """
        Names and times share the width of the window: each may use the width that the
        other does not need.
        """
        first, second = "Production-Frankfurt-1", "Production-Frankfurt-2"
        two = [
            (each, ClockStatus(State.LIVE, "19:03:13", 1)) for each in (first, second)
        ]
        lines = self.lines(two, 50)
        self.assertEqual(lines[1], f"{first}  19:03:13   1.0 s  live")
        self.assertEqual(lines[2], f"{second}  19:03:13   1.0 s  live")
        long = [("n" * 99, ClockStatus(State.LIVE, "t" * 99, 1))]
        line = f"{'n' * 30}…  {'t' * 31}…   1.0 s  live"
        self.assertEqual(self.lines(long, 80)[1], line)
        long = [("name", ClockStatus(State.LIVE, "t" * 99, 1))]
        line = f"name   {'t' * 57}…   1.0 s  live"
        self.assertEqual(self.lines(long, 80)[1], line)

    def test_wideCharacters(self) -> None:
        """
        A character that is two columns wide counts as two.
        """
        rows = [
            ("東京", ClockStatus(State.LIVE, "19:03:13", 1)),
            ("x", ClockStatus(State.CONNECTING)),
        ]
        self.assertEqual(
            self.lines(rows, 40)[1:],
            ["東京   19:03:13   1.0 s  live", "x      connecting"],
        )

    def test_selectRows(self) -> None:
        """
        If the window is too small for all clocks, live ones are hidden first. The
        others stay in order, and the hidden ones are counted.
        """
        live = [
            (f"Live{each}", ClockStatus(State.LIVE, "19:03:13", 1)) for each in range(4)
        ]
        rows = [*live[:3], *ROWS[1:], live[3]]
        shown, rest = selectRows(rows, 4)
        self.assertEqual(shown, [live[0], *ROWS[1:]])
        self.assertEqual(rest, "(3 more: 3 live)")
        shown, rest = selectRows(rows, 1)
        self.assertEqual(shown, [ROWS[1]])
        self.assertEqual(rest, "(6 more: 1 down, 4 live, 1 connecting)")

    def test_styles(self) -> None:
        """
        A stale time is dimmed, and each state has its colour.
        """
        _, live, stale, down, connecting = draw(ROWS, colours=True).splitlines()
        self.assertIn("\x1b[1m19:03:13", live)
        self.assertIn("\x1b[2m10:03:10", stale)
        for row, colour in [(live, 32), (stale, 33), (down, 31), (connecting, 33)]:
            self.assertIn(f"\x1b[{colour}m", row)
