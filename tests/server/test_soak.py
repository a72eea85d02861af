"""
Many clients of every kind, which disconnect in every way.
"""

from __future__ import annotations

from importlib.util import find_spec

from tests.harness.processes import Server
from tests.harness.requirements import need_module
from tests.harness.soak import OPTIONS, REQUESTS, WAYS, Soak
from tests.harness.times import UNIT, wait_until


def test_every_way() -> None:
    """
    However clients disconnect, the server closes its descriptors. Each client gets
    each second once, and the pages respond.
    """
    need_module("prometheus_client")
    kinds = [*REQUESTS]
    if find_spec("twisted.web.websocket") is None:
        kinds.remove("/socket")
    else:
        need_module("wsproto")
    with Server(*OPTIONS, "--stall-timeout", "2") as server:
        stay = (1.5 * UNIT, 3 * UNIT)
        soak = Soak(server, 300, kinds, stay, stalled=8, interval=1)
        before = soak.idle()
        soak.run(4 * UNIT)
        wait_until(lambda: server.descriptors() <= before)
    assert not soak.faults
    assert not soak.skipped()
    ways = {(kind, way) for kind in kinds for way in WAYS} - {("TCP", "unfinished")}
    assert soak.left.keys() == ways
