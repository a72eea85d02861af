"""
Tests for L{clock.clients.check.diagnosis.silence}.
"""

from __future__ import annotations

from clock.clients.reading.ends import End, How
from clock.clients.reading.observer import Other, Step
from clock.tests.clients.check.fixture import DiagnosisTestCase, Sent, served


class ConnectingTests(DiagnosisTestCase):
    """
    Attempts to connect, and responses that are awaited.
    """

    def test_headersHeldBack(self) -> None:
        """
        Headers of a response that do not come, or come late together with several
        lines, are held back. If only the first line comes with them, the server took
        long to begin.
        """
        seen = "^Not even the headers of the response came in the first {} s after"
        self.stream.request(1)
        self.assertDiagnosis("headers-held-back", seen.format("9.0"), 10)
        self.stream.respond()
        self.stream.send(served(10, 20))
        late = "^The headers of the response came after 9 s, and the lines since then"
        self.assertDiagnosis("late-to-begin", late)
        self.prepare()
        self.stream.request(1)
        self.stream.respond(10)
        self.stream.send(
            [*[line._replace(at=10) for line in served(8, 10)], Sent(11, 11, 11)]
        )
        self.assertIn("headers-held-back", self.stream.codes())

    def test_fastAfterHeaders(self) -> None:
        """
        If lines come as fast later, or the headers are those of a WebSocket, lines that
        come soon after them were not held back with them.
        """
        self.stream.request(1)
        self.stream.respond(10)
        self.stream.receiveEach(0.03, "abcdefghijklmnopqrstuvwxyz")
        self.assertEqual(self.stream.codes(), ["late-to-begin"])
        self.prepare()
        self.stream.request(1)
        self.stream.respond(10, status=101)
        self.stream.receive(*"abcdef")
        self.assertNotIn("headers-held-back", self.stream.codes())
        self.prepare()
        self.stream.request(1)
        self.stream.respond(10)
        self.stream.receive(*"abcdef")
        self.stream.receiveEach(0.03, "ghijklmnopqrstuvwxyz")
        self.assertIn("headers-held-back", self.stream.codes())

    def test_lineSoonAfter(self) -> None:
        """
        One line that comes soon after the others shows no pace.
        """
        self.stream.request(0)
        self.stream.respond(8)
        self.stream.receive(*"abcdef")
        self.stream.advance(8.101)
        self.stream.receive("g")
        self.assertIn("headers-held-back", self.stream.codes())

    def test_headersInTime(self) -> None:
        """
        Headers that come at once are not held back, and neither are those of an error
        response.
        """
        self.stream.request(0.9)
        self.stream.respond(1)
        self.stream.send(served(1, 5))
        self.assertEqual(self.stream.diagnosis(), [])
        self.prepare()
        self.stream.request()
        self.stream.respond(60, status=504)
        end = End(How.STATUS, "504 Gateway Time-out", 504)
        self.stream.disconnect(60, end)
        seen = (
            r"^Connecting failed once \(504 Gateway Time-out after 60 s\): a proxy "
            "answers, but"
        )
        self.assertDiagnosis("not-reached", seen)

    def test_notReached(self) -> None:
        """
        A failed attempt has a reason, which may have a usual cause.
        """
        self.assertDiagnosis("unclear", "^Seen: not reached: no answer. This check ", 5)
        self.stream.disconnect(6, End(How.OTHER, "Host unreachable"))
        seen = r"^Connecting failed once \(Host unreachable\)\.$"
        self.assertDiagnosis("not-reached", seen)
        self.stream.disconnect(7, End(How.REFUSED, "Connection refused"))
        seen = (
            r"^Connecting failed 2 times \(at last: Connection refused\): no process l"
        )
        self.assertDiagnosis("not-reached", seen)
        self.stream.disconnect(8, End(How.NOT_WEBSOCKET, "426 x", 426))
        seen = r"at last: 426 x\): a proxy on the way does not pass on Upgrade"
        self.assertDiagnosis("not-reached", seen)

    def test_statusAtOnce(self) -> None:
        """
        A status that comes at once is said without its time, and how long the server
        asks to wait.
        """
        self.stream.request()
        self.stream.disconnect(0.2, End(How.STATUS, "418 I'm a teapot", 418))
        seen = r"^Connecting failed once \(418 I'm a teapot\)\.$"
        self.assertDiagnosis("not-reached", seen)
        self.prepare()
        self.stream.request()
        end = End(How.STATUS, "429 Too Many Requests", 429, retryAfter=30)
        self.stream.disconnect(0.2, end)
        seen = r"number of requests; the server asks to wait for 30 s\.$"
        self.assertDiagnosis("not-reached", seen)
        self.prepare()
        end = End(How.STATUS, "500 x", 500, retryAfter=5)
        self.stream.disconnect(0.2, end)
        seen = r"once \(500 x\): the server asks to wait for 5 s\.$"
        self.assertDiagnosis("not-reached", seen)

    def test_statusTimes(self) -> None:
        """
        Only attempts with the same status tell how long it took.
        """
        for seconds, status in ((30, 502), (60, 504), (60, 504)):
            self.stream.request()
            end = End(How.STATUS, f"{status} x", status)
            self.stream.disconnect(self.stream.clock.seconds() + seconds, end)
        seen = r"^Connecting failed 3 times \(at last: 504 x after 60 s\): "
        self.assertDiagnosis("not-reached", seen)

    def test_causes(self) -> None:
        """
        Each way to fail has its own cause.
        """
        for how, cause in (
            (How.DNS, "the host name does not exist"),
            (How.REFUSED, "no process listens there"),
            (How.TLS, "the server does not speak TLS there"),
            (How.PROXY, "this is the proxy that this client uses"),
            (How.NO_RESPONSE, "the server, or a proxy, closed"),
        ):
            self.prepare()
            self.stream.disconnect(1, End(how, "why"))
            self.assertDiagnosis("not-reached", rf"once \(why\): {cause}")
        for text, cause in (
            ("certificate verify failed", "the certificate is self-signed, has"),
            ("wrong version number", "the server does not speak TLS there: try http"),
        ):
            self.prepare()
            self.stream.disconnect(1, End(How.TLS, text))
            self.assertDiagnosis("not-reached", rf"once \({text}\): {cause}")
        self.prepare()
        self.stream.disconnect(1, End(How.STATUS, "204 No Content", 204))
        seen = "204 No Content.: the server has no stream for now; a browser does not"
        self.assertDiagnosis("not-reached", seen)

    def test_noResponse(self) -> None:
        """
        A request that was not answered before the connection was lost is no header that
        is held back.
        """
        self.stream.request()
        self.stream.disconnect(30, End(How.NO_RESPONSE, "closed without a response"))
        self.assertEqual(self.stream.codes(), ["not-reached"])

    def test_noAnswer(self) -> None:
        """
        A host that does not answer, and a TLS handshake that hangs, are told apart. A
        short wait shows nothing.
        """
        self.stream.begin(1)
        seen = "^The host did not answer in 9.0 s: the host is down, or a firewall"
        self.assertEqual(self.stream.codes(3), ["unclear"])
        self.assertDiagnosis("not-reached", seen, 10)
        self.prepare()
        self.stream.begin(1)
        self.stream.evidence.stepReached(Step.CONNECTED, "127.0.0.1:443")
        self.assertEqual(self.stream.codes(3), ["unclear"])
        seen = "^The connection was made, but the TLS handshake did not finish in 9.0 s"
        self.assertDiagnosis("not-reached", seen, 10)
        self.prepare()
        self.stream.begin(1)
        self.stream.evidence.stepReached(Step.PROXY, "127.0.0.1:3128")
        seen = "^The connection to the proxy was made, but the proxy did not answer in "
        self.assertDiagnosis("not-reached", seen, 10)

    def test_redirected(self) -> None:
        """
        After a redirect, the next server is awaited, and not the headers of the first.
        """
        self.stream.request(1)
        self.stream.advance(3)
        self.stream.evidence.redirected("https://y/")
        self.assertDiagnosis("not-reached", "^The host did not answer in 7.0 s", 10)
        self.stream.evidence.stepReached(Step.CONNECTED, "127.0.0.1:443")
        seen = "the TLS handshake did not finish in 5.0 s"
        self.assertDiagnosis("not-reached", seen, 15)
        self.stream.evidence.stepReached(Step.SECURED, "TLSv1.3")
        self.stream.evidence.stepReached(Step.REQUESTED, "GET")
        seen = "headers of the response came in the first 4.0 s after"
        self.assertDiagnosis("headers-held-back", seen, 19)


class SilenceTests(DiagnosisTestCase):
    """
    Connections without lines.
    """

    def test_silent(self) -> None:
        """
        A connection without a line is silent.
        """
        self.stream.connect(1)
        self.assertEqual(self.stream.diagnosis(2)[0].code, "unclear")
        seen = "^The connection was made, but no line came for 9.0 s: "
        self.assertDiagnosis("silent", seen, 10)
        self.prepare()
        self.stream.request(0.5)
        self.stream.respond(1)
        seen = "^The headers of the response came, but no line came for 9.5 s: a "
        self.assertDiagnosis("silent", seen, 10)

    def test_fallsSilent(self) -> None:
        """
        A connection that no longer brings lines is silent, unless it was closed.
        """
        self.stream.read(0.5, 5)
        self.assertDiagnosis("silent", "^No line came in the last 5.0 s, ", 9)
        self.stream.disconnect(9)
        self.assertDiagnosis("closed", "once, 8.50 s after its start and 5.00 s")

    def test_compressed(self) -> None:
        """
        If a response is compressed, the compressor may hold lines back.
        """
        self.stream.request()
        self.stream.respond(0.5, Content_Encoding="gzip")
        seen = r"no line came for 10.0 s. The response is compressed \(gzip\): a compr"
        self.assertDiagnosis("silent", seen, 10)
        self.stream.evidence.bytesReceived(10)
        self.assertDiagnosis("silent", seen)

    def test_noLines(self) -> None:
        """
        Bytes without the end of a line are no lines.
        """
        self.stream.connect()
        self.stream.evidence.bytesReceived(300)
        self.assertEqual(self.stream.codes(2), ["unclear"])
        self.assertDiagnosis("no-lines", "^300 bytes came, but no end of a line: ", 9)

    def test_noLinesInPieces(self) -> None:
        """
        If bytes without the end of a line flow, that is said, and no buffer is named.
        """
        self.stream.connect()
        for each in range(6):
            self.stream.advance(each)
            self.stream.evidence.bytesReceived(50)
        seen = "^300 bytes came in 5.0 s, 1.00 s apart at most, but no end of a line: "
        ends = r"the server does not end its lines\.$"
        self.assertDiagnosis("no-lines", f"{seen}{ends}", 9)
        self.stream.evidence.bytesReceived(50)
        seen = "^350 bytes came in 9.0 s, 4.00 s apart at most, but no end of a line: "
        self.assertDiagnosis("no-lines", f"{seen}{ends}", 10)

    def test_noLinesInBlocks(self) -> None:
        """
        A buffer may hold the end of a line back, if bytes do not flow.
        """
        self.stream.connect()
        for each in (0, 1):
            self.stream.advance(each)
            self.stream.evidence.bytesReceived(4096)
        seen = "^8192 bytes came in 1.0 s, 1.00 s apart at most, but no end of a line: "
        self.assertDiagnosis("no-lines", f"{seen}.* or a buffer", 9)

    def test_noLinesAtTheEnd(self) -> None:
        """
        If bytes without the end of a line are complete, no buffer holds the end back.
        """
        self.stream.connect()
        self.stream.evidence.bytesReceived(50)
        self.stream.disconnect(9, End(How.COMPLETE, "complete"))
        seen = r"the server does not end its lines\.$"
        self.assertDiagnosis("no-lines", seen, once=True)

    def test_oneEvent(self) -> None:
        """
        A stream of one event may be meant so.
        """
        self.stream.request()
        self.stream.respond(type="text/event-stream")
        self.stream.receive("/messages?session=1")
        seen = "^One event came, and then nothing for 9.0 s, .* MCP, whose first event"
        self.assertDiagnosis("silent", seen, 9)

    def test_severalEvents(self) -> None:
        """
        Several events, and one line over TCP, are no protocol of one event.
        """
        self.stream.request()
        self.stream.respond(type="text/event-stream")
        self.stream.receive("x", "y")
        self.assertDiagnosis("silent", "^No line came in the last 9.0 s, though ", 9)
        self.prepare()
        self.stream.connect()
        self.stream.receive("x")
        self.assertDiagnosis("silent", "^No line came in the last 9.0 s, though ", 9)

    def test_heartbeats(self) -> None:
        """
        If only comments or pings come after the last line, the connection works.
        """
        for type, other, lines, seen in (
            (
                "text/event-stream",
                Other.COMMENT,
                1,
                "^After one line, only 8 comments ",
            ),
            ("text/event-stream", Other.COMMENT, 3, "^After 3 lines, only 8 comments "),
            ("", Other.PING, 1, "^After one line, only 8 pings "),
        ):
            self.prepare()
            self.stream.request()
            self.stream.respond(type=type, status=200 if type else 101)
            self.stream.other(other, other)
            self.stream.receive(*["x"] * lines)
            for each in range(1, 9):
                self.stream.other(other, at=each)
            self.assertDiagnosis("heartbeats-only", f"{seen}came, for 9.0 s: the co", 9)

    def test_bytesAfterLines(self) -> None:
        """
        If other bytes come after the last line, no line ends: an event without the
        empty line after it, or a part of a line or of a message.
        """
        seen = "^After one line, bytes came for 9.0 s, but no "
        for type, code, others, text in (
            ("text/event-stream", "no-events", [Other.DATA], "event: 8 data fields, "),
            (
                "text/event-stream",
                "no-events",
                [Other.COMMENT, Other.NO_FIELD],
                "event: 8 lines without the name of a field",
            ),
            ("text/plain", "no-lines", [], "end of a line: the server does not end it"),
            ("", "no-lines", [], "end of a message: the server does not end it"),
        ):
            self.prepare()
            self.stream.request()
            self.stream.respond(type=type, status=200 if type else 101)
            self.stream.other(Other.COMMENT, Other.PING)
            self.stream.receive("x")
            for each in range(1, 9):
                self.stream.other(*others, at=each)
            self.assertDiagnosis(code, f"{seen}{text}", 9)

    def test_onlyPings(self) -> None:
        """
        A WebSocket with pings, and without a message, works.
        """
        self.stream.request()
        self.stream.respond(status=101)
        for each in range(1, 9):
            self.stream.other(Other.PING, at=each)
        seen = "^8 pings came, but no message, for 9.0 s: the connection works, and "
        self.assertDiagnosis("only-pings", seen, 9)

    def test_closedWithoutPings(self) -> None:
        """
        Of a WebSocket that is closed without a ping, nothing is said of pings.
        """
        self.stream.request()
        self.stream.respond(status=101)
        self.stream.evidence.bytesReceived(4)
        end = End(How.CLOSE_FRAME, "closed with 1008 (policy violation)", 1008)
        self.stream.disconnect(0.1, end)
        self.assertEqual(self.stream.codes(), ["closed-with-code"])

    def test_noEvents(self) -> None:
        """
        What came on an event stream without events is named, and what a browser makes
        of it.
        """
        for others, seen in (
            ([Other.DATA], "2 data fields, without the empty line that must follow"),
            ([Other.NO_FIELD], "2 lines without the name of a field. A browser "),
            ([Other.NO_DATA], "2 events without data. A browser shows no event. In "),
            ([Other.DATA, Other.OTHER_EVENT], "2 events with another name than those "),
            ([Other.COMMENT], "2 comments. The connection works, and the server has "),
            ([], "an event that has not ended yet."),
        ):
            self.prepare()
            self.stream.request()
            self.stream.respond(type="text/event-stream")
            self.stream.other(*others, count=2)
            seen = f"^6 bytes came, but no event: {seen}"
            self.assertDiagnosis("no-events", seen, 9)

    def test_oneComment(self) -> None:
        """
        A single one is named in the singular.
        """
        self.stream.request()
        self.stream.respond(type="text/event-stream")
        self.stream.other(Other.COMMENT)
        seen = r"^\d bytes came, but no event: 1 comment\. "
        self.assertDiagnosis("no-events", seen, 9)

    def test_lastConnection(self) -> None:
        """
        Only the last connection may be silent. If it has ended, that is said instead.
        """
        self.stream.connect()
        self.stream.disconnect(9)
        self.stream.begin()
        self.assertEqual(self.stream.codes(10), ["closed"])
