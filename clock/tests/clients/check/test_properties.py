"""
Tests for L{clock.clients.check.sequence}, over many streams.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from random import Random
from typing import Any
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from clock.clients.check.sequence import Sequence
from clock.tests.clients.check.fixture import FakeStream, Sent, served

#: The formats of this package's server, and others.
FORMATS = ("json", "rfc3339", "unix", "%H:%M:%S", "%T.%f", "%c", "%S. %H:%M:%S %Z")


def holds(examples: int, **ranges: Callable[[Any], Any]) -> Callable[..., Any]:
    """
    Let a test hold for many values.

    @param examples: the number of times to run it.
    @param ranges: by argument: returns the values, as a strategy of hypothesis, given
        its strategies.
    """

    def decorate(test: Callable[..., None]) -> Callable[[Any], None]:
        def run(self: Any) -> None:
            if find_spec("hypothesis") is None:
                raise SkipTest("needs hypothesis: pip install 'txclock[test]'")
            from hypothesis import HealthCheck, given, settings, strategies

            limits = settings(
                max_examples=examples,
                deadline=None,
                database=None,
                derandomize=True,
                suppress_health_check=[*HealthCheck],
            )

            def check(**values: Any) -> None:
                test(self, **values)

            found = {name: made(strategies) for name, made in ranges.items()}
            limits(given(**found)(check))()

        run.__doc__ = test.__doc__
        return run

    return decorate


class PropertiesTests(SynchronousTestCase):
    """
    Streams without a fault, and with one.
    """

    def receive(self, format: str, lines: list[Sent], begun: float = 0) -> Sequence:
        """
        Receive a stream, without knowing its interval.
        """
        stream = FakeStream(format)
        stream.connect(begun)
        stream.send(lines)
        stream.verdict()
        return stream.evidence.sequence

    def serve(
        self, interval: float, phase: float, jitter: float, seed: int, count: int
    ) -> list[Sent]:
        """
        Return the lines of this package's server, each late by up to so many intervals.
        """
        random = Random(seed)
        start = phase * interval
        return [
            line.later(jitter * interval * random.random())
            for line in served(start, count * interval, interval)
        ]

    @holds(
        150,
        interval=lambda s: s.floats(0.02, 60).map(lambda each: round(each, 3)),
        format=lambda s: s.sampled_from(FORMATS),
        phase=lambda s: s.floats(0, 0.999),
        jitter=lambda s: s.floats(0, 0.05),
        seed=lambda s: s.integers(0, 1000),
        count=lambda s: s.integers(1, 120),
    )
    def test_whole(
        self,
        interval: float,
        format: str,
        phase: float,
        jitter: float,
        seed: int,
        count: int,
    ) -> None:
        """
        A stream of this package's server has no skips and no repeats, at any interval,
        in any format, and however the client connects.
        """
        lines = self.serve(interval, phase, jitter, seed, count)
        found = self.receive(format, lines, phase * interval)
        self.assertEqual((found.skips, found.repeats), (0, 0))

    @holds(
        100,
        interval=lambda s: s.floats(0.15, 60).map(lambda each: round(each, 3)),
        format=lambda s: s.sampled_from(("json", "%T.%f")),
        phase=lambda s: s.floats(0, 0.8),
        jitter=lambda s: s.floats(0, 0.05),
        seed=lambda s: s.integers(0, 1000),
        dropped=lambda s: s.integers(1, 38),
    )
    def test_dropped(
        self,
        interval: float,
        format: str,
        phase: float,
        jitter: float,
        seed: int,
        dropped: int,
    ) -> None:
        """
        A line that is dropped is one skip, if times are finer than the interval, and
        one number that is lost.
        """
        lines = self.serve(interval, phase, jitter, seed, 40)
        found = self.receive(
            format, lines[:dropped] + lines[dropped + 1 :], lines[0].at
        )
        lost = 1 if format == "json" else None
        counts = found.skips, found.repeats, found.countLost()
        self.assertEqual(counts, (1, 0, lost))

    @holds(
        100,
        interval=lambda s: s.floats(0.05, 60).map(lambda each: round(each, 3)),
        format=lambda s: s.sampled_from(FORMATS),
        first=lambda s: s.floats(0.01, 1),
        phase=lambda s: s.floats(0, 0.999),
    )
    def test_anyPhase(
        self, interval: float, format: str, first: float, phase: float
    ) -> None:
        """
        A server may send at any phase, and a first line on connecting.
        """
        times = [(first + phase + each) * interval for each in range(60)]
        times.insert(0, phase * interval)
        found = self.receive(format, [Sent(each, each) for each in times], times[0])
        self.assertEqual((found.skips, found.repeats), (0, 0))

    @holds(
        8,
        drift=lambda s: s.floats(0, 0.002),
        phase=lambda s: s.floats(0, 1),
        seed=lambda s: s.integers(0, 1000),
    )
    def test_sleeps(self, drift: float, phase: float, seed: int) -> None:
        """
        A server that sleeps for a second after each line drifts through all phases, and
        shows whole seconds.
        """
        random = Random(seed)
        lines, now = [], phase
        for _ in range(3000):
            lines.append(Sent(now, now))
            now += 1 + drift * random.random()
        found = self.receive("%H:%M:%S", lines, phase)
        self.assertEqual((found.skips, found.repeats), (0, 0))
