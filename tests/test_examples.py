"""
The examples of the documents do what is said of them.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from processes import DEADLINE, command

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"


def test_own_clock(tmp_path: Path) -> None:
    """
    The test of one's own program runs, and passes.
    """
    done = subprocess.run(
        [command("trial"), str(EXAMPLES / "test_own_clock.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert "PASSED (successes=1)" in done.stdout, done.stdout + done.stderr
