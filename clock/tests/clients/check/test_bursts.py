"""
Tests for L{clock.clients.check.diagnosis.bursts}.
"""

from __future__ import annotations

from clock.tests.clients.check.fixture import DiagnosisTestCase, Sent, served


def inBlocks(line: Sent) -> Sent:
    """
    Hold a line back for up to four seconds, as a buffer for four lines.
    """
    return line._replace(at=line.at // 4 * 4 + 4)


class BurstsTests(DiagnosisTestCase):
    """
    Lines that come together.
    """

    def test_heldBack(self) -> None:
        """
        Lines that come together each time are held back by a buffer.
        """
        for format in ("json", "%H:%M:%S"):
            self.prepare(format)
            self.stream.read(0.5, 20.5, inBlocks)
            found = self.stream.diagnosis()
            self.assertEqual([each.code for each in found], ["held-back"])
            seen = "^Nothing came for 4 s, then 4 lines at once, 5 times: a buffer "
            self.assertRegex(found[0].text, seen)

    def test_heldBackWithoutTime(self) -> None:
        """
        If the lines show neither times nor numbers, the server may send them together.
        """
        self.prepare("%A")
        self.stream.read(0.5, 20.5, inBlocks)
        seen = (
            "^Nothing came for 4 s, then 4 lines at once, 5 times: a buffer .* or the "
            "server makes them together"
        )
        self.assertDiagnosis("held-back", seen)

    def test_madeAtOnce(self) -> None:
        """
        Lines that show times from one moment were made at once, and not held back. If
        their times are as far apart as the silence before, they were.
        """
        for spread, codes in ((0.0001, []), (0.5, ["held-back"])):
            self.prepare()
            self.stream.connect()
            for block in (3, 5.5, 9.2, 11.5):
                shown = [block - spread * each for each in (2.9, 1, 0.3, 0)]
                self.stream.send(Sent(block, each) for each in shown)
            self.assertIsNone(self.stream.evidence.sequence.interval)
            self.assertEqual([*self.heldBack()], codes)

    def heldBack(self) -> list[str]:
        """
        Return the code for lines that are held back, if it is said.
        """
        return [each for each in self.stream.codes() if each == "held-back"]

    def test_heldBackWithoutInterval(self) -> None:
        """
        Lines that show times, at no interval, were not sent together.
        """
        self.stream.connect()
        for block in (2, 4, 6.2, 8.1):
            shown = [block - each for each in (1.7, 1.6, 1.3, 0.1)]
            self.stream.send(Sent(block, each) for each in shown)
        self.assertIsNone(self.stream.verdict().interval)
        self.assertDiagnosis("held-back", "holds lines back until it is full, such")

    def test_compressed(self) -> None:
        """
        If the response is compressed, the compressor may hold lines back.
        """
        for show in ("", "08:13:{:02}"):
            self.prepare()
            self.stream.request()
            self.stream.respond(Content_Encoding="br")
            for block in range(4, 20, 4):
                self.stream.advance(block)
                self.stream.receive(
                    *(show.format(block - each) for each in (3, 2, 1, 0))
                )
            seen = r"compressed \(br\): --header 'Accept-Encoding: identity' tells"
            self.assertDiagnosis("held-back", seen)

    def test_heldBackInPairs(self) -> None:
        """
        Lines that come in pairs are held back, though no silence is too long. If only a
        few do, nothing is said.
        """
        self.stream.read(0.5, 20, lambda line: line._replace(at=line.at // 2 * 2 + 2))
        self.assertEqual(self.stream.verdict().trouble, ["9 in bursts"])
        self.assertDiagnosis("held-back", "^Nothing came for 2 s, then 2 lines at onc")
        self.prepare()
        self.stream.read(0.5, 20, lambda line: line.later(0.95 * (line.at in (5, 12))))
        self.assertEqual(self.stream.diagnosis(), [])

    def test_heldBackOnce(self) -> None:
        """
        A check may be too short for a second block.
        """
        self.stream.read(0.5, 16.1, lambda line: line._replace(at=16.2))
        seen = "^Nothing came for 15.7 s, then 17 lines at once, once: a buffer "
        self.assertDiagnosis("held-back", seen, 30)

    def test_stalled(self) -> None:
        """
        Lines that come together once, among others that come one by one, were held back
        by a pause. A short pause is not mentioned.
        """

        def stall(line: Sent) -> Sent:
            return line._replace(at=max(line.at, 9)) if 4.5 < line.at < 9 else line

        self.stream.read(0.5, 20, stall)
        seen = r"^Nothing came for 5 s, then 5 lines at once, once, and most other"
        self.assertDiagnosis("stalled", seen)
        self.prepare()
        self.stream.read(0.5, 20, lambda line: line.later(0.95 * (line.at == 5)))
        self.assertEqual(self.stream.diagnosis(), [])

    def test_repeatedTogether(self) -> None:
        """
        Lines that are repeated at once after a pause were not held back.
        """
        self.stream.connect(0.5)
        self.stream.send([*served(0.5, 8), *[Sent(13, 13, 8)] * 5, Sent(14, 14, 9)])
        self.assertEqual(self.stream.codes(), ["server-slept"])

    def test_historyFirst(self) -> None:
        """
        Lines from before the connection come first if a cache keeps the stream. They
        are the only ones that are late.
        """
        for format in ("json", "%H:%M:%S"):
            for start in (7.5, 40.01):
                self.prepare(format)
                self.stream.connect(start)
                old = [line.later(start - line.at) for line in served(0.5, start)]
                self.stream.send([*old, *served(start, start + 9)[1:]])
                seen = f"^{len(old) - 1} lines from before the connection came "
                self.assertDiagnosis("history-first", f"{seen}at once .* once: a cache")

    def test_historyOften(self) -> None:
        """
        Each connection may begin with lines from before it. Other findings remain.
        """
        for start in (5, 10, 20):
            self.stream.connect(start)
            old = served(0.5, start)
            self.stream.send(line.later(start - line.at) for line in old)
            self.stream.disconnect(start + 0.3)
        found = self.stream.diagnosis()
        self.assertEqual([each.code for each in found], ["history-first", "cut-every"])
        self.assertRegex(found[0].text, "^9 lines from .* at its start, 3 times: a ")

    def test_noHistory(self) -> None:
        """
        Lines that were sent since the request, but held back, are no history, nor are
        lines at once that show no time, or repeat one another.
        """
        self.stream.request(0.5)
        self.stream.respond(8)
        self.stream.send(line.later(max(0, 8 - line.at)) for line in served(0.5, 20))
        self.assertEqual(self.stream.codes(), ["headers-held-back", "stalled"])
        for format, expected in (("%A", []), ("json", ["4 repeated"])):
            self.prepare(format)
            self.stream.connect(7)
            self.stream.send([*[Sent(7, 7, 7)] * 5, *served(7, 16)[1:]])
            self.assertEqual(self.stream.verdict().trouble, expected)
            codes = ["unclear"] * bool(expected)
            self.assertEqual(self.stream.codes(), codes)
