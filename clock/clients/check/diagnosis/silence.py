"""
Say why no lines come: while connecting, before the response, and on an open connection.
"""

from __future__ import annotations

from clock.clients.check.connection import Connection
from clock.clients.check.diagnosis.content import noEventsText
from clock.clients.check.diagnosis.words import (
    Findings,
    countText,
    numberText,
    rangeText,
)
from clock.clients.check.evidence import Evidence
from clock.clients.reading.ends import End, How
from clock.clients.reading.observer import Other, Step

#: By kind: what usually makes an attempt to connect fail.
FAILURES = {
    How.DNS: "the host name does not exist, or the resolver of this machine fails",
    How.REFUSED: "no process listens there, or a firewall rejects connections",
    How.UNREACHABLE: "this machine has no route to the host",
    How.NO_ANSWER: "the host is down, or a firewall drops its packets",
    How.TLS: "the server does not speak TLS there, its certificate is not valid, it "
    "wants one, or it speaks no version and no protocol that this client offers",
    How.PROXY: "this is the proxy that this client uses: see --proxy",
    How.NOT_WEBSOCKET: "a proxy on the way does not pass on Upgrade, which a WebSocket "
    "needs, or the server has no WebSocket there",
    How.NO_RESPONSE: "the server, or a proxy, closed when it had read the request; it "
    "may expect TLS",
}

#: By OpenSSL's reason: what usually makes a TLS handshake fail.
TLS_FAILURES = {
    "certificate verify failed": "the certificate is self-signed, has expired, or is "
    "from an authority that this machine does not know; with a URL, --insecure reads "
    "the stream all the same",
    "wrong version number": "the server does not speak TLS there: try http or ws",
}

#: By status: what usually makes a server respond with it.
STATUSES = {
    204: "the server has no stream for now; a browser does not ask again",
    400: "the server, or a proxy, does not accept the request",
    401: "the server wants credentials: try --header 'Authorization: Bearer ...'",
    403: "the server refuses these credentials, or this client; for a WebSocket, it "
    "may want the Origin that a browser sends (see --header), or a proxy on the way is "
    "not set up for Upgrade",
    404: "the server has no such path",
    405: "the server wants another method: try --data, which sends a POST",
    406: "the server does not have what the request accepts; it sends Accept: "
    "text/event-stream, */*",
    415: "the server wants another Content-Type: see --header",
    429: "the server limits the number of requests",
    502: "a proxy answers, but not the server behind it",
    503: "the server, or a proxy in front of it, is overloaded or has no server",
    504: "a proxy answers, but not the server behind it in time",
}

#: What comes within so many seconds came together.
TOGETHER = 0.1


def diagnoseConnecting(evidence: Evidence, maxGap: float, now: float) -> Findings:
    """
    Say why attempts to connect failed, or how long a response is awaited.

    @param evidence: what was seen.
    @param maxGap: the longest time without a line that is allowed, in seconds.
    @param now: the steady time, in seconds.

    @return: codes and sentences.
    """
    if not evidence.connections:
        return
    late = [each for each in evidence.made() if _waited(each) > maxGap]
    held = [_waited(each) for each in late if _cameTogether(evidence, each)]
    awaited = evidence.awaitingHeaders()
    if awaited is not None:
        held.append(now - awaited)
    if max(held, default=0) > maxGap:
        yield (
            "headers-held-back",
            f"Not even the headers of the response came in the first {max(held):.1f} s "
            "after the request: the server does not flush them, or a proxy holds them "
            "back until its buffer is full, or the server does not answer.",
        )
    elif late:
        waited = rangeText([*map(_waited, late)])
        yield (
            "late-to-begin",
            f"The headers of the response came after {waited}, and the lines since "
            "then: the server, or a queue before it, took long to begin.",
        )
    yield from _handshake(evidence.connections[-1], maxGap, now)
    yield from _failures(evidence)


def _waited(connection: Connection) -> float:
    """
    Return how long the headers of a response took, in seconds; 0 without a response.
    """
    at, start = connection.headersAt, connection.start
    return 0.0 if at is None or start is None else at - start


def _cameTogether(evidence: Evidence, connection: Connection) -> bool:
    """
    Return whether lines came together with the headers, as from a buffer: more than
    come in the same time later. No buffer holds the headers of a WebSocket.
    """
    at = connection.headersAt or 0.0
    after = [each.at - at for each in evidence.arrivals if each.at >= at]
    together = sum(each < TOGETHER for each in after)
    later = len(after) - together
    usual = later * TOGETHER / max(TOGETHER, max(after, default=0) - TOGETHER)
    return together > 1 + 2 * usual and not connection.isWebSocket()


def _handshake(last: Connection, maxGap: float, now: float) -> Findings:
    """
    Say that an attempt to connect is not over.
    """
    if last.isMade or last.end is not None or Step.REQUESTED in last.steps:
        return
    step, since = [(None, last.redirectedAt or last.begun), *last.steps.items()][-1]
    if now - since <= maxGap:
        return
    waited = f"in {now - since:.1f} s"
    if step is None:
        text = f"The host did not answer {waited}: {FAILURES[How.NO_ANSWER]}."
    elif step is Step.PROXY:
        text = (
            f"The connection to the proxy was made, but the proxy did not answer "
            f"{waited}: {FAILURES[How.PROXY]}."
        )
    else:
        text = (
            f"The connection was made, but the TLS handshake did not finish {waited}: "
            "the server does not speak TLS there, or something on the way drops large "
            "packets."
        )
    yield "not-reached", text


def _failures(evidence: Evidence) -> Findings:
    failed = [each for each in evidence.connections if each.how and not each.isMade]
    if not failed:
        return
    end = failed[-1].how
    assert end is not None
    after = ""
    if end.how is How.STATUS:
        took = [
            _took(each) for each in failed if each.how and each.how.code == end.code
        ]
        after = f" after {rangeText(took)}" if max(took) >= 1 else ""
    usual = _cause(end)
    kinds = {(each.how.how, each.how.code) for each in failed if each.how}
    last = "at last: " if len(kinds) > 1 else ""
    yield (
        "not-reached",
        f"Connecting failed {countText(evidence.failures)} ({last}{end.text}{after})"
        f"{f': {usual}' if usual else ''}.",
    )


def _took(connection: Connection) -> float:
    sent = connection.steps.get(Step.REQUESTED, connection.begun)
    return (connection.end or 0) - sent


def _cause(end: End) -> str:
    usual = TLS_FAILURES.get(end.text) or FAILURES.get(end.how, "")
    if end.how is How.STATUS:
        usual = STATUSES.get(end.code or 0, "")
    wait = end.retryAfter
    asks = "" if wait is None else f"the server asks to wait for {wait:g} s"
    return "; ".join(filter(None, (usual, asks)))


def diagnoseSilence(evidence: Evidence, maxGap: float, now: float) -> Findings:
    """
    Say what came instead of lines, or that nothing came, on the last connection.

    @param evidence: what was seen.
    @param maxGap: the longest time without a line that is allowed, in seconds.
    @param now: the steady time, in seconds.

    @return: a code and a sentence, if lines are missing.
    """
    made = evidence.made()
    if not made or made[-1] is not evidence.connections[-1]:
        return
    last = made[-1]
    assert last.start is not None
    end = now if last.end is None else last.end
    since = last.start if last.lastLine is None else last.lastLine
    silence = end - since
    isEnded = last.end is not None
    if last.lines == 0 and last.bytes and (isEnded or silence > maxGap):
        yield from _withoutLines(last, silence)
    elif isEnded or silence <= maxGap:
        return
    elif last.lastByte is not None and last.lastByte > since + TOGETHER:
        yield _withoutMore(last, silence)
    else:
        yield "silent", _silent(last, silence)


def _silent(last: Connection, silence: float) -> str:
    if last.lines == 1 and last.isEventStream():
        return (
            f"One event came, and then nothing for {silence:.1f} s, though the "
            "connection is still open: normal for protocols such as MCP, whose first "
            "event names an endpoint; otherwise a buffer on the way is not full yet, "
            "or the server sends nothing."
        )
    if last.lines:
        return (
            f"No line came in the last {silence:.1f} s, though the connection is "
            "still open: the server or the path hangs, or a buffer on the way is not "
            "full yet."
        )
    encoding = last.encoding()
    if encoding:
        return (
            f"The headers of the response came, but no line came for {silence:.1f} s. "
            f"The response is compressed ({encoding}): a compressor in the server or "
            "on the way is not flushed after each line, or the server sends nothing. "
            "--header 'Accept-Encoding: identity' tells which."
        )
    if last.response is not None:
        return (
            f"The headers of the response came, but no line came for {silence:.1f} s: "
            "a buffer on the way, such as a compressor's, is not full yet, or the "
            "server sends nothing."
        )
    return (
        f"The connection was made, but no line came for {silence:.1f} s: the "
        "server sends nothing, for example because another client has its turn, "
        "or a buffer on the way is not full yet."
    )


def _withoutMore(last: Connection, silence: float) -> tuple[str, str]:
    """
    Say what came after the last line that is no line.
    """
    lines = "one line" if last.lines == 1 else f"{last.lines} lines"
    isEvents, counts = last.isEventStream(), last.sinceLine
    beats = counts[Other.COMMENT if isEvents else Other.PING]
    heartbeats = numberText(beats, "comment" if isEvents else "ping")
    if beats and counts.total() == counts[Other.COMMENT] + counts[Other.PING]:
        return "heartbeats-only", (
            f"After {lines}, only {heartbeats} came, "
            f"for {silence:.1f} s: the connection works, and the server has nothing to "
            "send. Some protocols do this, such as MCP after its endpoint event."
        )
    seen = f"After {lines}, bytes came for {silence:.1f} s, but no"
    if isEvents:
        return "no-events", f"{seen} event: {noEventsText(counts)}"
    what = "message" if last.isWebSocket() else "line"
    return "no-lines", (
        f"{seen} end of a {what}: the server does not end it, or a buffer on the way "
        "holds the end back."
    )


def _withoutLines(last: Connection, silence: float) -> Findings:
    """
    Say what came that is no line.
    """
    encoding = last.encoding()
    if not any(last.others.values()) and encoding:
        yield "silent", _silent(last, silence)
    elif last.isEventStream():
        what = noEventsText(last.others)
        yield "no-events", f"{last.bytes} bytes came, but no event: {what}"
    elif last.isWebSocket() and last.others[Other.PING]:
        yield (
            "only-pings",
            f"{numberText(last.others[Other.PING], 'ping')} came, but no message, for "
            f"{silence:.1f} s: the connection works, and the server sends nothing.",
        )
    elif not last.isWebSocket():
        yield "no-lines", _noLines(last)


def _noLines(last: Connection) -> str:
    took, pause = (last.lastByte or 0) - (last.firstByte or 0), last.longestPause
    over = f" in {took:.1f} s, {pause:.2f} s apart at most" if took > TOGETHER else ""
    # A buffer holds back what comes last: nothing, if bytes flow or are complete.
    isComplete = last.how is not None and last.how.isComplete()
    isHeld = not isComplete and not (over and pause < took / 2)
    held = ", or a buffer on the way holds the end back" if isHeld else ""
    seen = f"{last.bytes} bytes came{over}, but no end of a line"
    return f"{seen}: the server does not end its lines{held}."
