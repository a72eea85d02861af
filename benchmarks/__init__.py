"""
The clock beside its peers, and under every fault, at full size.

All of it needs a checkout and the extra C{bench}. Servers, clients and scenarios are
those of the tests.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

sys.path.insert(0, str(ROOT / "tests"))


def raise_open_file_limit() -> None:
    """
    Allow as many open files as the system does, here and in what is started here.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
