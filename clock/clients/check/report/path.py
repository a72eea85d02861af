"""
The record of each connection: on one line for people, and in JSON.
"""

from __future__ import annotations

from typing import Any

from clock.clients.check.connection import PATH_HEADERS, Connection
from clock.clients.check.evidence import Evidence
from clock.clients.reading.observer import Step
from clock.console.text import printable


def pathText(evidence: Evidence) -> str:
    """
    Say on one line what the last connection of a stream shows of its path.

    @param evidence: what was seen.

    @return: the line, printable; empty if there was no connection.
    """
    found = [each for each in evidence.connections if each.steps]
    made = [each for each in found if each.isMade]
    shown = made or [each for each in found if each.response] or found
    if not shown:
        return ""
    last = shown[-1]
    parts, times = _parts(last), _times(last)
    return printable("; ".join(filter(None, (", ".join(parts), ", ".join(times)))))


def _parts(last: Connection) -> list[str]:
    response = last.response
    parts = [f"{response.protocol} {response.status}"] if response else []
    if last.isWebSocket():
        parts = ["WebSocket"]
    details = last.details
    if response is None and Step.CONNECTED in details:
        parts.append(details[Step.CONNECTED])
    if Step.SECURED in details:
        parts.append(details[Step.SECURED])
    if Step.PROXY in details:
        parts.append(f"through {details.get(Step.TUNNEL, details[Step.PROXY])}")
    if response is not None:
        parts += [last.contentType(), last.encoding()]
        named = ((name, response.header(name)) for name in PATH_HEADERS)
        parts += [f"{name}: {value}" for name, value in named if value]
    return [each for each in parts if each]


def _times(last: Connection) -> list[str]:
    what = "headers" if last.response else "connected"
    at = last.headersAt if last.response else last.start
    found = [(what, at), ("first line", last.firstLine)]
    times = [
        f"{name} after {at - last.begun:.2f} s" for name, at in found if at is not None
    ]
    if last.how is not None and last.end is not None:
        times.append(f"{last.how.text} after {last.end - last.begun:.2f} s")
    return times


def connectionRecord(connection: Connection, start: float) -> dict[str, Any]:
    """
    Return the record of a connection for programs.

    @param connection: the connection.
    @param start: the steady time at which the check began, in seconds.

    @return: values for JSON. Times are in seconds since the start of the check.
    """
    response, how = connection.response, connection.how

    def since(at: float | None) -> float | None:
        return None if at is None else round(at - start, 6)

    return {
        "begun": since(connection.begun),
        "steps": {step.value: since(at) for step, at in connection.steps.items()},
        "details": {step.value: text for step, text in connection.details.items()},
        "redirectedTo": connection.redirectedTo,
        "response": response
        and {
            "protocol": response.protocol,
            "status": response.status,
            "phrase": response.phrase,
            "headers": dict(response.headers),
        },
        "headers": since(connection.headersAt),
        "firstByte": since(connection.firstByte),
        "lastByte": since(connection.lastByte),
        "firstLine": since(connection.firstLine),
        "lastLine": since(connection.lastLine),
        "bytes": connection.bytes,
        "lines": connection.lines,
        "tooLong": connection.tooLong,
        "longestLine": connection.longestLine,
        "longestGap": connection.longestGap,
        "longestPause": connection.longestPause,
        "paused": connection.paused,
        **{what.value: count for what, count in connection.others.items()},
        "end": how
        and {
            "at": since(connection.end),
            "how": how.how.value,
            "text": how.text,
            "code": how.code,
            "reason": how.reason,
        },
    }
