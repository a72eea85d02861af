"""
Standard output, and the end, of the commands that read clocks.
"""

from __future__ import annotations

import os
from typing import NoReturn


def writeAll(data: bytes) -> None:
    """
    Write to standard output at once, and wait until all is written.

    @param data: any bytes.

    @raise OSError: if standard output takes no more.
    """
    while data:
        data = data[os.write(1, data) :]


def endNow(status: int) -> NoReturn:
    """
    End at once: the reactor's own end waits for threads that ask for a host's
    address, and those may take their time. What L{writeAll} has not written is not
    written any more.

    @param status: the exit status.
    """
    os._exit(status)
