"""
Deadlines, which a busy machine extends, and the times that lines show.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable
from itertools import pairwise

#: The unit of all times in these tests, in seconds. Set C{CLOCK_TEST_UNIT} to a higher
#: value on a slow machine.
UNIT = float(os.environ.get("CLOCK_TEST_UNIT", "1"))
if "PYTEST_XDIST_WORKER" in os.environ:
    # Other tests run at the same time.
    UNIT *= 2

#: Seconds to wait for anything before the test fails.
DEADLINE = 15 * UNIT

#: The greatest age of a line on arrival, in seconds, on a busy machine. (The benchmarks
#: measure the age on an idle one.)
LATE = 0.3 * UNIT

#: A line in the default format.
LINE = re.compile(rb"[0-2]\d:[0-5]\d:[0-6]\d\n")


def wait_until(condition: Callable[[], bool]) -> None:
    """
    Wait until a condition is true.
    """
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def second_of_day(line: bytes) -> int:
    """
    Read a line, C{HH:MM:SS}.
    """
    hours, minutes, seconds = line.strip().split(b":")
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds)


def age(line: bytes, now: float) -> float:
    """
    Return the age of a line: seconds since the start of the second that it shows.
    """
    local = now + time.localtime(now).tm_gmtoff
    return (local - second_of_day(line) + 43_200) % 86_400 - 43_200


def steps(lines: Iterable[bytes]) -> list[int]:
    """
    Return the seconds from each line to the next: all 1, if none is skipped or
    repeated.
    """
    shown = [second_of_day(line) for line in lines]
    return [(after - before) % 86_400 for before, after in pairwise(shown)]
