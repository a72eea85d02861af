"""
Tests of the examples in the documents.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from xml.etree import ElementTree

from tests.harness.processes import command, free_ports
from tests.harness.requirements import need, need_module
from tests.harness.times import DEADLINE, wait_until

DOCS = Path(__file__).parents[2] / "docs"

EXAMPLES = DOCS / "examples"


def test_own_clock(tmp_path: Path) -> None:
    """
    The example of a unit test passes.
    """
    done = subprocess.run(
        [command("trial"), str(EXAMPLES / "test_own_clock.py")],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=DEADLINE,
    )
    assert "PASSED (successes=1)" in done.stdout, done.stdout + done.stderr


def test_workflow(tmp_path: Path) -> None:
    """
    The steps of the workflow run, except for the installation. The check of a proxy
    passes, and writes its files.
    """
    need("haproxy")
    need_module("matplotlib")
    workflow = (EXAMPLES / "check.yml").read_text("utf-8")
    steps = dict(re.findall(r"- name: (\w+)\n +run: \|\n((?: {10}.*\n)+)", workflow))
    assert [*steps] == ["Install", "Start", "Check"]
    assert "pip\" install 'txclock[plot]'" in steps["Install"]
    shutil.copy(DOCS / "haproxy.cfg", tmp_path)
    environment = {**os.environ}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    ports = map(str, free_ports(4))
    names = {"8080": "", "8081": "SHORT", "8082": "RIGHT", "8090": "CLOCK"}
    for (port, name), free in zip(names.items(), ports, strict=True):
        steps = {step: run.replace(port, free) for step, run in steps.items()}
        environment |= {name: free} if name else {}
    steps["Check"] = steps["Check"].replace("--for 60", "--max-gap 5 --for 2")
    try:
        for step in ("Start", "Check"):
            subprocess.run(
                ["bash", "-e", "-c", dedent(steps[step])],
                cwd=tmp_path,
                env=environment,
                check=True,
                stdout=subprocess.DEVNULL,
                timeout=DEADLINE,
            )
    finally:
        for pidfile in ("haproxy.pid", "clock.pid"):
            if (tmp_path / pidfile).exists():
                end(int((tmp_path / pidfile).read_text("utf-8")))
    (suite,) = ElementTree.parse(tmp_path / "check.xml").getroot()
    assert [case.attrib["name"] for case in suite] == ["Direct", "Proxy"]
    assert suite.attrib["failures"] == suite.attrib["errors"] == "0"
    assert "</svg>" in (tmp_path / "check.svg").read_text("utf-8")


def end(pid: int) -> None:
    """
    End a daemon, and wait for its end.
    """
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not running(pid))


def running(pid: int) -> bool:
    """
    Return whether a process runs. One that has ended and is not reaped does not.
    """
    try:
        status = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
