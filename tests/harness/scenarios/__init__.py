"""
Faults, and their effect on the server.

A scenario is a function. It asserts what is true at any size, and returns its result in
one phrase. C{tests/server/test_faults.py} calls it with the defaults of its parameters,
and C{python -m benchmarks.faults} with the full size, which C{@scenario} sets. Each
scenario has a row in the table of C{docs/reliability.rst}, in the order of the modules.
"""

from tests.harness.scenarios import connections, crowds, web
from tests.harness.scenarios.scenario import SCENARIOS

__all__ = ["SCENARIOS", "connections", "crowds", "web"]
