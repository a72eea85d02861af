"""
The global reactor, with steady time.
"""

from __future__ import annotations

import time
from typing import Any


def steadyReactor() -> Any:
    """
    Import the global reactor, and make its time steady.

    @return: the reactor.
    """
    from twisted.internet import reactor

    # Otherwise no delayed call is made for an hour when the system clock is set back by
    # an hour:
    # https://github.com/twisted/twisted/issues/2424
    reactor.seconds = time.monotonic  # type: ignore[method-assign]
    return reactor
