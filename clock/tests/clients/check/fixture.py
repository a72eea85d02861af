"""
A stream in memory, and the evidence of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from clock.clients.check.evidence import Evidence
from clock.clients.check.judge import Limits, isBroken, judge
from clock.clients.check.verdict import Diagnosis, Verdict
from clock.clients.reading.ends import End, How
from clock.clients.reading.lines import Line
from clock.clients.reading.observer import Other, Response, Step
from clock.clients.reading.timestamps import SECOND
from clock.timeformat import TimeFormat, zoneNamed

#: When the fake clock starts, in seconds since 1970: a boundary of all intervals here.
START = 1_700_000_000 // 420 * 420

#: The end of a connection that the server closes.
CLOSED = End(How.CLOSED, "closed by the server")

#: What is allowed by default.
DEFAULTS = Limits()


class Sent(NamedTuple):
    """
    A line, when it arrives, the time it shows, and the number of its tick. Times are in
    seconds from the start.
    """

    at: float
    shown: float
    tick: int = 0

    def later(self, seconds: float) -> Sent:
        """
        Delay the line.
        """
        return self._replace(at=self.at + seconds)


def served(start: float, end: float, interval: float = 1) -> list[Sent]:
    """
    Return the lines that a server sends to a client that connects at C{start}: one at
    once, and the others at the boundaries of the intervals before C{end}.
    """
    first = math.floor(start / interval) + 1
    number = math.ceil(end / interval) - first
    boundaries = [
        Sent((first + each) * interval, (first + each) * interval, first + each)
        for each in range(number)
    ]
    return [Sent(start, start, first - 1), *boundaries]


class FakeStream:
    """
    A stream, its times, and what was seen of it. Times are in seconds from the start.
    """

    def __init__(
        self,
        format: str = "json",
        interval: float | None = None,
        field: str | None = None,
        zone: str = "UTC",
        name: str = "x",
        make: Callable[..., Evidence] = Evidence,
    ) -> None:
        """
        @param format: the format of the lines, as the server takes it.
        @param interval: what the user says of the interval.
        @param field: the field that the user names.
        @param zone: the time zone of the lines.
        @param name: the name of the stream.
        @param make: the class of the evidence.
        """
        self.clock = Clock()
        self.timeFormat = TimeFormat(format, zoneNamed(zone))
        self.evidence = make(name, interval, self.clock.seconds, self.wallClock, field)

    def wallClock(self) -> int:
        """
        Return the time, in nanoseconds since 1970.
        """
        return START * SECOND + round(self.clock.seconds() * SECOND)

    def advance(self, at: float | None) -> None:
        """
        Let time pass up to this one.
        """
        if at is not None:
            self.clock.advance(max(0, at - self.clock.seconds()))

    def begin(self, at: float | None = None) -> None:
        """
        Begin an attempt to connect.
        """
        self.advance(at)
        self.evidence.connecting()

    def _reached(self) -> None:
        connections = self.evidence.connections
        if not connections or connections[-1].how is not None:
            self.begin()
        if not connections[-1].steps:
            self.evidence.stepReached(Step.CONNECTED, "127.0.0.1:8080")

    def connect(self, at: float | None = None) -> None:
        """
        Let a connection be made, over TCP.
        """
        self.advance(at)
        self._reached()
        self.evidence.connected()

    def request(self, at: float | None = None) -> None:
        """
        Let a request be sent.
        """
        self.advance(at)
        self._reached()
        self.evidence.stepReached(Step.REQUESTED, "GET")

    def respond(
        self,
        at: float | None = None,
        type: str = "",
        status: int = 200,
        protocol: str = "HTTP/1.1",
        **headers: str,
    ) -> None:
        """
        Let the headers of a response arrive.
        """
        self.advance(at)
        if type:
            headers["Content-Type"] = type
        pairs = tuple(
            (name.replace("_", "-"), value) for name, value in headers.items()
        )
        self.evidence.responded(Response(protocol, status, "", pairs))
        if status in (101, 200):
            self.evidence.connected()

    def receive(
        self,
        *texts: str,
        id: str | None = None,
        name: str = "",
        truncated: bool = False,
        size: int | None = None,
    ) -> None:
        """
        Let lines arrive.
        """
        for text in texts:
            length = len(text) if size is None else size
            self.evidence.bytesReceived(length + 1)
            self.evidence.lineReceived(Line(text, truncated, id, name, length))

    def receiveEach(self, seconds: float, texts: Iterable[str], **more: str) -> None:
        """
        Let lines arrive, each so many seconds after the one before.
        """
        for text in texts:
            self.clock.advance(seconds)
            self.receive(text, **more)  # type: ignore[arg-type]

    def send(self, lines: Iterable[Sent]) -> None:
        """
        Let lines arrive that show the time.
        """
        for each in lines:
            self.advance(each.at)
            self.receive(self.text(each.shown, each.tick))

    def text(self, shown: float, tick: int = 0) -> str:
        """
        Return a line.
        """
        instant = START * SECOND + round(shown * SECOND)
        return self.timeFormat.line(instant, tick).decode().strip()

    def other(
        self, *what: Other, at: float | None = None, size: int = 3, count: int = 1
    ) -> None:
        """
        Let something arrive that is not a line.
        """
        self.advance(at)
        for _ in range(count):
            self.evidence.bytesReceived(size)
            for each in what:
                self.evidence.otherReceived(each)

    def disconnect(self, at: float | None = None, end: End = CLOSED) -> None:
        """
        Let the connection be lost, or an attempt fail.
        """
        self.advance(at)
        connections = self.evidence.connections
        if not connections or connections[-1].how is not None:
            self.begin()
        self.evidence.disconnected(end, 1)

    def read(
        self,
        start: float,
        end: float,
        path: Callable[[Sent], Sent] = lambda line: line,
        interval: float = 1,
    ) -> None:
        """
        Connect to a server, over a path that delays lines.
        """
        self.connect(start)
        self.send(map(path, served(start, end, interval)))

    def verdict(
        self,
        at: float | None = None,
        maxGap: float | None = None,
        maxLate: float | None = None,
        once: bool = False,
    ) -> Verdict:
        """
        Judge the stream, at the end of the check.
        """
        self.advance(at)
        limits = Limits(maxGap, maxLate, once)
        return judge(self.evidence, limits, self.clock.seconds())

    def isBroken(self, at: float | None = None, limits: Limits = DEFAULTS) -> bool:
        """
        Tell whether the stream cannot become whole.
        """
        self.advance(at)
        return isBroken(self.evidence, limits, self.clock.seconds())

    def diagnosis(self, at: float | None = None, once: bool = False) -> list[Diagnosis]:
        """
        Return what is said about the stream, at the end of the check.
        """
        return self.verdict(at, once=once).diagnosis

    def codes(self, at: float | None = None, once: bool = False) -> list[str]:
        """
        Return the codes of what is said.
        """
        return [each.code for each in self.diagnosis(at, once)]


class DiagnosisTestCase(SynchronousTestCase):
    """
    What is said about a stream.
    """

    def setUp(self) -> None:
        """
        Begin with a stream of JSON lines.
        """
        self.stream = FakeStream()

    def prepare(self, format: str = "json", interval: float | None = None) -> None:
        """
        Begin again, with lines in this format.
        """
        self.stream = FakeStream(format, interval)

    def assertDiagnosis(
        self, code: str, pattern: str, at: float | None = None, once: bool = False
    ) -> None:
        """
        Assert that one thing is said, in one or more sentences, and what they contain.
        """
        found = self.stream.diagnosis(at, once)
        self.assertEqual([each.code for each in found], [code], found)
        self.assertRegex(found[0].text, pattern)
        self.assertTrue(
            re.fullmatch(r"[A-Z0-9].*[\w)\"]\.", found[0].text), found[0].text
        )
