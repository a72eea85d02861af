"""
Tests that run on each real reactor.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.test.reactormixins import ReactorBuilder


def on_each_reactor(builder: type[ReactorBuilder]) -> dict[str, Any]:
    """
    Make the test cases of a builder, one for each reactor, by name. Reactors whose
    modules are not installed, such as C{gi}, are omitted.
    """
    cases = builder.makeTestCaseClasses()
    return {name: case for name, case in cases.items() if not hasattr(case, "skip")}
