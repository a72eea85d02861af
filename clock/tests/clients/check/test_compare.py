"""
Tests for L{clock.clients.check.compare}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from clock.clients.check.compare import compare, compareAll
from clock.clients.check.verdict import Comparison, Verdict
from clock.tests.clients.check.fixture import FakeStream, Sent, served

Lines = Iterable[tuple[float, str]]


def texts(name: str, lines: Lines, begun: float = 0, **more: str) -> FakeStream:
    """
    Connect, and receive lines at these times, after a first one.
    """
    stream = FakeStream(name=name)
    stream.connect(begun)
    stream.receive(f"welcome to {name}")
    for at, text in lines:
        stream.advance(at)
        stream.receive(text, **more)  # type: ignore[arg-type]
    return stream


def clocks(
    format: str, path: Callable[[Sent], Sent], missing: Iterable[int] = ()
) -> list[FakeStream]:
    """
    Read a server twice: directly, and over a path that delays lines.
    """
    direct, other = FakeStream(format, name="Direct"), FakeStream(format, name="Proxy")
    lines = served(0.5, 20)
    for stream in (direct, other):
        stream.connect(0.5)
    direct.send(lines)
    other.send(path(line) for line in lines if line.tick not in missing)
    return [direct, other]


class CompareTests(SynchronousTestCase):
    """
    Streams beside the first one.
    """

    def compare(self, streams: Iterable[FakeStream]) -> Comparison | None:
        """
        Compare two streams.
        """
        reference, other = (each.evidence for each in streams)
        return compare(reference, other)

    def verdicts(self, streams: Iterable[FakeStream]) -> list[Verdict]:
        """
        Return the verdicts on streams, compared with the first one.
        """
        streams = [*streams]
        verdicts = [each.verdict() for each in streams]
        return compareAll(verdicts, [each.evidence for each in streams])

    def test_later(self) -> None:
        """
        If lines come later than on the first path, the path holds them back: by their
        numbers, times, or texts. This needs no clock that agrees.
        """
        for format in ("json", "%H:%M:%S", "x %S"):
            streams = clocks(
                format, lambda line: line.later(0.2 + 0.1 * (line.at > 18))
            )
            direct, proxy = self.verdicts(streams)
            self.assertIsNone(direct.comparison)
            found = proxy.comparison
            assert found is not None
            self.assertEqual(
                (found.name, found.matched, found.missing), ("Direct", 19, 0)
            )
            self.assertAlmostEqual(found.later.p50, 0.2)
            self.assertEqual(proxy.trouble, [])
            (said,) = (each for each in proxy.diagnosis if each.code == "later-on-path")
            seen = "^Each line came 0.20 s later than on Direct .p50; p99 0.30 s.: this"
            self.assertRegex(said.text, seen)

    def test_equal(self) -> None:
        """
        Lines that come at the same time, or a little later or earlier, are not
        mentioned.
        """
        for delay in (-0.2, 0, 0.04):
            streams = clocks("json", partial(Sent.later, seconds=delay))
            _, proxy = self.verdicts(streams)
            self.assertIsNotNone(proxy.comparison)
            self.assertEqual(proxy.diagnosis, [])

    def test_ownLines(self) -> None:
        """
        A server with a timer for each client stamps most lines, but not all, in the
        same millisecond. None is missing.
        """
        lines = [(each, f"12:00:{each:02}.000") for each in range(1, 20)]
        other = [(at, text.replace("07.000", "07.001")) for at, text in lines]
        _, proxy = self.verdicts([texts("A", lines), texts("B", other)])
        assert proxy.comparison is not None
        self.assertEqual((proxy.comparison.matched, proxy.comparison.missing), (18, 0))
        self.assertEqual(proxy.trouble, [])
        other = [each for each in other if each[0] != 9]
        _, proxy = self.verdicts([texts("A", lines), texts("B", other)])
        assert proxy.comparison is not None
        self.assertEqual(proxy.comparison.missing, 1)

    def test_lossesOfBoth(self) -> None:
        """
        A line that the first path lost does not make up for one that another path lost.
        """
        lines = [(each, f"x {each}") for each in range(1, 30)]
        first = [line for line in lines if line[0] not in (5, 6, 7)]
        other = [line for line in lines if line[0] not in (20, 21)]
        _, proxy = self.verdicts([texts("A", first), texts("B", other)])
        assert proxy.comparison is not None
        self.assertEqual(proxy.comparison.missing, 2)

    def test_missing(self) -> None:
        """
        Lines that do not come on a path are trouble: between the first and the last
        line that it has.
        """
        for missing, text in (((4, 5), "2 lines of"), ((4,), "1 line of")):
            streams = clocks("%H:%M:%S", lambda line: line, (1, 2, *missing, 18, 19))
            _, proxy = self.verdicts(streams)
            assert proxy.comparison is not None
            self.assertEqual(proxy.comparison.missing, len(missing))
            self.assertEqual(proxy.trouble[-1], f"{len(missing)} missing")
            (said,) = (e for e in proxy.diagnosis if e.code == "missing-on-path")
            expected = f"{text} Direct did not come on this path."
            self.assertEqual(said.text, expected)

    def test_notMissing(self) -> None:
        """
        A line that came twice, or as the first of another connection, is not missing.
        """
        lines = [(each, f"x {each}") for each in range(12)]
        other = texts("b", lines[:5])
        other.advance(5)
        other.receive("x 5", "x 5")
        other.disconnect()
        other.connect(6)
        other.receive("x 6")
        for each, text in lines[8:]:
            other.advance(each)
            other.receive(text)
        found = self.compare([texts("a", lines), other])
        assert found is not None
        self.assertEqual((found.matched, found.missing), (9, 1))

    def test_numbers(self) -> None:
        """
        Numbers match lines whose texts and times differ.
        """
        numbered = [(each, f"{each}") for each in range(1, 8)]
        direct = FakeStream(name="Direct")
        other = FakeStream(name="Proxy")
        for stream, word in ((direct, "a"), (other, "b")):
            stream.connect()
            for number, (at, _) in enumerate(numbered):
                stream.advance(at)
                stream.receive(f"{word} {number}", id=str(number + 5))
        found = self.compare([direct, other])
        assert found is not None
        # The first line is sent on connecting.
        self.assertEqual(found.matched, 6)

    def test_numbersOfEach(self) -> None:
        """
        If numbers do not agree, the texts may.
        """
        direct = texts("a", [(each, f"x {each}") for each in range(1, 9)])
        other = FakeStream(name="b")
        other.connect()
        other.receive("welcome")
        for each in range(1, 9):
            other.advance(each + 0.5)
            other.receive(f"x {each}", id=str(100 + each))
        found = self.compare([direct, other])
        assert found is not None
        self.assertEqual((found.matched, found.later.p50), (8, 0.5))

    def test_other(self) -> None:
        """
        Streams that do not bring the same lines are not compared: other lines, too few,
        the same text each time, or lines of another hour.
        """
        reference = texts("a", [(each, f"x {each}") for each in range(1, 9)])
        for lines in (
            [(each, f"y {each}") for each in range(1, 9)],
            [(1, "x 1"), (2, "x 2")],
            [(1, "x 1"), (2, "x 2"), (8, "x 8")],
            [(each, "x 1") for each in range(1, 9)],
            [(each + 4000, f"x {each}") for each in range(1, 9)],
            [],
        ):
            other = texts("b", lines)
            self.assertIsNone(self.compare([reference, other]), lines)
        self.assertIsNotNone(self.compare([reference, reference]))

    def test_one(self) -> None:
        """
        A single stream is compared with none.
        """
        stream = FakeStream()
        stream.read(0.5, 9)
        (verdict,) = self.verdicts([stream])
        self.assertIsNone(verdict.comparison)
