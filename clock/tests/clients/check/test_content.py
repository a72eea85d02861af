"""
Tests for L{clock.clients.check.diagnosis.content}.
"""

from __future__ import annotations

from clock.clients.reading.ends import End, How
from clock.clients.reading.observer import Other
from clock.tests.clients.check.fixture import DiagnosisTestCase, served

COMPLETE = End(How.COMPLETE, "complete")


class ContentTests(DiagnosisTestCase):
    """
    What came.
    """

    def respond(self, type: str = "") -> None:
        """
        Begin a response.
        """
        self.stream.request()
        self.stream.respond(type=type)

    def test_document(self) -> None:
        """
        A page is no stream, however often it comes. Nothing else is said of it.
        """
        self.respond("text/html; charset=utf-8")
        self.stream.receive("<html>", "data: x", "</html>")
        self.stream.disconnect(end=COMPLETE)
        seen = (
            "^The response is a complete text/html of 23 bytes, once, and no stream: "
        )
        self.assertDiagnosis("not-a-stream", seen)
        self.assertDiagnosis("not-a-stream", seen, 9, once=True)
        self.respond("application/json")
        self.stream.receive("{}")
        self.stream.disconnect(end=COMPLETE)
        seen = "^The response is a complete application/json of 3 bytes, 2 times, and "
        self.assertDiagnosis("not-a-stream", seen)
        self.assertEqual(self.stream.verdict(20).trouble, ["not a stream"])

    def test_documentOnce(self) -> None:
        """
        A page between two streams, as from a proxy while its server restarts, is said
        besides what is said of the streams.
        """
        self.respond("text/event-stream")
        self.stream.receiveEach(0.1, "abc")
        self.stream.disconnect(end=End(How.CUT, "cut"))
        self.respond("text/html")
        self.stream.receive("<html>")
        self.stream.disconnect(end=COMPLETE)
        self.respond("text/event-stream")
        self.stream.receiveEach(0.1, "def")
        verdict = self.stream.verdict()
        self.assertEqual(verdict.trouble, ["disconnected 2 times (complete)"])
        page, cut = verdict.diagnosis
        seen = "^A response is a complete text/html of 7 bytes, once, and no stream: "
        self.assertRegex(page.text, seen)
        self.assertEqual(cut.code, "cut-within-response")

    def test_empty(self) -> None:
        """
        Neither is an empty response, unless lines came before.
        """
        seen = "^The response is complete and empty, once: the server had nothing to"
        self.respond("text/html")
        self.stream.disconnect(end=COMPLETE)
        self.assertDiagnosis("not-a-stream", seen)
        self.prepare()
        self.respond("text/event-stream")
        self.stream.disconnect(end=COMPLETE)
        self.assertDiagnosis("not-a-stream", seen)
        self.assertDiagnosis("not-a-stream", seen, once=True)
        self.respond()
        self.stream.receive("a")
        self.stream.disconnect(end=COMPLETE)
        self.assertEqual(self.stream.codes(), ["ended"])

    def test_pause(self) -> None:
        """
        A pause between lines that show nothing may be right. If it is at the end, or
        lines come at once after it, that is said instead.
        """
        self.respond()
        self.stream.receiveEach(0.5, "abcdefghijkl")
        self.stream.receiveEach(4, "m")
        self.stream.receiveEach(0.5, "nopqr")
        seen = "^No line came for 4 s, with lines before and after: the server had "
        self.assertDiagnosis("silent", seen)
        self.assertDiagnosis("silent", seen, self.stream.clock.seconds() + 2)
        self.prepare()
        self.respond()
        for _ in range(4):
            self.stream.receiveEach(4, "a")
            self.stream.receive(*"bcdef")
        self.assertEqual(self.stream.codes(), ["held-back"])

    def test_wrongType(self) -> None:
        """
        Events that come as another type are no events for a browser.
        """
        for type, named in (
            ("text/plain; charset=utf-8", "text/plain"),
            ("", "no type"),
        ):
            self.prepare()
            self.respond(type)
            self.stream.receiveEach(1, ["data: x", "", "data: y", ""])
            self.assertDiagnosis("wrong-type", f"^Events came as {named}: browsers ref")
        self.prepare()
        self.respond("text/plain")
        self.stream.receiveEach(1, ["x", "", "y", ""])
        self.assertEqual(self.stream.diagnosis(), [])

    def test_paused(self) -> None:
        """
        If this client did not read for a while, lines that come together, or late, are
        not blamed on others.
        """
        for paused, codes in ((1.5, ["reader-paused"]), (0.3, ["held-back"])):
            self.prepare()
            self.stream.read(
                0.5, 20.5, lambda line: line._replace(at=line.at // 4 * 4 + 4)
            )
            self.stream.evidence.paused(paused)
            self.assertEqual(self.stream.codes(), codes)
        self.prepare()
        self.stream.read(0.5, 9, lambda line: line._replace(shown=line.shown - 2))
        self.stream.evidence.paused(1.25)
        self.stream.evidence.paused(1.25)
        self.assertDiagnosis("reader-paused", "it stopped reading for 2.5 s in all")

    def test_tooLong(self) -> None:
        """
        Lines that were too long are counted, and timed.
        """
        self.stream.connect()
        for size in (70_000, 750_000, 80_000):
            self.stream.disconnect()
            self.stream.connect()
            self.stream.receive("x", truncated=True, size=size)
        seen = "^3 lines were longer than 65536 bytes: 750000 bytes at most. Such a "
        found = self.stream.diagnosis()
        self.assertEqual(found[0].code, "too-long")
        self.assertRegex(found[0].text, seen)
        self.prepare()
        self.stream.connect()
        self.stream.receive("x", truncated=True, size=70_000)
        self.assertDiagnosis("too-long", "^One line was longer than 65536 bytes: 70000")
        self.prepare()
        self.stream.connect()
        self.stream.receiveEach(1, ["x" * 65_536])
        self.assertEqual(self.stream.diagnosis(), [])

    def test_unfinished(self) -> None:
        """
        A browser drops an event at the end of a stream without the empty line. If there
        was no other, that is said instead.
        """
        self.respond("text/event-stream")
        self.stream.receive("x")
        self.stream.other(Other.UNFINISHED)
        self.stream.disconnect(end=COMPLETE)
        seen = "^The stream ended within an event, once: the empty line after its data "
        self.assertDiagnosis("unfinished-event", seen, once=True)
        self.prepare()
        self.respond("text/event-stream")
        self.stream.other(Other.DATA)
        self.stream.evidence.otherReceived(Other.UNFINISHED)
        self.stream.disconnect(end=COMPLETE)
        self.assertEqual(self.stream.codes(once=True), ["no-events"])

    def test_lateToBegin(self) -> None:
        """
        A first line that comes alone, and long after the headers, is late to begin.
        """
        self.respond("text/event-stream")
        self.stream.send(served(10, 16))
        seen = (
            "^The first line came after 10 s, and the headers before: the server took"
        )
        self.assertDiagnosis("late-to-begin", seen)
        self.prepare()
        self.stream.connect(0)
        self.stream.send(served(10, 16))
        self.assertDiagnosis(
            "late-to-begin", "^The first line came after 10 s: the ser"
        )

    def test_notLateToBegin(self) -> None:
        """
        A first line that comes with others was held back with them.
        """
        self.respond("text/event-stream")
        self.stream.send(line._replace(at=max(10, line.at)) for line in served(0.5, 20))
        self.assertEqual(self.stream.codes(), ["held-back"])
