"""
Tests for L{clock.clients.check.sequence}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from clock.clients.check import evidence
from clock.clients.check.sequence import ENOUGH, MAX_NAMES, TOO_MANY, Sequence
from clock.clients.reading.timestamps import SECOND
from clock.tests.clients.check.fixture import START, FakeStream, Sent, served


class TimesTests(SynchronousTestCase):
    """
    Lines that show times.
    """

    def intervals(self, stream: FakeStream) -> list[int | None]:
        """
        Return the intervals between lines.
        """
        return [each.intervals for each in stream.evidence.arrivals]

    def test_found(self) -> None:
        """
        The interval is known as soon as enough lines show it. The lines before are then
        compared, too.
        """
        stream = FakeStream()
        stream.connect(0.5)
        lines = [each for each in served(0.5, 9) if each.tick != 2]
        stream.send(lines[: ENOUGH - 1])
        sequence = stream.evidence.sequence
        self.assertEqual((sequence.interval, sequence.skips), (None, 0))
        stream.send(lines[ENOUGH - 1 :])
        self.assertEqual((sequence.interval, sequence.skips), (1, 1))
        self.assertEqual(self.intervals(stream), [1, 1, 2, 1, 1, 1, 1, 1])
        self.assertEqual(sequence.times, 8)

    def test_foundAtEnd(self) -> None:
        """
        If there are fewer lines, they may still show it at the end.
        """
        stream = FakeStream()
        stream.read(0.5, 4)
        stream.verdict()
        self.assertEqual(stream.evidence.sequence.interval, 1)
        self.assertEqual(self.intervals(stream), [1, 1, 1, 1])
        # Nothing is compared twice.
        stream.verdict()
        self.assertEqual(stream.evidence.sequence.skips, 0)

    def test_notFound(self) -> None:
        """
        If many lines show no interval, later ones do not, either. Lateness is known
        all the same.
        """
        stream = FakeStream("%H:%M:%S")
        stream.connect()
        for each in range(TOO_MANY):
            stream.send([Sent(each**2, each**2)])
        end = TOO_MANY**2
        stream.send(served(end, end + 60))
        stream.verdict()
        sequence = stream.evidence.sequence
        self.assertEqual((sequence.interval, sequence.skips), (None, 0))
        last = stream.evidence.arrivals[-1]
        self.assertEqual((last.intervals, last.lateness), (None, 0))
        self.assertEqual(last.uncertainty, SECOND)
        self.assertEqual(sequence.lateBy, 0)

    def test_onlyOldLinesHaveAnInterval(self) -> None:
        """
        The old lines of a log may be regular by chance. If the others are not, there is
        no interval, and none is skipped or repeated.
        """
        stream = FakeStream("%T.%f")
        stream.connect()
        stream.send(Sent(0, 7 * each - 70) for each in range(10))
        times = [1.5, 2, 4.3, 5, 5.2, 7, 7.1, 9.3, 10, 11.9]
        stream.send(Sent(each, each) for each in times)
        self.assertEqual(stream.verdict().trouble, [])
        sequence = stream.evidence.sequence
        found = sequence.interval, sequence.skips, sequence.repeats
        self.assertEqual(found, (None, 0, 0))
        arrivals = stream.evidence.arrivals
        self.assertEqual({each.intervals for each in arrivals}, {None})

    def test_forgottenLines(self) -> None:
        """
        The lines that had an interval may be older than all that are kept.
        """
        self.patch(evidence, "MAX_ARRIVALS", 9)
        stream = FakeStream("rfc3339")
        stream.read(0.5, 9)
        stream.receive(*"abcdefghi")
        self.assertEqual(stream.verdict().interval, 1)

    def test_hiccup(self) -> None:
        """
        A busy machine delays several lines of a fast stream. None is skipped, unless
        the user says how often lines come.
        """
        for interval, start, expected in (
            (None, 50, (0, 0)),
            (None, 1, (0, 0)),
            (0.02, 50, (3, 2)),
        ):
            stream = FakeStream("%T.%f", interval)
            stream.connect()
            for each in range(100):
                delay = max(0, 0.05 - 0.02 * (each - start)) * (each >= start)
                stream.send([Sent(each * 0.02 + delay, each * 0.02 + delay)])
            self.assertEqual(stream.verdict().interval, 0.02)
            sequence = stream.evidence.sequence
            self.assertEqual((sequence.skips, sequence.repeats), expected)

    def test_lateBy(self) -> None:
        """
        A line is late for certain by what its time cannot hide.
        """
        for format, late in (("json", 1.5), ("%H:%M:%S", 0.5)):
            stream = FakeStream(format)
            stream.read(0.5, 9, lambda line: line.later(1.5 * (line.tick == 5)))
            stream.verdict()
            self.assertAlmostEqual(stream.evidence.sequence.lateBy, late, places=3)

    def test_serverClockIsWrong(self) -> None:
        """
        A server's clock may be wrong by half of 15 minutes, so that its time of day is
        as near to one instant as to another. The choice for the first line is kept.
        """
        stream = FakeStream("%H:%M:%S", 1)
        stream.connect()
        stream.send(
            Sent(each + (0.002 if each % 2 else -0.002), each - 450)
            for each in range(1, 7)
        )
        self.assertEqual(self.intervals(stream), [1] * 6)

    def test_localClockIsSet(self) -> None:
        """
        A local wall clock that is set does not change how a time of day is read.
        """
        stream = FakeStream("%H:%M:%S", 1)
        stream.connect()
        stream.send(Sent(each, each) for each in range(3))
        now = stream.wallClock
        stream.evidence._wallClock = lambda: now() + 600 * SECOND
        stream.send(Sent(each, each) for each in range(3, 6))
        self.assertEqual(self.intervals(stream), [1] * 6)
        lateness = [each.lateness for each in stream.evidence.arrivals]
        self.assertEqual(lateness[-1], 600 * SECOND)

    def test_connections(self) -> None:
        """
        The first line of a connection is compared with none, and its time of day is
        read by the local clock.
        """
        stream = FakeStream("%H:%M:%S", 1)
        stream.read(0.5, 3)
        stream.disconnect()
        stream.connect(900)
        stream.send([Sent(900, 900), Sent(901, 901)])
        self.assertEqual(self.intervals(stream), [1] * 5)
        last = stream.evidence.arrivals[-1]
        self.assertEqual((last.connection, last.lateness), (2, 0))

    def test_unreadable(self) -> None:
        """
        An unreadable line is no step. The next line is compared with the one before it.
        """
        stream = FakeStream("unix", 1)
        stream.connect()
        stream.send([Sent(0, 0)])
        stream.receive("hello")
        stream.send([Sent(1, 1)])
        self.assertEqual(self.intervals(stream), [1, None, 1])
        stream.send([Sent(3, 3)])
        self.assertEqual(stream.evidence.sequence.countUnreadable(), 1)

    def test_onlyMissingLinesAreUnreadable(self) -> None:
        """
        A line comes instead of another if an interval or a number is missing. Others
        may come besides, as the messages of a protocol.
        """
        for format in ("unix", "json"):
            stream = FakeStream(format, 1)
            stream.connect()
            stream.send([Sent(0, 0, 0), Sent(1, 1, 1)])
            stream.receive("hello")
            stream.send([Sent(2, 2, 2)])
            stream.verdict()
            self.assertEqual(stream.evidence.sequence.countUnreadable(), 0)
            stream.send([Sent(4, 4, 4)])
            self.assertEqual(stream.evidence.sequence.countUnreadable(), 1)

    def test_mostlyPlain(self) -> None:
        """
        If most lines show nothing, none is unreadable.
        """
        stream = FakeStream("unix", 1)
        stream.connect()
        stream.send([Sent(0, 0), Sent(4, 4)])
        stream.receive("hello", "hello", "hello")
        self.assertEqual(stream.evidence.sequence.countUnreadable(), 0)

    def test_names(self) -> None:
        """
        Events are told apart by their names, unless there are too many.
        """
        stream = FakeStream("unix")
        stream.connect()
        stream.receive("welcome")
        for each in range(2 * MAX_NAMES):
            stream.receive("hello", name=f"a{each}")
            stream.receive("1700000000", name=f"b{each}")
        sequence = stream.evidence.sequence
        self.assertEqual(sequence.countUnreadable(), 0)
        self.assertLessEqual(len(sequence._plain), MAX_NAMES + 1)
        self.assertLessEqual(len(sequence._shown), MAX_NAMES + 1)


class NumbersTests(SynchronousTestCase):
    """
    Lines that show numbers.
    """

    def receive(self, *texts: str, field: str | None = None) -> Sequence:
        """
        Receive lines, one a second.
        """
        stream = FakeStream(field=field)
        stream.connect()
        stream.receiveEach(1, texts)
        stream.verdict()
        return stream.evidence.sequence

    def test_ticks(self) -> None:
        """
        Tick numbers that are missing are lost, from the first line on.
        """
        stream = FakeStream("json", 1)
        stream.connect()
        ticks = [3, 4, 7, 7, 0]
        stream.send(Sent(second, second, tick) for second, tick in enumerate(ticks))
        stream.verdict()
        lost = [each.lost for each in stream.evidence.arrivals]
        self.assertEqual(lost, [None, 0, 2, 0, 0])

    def test_connections(self) -> None:
        """
        The numbers of one connection are not compared with those of another.
        """
        stream = FakeStream()
        stream.connect()
        stream.receive(*"1234")
        stream.disconnect()
        stream.connect()
        stream.receive(*"789")
        self.assertEqual(stream.evidence.sequence.countLost(), 0)
        steps = [each.step for each in stream.evidence.arrivals]
        self.assertEqual(steps, [None, 1, 1, 1, None, 1, 1])

    def test_intervals(self) -> None:
        """
        Without times, each number is an interval.
        """
        stream = FakeStream()
        stream.connect()
        stream.receiveEach(1, map(str, [1, 2, 3, 4, 5, 5, 6, 7, 8, 9]))
        stream.verdict()
        intervals = [each.intervals for each in stream.evidence.arrivals]
        self.assertEqual(intervals, [None, 1, 1, 1, 1, 0, 1, 1, 1, 1])
        self.assertEqual(stream.evidence.sequence.countRepeats(), 1)

    def test_start(self) -> None:
        """
        Bare numbers count lines only if they do so from the start, and mostly.
        """
        self.assertTrue(self.receive(*"123").isCounter())
        self.assertFalse(self.receive(*"12").isCounter())
        self.assertFalse(self.receive(*"1345678").isCounter())
        self.assertFalse(self.receive(*"12357").isCounter())

    def test_tick(self) -> None:
        """
        The number in the field C{tick}, and in the one that the user names, counts.
        """
        ticks = [f'{{"tick": {each}}}' for each in (1, 3)]
        self.assertEqual(self.receive(*ticks).countLost(), 1)
        self.assertEqual(self.receive(ticks[0]).countLost(), None)
        numbers = [f'{{"n": {each}}}' for each in (1, 3)]
        self.assertEqual(self.receive(*numbers, field="n").countLost(), 1)
        self.assertEqual(self.receive(*numbers).countLost(), None)

    def test_ids(self) -> None:
        """
        An id is a number if it has few digits, and nothing else.
        """
        for ids, lost in (
            ("1 2 3 4 5 7", 1),
            ("a b c d e g", None),
            ("-1 -2 -3 -4", None),
            ("100000001 100000002 100000003 100000004", None),
        ):
            stream = FakeStream()
            stream.connect()
            for each in ids.split():
                stream.receive("x", id=each)
            self.assertEqual(stream.evidence.sequence.countLost(), lost)

    def test_digest(self) -> None:
        """
        Lines with the same text have the same digest.
        """
        stream = FakeStream()
        stream.connect()
        stream.receive(*"aab")
        one, two, three = (each.digest for each in stream.evidence.arrivals)
        self.assertEqual(one, two)
        self.assertNotEqual(two, three)
        self.assertEqual(stream.evidence.arrivals[0].arrived, START * SECOND)
