"""
Standard output, and the end, of the commands that read clocks.
"""

from __future__ import annotations

import os
import select
import sys
from typing import NoReturn


def writeAll(data: bytes) -> None:
    """
    Write to standard output at once, and wait until all is written.

    @param data: any bytes.

    @raise OSError: if standard output takes no more.
    """
    while data:
        try:
            data = data[os.write(1, data) :]
        except BlockingIOError:
            # Whoever shares it may have made it so.
            select.select([], [1], [])


def encoded(text: str, lacking: str = "backslashreplace") -> bytes:
    """
    Encode text for standard output.

    @param text: any text.
    @param lacking: what becomes of that which the output's encoding lacks, as the
        name of an error handler: by default it is escaped.

    @return: the bytes.
    """
    return text.encode(sys.stdout.encoding or "utf-8", lacking)


def endNow(status: int) -> NoReturn:
    """
    End at once: the reactor's own end waits for threads that ask for a host's
    address, and those may take their time. What L{writeAll} has not written is not
    written any more.

    @param status: the exit status.
    """
    os._exit(status)
