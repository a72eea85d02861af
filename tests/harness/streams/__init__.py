"""
Servers of many small streams, one a path, as other people have them: whole ones, faulty
ones, and for each fault a stream with the same symptoms.

C{python -m tests.harness.streams} serves them all until its standard input ends, and
prints its ports. C{/requests} says how often each path was asked for.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.harness.processes import Program

ROOT = Path(__file__).parents[3]


class Streams(Program):
    """
    The program that serves the streams.

    @ivar ports: its TCP ports: C{http}, C{tls}, C{h2} (TLS, and HTTP/2 alone; 0 without
        the module C{h2}), and C{hang}, which accepts connections and says nothing.
    """

    def __init__(self, certificate: Path) -> None:
        """
        @param certificate: a key and a certificate in one file.
        """
        super().__init__(
            [sys.executable, "-m", "tests.harness.streams", str(certificate)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
        )
        self.ports: dict[str, int] = json.loads(self.line().text)
