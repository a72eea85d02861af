"""
What C{clock-check} says about each stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Said(NamedTuple):
    """
    What the check says about a stream.

    @ivar whole: whether the stream is whole; C{None} if it does not matter here.
    @ivar codes: the codes of the diagnosis, in any order; some with others that are
        right as well, separated by C{|}. C{None} if they do not matter.
    @ivar pattern: a regular expression that the sentences match.
    @ivar address: the name of its port and the path, or a URL. Without it, the path is
        the name of the stream, which tells the port.
    @ivar options: more options, for this stream.
    @ivar fields: fields of the report, and what they must be.
    """

    whole: bool | None = True
    codes: tuple[str, ...] | None = ()
    pattern: str = ""
    address: str = ""
    options: tuple[str, ...] = ()
    fields: Mapping[str, Callable[[Any], bool]] = {}


def good(address: str = "", *options: str, **fields: Any) -> Said:
    """
    A stream that is whole, and of which nothing is said.
    """
    return Said(address=address, options=options, fields=fields)


def noted(code: str, pattern: str = "") -> Said:
    """
    A stream that is whole, and of which something is said.
    """
    return Said(codes=(code,), pattern=pattern)


def either(code: str, pattern: str = "") -> Said:
    """
    A stream of which something is said, whether it is whole or not.
    """
    return Said(whole=None, codes=(code,), pattern=pattern)


def bad(
    codes: str, pattern: str = "", address: str = "", *options: str, **fields: Any
) -> Said:
    """
    A stream that is not whole.

    @param codes: the codes, separated by blanks.
    """
    found = tuple(codes.split())
    return Said(False, found, pattern, address, options, fields)


def unreached(pattern: str, address: str = "", *options: str, **fields: Any) -> Said:
    """
    A stream that is not reached.
    """
    return Said(False, ("not-reached",), pattern, address, options, fields)


def also(*patterns: str) -> str:
    """
    Make a regular expression for texts that match all of these.
    """
    return "(?is)^" + "".join(f"(?=.*{each})" for each in patterns)


EMPTY_LINE = "(blank|empty) line"
BROWSER = "browser"
KNOWN: dict[str, Any] = {"lateness": lambda found: found is not None}
COUNTS: dict[str, Any] = {"lost": lambda found: found == 0}
NO_COUNTER: dict[str, Any] = {"lost": lambda found: found is None}

#: The streams of the main run. The others are compared with the first one, and none of
#: them has its lines.
ENDLESS = {
    "words": good(),
    "long_chunks": good(),
    "long_lines": good(),
    "snapshot": noted("too-long", r"\b75\d"),
    "growing": bad("no-lines", "bytes"),
    "greeting_then_named": good(**KNOWN),
    "time_then_tokens": good(),
    "crlf": good(),
    "heartbeats_between": good(),
    "ndjson": good(**KNOWN),
    # Encodings.
    "padded_gzip": good(**KNOWN),
    "deflate": good(**KNOWN),
    "raw_deflate": good(**KNOWN),
    "never_flushed": bad("silent", "compress"),
    "silence": bad("silent"),
    "rarely_flushed": bad("held-back", "4 lines at once"),
    "identity": good("http/rarely_flushed", "-H", "{name}=Accept-Encoding: identity"),
    # Numbers.
    "sparse_ids": good(**NO_COUNTER),
    "shared_ids": good(**NO_COUNTER),
    "one_id": good(**NO_COUNTER),
    "same_id": good(**NO_COUNTER),
    "counting_ids": good(**COUNTS),
    "missing_ids": bad("lines-lost", "numbers of 2 lines"),
    "prices": good(**NO_COUNTER),
    "rising_prices": good(**NO_COUNTER),
    "counting": good(**COUNTS),
    "missing_numbers": bad("lines-lost", "numbers of 2 lines"),
    # Times.
    "book": good(),
    "book_early": good(),
    "skipping": bad("lines-missing"),
    "without_offset": good(**KNOWN),
    "numeric_time": good(**KNOWN),
    "numeric_milliseconds": good(**KNOWN),
    "late_by_700ms": noted("late|clock-differs", r"\b0\.[67]\d* s"),
    "prompt": good(**KNOWN),
    "behind_by_3s": noted("clock-differs|late", r"\b3\.\d+ s (behind|late)"),
    "ahead_by_3s": noted("clock-differs", r"\b[23]\.\d+ s ahead"),
    "one_behind": noted("one-behind"),
    "hour_jump": either("hour-jump", also("(hour|1 h)", "summer time")),
    "summer_time_offset": good(**KNOWN),
    "minute_jump": either("clock-set", r"\b(59\.|60)"),
    # Lines together.
    "in_pairs": either("held-back", "2 lines at once"),
    "batches": bad("held-back", also("5 lines at once", "the server")),
    "held_with_times": bad("held-back", "6 lines at once"),
    "stalled": bad("stalled", "6 lines at once"),
    # Bytes without lines.
    "no_blank_line": bad("no-events", also(EMPTY_LINE, BROWSER)),
    "bare_lines": bad("no-events", also("data:", BROWSER)),
    "bare_json": bad("no-events", also("data:", BROWSER)),
    "comments": bad("no-events", also("comment", BROWSER)),
    "without_data": bad("no-events", also("without data", BROWSER)),
    "text_plain": either("wrong-type", also("text/plain", BROWSER)),
    "text_html": either("wrong-type", also("text/html", BROWSER)),
    "endpoint": either("heartbeats-only", "comment|heartbeat"),
    "endpoint_only": bad("silent"),
    "ws_pretty": good(**KNOWN, **COUNTS),
    "ws_pings": bad("only-pings"),
    "ws_silent": bad("silent"),
    "ws_one_then_pings": either("heartbeats-only", "ping"),
    "ws_pings_between": good(),
    # The beginning.
    "headers_held": bad("headers-held-back", reached=bool),
    "late_headers": bad("late-to-begin", r"\b4(\.\d+)? s"),
    "late_line": bad("late-to-begin", r"\b4(\.\d+)? s"),
    "soon": good(),
    # Ends in good order.
    "clean_end": bad("ended", also("complete") + "(?!.*timeout)"),
    "timed_end": bad("ended", also("complete") + "(?!.*timeout)"),
    "length_reached": bad("ended", also("complete") + "(?!.*timeout)"),
    "ws_1000": bad("ended", "1000"),
    "ws_1001": bad("ended", "1001"),
    "ws_1005": bad("ended"),
    "ws_1008": bad("closed-with-code", also("1008", "unauthorized")),
    "ws_1011": bad("closed-with-code", also("1011", "upstream failed")),
    "ws_4408": bad("closed-with-code", also("4408", "initialisation timeout")),
    "h2_end": bad("ended"),
    # Other ends.
    "length_missed": bad("cut-within-response"),
    "cut_at_tick": bad("cut-every", "when the next line was due"),
    "cut_within_chunk": bad("cut-within-response"),
    "broken_chunk": bad("cut-within-response", r"\b0\.[789]\d* s"),
    "idle_timeout": bad("cut-every-idle", r"\b0\.[789]\d* s after its last"),
    "idle_after_comment": bad(
        "cut-every-idle", r"\b(0\.9|1\.[01])\d* s after its last byte"
    ),
    "ws_idle_after_ping": bad(
        "cut-every-idle", r"\b(0\.9|1\.[01])\d* s after its last byte"
    ),
    "total_timeout": bad("cut-every-total", r"\b1\.[789]\d* s after its start"),
    "closed_between": bad("closed"),
    "closed_within_line": bad("cut-within-line"),
    "reset": bad("reset"),
    "tls_closed": bad("closed"),
    "tls_truncated": bad("tls-truncated", "close_notify"),
    "ws_no_close": bad("cut-within-response", "close frame"),
    # HTTP/2.
    "h2_whole": good("h2/long_chunks"),
    "tls_held": good("tls/held_over_http2", **KNOWN),
    "h2_held": bad("held-back", "6 lines at once", "h2/held_over_http2"),
    "h2_ping": good(),
    "h2_silent": bad("silent"),
    "h2_internal_error": bad("http2-error", "INTERNAL_ERROR"),
    "h2_calm": bad("http2-error", "ENHANCE_YOUR_CALM"),
    "h2_fin": bad("cut-within-response"),
    "h2_alone": unreached("HTTP/2", "h2/long_chunks", "--http1.1-for", "{name}"),
    # No stream.
    "login_page": bad("not-a-stream", also("text/html", "500 bytes")),
    "json_error": bad("not-a-stream", also("application/json", "40 bytes")),
    "late_504": unreached(r"504 .*after 2(\.\d+)? s"),
    "prompt_502": unreached("502"),
    "busy": unreached(also("429", "30 s"), failures=lambda count: count == 1),
    "busy_for_now": unreached("429", lines=bool),
    "busy_without_words": unreached(
        "429", failures=lambda count: count > 1, lines=lambda n: not n
    ),
    "unauthorized": unreached("401"),
    "authorized": good(
        "http/unauthorized", "-H", "{name}=Authorization: Bearer secret"
    ),
    "forbidden": unreached("403"),
    "post_only": unreached(also("405", "-d")),
    "acceptable": good(),
    "unacceptable": unreached(
        also("406", "text/event-stream"),
        "http/acceptable",
        "-H",
        "{name}=Accept: application/json",
    ),
    "no_response": unreached("without a response"),
    "not_http": unreached("HTTP"),
    # No connection.
    "dns": unreached(
        "(?i)^(?!.*a proxy answers).*(DNS|host ?name)", "http://n504.invalid/"
    ),
    "refused": unreached("refused", "closed/"),
    "tls_hang": unreached("TLS handshake did not finish", "hang/"),
    "tls_none": unreached("TLS", "https://127.0.0.1:{http}/words"),
    # As with curl, hosts in no_proxy need no proxy, whatever -x says.
    "proxy_refused": unreached(
        also("proxy", "refused"),
        "http://n1.invalid/words",
        *("-x", "{name}=http://127.0.0.1:{closed}"),
    ),
    "proxy_refuses": unreached(
        also("proxy", "404"),
        "https://example.org/words",
        *("-x", "{name}=http://127.0.0.1:{http}"),
    ),
    "underscore": good(
        "http://my_host/long_chunks", "--connect-to", "{name}=127.0.0.1:{http}"
    ),
}

#: Streams with short times. They are read apart from the many others, which all begin
#: at once.
TIMING = {
    "words": good(),
    "fast": good(**KNOWN),
    "h2_fast": good("h2/fast", **KNOWN),
    "delayed": noted("delayed", r"\b0\.2\d* s late"),
    "haproxy_both": bad(
        "delayed cut-every-idle", r"\b0\.\d+ s after its last", "haproxy/pausing"
    ),
    "haproxy_timeout": bad(
        "cut-every-idle",
        r"\b0\.[789]\d* s after its last",
        "haproxy_prompt/pausing_too",
    ),
}

#: Streams that end, read once. Again, none has the lines of the first one.
FINITE = {
    "plain_answer": good(),
    "answer": good(),
    "answer_without_done": good(),
    "answer_irregular": good(),
    "answer_times": good(),
    "answer_200": good(),
    "answer_at_once": good(),
    "ws_answer": good(),
    "h2_answer": good("h2/answer"),
    "buffered": bad("held-back", "6[4-7] lines at once", "nginx/answer_200"),
    "unbuffered": good("nginx/chunks/answer_200"),
    "answer_at_end": bad("held-back", "40 lines at once"),
    "answer_late": bad("late-to-begin", r"\b4(\.\d+)? s"),
    "answer_with_gap": Said(whole=False, codes=None),
    "answer_cut": bad("cut-within-response"),
    "ws_answer_1011": bad("closed-with-code", also("1011", "upstream failed")),
    "unfinished": either("unfinished-event", also(EMPTY_LINE, BROWSER)),
    "only_unfinished": bad("no-events", also(EMPTY_LINE, BROWSER)),
    "login_page": bad("not-a-stream", also("text/html", "500 bytes")),
    "json_error": bad("not-a-stream", also("application/json", "40 bytes")),
    "busy": unreached(also("429", "30 s")),
}
