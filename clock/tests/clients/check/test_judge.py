"""
Tests for L{clock.clients.check.judge}.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from clock.clients.check.judge import Limits
from clock.clients.check.report.histogram import Percentiles
from clock.clients.check.verdict import Verdict
from clock.clients.reading.ends import End, How
from clock.clients.reading.observer import Other
from clock.tests.clients.check.fixture import CLOSED, DEFAULTS, FakeStream, Sent, served

COMPLETE = End(How.COMPLETE, "complete")


def started(format: str = "%H:%M:%S", interval: float | None = 1) -> FakeStream:
    """
    Connect in the middle of a second, and receive the first line.
    """
    stream = FakeStream(format, interval, zone="Asia/Tokyo")
    stream.connect(0.5)
    stream.send([Sent(0.5, 0.5)])
    return stream


def texts(*texts: str, **more: Any) -> FakeStream:
    """
    Connect, and receive a line each second.
    """
    stream = FakeStream(**more)
    stream.connect()
    stream.receive(texts[0])
    stream.receiveEach(1, texts[1:])
    return stream


def onTime(*seconds: int) -> list[Sent]:
    """
    Return the lines of some seconds.
    """
    return [Sent(each, each, each) for each in seconds]


class VerdictTestCase(SynchronousTestCase):
    """
    Verdicts.
    """

    def assertVerdict(
        self,
        stream: FakeStream,
        limits: Limits = DEFAULTS,
        at: float | None = None,
        **expected: object,
    ) -> Verdict:
        """
        Assert that the verdict is that of four good lines, except for these fields.
        """
        verdict = stream.verdict(at, *limits)
        whole: dict[str, object] = {
            "reached": True,
            "lines": 4,
            "repeats": 0,
            "skips": 0,
            "lost": None,
            "unreadable": 0,
            "disconnects": 0,
            "failures": 0,
            "trouble": [],
        }
        found = {name: getattr(verdict, name) for name in whole}
        self.assertEqual(found, {**whole, **expected})
        return verdict


class JudgeTests(VerdictTestCase):
    """
    The verdict on a stream with an interval.
    """

    def test_whole(self) -> None:
        """
        A line each second, on time, is a whole stream.
        """
        stream = started()
        stream.send(onTime(1, 2, 3))
        verdict = self.assertVerdict(stream)
        self.assertEqual(verdict.lateness, Percentiles(0, 0, 0))
        self.assertEqual(verdict.silence, 1)
        self.assertEqual((verdict.interval, verdict.firstLine), (1, 0))

    def test_firstLineIsNotLate(self) -> None:
        """
        The first line shows a second that began before, so its lateness is not known,
        unless it shows the fraction.
        """
        verdict = started().verdict()
        self.assertIsNone(verdict.lateness)
        self.assertIsNone(verdict.gaps)
        verdict = started("json").verdict()
        self.assertEqual(verdict.lateness, Percentiles(0, 0, 0))

    def test_late(self) -> None:
        """
        Lateness is the time from the instant shown to the arrival, by the local wall
        clock. A stream with late lines is whole.
        """
        stream = started()
        stream.send([*onTime(1, 2), Sent(3.25, 3)])
        verdict = self.assertVerdict(stream)
        self.assertEqual(verdict.lateness, Percentiles(0, 0.25, 0.25))
        self.assertEqual(verdict.gaps, Percentiles(1, 1.25, 1.25))

    def test_maxLate(self) -> None:
        """
        If the user limits the lateness, a line that is later is trouble: as soon as
        that is certain.
        """
        for format, late in (("json", 0.5), ("%H:%M:%S", 1.5)):
            stream = started(format)
            stream.send(line.later(late) for line in onTime(1, 2, 3))
            within, beyond = Limits(maxLate=0.5), Limits(maxLate=0.4)
            self.assertFalse(stream.isBroken(limits=within))
            self.assertEqual(stream.verdict(maxLate=0.5).trouble, [])
            self.assertTrue(stream.isBroken(limits=beyond))
            trouble = stream.verdict(maxLate=0.4).trouble
            self.assertEqual(trouble, ["late by 0.5 s"])

    def test_repeat(self) -> None:
        """
        A line for the same second, or an earlier one, is a repeat.
        """
        stream = started()
        stream.send([*onTime(1, 2), Sent(2, 2), Sent(2, 1)])
        self.assertVerdict(stream, lines=5, repeats=2, trouble=["2 repeated"])

    def test_skip(self) -> None:
        """
        A second without a line is skipped.
        """
        stream = started()
        stream.send(onTime(1, 4))
        trouble = ["2 skipped", "no line for 3 s"]
        verdict = self.assertVerdict(stream, lines=3, skips=2, trouble=trouble)
        self.assertEqual(verdict.silence, 3)

    def test_lost(self) -> None:
        """
        A missing tick number is a lost line. If a second is missing but no number is,
        the second is only skipped.
        """
        stream = started("json")
        stream.send([Sent(1, 1, 1), Sent(3, 3, 3), Sent(5, 5, 4)])
        trouble = ["2 skipped", "1 lost"]
        self.assertVerdict(stream, skips=2, lost=1, trouble=trouble)

    def test_ticksStartAgain(self) -> None:
        """
        A tick number that repeats, or starts again, does not reduce the number of lost
        lines.
        """
        stream = started("json")
        stream.send([Sent(1, 1, 1), Sent(2, 2, 5), Sent(3, 3, 5), Sent(4, 4, 0)])
        self.assertVerdict(stream, lines=5, lost=3, trouble=["3 lost"])

    def test_interval(self) -> None:
        """
        With another interval, lines are judged by its boundaries. The first line may be
        sent between them.
        """
        stream = FakeStream("%H:%M:%S", 60)
        stream.connect(59)
        stream.send(onTime(59, 60, 120, 240))
        self.assertVerdict(stream, skips=1, trouble=["1 skipped"])

    def test_foundInterval(self) -> None:
        """
        Without the user's interval, that of the lines counts, and the longest time
        without a line is 2.5 intervals.
        """
        stream = FakeStream("%H:%M:%S")
        stream.read(59, 420, interval=60)
        verdict = self.assertVerdict(stream, at=509, lines=7)
        self.assertEqual(verdict.interval, 60)
        trouble = ["no line for 151 s"]
        self.assertVerdict(stream, at=511, lines=7, trouble=trouble)

    def test_noInterval(self) -> None:
        """
        Times that are not regular show no interval, and nothing is skipped or repeated.
        The longest time without a line is 2.5 s.
        """
        stream = FakeStream()
        stream.connect(0)
        for each in (0, 0.5, 2.5, 2.6, 3, 5.4, 5.8, 6.9):
            stream.send([Sent(each, each, 0)])
        self.assertVerdict(stream, lines=8, lost=0, repeats=0)

    def test_maxGap(self) -> None:
        """
        The user may say how long a time without a line is allowed.
        """
        stream = started()
        stream.send([*onTime(1, 2), Sent(5, 5)])
        self.assertEqual(stream.verdict(maxGap=3).trouble, ["2 skipped"])
        trouble = ["2 skipped", "no line for 3 s"]
        self.assertEqual(stream.verdict(maxGap=2.9).trouble, trouble)

    def test_leastGap(self) -> None:
        """
        With a short interval, a second without a line is allowed.
        """
        stream = FakeStream()
        stream.read(0.05, 2, interval=0.1)
        self.assertEqual(stream.verdict().interval, 0.1)
        last = stream.evidence.arrivals[-1].at
        self.assertEqual(stream.verdict(last + 0.99).trouble, [])
        self.assertEqual(stream.verdict(last + 1.01).trouble, ["no line for 1.01 s"])

    def test_heldBack(self) -> None:
        """
        Lines that arrive late and together are a long gap and a burst, and no more.
        """
        stream = started()
        stream.send([Sent(3.5, 1), Sent(3.5, 2), Sent(3.5, 3)])
        trouble = ["2 in bursts", "no line for 3 s"]
        verdict = self.assertVerdict(stream, trouble=trouble)
        self.assertEqual(verdict.lateness, Percentiles(1.5, 2.5, 2.5))

    def test_endsInSilence(self) -> None:
        """
        The time without a line up to the end counts, but is not a gap between lines.
        """
        stream = started()
        stream.send(onTime(1, 2, 3))
        verdict = self.assertVerdict(stream, at=33, trouble=["no line for 30 s"])
        self.assertEqual(verdict.gaps, Percentiles(1, 1, 1))

    def test_unreadable(self) -> None:
        """
        A line that comes instead of one that shows the time, or is truncated, is
        unreadable. So is none that is an object of JSON, or the first of its
        connection, or that comes besides.
        """
        stream = started()
        stream.send(onTime(1))
        stream.advance(2)
        stream.receive("hello")
        stream.send(onTime(3))
        stream.receive("19:03:14", truncated=True)
        trouble = ["2 unreadable", "1 skipped"]
        self.assertVerdict(stream, lines=5, unreadable=2, skips=1, trouble=trouble)
        stream = started()
        stream.send(onTime(1, 2))
        stream.receive("hello")
        stream.send(onTime(3))
        self.assertVerdict(stream, lines=5)
        stream = FakeStream(interval=1)
        stream.connect()
        stream.receive("welcome")
        stream.receive("{}")
        stream.send(onTime(1, 2))
        self.assertVerdict(stream, lost=0)

    def test_tooLong(self) -> None:
        """
        A line that is too long is a line.
        """
        stream = started()
        stream.send(onTime(1, 2))
        stream.advance(3)
        stream.receive(stream.text(3), truncated=True, size=100_000)
        self.assertVerdict(stream)

    def test_truncatedOnly(self) -> None:
        """
        A line that was cut off is unreadable, even if no line shows a time.
        """
        stream = FakeStream()
        stream.connect()
        stream.receive("a", truncated=True)
        trouble = ["no lines", "1 unreadable"]
        self.assertVerdict(stream, lines=1, unreadable=1, trouble=trouble)

    def test_namedEvents(self) -> None:
        """
        Events with another name need not show anything.
        """
        stream = started()
        stream.send(onTime(1, 2))
        stream.receive("hello", name="welcome")
        stream.send(onTime(4))
        self.assertEqual(stream.evidence.sequence.countUnreadable(), 0)
        stream.receive("hello")
        self.assertTrue(stream.isBroken())
        trouble = ["1 unreadable", "1 skipped"]
        self.assertVerdict(stream, lines=6, unreadable=1, skips=1, trouble=trouble)


class NumbersTests(VerdictTestCase):
    """
    The verdict on a stream that shows numbers, or nothing.
    """

    def test_counter(self) -> None:
        """
        Lines with a number and no time are judged by their numbers.
        """
        self.assertVerdict(texts("1", "2", "3", "4"), lost=0)
        stream = texts(*map(str, [1, 2, 3, 4, 7, 8, 8, 9, 10, 11]))
        trouble = ["1 repeated", "2 lost"]
        verdict = self.assertVerdict(
            stream, lines=10, repeats=1, lost=2, trouble=trouble
        )
        self.assertIsNone(verdict.lateness)

    def test_noCounter(self) -> None:
        """
        Numbers that do not rise by one from the start count no lines: prices, or the
        ids of other streams too.
        """
        self.assertVerdict(texts("1000", "1010", "1020", "1030"))
        self.assertVerdict(texts("7", "7", "8", "9"))

    def test_field(self) -> None:
        """
        The field that is asked for is judged, and no id.
        """
        stream = FakeStream(field="n")
        stream.connect()
        for number in (1, 2, 4):
            stream.clock.advance(1)
            stream.receive(f'{{"n": {number}}}', id="7")
        self.assertVerdict(stream, lines=3, lost=1, trouble=["1 lost"])

    def test_id(self) -> None:
        """
        The id of an event is the number of its line, if it is short, and rises by one
        from the start.
        """
        for ids, lost, trouble in [
            ("1 2 3 4 6 7", 1, ["1 lost"]),
            ("1000 1010 1020 1030 1040 1050", None, []),
            ("9 8 7 6 5 4", None, []),
            (
                "1700000000 1700000001 1700000002 1700000003 1700000005 1700000006",
                None,
                [],
            ),
        ]:
            stream = FakeStream("%H:%M:%S", 1)
            stream.connect()
            for second, id in enumerate(ids.split()):
                stream.advance(second)
                stream.receive(stream.text(second), id=id)
            self.assertVerdict(stream, lines=6, lost=lost, trouble=trouble)

    def test_oneId(self) -> None:
        """
        An id is that of one event. It does not count for the next ones.
        """
        stream = started()
        stream.advance(1)
        stream.receive(stream.text(1), id="7")
        stream.send(onTime(2, 3))
        self.assertVerdict(stream)

    def test_showsNothing(self) -> None:
        """
        If no line shows a time or a number, the stream is judged by its arrivals.
        """
        verdict = self.assertVerdict(texts("a", "b", "c", "d"))
        self.assertEqual((verdict.bursts, verdict.lost), (0, None))

    def test_bursts(self) -> None:
        """
        If most lines arrive together after a silence, they are in bursts.
        """
        stream = FakeStream()
        stream.connect()
        stream.receive("a", "b")
        self.assertEqual(stream.verdict().trouble, [])
        for _ in range(2):
            stream.clock.advance(0.6)
            stream.receive(*"cde")
        self.assertVerdict(stream, lines=8, trouble=["4 in bursts"])
        stream = started()
        stream.send([Sent(0.5, 0.5)])
        self.assertEqual(stream.verdict().bursts, 0)

    def test_burstsWithInterval(self) -> None:
        """
        With an interval of the user, each line counts that comes with the line before,
        but not the first two lines of a connection.
        """
        stream = FakeStream(interval=1)
        stream.connect()
        stream.receive("a", "b")
        self.assertEqual(stream.verdict().trouble, [])
        stream.clock.advance(2)
        stream.receive(*"cdefg")
        self.assertVerdict(stream, lines=7, trouble=["4 in bursts"])


class ConnectionsTests(VerdictTestCase):
    """
    The verdict on connections.
    """

    def test_noLines(self) -> None:
        """
        A stream without lines is not whole, even if the check is short.
        """
        stream = FakeStream()
        stream.connect()
        self.assertVerdict(stream, lines=0, trouble=["no lines"])

    def test_firstLineLate(self) -> None:
        """
        The time to the first line starts at the request. It is called so if it is the
        longest time without a line.
        """
        stream = FakeStream(interval=1)
        stream.begin(1)
        stream.request(2)
        stream.respond(3)
        stream.receive("a")
        self.assertEqual(stream.verdict().trouble, [])
        stream = FakeStream(interval=1)
        stream.begin(1)
        stream.request(2)
        stream.respond(3)
        stream.advance(5)
        stream.send(onTime(5, 6))
        verdict = stream.verdict()
        self.assertEqual(verdict.trouble, ["first line after 4 s"])
        self.assertEqual((verdict.firstLine, verdict.silence), (4, 3))
        trouble = stream.verdict(10).trouble
        self.assertEqual(trouble, ["no line for 4 s"])

    def test_noHeaders(self) -> None:
        """
        A server whose response is awaited at the end was reached. If none was sent,
        nothing is known.
        """
        stream = FakeStream()
        stream.request(1)
        verdict = stream.verdict(11)
        self.assertEqual(verdict.trouble, ["no headers for 10 s"])
        self.assertEqual((verdict.reached, verdict.silence), (True, 10))
        stream = FakeStream()
        stream.begin(1)
        verdict = stream.verdict(11)
        self.assertEqual(verdict.trouble, ["not reached: no answer"])
        self.assertFalse(verdict.reached)

    def test_headersOfAnother(self) -> None:
        """
        After a stream, the wait for the headers of the next one is a time without a
        line.
        """
        stream = started()
        stream.send(onTime(1))
        stream.disconnect(1.2)
        stream.request(2)
        verdict = stream.verdict(9)
        self.assertEqual(verdict.silence, 8)
        self.assertEqual(verdict.trouble[0], "no line for 8 s")

    def test_redirected(self) -> None:
        """
        A redirect is reported. It is not a fault.
        """
        stream = FakeStream()
        stream.request()
        stream.evidence.redirected("http://x/")
        stream.respond()
        stream.receiveEach(1, "1234")
        verdict = self.assertVerdict(stream, lost=0)
        self.assertEqual(verdict.redirectedTo, "http://x/")

    def test_document(self) -> None:
        """
        A document is no stream.
        """
        stream = FakeStream()
        stream.request()
        stream.respond(type="text/html; charset=utf-8")
        stream.receive("<html>", "</html>")
        stream.disconnect(end=COMPLETE)
        verdict = stream.verdict(once=True)
        self.assertEqual(verdict.trouble, ["not a stream"])
        self.assertEqual(stream.verdict().trouble, ["not a stream"])

    def test_wrongType(self) -> None:
        """
        Events that come as another type are trouble. Their lines are not judged.
        """
        stream = FakeStream()
        stream.request()
        stream.respond(type="text/plain")
        for each in ("1", "2", "3", "4", "9"):
            stream.receive(f"data: {each}", "")
        self.assertEqual(stream.verdict().trouble, ["not sent as text/event-stream"])

    def test_errorBefore(self) -> None:
        """
        A server that has responded with an error before is not awaited.
        """
        stream = FakeStream()
        stream.request()
        stream.disconnect(1, End(How.STATUS, "502 Bad Gateway", 502))
        stream.request(2)
        verdict = stream.verdict(9)
        self.assertEqual(verdict.trouble, ["not reached: 502 Bad Gateway"])
        stream = FakeStream()
        stream.request()
        stream.disconnect(1, End(How.NO_RESPONSE, "closed"))
        stream.request(2)
        self.assertEqual(stream.verdict(9).trouble[0], "no headers for 7 s")

    def test_unfinishedCut(self) -> None:
        """
        A connection that is cut within an event is not said to be unfinished.
        """
        stream = FakeStream()
        stream.request()
        stream.respond(type="text/event-stream")
        stream.receive("a")
        stream.other(Other.UNFINISHED)
        stream.disconnect(end=End(How.CUT, "cut"))
        self.assertNotIn("unfinished-event", stream.codes())

    def test_unfinished(self) -> None:
        """
        An event that the stream ends within is trouble.
        """
        stream = FakeStream()
        stream.request()
        stream.respond(type="text/event-stream")
        stream.receive("a")
        stream.other(Other.UNFINISHED)
        stream.disconnect(end=COMPLETE)
        self.assertEqual(stream.verdict(once=True).trouble, ["1 unfinished"])

    def test_disconnects(self) -> None:
        """
        A lost connection is counted, with its reason. The next connection is judged
        independently, but the time without a line continues.
        """
        stream = started()
        stream.send(onTime(1))
        self.assertEqual(stream.verdict().outage, 0)
        stream.disconnect()
        self.assertEqual(stream.verdict(2).outage, 1)
        stream.disconnect(end=End(How.REFUSED, "Connection refused"))
        stream.connect(4)
        stream.send([Sent(4, 1), Sent(4, 2)])
        verdict = self.assertVerdict(
            stream,
            disconnects=1,
            failures=1,
            trouble=[
                "no line for 3 s",
                "disconnected once (closed by the server)",
                "failed to connect once (Connection refused)",
            ],
        )
        self.assertEqual(verdict.outage, 3)

    def test_outage(self) -> None:
        """
        The longest time without a connection counts, not the last.
        """
        stream = started()
        for seconds in (0.5, 0.25):
            stream.disconnect()
            stream.clock.advance(seconds)
            stream.connect()
        stream.clock.advance(5)
        self.assertEqual(stream.verdict().outage, 0.5)

    def test_notReached(self) -> None:
        """
        If no connection is made, the verdict has the last reason. The time without a
        line is not measured.
        """
        stream = FakeStream()
        nothing: dict[str, Any] = {"reached": False, "lines": 0}
        self.assertVerdict(stream, **nothing, trouble=["not reached: no answer"])
        for how in (How.UNREACHABLE, How.REFUSED):
            stream.begin()
            stream.clock.advance(10)
            stream.disconnect(end=End(how, how.value))
        self.assertEqual(stream.verdict().silence, 0)
        trouble = ["not reached: refused"]
        self.assertVerdict(stream, **nothing, failures=2, trouble=trouble)

    def test_once(self) -> None:
        """
        If the stream is read once, an end in good order is no trouble, and time after
        it does not count.
        """
        for end, trouble in (
            (COMPLETE, []),
            (CLOSED, []),
            (End(How.CLOSE_FRAME, "closed", 1000), []),
            (End(How.CLOSE_FRAME, "why", 1011), ["disconnected once (why)"]),
            (End(How.CUT, "cut"), ["disconnected once (cut)"]),
        ):
            stream = texts("a", "b", "c", "d")
            stream.disconnect(end=end)
            lost = len(trouble)
            self.assertVerdict(
                stream, Limits(once=True), 100, disconnects=lost, trouble=trouble
            )
            self.assertEqual(len(stream.verdict().trouble), 2)

    def test_onceOpen(self) -> None:
        """
        A stream that has not ended is judged up to the end of the check.
        """
        stream = texts("a", "b", "c", "d")
        trouble = ["no line for 7 s"]
        self.assertVerdict(stream, Limits(once=True), 10, trouble=trouble)


class IsBrokenTests(SynchronousTestCase):
    """
    Whether a stream can no longer become whole.
    """

    def test_silence(self) -> None:
        """
        A stream is broken after a silence that is too long, for good.
        """
        stream = started()
        stream.send(onTime(1, 2, 3))
        self.assertFalse(stream.isBroken())
        self.assertFalse(stream.isBroken(5.5))
        self.assertTrue(stream.isBroken(5.6))
        stream.send([Sent(5.6, 4), Sent(5.6, 5)])
        self.assertTrue(stream.isBroken())

    def test_faults(self) -> None:
        """
        A stream is broken after each fault.
        """
        for fault in (
            lambda stream: stream.disconnect(),
            lambda stream: stream.receive("1", truncated=True),
            lambda stream: stream.send([Sent(2.1, 2)]),
            lambda stream: stream.send([Sent(4, 4)]),
        ):
            stream = started()
            stream.send(served(0.5, 3)[1:])
            self.assertFalse(stream.isBroken())
            fault(stream)
            self.assertTrue(stream.isBroken())
        stream = started("json")
        stream.send([Sent(1, 1, 1), Sent(2, 2, 3)])
        self.assertTrue(stream.isBroken())

    def test_wrongType(self) -> None:
        """
        A stream is broken by events of another type, an event without an end, and a
        document, even if it is read once.
        """
        limits = Limits(once=True)
        for type, lines in (
            ("text/plain", ("data: x", "")),
            ("text/html", ("<html>",)),
            ("text/event-stream", ("x",)),
        ):
            stream = FakeStream()
            stream.request()
            stream.respond(type=type)
            stream.receive(lines[0])
            self.assertFalse(stream.isBroken(limits=limits))
            stream.receive(*lines[1:])
            if type == "text/event-stream":
                stream.other(Other.UNFINISHED)
            stream.disconnect(end=COMPLETE)
            self.assertTrue(stream.isBroken(limits=limits))

    def test_connecting(self) -> None:
        """
        A server may take as long to accept a connection as it may take to send a line.
        A stream is also broken when an attempt fails.
        """
        stream = FakeStream()
        self.assertFalse(stream.isBroken(100))
        stream.begin()
        self.assertFalse(stream.isBroken(102.5))
        self.assertTrue(stream.isBroken(102.6))
        stream = FakeStream()
        stream.begin()
        stream.disconnect()
        self.assertTrue(stream.isBroken())

    def test_numbers(self) -> None:
        """
        A number that is repeated is a fault.
        """
        stream = texts(*"123456")
        self.assertFalse(stream.isBroken())
        stream.receive("6")
        self.assertTrue(stream.isBroken())

    def test_once(self) -> None:
        """
        If the stream is read once, it is not broken by an end in good order, however
        long ago that was.
        """
        limits = Limits(once=True)
        stream = texts("a", "b")
        stream.disconnect(end=COMPLETE)
        self.assertFalse(stream.isBroken(100, limits))
        self.assertTrue(stream.isBroken())
        stream = texts("a", "b")
        stream.disconnect(end=End(How.CUT, "cut"))
        self.assertTrue(stream.isBroken(limits=limits))

    def test_headers(self) -> None:
        """
        A server may take as long to answer as it may take to send a line.
        """
        stream = FakeStream()
        stream.request(1)
        self.assertFalse(stream.isBroken(3.5))
        self.assertTrue(stream.isBroken(3.6))
        stream = FakeStream()
        stream.connect(1)
        self.assertFalse(stream.isBroken(3.5))
        self.assertTrue(stream.isBroken(3.6))
