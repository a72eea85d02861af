"""
The server under faults: peers that vanish, stop reading, flood or half-close, and too
many clients.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.harness.scenarios import SCENARIOS

TABLE = Path(__file__).parents[2] / "docs" / "reliability.rst"


@pytest.mark.parametrize("name", SCENARIOS)
def test_fault(name: str) -> None:
    """
    The server passes each scenario at a small size.
    """
    print(SCENARIOS[name].run())


def test_documented() -> None:
    """
    The table of results has a row for each scenario.
    """
    assert re.findall(r"^     - ``(\w+)``$", TABLE.read_text("utf-8"), re.M) == [
        *SCENARIOS
    ]
