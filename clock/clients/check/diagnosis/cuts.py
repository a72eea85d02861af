"""
Say how connections ended, and what the ends have in common.

A timeout cuts each connection after the same time: since the last byte if it is an idle
timeout, since the start if it limits the whole connection. A connection that survived a
longer time without a byte shows that it is not an idle timeout. If the other side ended
the stream, and nothing is missing, no timeout is looked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from clock.clients.check.connection import Connection
from clock.clients.check.diagnosis.timeouts import IDLE, TOTAL, defaultText
from clock.clients.check.diagnosis.words import Findings, countText
from clock.clients.reading.ends import CLOSE_CODES, End, How

#: How far two times of the same timeout may differ: by this many seconds, plus this
#: fraction of the time.
TOLERANCE, TOLERANCE_PART = 0.1, 0.1

#: By kind: the code, what happened, and what usually causes it.
KINDS = {
    How.CLOSED: (
        "closed",
        "closed in good order",
        "the server, or a proxy, ended it on purpose, as at a restart or a timeout",
    ),
    How.CLOSED_WITHIN_LINE: (
        "cut-within-line",
        "closed in the middle of a line",
        "a proxy, or another kind of server, closed it before a line was complete",
    ),
    How.CUT: (
        "cut-within-response",
        "cut before the end of the response",
        "a proxy lost its own connection to the server, or closed it, or the server "
        "was ended",
    ),
    How.TRUNCATED_TLS: (
        "tls-truncated",
        "closed without the end of TLS (close_notify)",
        "a process was ended, or a proxy for TCP closed it, as at a timeout",
    ),
    How.RESET: (
        "reset",
        "reset",
        "a process was killed, a device on the way, such as a firewall, did not know "
        "the connection, or the other end no longer answered",
    ),
    How.TLS: (
        "lost",
        "ended by TLS",
        "the server may want a certificate of this client, or something on the way "
        "changes what passes",
    ),
    How.HTTP2_ERROR: (
        "http2-error",
        "ended with an error of HTTP/2",
        "the server failed, or a proxy lost its connection to the server, or limits "
        "the stream",
    ),
    How.MALFORMED: (
        "malformed",
        "ended by this client",
        "what arrived cannot be decoded",
    ),
    How.UNREACHABLE: ("lost", "lost", "the host may be down, or the path to it"),
    How.NO_ANSWER: ("lost", "lost", "the host may be down, or the path to it"),
    How.OTHER: ("lost", "lost", ""),
}


def diagnoseCuts(
    connections: Iterable[Connection], interval: float | None, once: bool
) -> Findings:
    """
    Say how connections ended.

    @param connections: the connections of a stream.
    @param interval: the usual time between two lines, in seconds; C{None} without two.
    @param once: whether the stream is read once, so that its end is expected.

    @return: a code and a sentence for each pattern found.
    """
    ended = [each for each in connections if each.how and not each.isDocument()]
    complete = [each for each in ended if _how(each).isComplete()]
    if complete and not once:
        yield from _ended(complete)
    codes = [each for each in ended if _how(each).how is How.CLOSE_FRAME]
    yield from _closedWithCode([each for each in codes if not _how(each).isComplete()])
    others = [each for each in ended if _how(each).how in KINDS]
    if once:
        others = [each for each in others if not each.bytes or not each.endedInOrder()]
    if len(others) > 1 and (timeout := _timeout(others, interval)):
        yield timeout
        return
    for how, (code, what, cause) in KINDS.items():
        cuts = [each for each in others if _how(each).how is how]
        if cuts:
            last = _how(cuts[-1])
            named = how is How.HTTP2_ERROR or how in _TOLD
            what = f"{what} ({last.text})" if named else _kind(cuts[-1])
            usual = f": {cause}" if cause else ""
            yield (
                code,
                f"The connection was {what} {_when(cuts)}{usual}{_candidate(cuts)}.",
            )


# The reason of such an end says more than its time.
_TOLD = (How.TLS, How.MALFORMED, How.UNREACHABLE, How.NO_ANSWER, How.OTHER)


def _ended(complete: Sequence[Connection]) -> Findings:
    last = _how(complete[-1])
    isFrame = last.how is How.CLOSE_FRAME
    what = last.text if isFrame else "the response was complete"
    idle = [*map(_idle, complete)]
    isAlike = len(idle) > 1 and _match(idle) and not _match([*map(_total, complete)])
    each = f", each {median(idle):.2f} s after its last byte" if isAlike else ""
    yield (
        "ended",
        f"The sender ended the stream in good order {_when(complete)}{each}: {what}. "
        "To read such a stream once, to its end, use --once.",
    )


def _closedWithCode(codes: Sequence[Connection]) -> Findings:
    if not codes:
        return
    last = _how(codes[-1])
    code = last.code or 0
    own = "a code of the application's own" if code >= 3000 else "an unknown code"
    meaning = CLOSE_CODES.get(code, own)
    reason = f', and the reason "{last.reason}"' if last.reason else ""
    yield (
        "closed-with-code",
        f"The server closed the WebSocket {_when(codes)}, with {code} ({meaning})"
        f"{reason}.",
    )


def _timeout(
    ended: Sequence[Connection], interval: float | None
) -> tuple[str, str] | None:
    if any(_how(each).how in _TOLD for each in ended):
        return None
    idle, total = [*map(_idle, ended)], [*map(_total, ended)]
    longest = max(each.longestPause for each in ended)
    isIdle = _match(idle) and longest <= _most(min(idle), TOLERANCE / 5)
    kinds = set(map(_kind, ended))
    how = f"Each of {len(ended)} connections was {' or '.join(sorted(kinds))}"
    after = f"{median(total):.2f} s after its start"
    middle = median(idle)
    if isIdle and _match(total):
        default = defaultText(IDLE, middle) or defaultText(TOTAL, median(total))
        return "cut-every", (
            f"{how} {after}, and {middle:.2f} s after its last byte, if any: a "
            "timeout on the way or in the server, for idle connections or for all"
            f"{_in(default)}; or the server ends at the same place each time."
        )
    if isIdle and interval and abs(middle - interval) <= 0.1 * interval:
        return "cut-every", (
            f"{how} {middle:.2f} s after its last byte, when the next line was due: an "
            "idle timeout on the way that is as long as the interval, or the server "
            "ends its streams itself."
        )
    if isIdle:
        return "cut-every-idle", (
            f"{how} {middle:.2f} s after its last byte: an idle timeout on the way is "
            "too short, such as HAProxy's timeout server or nginx's proxy_read_timeout"
            f"{_in(defaultText(IDLE, middle))}."
        )
    if _match(total):
        return "cut-every-total", (
            f"{how} {after}, with lines or without: something on the way or in the "
            "server limits the length of each connection"
            f"{_in(defaultText(TOTAL, median(total)))}."
        )
    return None


def _candidate(cuts: Sequence[Connection]) -> str:
    """
    Say whose default timeout may have cut a single connection.
    """
    if len(cuts) != 1 or _how(cuts[0]).how in _TOLD:
        return ""
    total, idle = _total(cuts[0]), _idle(cuts[0])
    default = defaultText(IDLE, idle) or defaultText(TOTAL, total)
    if not default:
        return ""
    return f". {default}; a second connection that ends like this would confirm it"


def _kind(ended: Connection) -> str:
    how = _how(ended).how
    isCutWebSocket = how is How.CUT and ended.isWebSocket()
    return "closed without a close frame" if isCutWebSocket else KINDS[how][1]


def _in(default: str) -> str:
    return f" ({default})" if default else ""


def _how(connection: Connection) -> End:
    assert connection.how is not None
    return connection.how


def _most(least: float, tolerance: float = TOLERANCE) -> float:
    return least * (1 + TOLERANCE_PART) + tolerance


def _match(found: Sequence[float]) -> bool:
    return max(found) <= _most(min(found))


def _total(connection: Connection) -> float:
    assert connection.end is not None and connection.start is not None
    return connection.end - connection.start


def _idle(connection: Connection) -> float:
    assert connection.end is not None and connection.start is not None
    last = connection.lastByte
    return connection.end - (connection.start if last is None else last)


def _when(cuts: Sequence[Connection]) -> str:
    total, idle = [*map(_total, cuts)], [*map(_idle, cuts)]
    if len(cuts) > 1:
        times = {f"{min(total):.2f}": None, f"{max(total):.2f}": None}
        return f"{countText(len(cuts))}, {' to '.join(times)} s after the start"
    if cuts[0].lastByte is None:
        return f"once, {total[0]:.2f} s after its start, without a byte"
    return (
        f"once, {total[0]:.2f} s after its start and {idle[0]:.2f} s after its last "
        "byte"
    )
