"""
Compare streams with the first one, which is the reference.

If two streams bring the same lines, the time between the two arrivals of a line is by
how much later it came on one path than on the other. This needs no clock that agrees.
Lines are matched by their numbers, by the times that they show, or else by their text:
by the first of these that tells lines of the reference apart and that most lines of
both have in common.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from statistics import median

from clock.clients.check.boundaries import Arrival
from clock.clients.check.diagnosis.words import numberText
from clock.clients.check.evidence import Evidence
from clock.clients.check.report.histogram import Histogram
from clock.clients.check.verdict import Comparison, Diagnosis, Verdict

#: The shortest delay that is worth mentioning, in seconds.
LATER = 0.05

#: The fewest lines that two streams must have in common, and the part of the lines in
#: the time that both were read.
FEWEST, MOST = 3, 0.6

Key = Callable[[Arrival], Hashable]


def compareAll(
    verdicts: Sequence[Verdict], streams: Sequence[Evidence], once: bool = False
) -> list[Verdict]:
    """
    Compare each stream with the first one.

    @param verdicts: the verdicts on the streams.
    @param streams: what was seen of each stream, in the same order.
    @param once: whether each stream was read once. It then begins with its request, and
        the times since then are compared.

    @return: the verdicts, with what the comparison adds to them.
    """
    return [
        verdict
        if number == 0
        else _compared(verdict, streams[0], streams[number], once)
        for number, verdict in enumerate(verdicts)
    ]


def _compared(
    verdict: Verdict, reference: Evidence, other: Evidence, once: bool
) -> Verdict:
    found = compare(reference, other, once)
    if found is None:
        return verdict
    trouble, diagnosis = [*verdict.trouble], [*verdict.diagnosis]
    if found.missing:
        trouble.append(f"{found.missing} missing")
        lines = numberText(found.missing, "line")
        text = f"{lines} of {found.name} did not come on this path."
        diagnosis.append(Diagnosis("missing-on-path", text))
    if found.later.p50 >= LATER:
        diagnosis.append(
            Diagnosis(
                "later-on-path",
                f"Each line came {found.later.p50:.2f} s later than on {found.name} "
                f"(p50; p99 {found.later.p99:.2f} s): this path holds it back, or the "
                "server sends it later here.",
            )
        )
    return verdict._replace(trouble=trouble, diagnosis=diagnosis, comparison=found)


def compare(
    reference: Evidence, other: Evidence, once: bool = False
) -> Comparison | None:
    """
    Compare two streams.

    @param reference: what was seen of the first stream.
    @param other: what was seen of the other.
    @param once: whether each stream begins with its request.

    @return: the comparison; C{None} if they do not bring the same lines.
    """
    for key in _keys(reference, other):
        found = _compareBy(key, reference, other, once)
        if found is not None:
            return found
    return None


def _keys(reference: Evidence, other: Evidence) -> list[Key]:
    keys: list[Key] = [_instant, _text]
    if reference.sequence.isCounter() and other.sequence.isCounter():
        keys.insert(0, _number)
    return keys


def _compareBy(
    key: Key, reference: Evidence, other: Evidence, once: bool
) -> Comparison | None:
    ours, theirs = _index(key, reference, once), _index(key, other, once)
    common = [each for each in ours if each in theirs]
    if len(common) < FEWEST:
        return None
    later = [theirs[each] - ours[each] for each in common]
    first, last = common[0], common[-1]
    between = [each for each, at in ours.items() if ours[first] <= at <= ours[last]]
    if len(common) < MOST * len(between) or abs(median(later)) > 3600:
        return None
    times = Histogram()
    for each in later:
        times.add(each)
    percentiles = times.percentiles()
    assert percentiles is not None
    # A line that came twice, or first on a connection, is not compared, but it came.
    came, known = set(map(key, other.arrivals)), set(map(key, reference.arrivals))
    matched = {*common}
    missing = _alone(between, matched, came)
    # A server with a timer for each client does not make the same lines for all of
    # them, though most may show the same time. A line in another's place stands for it.
    own = _alone(
        (each for each, at in theirs.items() if theirs[first] <= at <= theirs[last]),
        matched,
        known,
    )
    lost = (missing - own).total()
    return Comparison(reference.name, len(common), lost, percentiles)


def _alone(
    lines: Iterable[Hashable], common: set[Hashable], other: set[Hashable]
) -> Counter[Hashable]:
    """
    Count the lines of a stream that another one lacks, by the last common line before
    them.
    """
    found: Counter[Hashable] = Counter()
    last = None
    for each in lines:
        if each in common:
            last = each
        elif each not in other:
            found[last] += 1
    return found


def _index(key: Key, evidence: Evidence, once: bool) -> dict[Hashable, float]:
    """
    Return when the lines arrived that differ from all others. The first line of a
    connection does not count: it is sent on connecting.
    """
    found: dict[Hashable, float] = {}
    start = (evidence.made()[-1].start or 0.0) if once and evidence.made() else 0.0
    repeated = set()
    for each in evidence.arrivals:
        value = key(each)
        if each.isFirst or value is None:
            continue
        if value in found:
            repeated.add(value)
        found[value] = each.at - start
    return {value: at for value, at in found.items() if value not in repeated}


def _number(arrival: Arrival) -> Hashable:
    return arrival.number


def _instant(arrival: Arrival) -> Hashable:
    return None if arrival.reading is None else arrival.reading.instant


def _text(arrival: Arrival) -> Hashable:
    return arrival.digest
