"""
The report of C{clock-check} as JUnit XML, which continuous integration shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from clock.clients.check.verdict import Verdict
from clock.console.text import printable


def junitReport(verdicts: Sequence[Verdict], seconds: float) -> bytes:
    """
    Make a report with a test case for each stream. It fails if the stream is not whole,
    and is an error if the server could not be reached. The diagnosis is its text.

    @param verdicts: the verdicts on all streams, in order.
    @param seconds: the length of the check, in seconds.

    @return: an XML document in UTF-8.
    """
    failed = sum(each.reached and bool(each.trouble) for each in verdicts)
    errors = sum(not each.reached for each in verdicts)
    counts = {
        "tests": str(len(verdicts)),
        "failures": str(failed),
        "errors": str(errors),
    }
    top = Element("testsuites", counts)
    time = f"{seconds:.3f}"
    suite = SubElement(
        top, "testsuite", {"name": "clock-check", **counts, "time": time}
    )
    for each in verdicts:
        name = printable(each.name)
        names = {"classname": "clock-check", "name": name, "time": time}
        case = SubElement(suite, "testcase", names)
        text = "\n".join(printable(found.text) for found in each.diagnosis)
        if each.trouble:
            message = printable("; ".join(each.trouble))
            kind = "failure" if each.reached else "error"
            codes = " ".join(found.code for found in each.diagnosis)
            SubElement(case, kind, {"message": message, "type": codes}).text = text
        elif text:
            SubElement(case, "system-out").text = text
    indent(top)
    document: bytes = tostring(top, encoding="utf-8", xml_declaration=True)
    return document + b"\n"
