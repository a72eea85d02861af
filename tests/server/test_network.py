"""
The hosts of the fault tests: they can be made, and no namespace is left.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.harness.network import Link
from tests.harness.processes import Program
from tests.harness.requirements import need
from tests.harness.times import DEADLINE

ROOT = Path(__file__).parents[2]

#: A program that serves from one host to another until its standard input ends, and
#: prints the two namespaces.
SERVING = """
import os, sys
from tests.harness.network import Link

with Link() as link, link.server() as server, link.client(server.port) as client:
    client.line()
    for program in (server, client):
        print(os.stat(f"/proc/{program.process.pid}/ns/net").st_ino, flush=True)
    sys.stdin.read()
"""

#: Runs a command in a root directory that is not a mount point.
CHROOT = """
set -e
cd "$0"
for each in /*; do
    if [ -L "$each" ]; then
        cp -P "$each" .
    elif [ -d "$each" ]; then
        mkdir ".$each"
        mount --rbind "$each" ".$each"
    fi
done
exec chroot . "$@"
"""


def namespaces() -> set[int]:
    """
    Find the network namespaces that exist, by a process or by a name.
    """
    found = set()
    for pattern in ("proc/[0-9]*/ns/net", "run/netns/*"):
        for path in Path("/").glob(pattern):
            try:
                found.add(path.stat().st_ino)
            except OSError:
                # The process has ended, or belongs to another user.
                continue
    return found


def assert_gone(gone: set[int]) -> None:
    """
    Assert that none of these exists, at the latest after some seconds.
    """
    deadline = time.monotonic() + DEADLINE
    while gone & namespaces():
        assert time.monotonic() < deadline, "left behind"


def serving(prefix: Sequence[str] = ()) -> Program:
    """
    Start a program with two hosts.
    """
    return Program(
        [*prefix, sys.executable, "-c", SERVING],
        environment={"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
    )


@pytest.fixture(autouse=True, scope="module")
def possible() -> None:
    """
    Skip this module if network namespaces cannot be made.
    """
    with Link():
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_is_left(number: int) -> None:
    """
    However a program ends, its hosts and all processes on them end with it.
    """
    with serving() as program:
        hosts = set(map(int, program.lines(2)))
        assert len(hosts) == 2
        assert hosts <= namespaces()
        program.interrupt(number)
        program.end()
        assert_gone(hosts)


def test_set_up_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    If the set-up fails half-way, it removes what it has made.
    """
    monkeypatch.setitem(Link.addresses, "client", "10.99.0.256")
    before = namespaces()
    with pytest.raises(AssertionError, match=r"10\.99\.0\.256"), Link():
        pass
    assert_gone(namespaces() - before)


def test_root_is_no_mount_point(tmp_path: Path) -> None:
    """
    Hosts can be made even if nothing can be mounted, because the root directory is not
    a mount point.
    """
    private = [need("unshare"), "--mount", "--map-root-user"]
    chroot = [*private, "sh", "-c", CHROOT, str(tmp_path)]
    if subprocess.run([*private, "true"], capture_output=True).returncode:
        # It is no mount point here either, or the other tests are skipped, too.
        chroot = []
    with serving(chroot) as program:
        assert len(set(program.lines(2))) == 2
