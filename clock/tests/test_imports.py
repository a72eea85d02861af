"""
Tests for the layout: which package may import which.
"""

from __future__ import annotations

import ast
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import clock

ROOT = Path(clock.__file__).parent

#: By the name of a package, what it may import besides itself; "" is the clock itself.
#: All may import C{clock} for the version.
ALLOWED = {
    "console": [],
    "transport": ["console"],
    "": ["console", "transport"],
    "web": ["console", "transport", ""],
    "plugin": ["console", "transport", "", "web"],
    "clients": ["console", "transport.stall"],
}


class ImportTests(SynchronousTestCase):
    """
    The imports of all modules.
    """

    def test_oneWay(self) -> None:
        """
        Imports run one way: from what surrounds the clock to the clock, to how bytes
        leave, and to what all commands share. The clients need no server.
        """
        for path in ROOT.rglob("*.py"):
            package, *rest = path.relative_to(ROOT).parts
            if package in ("tests", "__init__.py"):
                continue
            allowed = ALLOWED[package if rest else ""]
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                module = getattr(node, "module", None) or ""
                if not isinstance(node, ast.ImportFrom) or module[:6] != "clock.":
                    continue
                imported = module.removeprefix("clock.")
                other = imported.partition(".")[0]
                isAllowed = (
                    (other if other in ALLOWED else "") in [*allowed, package]
                    or (not rest and other not in ALLOWED)
                    or imported in allowed
                )
                self.assertTrue(isAllowed, f"{path} imports {module}")
