"""
Tests for L{clock.clients.check.diagnosis.cuts}.
"""

from __future__ import annotations

from clock.clients.reading.ends import End, How
from clock.clients.reading.lines import Line
from clock.clients.reading.observer import Other
from clock.tests.clients.check.fixture import CLOSED, DiagnosisTestCase, served

COMPLETE = End(How.COMPLETE, "complete")


class CutsTests(DiagnosisTestCase):
    """
    Ends of connections.
    """

    def test_idleTimeout(self) -> None:
        """
        Connections that all end the same time after their last byte have an idle
        timeout. A well-known default is named.
        """
        self.prepare(interval=1)
        for number, start in enumerate([0.5, 3.5, 7.5]):
            self.stream.connect(start)
            lines = served(start, start + 0.4 + 0.2 * (number != 1))
            self.stream.send(lines)
            self.stream.disconnect(lines[-1].at + 0.8 + 0.01 * number)
        self.assertDiagnosis(
            "cut-every-idle",
            "^Each of 3 connections was closed in good order 0.81 s after its last byte"
            r": an idle timeout on the way is too short, such as .*_timeout\.$",
        )
        self.prepare(interval=70)
        for start in (60, 200, 380):
            self.stream.connect(start)
            lines = served(start, start + 20, 70)
            self.stream.send(lines)
            self.stream.disconnect(lines[-1].at + 60, End(How.RESET, "reset"))
        seen = r"reset 60\.00 s after .* \(60 s is the default of nginx, Apache, Varn"
        self.assertDiagnosis("cut-every-idle", seen)

    def test_totalTimeout(self) -> None:
        """
        Connections that all end the same time after their start, though lines came,
        have a limited duration.
        """
        for start in (0.1, 20.7):
            self.stream.read(start, start + 15)
            self.stream.disconnect(start + 15)
        self.assertDiagnosis(
            "cut-every-total",
            "^Each of 2 connections was closed in good order 15.00 s after its start, "
            r"with lines or without.*connection \(15 s is the default of ",
        )

    def test_anyTimeout(self) -> None:
        """
        Without lines, an idle timeout and another one look the same.
        """
        for start in (1, 5):
            self.stream.connect(start)
            self.stream.disconnect(start + 2)
        seen = "2.00 s after its start, and 2.00 s after .*for idle connections or for"
        self.assertDiagnosis("cut-every", seen)

    def test_noTimeout(self) -> None:
        """
        Connections that end at different times have no timeout in common, and a single
        connection does not show one.
        """
        self.stream.read(0.5, 2.5)
        self.stream.disconnect(2.5)
        seen = "^The connection was closed in good order once, 2.00 s after its start "
        self.assertDiagnosis("closed", f"{seen}and 0.50 s after its last byte: the ser")
        self.stream.read(3.5, 8.9)
        self.stream.disconnect(8.9)
        seen = "order 2 times, 2.00 to 5.40 s after the start: the server, or a proxy, "
        self.assertDiagnosis("closed", seen)

    def test_ends(self) -> None:
        """
        A connection may be reset, cut within the response or within a line, or lost for
        a reason of its own.
        """
        for end, code, seen in [
            (End(How.CLOSED, ""), "closed", "closed in good order once, "),
            (End(How.RESET, ""), "reset", "^The connection was reset once, 1.00 s "),
            (End(How.CUT, ""), "cut-within-response", "before the end of the r"),
            (
                End(How.UNREACHABLE, "No route to host"),
                "lost",
                r"^The connection was lost \(No route to .*:",
            ),
            (
                End(How.MALFORMED, "the body is not gzip"),
                "malformed",
                r"ended by this client \(the body is not gzip\) once, ",
            ),
            (End(How.OTHER, "why"), "lost", r"lost \(why\) once, [^:]*$"),
        ]:
            self.prepare()
            self.stream.connect(0.5)
            self.stream.disconnect(1.5, end)
            self.assertDiagnosis(code, seen)

    def test_withinLine(self) -> None:
        """
        A connection may be closed within a line. If that is the first one, the server
        may not end its lines at all.
        """
        self.stream.connect(0.5)
        self.stream.receive(self.stream.text(0.5))
        self.stream.evidence.bytesReceived(5)
        self.stream.advance(1.5)
        self.stream.evidence.lineReceived(Line("19:03", truncated=True, size=5))
        self.stream.disconnect(end=End(How.CLOSED_WITHIN_LINE, ""))
        seen = "in the middle of a line once, 1.00 s after its start and 1.00 s after"
        self.assertDiagnosis("cut-within-line", seen)
        self.assertEqual(self.stream.verdict().unreadable, 1)
        self.prepare()
        self.stream.connect(0.5)
        self.stream.receive("19:03", truncated=True)
        self.stream.disconnect(1.5, End(How.CLOSED_WITHIN_LINE, ""))
        self.assertEqual(self.stream.codes(), ["no-lines", "cut-within-line"])

    def test_sameError(self) -> None:
        """
        Connections that end with an error after the same time were not cut by a
        timeout.
        """
        for start in (0.5, 3.5, 6.5):
            self.stream.read(start, start + 1.1)
            end = End(How.MALFORMED, "the body is not gzip, as its header says")
            self.stream.disconnect(start + 1.2, end)
        seen = r"^The connection was ended by this client \(the body is not .* 3 t"
        self.assertDiagnosis("malformed", seen)

    def test_complete(self) -> None:
        """
        A complete response was ended by the sender. No timeout is looked for. If the
        stream is read once, that is right.
        """
        for start in (0.5, 4.5, 8.5):
            self.stream.read(start, start + 2)
            self.stream.disconnect(start + 3, COMPLETE)
        seen = (
            "^The sender ended the stream in good order 3 times, 3.00 s after "
            "the start: the response was complete. To read such a stream once, to its "
            "end, use --once"
        )
        self.assertDiagnosis("ended", seen)
        self.prepare()
        self.stream.read(0.5, 2)
        self.stream.disconnect(3, COMPLETE)
        self.assertEqual(self.stream.diagnosis(once=True), [])

    def test_completeAlike(self) -> None:
        """
        If complete streams end the same time after their last byte, that is said: a
        timeout may do so, if it ends responses in good order.
        """
        for start, seconds in ((0.5, 1.7), (10.5, 5.7)):
            self.stream.read(start, start + seconds - 0.2)
            self.stream.disconnect(start + seconds + 1.5, COMPLETE)
        self.assertDiagnosis("ended", ", each 2.70 s after its last byte: the response")

    def test_once(self) -> None:
        """
        A stream that is read once may be closed, but not cut.
        """
        for end, codes in ((CLOSED, []), (End(How.CUT, ""), ["cut-within-response"])):
            self.prepare()
            self.stream.read(0.5, 2)
            self.stream.disconnect(2.2, end)
            self.assertEqual(self.stream.codes(once=True), codes)

    def test_onceWithoutAByte(self) -> None:
        """
        If nothing came before a stream was closed, that is why it has no line.
        """
        self.stream.connect(1)
        self.stream.disconnect(1.5)
        seen = "^The connection was closed in good order once, .* without a byte: the "
        self.assertDiagnosis("closed", seen, once=True)

    def test_completeAndCut(self) -> None:
        """
        A connection that was cut among others that were complete is said as well.
        """
        self.stream.read(0.5, 2)
        self.stream.disconnect(2.2, COMPLETE)
        self.stream.read(3.5, 7)
        self.stream.disconnect(7.2, End(How.CUT, ""))
        self.assertEqual(self.stream.codes(), ["ended", "cut-within-response"])

    def test_noCloseFrame(self) -> None:
        """
        A WebSocket that is cut was closed without a close frame.
        """
        self.stream.request()
        self.stream.respond(status=101)
        self.stream.disconnect(1, End(How.CUT, "cut within a response"))
        seen = "^The connection was closed without a close frame once, 1.00 s after"
        self.assertDiagnosis("cut-within-response", seen)

    def test_noCloseFrames(self) -> None:
        """
        So are several. A timeout may be in the server, or the server may fail.
        """
        for _ in range(2):
            self.stream.request()
            self.stream.respond(status=101)
            now = self.stream.clock.seconds()
            self.stream.disconnect(now + 1, End(How.CUT, "cut within a response"))
        seen = (
            "^Each of 2 connections was closed without a close frame 1.00 s .*: a "
            "timeout on the way or in the server, .*; or the server ends at the same "
        )
        self.assertDiagnosis("cut-every", seen)

    def test_closeFrame(self) -> None:
        """
        The code and the reason of a close frame are shown. A good code ends the stream.
        """
        for code, reason, seen in (
            (1008, "unauthorized", r"with 1008 \(policy .*\), and the reason \"una"),
            (1011, "", r"with 1011 \(internal error\)\.$"),
            (4408, "", r"with 4408 \(a code of the application's own\)\.$"),
            (2999, "", r"with 2999 \(an unknown code\)\.$"),
        ):
            self.prepare()
            self.stream.request()
            self.stream.respond(status=101)
            end = End(How.CLOSE_FRAME, "closed", code, reason)
            self.stream.disconnect(1, end)
            seen = f"^The server closed the WebSocket once, 1.00 s after .*{seen}"
            self.assertDiagnosis("closed-with-code", seen)
        self.prepare()
        self.stream.request()
        self.stream.respond(status=101)
        end = End(How.CLOSE_FRAME, "closed with 1001", 1001)
        self.stream.disconnect(1, end)
        self.assertDiagnosis("ended", "without a byte: closed with 1001. To read such")

    def test_withoutCloseFrame(self) -> None:
        """
        A WebSocket has no end of a response.
        """
        self.stream.request()
        self.stream.respond(status=101)
        self.stream.disconnect(1, End(How.CUT, ""))
        seen = "^The connection was closed without a close frame once, 1.00 s after "
        self.assertDiagnosis("cut-within-response", seen)

    def test_idleSinceByte(self) -> None:
        """
        An idle timeout begins at the last byte, also of a ping or a comment.
        """
        for start, comments in ((1, 2), (20, 5)):
            self.stream.request(start)
            self.stream.respond(type="text/event-stream")
            self.stream.receive("x")
            for each in range(comments):
                self.stream.other(Other.COMMENT, at=start + each * 2)
            last = start + 2 * (comments - 1)
            self.stream.disconnect(last + 3, End(How.CUT, ""))
        found = self.stream.diagnosis()
        (said,) = (each for each in found if each.code == "cut-every-idle")
        self.assertRegex(
            said.text, "^Each of 2 .* 3.00 s after its last byte: an idle "
        )

    def test_longerPause(self) -> None:
        """
        A connection that survived a longer time without a byte had no idle timeout.
        """
        for start, pause in ((0.5, 1), (10.5, 4)):
            self.stream.connect(start)
            self.stream.receive("x")
            self.stream.advance(start + pause)
            self.stream.receive("x")
            self.stream.disconnect(start + pause + 2)
        self.assertEqual(self.stream.codes(), ["closed"])

    def test_atTheNextLine(self) -> None:
        """
        An end one interval after a line may be a timeout, or the server's own.
        """
        for start, seconds in ((0, 2), (10, 7)):
            self.stream.read(start, start + seconds)
            self.stream.disconnect(start + seconds)
        seen = "^Each of 2 .* 1.00 s after its last byte, when the next line was due: "
        self.assertDiagnosis("cut-every", seen)

    def test_secondLine(self) -> None:
        """
        If no connection lives for two lines after its first one, nothing shows when the
        next line was due: neither the time between two connections, nor that from the
        first line, which is sent at once, to the second one.
        """
        for start, seconds in ((0.2, 1), (2.1, 0.1), (3.2, 1), (5.2, 1)):
            self.stream.connect(start)
            lines = served(start, start + seconds)
            self.stream.send(lines)
            self.stream.disconnect(lines[-1].at + 0.8)
        self.assertIsNone(self.stream.verdict().interval)
        self.assertDiagnosis("cut-every-idle", " 0.80 s after its last byte: an idle ")

    def test_kinds(self) -> None:
        """
        A timeout may end connections in several ways.
        """
        for start, how in ((1, How.CLOSED), (5, How.RESET)):
            self.stream.connect(start)
            self.stream.disconnect(start + 2, End(how, ""))
        seen = "^Each of 2 connections was closed in good order or reset 2.00 s after "
        self.assertDiagnosis("cut-every", seen)

    def test_lost(self) -> None:
        """
        If a connection was lost for a reason of its own, no timeout is looked for.
        """
        for start, how in ((1, How.CLOSED), (5, How.UNREACHABLE)):
            self.stream.connect(start)
            self.stream.disconnect(start + 2, End(how, "no route"))
        self.assertEqual(self.stream.codes(), ["closed", "lost"])

    def test_tls(self) -> None:
        """
        TLS may end a connection after its handshake, for a reason of its own.
        """
        for start in (1, 5):
            self.stream.connect(start)
            self.stream.disconnect(start, End(How.TLS, "certificate required"))
        seen = (
            r"^The connection was ended by TLS \(certificate required\) 2 times, .* "
            "may want a certificate"
        )
        self.assertDiagnosis("lost", seen)

    def test_candidate(self) -> None:
        """
        A single cut after a well-known time names whose default it is. Another cut
        would confirm it.
        """
        for how, seconds, seen in (
            (
                How.CUT,
                15,
                r"ended\. 15 s is the default of Envoy's routes; a second con",
            ),
            (How.CUT, 14, "the server was ended.$"),
            (How.MALFORMED, 15, "what arrived cannot be decoded.$"),
        ):
            self.prepare()
            self.stream.read(0.5, 0.5 + seconds)
            self.stream.disconnect(0.5 + seconds, End(how, "why"))
            (found,) = self.stream.diagnosis()
            self.assertRegex(found.text, seen)

    def test_http2(self) -> None:
        """
        An error of HTTP/2 is named.
        """
        self.stream.read(0.5, 5)
        self.stream.disconnect(5.2, End(How.HTTP2_ERROR, "INTERNAL_ERROR", 2))
        seen = (
            r"^The connection was ended with an error of HTTP/2 \(INTERNAL_ERROR\) on"
        )
        self.assertDiagnosis("http2-error", seen)

    def test_truncatedTLS(self) -> None:
        """
        An end without close_notify is no reset.
        """
        self.stream.read(0.5, 5)
        self.stream.disconnect(5.2, End(How.TRUNCATED_TLS, ""))
        self.assertDiagnosis("tls-truncated", "closed without the end of TLS")
