"""
Say what the ends of connections have in common.

A timeout cuts each connection after the same time: since the last line if it is an
idle timeout, since the start if it limits the whole connection. A connection that
survived a longer time without a line shows that it is not an idle timeout.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from statistics import median

from clock.clients.check.history import Connection, Findings

#: How far two times of the same timeout may differ: by this many seconds, plus this
#: fraction of the time.
TOLERANCE, TOLERANCE_PART = 0.1, 0.1

#: Default timeouts of well-known proxies, in seconds.
IDLE_DEFAULTS = {
    60: "nginx, Apache and Varnish",
    300: "Envoy's streams, and of Apache in Debian",
    3600: "Envoy's TCP proxy",
}
TOTAL_DEFAULTS = {15: "Envoy's routes"}

#: By code: what happened to a connection, and what usually causes it.
KINDS = {
    "closed": (
        "closed in good order",
        "the server, or a proxy, ended it on purpose, as at a restart or a timeout",
    ),
    "reset": (
        "reset",
        "a process was killed, a device on the way, such as a firewall, did not know "
        "the connection, or the other end no longer answered",
    ),
    "cut-within-response": (
        "cut before the end of the response",
        "a proxy lost its own connection to the server, or closed it",
    ),
    "cut-within-line": (
        "closed in the middle of a line",
        "a proxy, or another kind of server, closed it before a line was complete",
    ),
    "lost": (
        "lost",
        "the host may be down, or the path to it",
    ),
}


#: A regular expression for the system's errors that concern the path to a host.
PATH_ERRORS = "(?i)timed out|no route|unreachable|is down"


def diagnoseCuts(connections: Iterable[Connection]) -> Findings:
    """
    Say how connections ended.

    @param connections: the connections of a stream.

    @return: a code and a sentence for each pattern found.
    """
    ended = [each for each in connections if each.end is not None]
    if len(ended) > 1 and (timeout := _timeout(ended)):
        yield timeout
        return
    for kind, (what, cause) in KINDS.items():
        cuts = [each for each in ended if _kind(each) == kind]
        if cuts:
            # Any other reason is of this kind, so the text includes it.
            if kind == "lost":
                what = f"lost ({cuts[-1].reason})"
            # Only an error that concerns the path has a usual cause.
            isKnown = kind != "lost" or re.search(PATH_ERRORS, cuts[-1].reason)
            usual = f": {cause}" if isKnown else ""
            yield kind, f"The connection was {what} {_when(cuts)}{usual}."


def countText(count: int) -> str:
    """
    Say how often something happened.

    @param count: the number of times.
    """
    return "once" if count == 1 else f"{count} times"


def _kind(connection: Connection) -> str:
    if "within a response" in connection.reason:
        return "cut-within-response"
    if "reset" in connection.reason:
        return "reset"
    if connection.isWithinLine:
        return "cut-within-line"
    return "closed" if connection.reason.startswith("closed") else "lost"


def _timeout(ended: Sequence[Connection]) -> tuple[str, str] | None:
    if "lost" in map(_kind, ended):
        # The reason says more than the time.
        return None
    idle, total = [*map(_idle, ended)], [*map(_total, ended)]
    longestGap = max(each.longestGap for each in ended)
    isIdle = _match(idle) and longestGap <= _most(min(idle), TOLERANCE / 5)
    kinds = {KINDS[_kind(each)][0] for each in ended}
    how = f"Each of {len(ended)} connections was {' or '.join(sorted(kinds))}"
    after = f"{median(total):.2f} s after its start"
    if isIdle and _match(total):
        return "cut-every", (
            f"{how} {after}, and {median(idle):.2f} s after its last line, if any: a "
            "timeout on the way, for idle connections or for all."
        )
    if isIdle:
        return "cut-every-idle", (
            f"{how} {median(idle):.2f} s after its last line: an idle timeout on the "
            "way is too short, such as HAProxy's timeout server or nginx's "
            f"proxy_read_timeout{_default(IDLE_DEFAULTS, median(idle))}."
        )
    if _match(total):
        return "cut-every-total", (
            f"{how} {after}, with lines or without: something on the way limits the "
            f"length of each connection{_default(TOTAL_DEFAULTS, median(total))}."
        )
    return None


def _default(defaults: dict[int, str], seconds: float) -> str:
    for default, name in defaults.items():
        if abs(seconds - default) <= default / 50:
            return f" ({default} s is the default of {name})"
    return ""


def _most(least: float, tolerance: float = TOLERANCE) -> float:
    return least * (1 + TOLERANCE_PART) + tolerance


def _match(found: Sequence[float]) -> bool:
    return max(found) <= _most(min(found))


def _total(connection: Connection) -> float:
    assert connection.end is not None
    return connection.end - connection.start


def _idle(connection: Connection) -> float:
    assert connection.end is not None
    return connection.end - (connection.lastLine or connection.start)


def _when(cuts: Sequence[Connection]) -> str:
    total, idle = [*map(_total, cuts)], [*map(_idle, cuts)]
    if len(cuts) == 1:
        return (
            f"once, {total[0]:.2f} s after its start and {idle[0]:.2f} s after its "
            "last line"
            if cuts[0].lastLine is not None
            else f"once, {total[0]:.2f} s after its start, without a line"
        )
    return f"{len(cuts)} times, {min(total):.2f} to {max(total):.2f} s after the start"
