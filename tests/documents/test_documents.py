"""
The documents agree with the code, and the two READMEs with each other.
"""

from __future__ import annotations

import ast
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from clock.clients.check.diagnosis.cuts import KINDS
from clock.clients.check.diagnosis.timeouts import IDLE, TOTAL

ROOT = Path(__file__).parents[2]

README = (ROOT / "README.rst").read_text("utf-8")

TRANSLATION = (ROOT / "README.zh-CN.rst").read_text("utf-8")

CONTRIBUTING = (ROOT / "CONTRIBUTING.rst").read_text("utf-8")

MAKEFILE = (ROOT / "Makefile").read_text("utf-8")

#: Where the options of each command are.
OPTIONS = {
    "twistd": "clock.plugin.options",
    "twist": "clock.plugin.options",
    "clock-check": "clock.clients.check.options",
    "clock-netcat": "clock.clients.netcat",
    "clockwall": "clock.clients.wall.options",
}

COMMAND = re.compile(
    rf" +(?:\$ |ExecStart=)?(?:sudo )?(?:\S*/)?({'|'.join(OPTIONS)})(?= )"
    r"(?! clock:| --help)([^;>|]*?)(?= *(?:[;>|]|&?$| \$))"
)


def blocks(text: str) -> list[str]:
    """
    Find the lines of all literal blocks, without the comments in parentheses.
    """
    lines = re.findall(r"^    \S.*", text, re.M)
    return [re.sub(r"  +[(（].*", "", line) for line in lines]


def command_lines() -> list[str]:
    """
    Find each command line of the project in the pages of the root and of the site.
    """
    # A reader of the tutorial may have made an environment in its folder.
    docs = ROOT / "docs"
    pages = [*ROOT.glob("*.rst"), *docs.glob("*.rst"), *docs.glob("*/*.rst")]
    found = set()
    for page in sorted(pages):
        for line in page.read_text("utf-8").splitlines():
            # Two commands may be on one line.
            for part in re.split("(?=    )", line):
                if command := COMMAND.match(part):
                    found.add(f"{command[1]} {command[2].strip()}")
    return sorted(found)


def messages() -> set[str]:
    """
    Find each message that the server can log.
    """
    found = set()
    for module in (ROOT / "clock").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and ast.unparse(node.func.value) in ("_log", "self._log")
            ):
                assert isinstance(node.args[0], ast.Constant)
                found.add(str(node.args[0].value))
    return found


def test_translation() -> None:
    """
    The Chinese README has the same commands, the same literals and the same links as
    the English one, in the same sections.
    """
    assert blocks(TRANSLATION) == blocks(README)
    for same in (r"``(.+?)``", r"<((?:docs/|CONTRIBUTING).+?)>", r"\n(\.\. [^\n]*)"):
        english, chinese = (
            {" ".join(each.split()) for each in re.findall(same, text, re.DOTALL)}
            for text in (README, TRANSLATION)
        )
        assert chinese == english
    headings = [
        re.findall(r"^([=-])\1+$", text, re.M) for text in (README, TRANSLATION)
    ]
    assert headings[0] == headings[1]
    assert "<README.zh-CN.rst>`_" in README
    assert "<README.rst>`_" in TRANSLATION


def test_links() -> None:
    """
    Each file or folder that the README links to exists.
    """
    linked = re.findall(r"<(\S+)>`_|\.\. image:: (\S+)", README)
    assert len(linked) > 5
    for link in linked:
        assert (ROOT / "".join(link)).exists()


def test_named_files() -> None:
    """
    Each file and folder that CONTRIBUTING.rst names exists. Each name from the code is
    in a file or folder that the same section names.
    """
    for section in re.split(r"\n(?=.+\n-+\n)", CONTRIBUTING):
        names = {*re.findall(r"``(\S+)``", section)}
        is_path = re.compile(r"(?!site)\S+/|\S+\.(rst|cfg)$").match
        paths = {each for each in names if is_path(each)}
        text = ""
        for path in [ROOT / each for each in paths]:
            assert path.exists(), path
            folder = path.is_dir()
            text += str([*path.iterdir()]) if folder else path.read_text("utf-8")
        if section.startswith("To add"):
            assert [each for each in names - paths if each not in text] == []


def test_make() -> None:
    """
    The Makefile has the targets that CONTRIBUTING.rst names, and runs the commands of
    the README.
    """
    targets = {*re.findall(r"^([a-z]+):", MAKEFILE, re.M)}
    assert {*re.findall(r"\bmake ([a-z]+)", CONTRIBUTING)} == targets - {"help"}
    for name in ("trial", "pytest", "sphinx-build"):
        commands = re.findall(rf"\.venv/bin/{name}\b[^&\n]*", "\n".join(blocks(README)))
        assert commands
        for command in commands:
            assert f"\t{command.strip()}\n" in MAKEFILE


@pytest.mark.parametrize("line", command_lines())
def test_command(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Each command line in the documents is valid. The files that it reads exist.
    """
    monkeypatch.chdir(tmp_path)
    for file in re.findall(r" @(\S+)", line):
        (tmp_path / file).touch()
    name, *words = shlex.split(line)
    if name.startswith("twist"):
        words = words[words.index("clock") + 1 :]
    options = import_module(OPTIONS[name]).Options()
    options.parseOptions(words)
    if name.startswith("twist"):
        assert options.zones


def test_messages() -> None:
    """
    The reference lists each log message of the server, and no other message.
    """
    page = (ROOT / "docs" / "messages.rst").read_text("utf-8")
    documented = re.findall(r"^``(.+)``\n    ", page, re.M)
    assert len(documented) == len(set(documented))
    assert {*documented} == messages()


def codes() -> set[str]:
    """
    Find each code of a diagnosis.
    """
    check = ROOT / "clock" / "clients" / "check"
    found = {code for code, *_ in KINDS.values()}
    for module in (*(check / "diagnosis").glob("*.py"), check / "compare.py"):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            # A finding is a tuple of a code and a sentence, or a Diagnosis of both.
            both: list[ast.expr] = []
            if isinstance(node, ast.Tuple):
                both = node.elts
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "Diagnosis":
                both = node.args
            if len(both) == 2 and isinstance(both[0], ast.Constant):
                code = str(both[0].value)
                if re.fullmatch("[a-z]+(-[a-z]+)*", code):
                    found.add(code)
    return found


def test_diagnoses() -> None:
    """
    The list of diagnoses has each code of the check, and no other.
    """
    page = (ROOT / "docs" / "diagnoses.rst").read_text("utf-8")
    documented = re.findall(r"^``([a-z0-9-]+)``\n    ", page, re.M)
    assert len(documented) == len(set(documented))
    assert {*documented} == codes()


def test_timeouts() -> None:
    """
    The tables of default timeouts have each of the check, and no other.
    """
    page = (ROOT / "docs" / "diagnoses.rst").read_text("utf-8")
    tables = page.split("   * - seconds\n")[1:]
    for table, defaults in zip(tables, (IDLE, TOTAL), strict=True):
        found = re.findall(r"   \* - (\d+)\n     - (.+)\n", table)
        assert found == [
            (str(seconds), name)
            for seconds, names in defaults.items()
            for name in names
        ]
