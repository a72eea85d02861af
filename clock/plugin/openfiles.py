"""
The limit of open files, from which the limit of clients is derived.

A process without a free file descriptor can neither accept a connection nor refuse it,
and the listening socket stays readable. The limit of clients is therefore a little
below the limit of open files.
"""

from __future__ import annotations

import resource

#: The highest limit of clients that can be set.
MAX_CLIENTS = 2**20

#: The number of file descriptors that the limit of clients leaves free: for listening
#: sockets, logs and the reactor, and for clients that are accepted before the clients
#: that were evicted for them are closed.
RESERVED_FILES = 128


def raiseOpenFileLimit(reactorName: str) -> int:
    """
    Raise this process's soft limit of open files to the hard limit.

    @param reactorName: the name of the reactor's class: C{SelectReactor} cannot watch
        descriptors above 1,023.

    @return: the number of files that may be open, L{MAX_CLIENTS} at most.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = MAX_CLIENTS if hard == resource.RLIM_INFINITY else min(hard, MAX_CLIENTS)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        except (ValueError, OSError):
            # Some systems allow less than the hard limit that they report.
            allowed = soft
    return min(allowed, 1024) if reactorName == "SelectReactor" else allowed
