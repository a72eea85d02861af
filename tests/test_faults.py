"""
What must not knock the server over: vanished, stuck, flooding, half-closed peers,
and too many of them.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scenarios import SCENARIOS

TABLE = Path(__file__).parent.parent / "docs" / "reliability.rst"


@pytest.mark.parametrize("name", SCENARIOS)
def test_fault(name: str) -> None:
    """
    The server stands each at a size for every day.
    """
    print(SCENARIOS[name].run())


def test_documented() -> None:
    """
    The table of what was seen has a row for each.
    """
    assert re.findall(r"^     - ``(\w+)``$", TABLE.read_text(), re.M) == [*SCENARIOS]
