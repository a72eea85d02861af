"""
Compare the clock with its peers, measure it under faults at full size, and soak it.

This package needs a checkout and the extra C{bench}. It uses the servers, clients and
scenarios of the tests.
"""

from __future__ import annotations

import resource
from pathlib import Path

ROOT = Path(__file__).parent.parent


def raise_open_file_limit() -> None:
    """
    Raise the soft limit of open files to the hard limit. Child processes inherit it.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
