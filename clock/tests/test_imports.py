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

#: The circles that may be: each for a type alone.
CIRCLES = [["clock.factory", "clock.protocol"]]


def moduleName(path: Path) -> str:
    """
    Return the name of a module, or of a package.
    """
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


#: The modules of the project but its tests and the public names, by their name.
MODULES = {
    moduleName(path): path
    for path in ROOT.rglob("*.py")
    if "tests" not in path.parts and path.parent / path.stem != ROOT / "__init__"
}


def importsOf(path: Path) -> set[str]:
    """
    Return the names of the modules that a module imports, at any place in it.
    """
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    modules = {f"{node.module}" for node in imports}
    members = {f"{node.module}.{each.name}" for node in imports for each in node.names}
    return {*MODULES} & (modules | members)


class ImportTests(SynchronousTestCase):
    """
    The imports of all modules.
    """

    def test_oneWay(self) -> None:
        """
        Imports run one way: from what surrounds the clock to the clock, to how bytes
        leave, and to what all commands share. The clients need no server.
        """
        for name, path in MODULES.items():
            package, *rest = path.relative_to(ROOT).parts
            allowed = ALLOWED[package if rest else ""]
            for module in importsOf(path):
                imported = module.removeprefix("clock.")
                other = imported.partition(".")[0]
                isAllowed = (
                    (other if other in ALLOWED else "") in [*allowed, package]
                    or (not rest and other not in ALLOWED)
                    or imported in allowed
                )
                self.assertTrue(isAllowed, f"{name} imports {module}")

    def test_noCircles(self) -> None:
        """
        No module imports one that imports it, directly or through others.
        """
        edges = {name: importsOf(path) for name, path in MODULES.items()}
        reached = {name: {name} for name in edges}
        while True:
            more = {
                name: set().union(*(edges[each] for each in known), known)
                for name, known in reached.items()
            }
            if more == reached:
                break
            reached = more
        circles = [
            sorted((one, other))
            for one in edges
            for other in edges
            if one < other and other in reached[one] and one in reached[other]
        ]
        self.assertEqual(circles, CIRCLES)
