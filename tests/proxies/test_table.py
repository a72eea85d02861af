"""
The tables of C{docs/symptoms.rst} have every setting that is tested, and no other one.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from tests.harness.proxies.cases import Case, Proxy

HERE = Path(__file__).parent

PAGE = HERE.parents[1] / "docs" / "symptoms.rst"

MODULES = [
    import_module(f"tests.proxies.{each.stem}")
    for each in sorted(HERE.glob("test_*.py"))
    if each.stem != "test_table"
]

#: What the check says of a second client, where tests of their own read the streams.
SECOND = {
    ("varnish", "default"): "history-first",
    ("gunicorn", "sync"): "headers-held-back",
}

#: The section of the settings that do nothing to any stream. Its rows do not repeat
#: that these are whole.
IN_TIME = "In time"


def rows(section: str) -> list[list[str]]:
    """
    List the rows of the tables in a section, without their headings.
    """
    found = [
        [" ".join(cell.split()) for cell in re.split(r"\n     -(?: |(?=\n|$))", row)]
        for row in re.split(r"\n   \* - ", section)[1:]
    ]
    return [row for row in found if row[0] != "Program"]


def sections() -> dict[str, list[list[str]]]:
    """
    List the rows of each section of the page.
    """
    text = PAGE.read_text("utf-8")
    parts = re.split(r"\n(.+)\n-{3,}\n", text)
    return {
        title: rows(body) for title, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def documented() -> dict[tuple[str, str], tuple[set[str], set[str]]]:
    """
    Find the sections and the codes of each setting. The text of a setting ends with its
    paths, or its ports, in parentheses.
    """
    found: dict[tuple[str, str], tuple[set[str], set[str]]] = {}
    for title, table in sections().items():
        for row in table:
            if title == "The programs":
                continue
            program, setting, _, *more = row
            says = more[0] if title != IN_TIME else "whole"
            for name in setting[setting.rindex("(") + 1 : -1].split(", "):
                key = program.lower(), name.strip("`")
                titles, codes = found.setdefault(key, (set(), set()))
                titles.add(title)
                codes |= {*re.findall(r"whole|(?<=``)[a-z-]+(?=``)", says)}
    return found


def where(case: Case) -> tuple[str, str]:
    """
    Return the program and the setting of a stream, as they are on the page.
    """
    if case.setting:
        return case.program, case.setting
    place = re.sub(r"/?(lines|events|socket)(\?.*)?$", "", case.address)
    port, _, path = place.removeprefix("tcp:").partition("/")
    return case.program, path or f"port {port}"


def test_settings() -> None:
    """
    The page has each setting, with what the check says of its streams. It is in the
    first section only if all of them are whole.
    """
    said = {place: {code} for place, code in SECOND.items()}
    for module in MODULES:
        for case in module.CASES:
            said.setdefault(where(case), set()).add(case.said.code)
    found = documented()
    assert found.keys() == said.keys()
    for setting, (titles, codes) in found.items():
        assert codes == said[setting], setting
        assert (IN_TIME in titles) == (codes == {"whole"}), setting


def test_programs() -> None:
    """
    The page lists every program, with its version and its configuration.
    """
    listed = {row[0].lower(): row for row in sections()["The programs"]}
    programs: dict[str, Proxy] = {}
    for module in MODULES:
        programs.update(module.PROXIES)
    assert {*listed} == {*programs}
    for name, proxy in programs.items():
        _, version, files, *_ = listed[name]
        assert re.search(r"\d+\.\d+", version), name
        for each in proxy.files:
            assert f"``{each}``" in files, name
