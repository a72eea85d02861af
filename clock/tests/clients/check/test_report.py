"""
Tests for L{clock.clients.check.report}.
"""

from __future__ import annotations

import json
from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from clock.clients.check.compare import compareAll
from clock.clients.check.report.junit import junitReport
from clock.clients.check.report.log import LoggedEvidence
from clock.clients.check.report.path import pathText
from clock.clients.check.report.text import exitStatus, jsonReport, textReport
from clock.clients.check.verdict import Diagnosis
from clock.clients.reading.ends import End, How
from clock.clients.reading.observer import Other, Step
from clock.tests.clients.check.fixture import FakeStream, Sent

COMPLETE = End(How.COMPLETE, "complete")


class ReportTests(SynchronousTestCase):
    """
    The reports for people, programs, and continuous integration.
    """

    def setUp(self) -> None:
        """
        Judge one stream that is whole, and two that are not.
        """
        streams = []
        for name in ("Tokyo", "Bro\x07ken", "Nowhere"):
            streams.append(FakeStream(interval=1, name=name))
        whole, broken, unreached = streams
        for stream in (whole, broken):
            stream.begin(1)
            stream.connect(1.25)
            stream.send([Sent(1.5, 1.5, 0), Sent(2, 2, 1)])
        broken.disconnect(end=End(How.OTHER, "a\x1breason"))
        broken.disconnect(end=End(How.UNREACHABLE, "no\nroute"))
        unreached.begin()
        self.whole, self.broken, self.unreached = (each.verdict() for each in streams)
        self.evidence = [each.evidence for each in streams]
        self.verdicts = [self.whole, self.broken, self.unreached]

    def test_exitStatus(self) -> None:
        """
        The exit status is that of the worst stream.
        """
        self.assertEqual(exitStatus([self.whole]), 0)
        self.assertEqual(exitStatus([self.whole, self.broken]), 1)
        self.assertEqual(exitStatus([self.unreached, self.broken, self.whole]), 2)

    def test_table(self) -> None:
        """
        The table has a row for each stream. Below are a line for the path of each, and
        a sentence for each diagnosis. Unprintable characters are escaped.
        """
        report = textReport(self.verdicts, self.evidence)
        table, paths, sentences = report.split("\n\n")
        heading, whole, broken, unreached = table.splitlines()
        tokyo = "127.0.0.1:8080; connected after 0.25 s, first line after 0.50 s"
        self.assertEqual(
            paths.splitlines(),
            [
                f"Tokyo: {tokyo}",
                rf"Bro\x07ken: {tokyo}, a\x1breason after 1.00 s",
            ],
        )
        self.assertEqual(
            [each[:32] for each in sentences.splitlines()],
            [
                r"Bro\x07ken: Connecting failed on",
                r"Bro\x07ken: The connection was l",
                "Nowhere: Seen: not reached: no a",
            ],
        )
        self.assertIn(r"lost (a\x1breason)", sentences)
        columns = "stream first lines repeats skips lost disconnects"
        columns += " gap p50 p99 max late p50 p99 max"
        self.assertEqual(heading.split(), [*columns.split(), "verdict"])
        times = [*["0.500"] * 3, *["0.000"] * 3]
        numbers = ["0.500", "2", "0", "0", "0", "0", *times]
        self.assertEqual(whole.split(), ["Tokyo", *numbers, "whole"])
        numbers = ["0.500", "2", "0", "0", "0", "1", *times]
        why = r"disconnected once (a\x1breason); failed to connect once (no\nroute)"
        self.assertEqual(broken.split(), [r"Bro\x07ken", *numbers, *why.split()])
        nothing = ["-", "0", "0", "0", "-", "0", *"-" * 6]
        why = "not reached: no answer"
        self.assertEqual(unreached.split(), ["Nowhere", *nothing, *why.split()])
        at = heading.index("verdict")
        ends = [line[at:] for line in (whole, broken, unreached)]
        self.assertEqual([end[:5] for end in ends], ["whole", "disco", "not r"])

    def test_shortTable(self) -> None:
        """
        If there is no path, and nothing to say, the table is all.
        """
        report = textReport([self.whole], [self.evidence[2]])
        self.assertEqual(len(report.splitlines()), 2)

    def test_narrow(self) -> None:
        """
        On a terminal that is too narrow, columns that show nothing are left out.
        """
        late, verdict = ["late", "p50", "p99", "max"], ["verdict"]
        gaps = ["gap", *late[1:], *late]
        for verdicts, columns, shown in (
            (self.verdicts, 200, ["repeats", "skips", "lost", "disconnects", *gaps]),
            ([self.whole], 80, gaps),
            ([self.whole, self.broken], 80, ["disconnects", *gaps]),
        ):
            heading, *_ = textReport(verdicts, [], columns).splitlines()
            expected = ["stream", "first", "lines", *shown, *verdict]
            self.assertEqual(heading.split(), expected)
        heading, row = textReport([self.unreached], [], 40).splitlines()[:2]
        self.assertEqual(heading.split(), ["stream", "verdict"])
        self.assertTrue(row.startswith("Nowhere  not reached"), row)
        # A name that looks like a number is a name.
        report = textReport([self.unreached._replace(name="0")], [], 40)
        self.assertTrue(
            report.splitlines()[1].startswith("0       not reached"), report
        )

    def test_redirected(self) -> None:
        """
        The verdict says where a request was redirected to.
        """
        verdict = self.whole._replace(redirectedTo="http://x/\x1b")
        row = textReport([verdict], []).splitlines()[1]
        self.assertTrue(row.endswith(r"  whole (redirected to http://x/\x1b)"), row)

    def test_junit(self) -> None:
        """
        JUnit XML has a test case for each stream. One that is not whole fails, and one
        that was not reached is an error. What XML cannot contain is escaped.
        """
        late = Diagnosis("late", "Each line is late.")
        verdicts = [
            self.whole,
            self.whole._replace(diagnosis=[late]),
            self.broken,
            self.unreached,
        ]
        root = ElementTree.fromstring(junitReport(verdicts, 2.5))
        (suite,) = root
        counts = {"tests": "4", "failures": "1", "errors": "1"}
        self.assertEqual(root.attrib, counts)
        self.assertEqual(
            suite.attrib, {"name": "clock-check", "time": "2.500", **counts}
        )
        whole, late_, broken, unreached = suite
        self.assertEqual(
            whole.attrib,
            {"classname": "clock-check", "name": "Tokyo", "time": "2.500"},
        )
        self.assertEqual([*whole], [])
        self.assertEqual(late_[0].tag, "system-out")
        self.assertEqual(late_[0].text, late.text)
        self.assertEqual(broken.attrib["name"], r"Bro\x07ken")
        self.assertEqual(broken[0].tag, "failure")
        message = r"disconnected once (a\x1breason); failed to connect once (no\nroute)"
        expected = {"message": message, "type": "not-reached lost"}
        self.assertEqual(broken[0].attrib, expected)
        self.assertRegex(
            broken[0].text or "", "^Connecting failed.*\n.*connection was lost"
        )
        self.assertEqual(unreached[0].tag, "error")

    def test_json(self) -> None:
        """
        JSON has all fields of the verdicts, by name, the path, and each connection.
        """
        text = jsonReport(self.verdicts[::2], self.evidence[::2], 1, 2.5)
        report = json.loads(text)
        self.assertEqual((report["seconds"], report["whole"]), (2.5, False))
        whole, unreached = report["streams"]
        connections = whole.pop("connections")
        self.assertEqual(
            whole,
            {
                "name": "Tokyo",
                "reached": True,
                "lines": 2,
                "repeats": 0,
                "skips": 0,
                "lost": 0,
                "unreadable": 0,
                "bursts": 0,
                "interval": 1,
                "firstLine": 0.5,
                "gaps": {"p50": 0.5, "p99": 0.5, "max": 0.5},
                "lateness": {"p50": 0, "p99": 0, "max": 0},
                "silence": 0.5,
                "disconnects": 0,
                "outage": 0,
                "failures": 0,
                "redirectedTo": None,
                "trouble": [],
                "diagnosis": [],
                "comparison": None,
                "path": "127.0.0.1:8080; connected after 0.25 s, first line after "
                "0.50 s",
                "whole": True,
            },
        )
        (connection,) = connections
        self.assertEqual(connection["begun"], 0)
        self.assertEqual((unreached["whole"], unreached["gaps"]), (False, None))
        self.assertEqual(len(unreached["connections"]), 1)
        (found,) = unreached["diagnosis"]
        self.assertEqual(found["code"], "unclear")
        self.assertIn("no answer", found["text"])
        text = jsonReport(self.verdicts[:1], self.evidence[:1], 1, 1)
        self.assertTrue(json.loads(text)["whole"])

    def test_jsonComparison(self) -> None:
        """
        JSON has the comparison.
        """
        streams = [FakeStream(name=name) for name in "ab"]
        for stream in streams:
            stream.read(0.5, 5)
        verdicts = [each.verdict() for each in streams]
        evidence = [each.evidence for each in streams]
        report = json.loads(jsonReport(compareAll(verdicts, evidence), evidence, 0, 5))
        self.assertIsNone(report["streams"][0]["comparison"])
        later = {"p50": 0, "p99": 0, "max": 0}
        expected = {"name": "a", "matched": 4, "missing": 0, "later": later}
        self.assertEqual(report["streams"][1]["comparison"], expected)


class PathTests(SynchronousTestCase):
    """
    The record of a connection.
    """

    def respond(self) -> FakeStream:
        """
        Receive a response, through a proxy and TLS.
        """
        stream = FakeStream()
        stream.begin(1)
        evidence = stream.evidence
        evidence.stepReached(Step.PROXY, "10.0.0.1:3128")
        evidence.stepReached(Step.TUNNEL, "http://proxy:3128")
        evidence.stepReached(Step.SECURED, "TLSv1.3")
        stream.request(1.5)
        stream.respond(
            1.52,
            "text/event-stream; charset=utf-8",
            Content_Encoding="gzip",
            Via="1.1 varnish",
            Server="nginx\x1b",
            Set_Cookie="secret",
        )
        stream.advance(2)
        stream.receive("x")
        stream.other(Other.COMMENT)
        return stream

    def test_http(self) -> None:
        """
        The path of a response is told by its version, type, encoding and headers.
        """
        stream = self.respond()
        expected = (
            "HTTP/1.1 200, TLSv1.3, through http://proxy:3128, text/event-stream, "
            r"gzip, Server: nginx\x1b, Via: 1.1 varnish; headers after 0.52 s, first "
            "line after 1.00 s"
        )
        self.assertEqual(pathText(stream.evidence), expected)

    def test_tcp(self) -> None:
        """
        Without a response, the path is the address.
        """
        stream = FakeStream()
        stream.begin()
        self.assertEqual(pathText(stream.evidence), "")
        stream.evidence.stepReached(Step.CONNECTED, "127.0.0.1:443")
        self.assertEqual(pathText(stream.evidence), "127.0.0.1:443")
        stream.evidence.stepReached(Step.SECURED, "TLSv1.3")
        stream.connect(0.5)
        expected = "127.0.0.1:443, TLSv1.3; connected after 0.50 s"
        self.assertEqual(pathText(stream.evidence), expected)

    def test_webSocket(self) -> None:
        """
        A WebSocket is named.
        """
        stream = FakeStream()
        stream.request()
        stream.respond(0.25, status=101)
        expected = "WebSocket; headers after 0.25 s"
        self.assertEqual(pathText(stream.evidence), expected)

    def test_last(self) -> None:
        """
        The last connection with a stream counts, and otherwise the last one.
        """
        stream = FakeStream()
        stream.request()
        stream.respond(status=502)
        stream.disconnect(60, End(How.STATUS, "502 Bad Gateway", 502))
        expected = "HTTP/1.1 502; headers after 0.00 s, 502 Bad Gateway after 60.00 s"
        self.assertEqual(pathText(stream.evidence), expected)
        stream.connect(61)
        self.assertIn("127.0.0.1:8080; connected", pathText(stream.evidence))
        stream.disconnect(62)
        stream.request(63)
        self.assertIn("127.0.0.1:8080; connected", pathText(stream.evidence))

    def test_record(self) -> None:
        """
        The record for programs has all that was seen. Times are from the start of the
        check.
        """
        stream = self.respond()
        stream.disconnect(3, COMPLETE)
        report = json.loads(jsonReport([stream.verdict()], [stream.evidence], 1, 2))
        self.assertEqual(
            report["streams"][0]["connections"],
            [
                {
                    "begun": 0,
                    "steps": {
                        "proxy": 0,
                        "tunnel": 0,
                        "secured": 0,
                        "requested": 0.5,
                    },
                    "details": {
                        "proxy": "10.0.0.1:3128",
                        "tunnel": "http://proxy:3128",
                        "secured": "TLSv1.3",
                        "requested": "GET",
                    },
                    "redirectedTo": None,
                    "response": {
                        "protocol": "HTTP/1.1",
                        "status": 200,
                        "phrase": "",
                        "headers": {
                            "Content-Type": "text/event-stream; charset=utf-8",
                            "Content-Encoding": "gzip",
                            "Server": "nginx\x1b",
                            "Via": "1.1 varnish",
                        },
                    },
                    "headers": 0.52,
                    "firstByte": 1,
                    "lastByte": 1,
                    "firstLine": 1,
                    "lastLine": 1,
                    "bytes": 5,
                    "lines": 1,
                    "tooLong": 0,
                    "longestLine": 1,
                    "longestGap": 0,
                    "longestPause": 0,
                    "paused": 0,
                    "comments": 1,
                    "end": {
                        "at": 2,
                        "how": "complete",
                        "text": "complete",
                        "code": None,
                        "reason": "",
                    },
                }
            ],
        )

    def test_attempt(self) -> None:
        """
        The record of an attempt has no response, and no end before it ends.
        """
        stream = FakeStream()
        stream.begin(1)
        report = json.loads(jsonReport([stream.verdict()], [stream.evidence], 1, 2))
        (record,) = report["streams"][0]["connections"]
        nothing = [record[name] for name in ("response", "headers", "firstLine", "end")]
        self.assertEqual(nothing, [None] * 4)


class LogTests(SynchronousTestCase):
    """
    The log of arrivals.
    """

    def receive(self, stream: FakeStream) -> None:
        """
        Let everything happen once.
        """
        stream.request(1)
        stream.advance(1.5)
        stream.evidence.redirected("http://x/")
        stream.respond(1.5, "text/event-stream", Set_Cookie="secret")
        stream.receive("x" * 300, name="update")
        stream.receive("y")
        stream.other(Other.COMMENT)
        stream.evidence.paused(0.25)
        stream.disconnect(2)
        stream.begin(2.5)

    def test_log(self) -> None:
        """
        Each arrival is an object in JSON on a line of its own.
        """
        stream = FakeStream(make=LoggedEvidence)
        written: list[str] = []
        assert isinstance(stream.evidence, LoggedEvidence)
        stream.evidence.logTo(written.append, 1)
        self.receive(stream)
        self.assertEqual({each[-1] for each in written}, {"\n"})
        entries = [json.loads(each) for each in written]
        head = {"stream": "x"}
        first, second = {**head, "connection": 1}, {**head, "connection": 2}
        headers = {"Content-Type": "text/event-stream"}
        text = {"event": "update", "text": "x" * 256}
        self.assertEqual(
            entries,
            [
                {"time": 0, **first, "what": "connecting"},
                {"time": 0, **first, "what": "connected", "detail": "127.0.0.1:8080"},
                {"time": 0, **first, "what": "requested", "detail": "GET"},
                {"time": 0.5, **first, "what": "redirect", "url": "http://x/"},
                {
                    **{"time": 0.5, **first, "what": "response"},
                    **{"status": 200, "headers": headers},
                },
                {"time": 0.5, **first, "what": "bytes", "bytes": 301},
                {"time": 0.5, **first, "what": "line", "bytes": 300, **text},
                {"time": 0.5, **first, "what": "bytes", "bytes": 2},
                {"time": 0.5, **first, "what": "line", "bytes": 1, "text": "y"},
                {"time": 0.5, **first, "what": "bytes", "bytes": 3},
                {"time": 0.5, **first, "what": "comments"},
                {"time": 0.5, **first, "what": "paused", "seconds": 0.25},
                {
                    **{"time": 1, **first, "what": "end", "how": "closed"},
                    "text": "closed by the server",
                },
                {"time": 1.5, **second, "what": "connecting"},
            ],
        )

    def test_sameEvidence(self) -> None:
        """
        The evidence is the same with a log, and without.
        """
        records = []
        for make in (FakeStream().evidence.__class__, LoggedEvidence):
            stream = FakeStream(make=make)
            self.receive(stream)
            records.append([*stream.evidence.connections])
        self.assertEqual(*records)
