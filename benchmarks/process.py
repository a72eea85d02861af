"""
Processes, and what this one may do.
"""

from __future__ import annotations

import resource
import time


def cpu(pid: int) -> float:
    """
    Read the CPU clock of a process of ours, in seconds: clock_getcpuclockid(3).
    """
    return time.clock_gettime((~pid << 3) | 2)


def roomy() -> None:
    """
    Allow as many open files as may be, here and in all that is started here.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
