"""
Tests of the examples in the documents.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from processes import DEADLINE, command

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"


def test_own_clock(tmp_path: Path) -> None:
    """
    The example of a unit test passes.
    """
    done = subprocess.run(
        [command("trial"), str(EXAMPLES / "test_own_clock.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert "PASSED (successes=1)" in done.stdout, done.stdout + done.stderr
