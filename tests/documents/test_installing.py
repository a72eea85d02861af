"""
Every way to install the clock gives C{twistd clock} and C{twist clock}.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.processes import DEADLINE, LINE, Program

SOURCE = Path(__file__).parents[2]


def run(*arguments: str | Path, cwd: Path) -> str:
    """
    Run a command that must succeed, and return its output.
    """
    done = subprocess.run(
        arguments,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=20 * DEADLINE,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def copy_source(folder: Path) -> Path:
    """
    Copy the source, without files that a fresh clone does not have.
    """
    ignored = shutil.ignore_patterns(
        *(".*", "build", "dist", "*.egg-info", "__pycache__", "_trial_temp*")
    )
    return Path(shutil.copytree(SOURCE, folder / "source", ignore=ignored))


@pytest.mark.parametrize("way", ["folder", "editable", "wheel"])
def test_installation(way: str, tmp_path: Path) -> None:
    """
    In a fresh environment, installed from a copy of the source, both tools find the
    plugin and serve. The clients are installed, and the unit tests pass from any
    folder.
    """
    source = copy_source(tmp_path)
    run(sys.executable, "-m", "venv", "venv", cwd=tmp_path)
    bin = tmp_path / "venv" / "bin"
    pip: list[str | Path] = [bin / "python", "-m", "pip"]
    if way == "editable":
        run(*pip, "install", "-e", source, cwd=tmp_path)
    elif way == "wheel":
        run(*pip, "wheel", "--no-deps", "-w", "dist", source, cwd=tmp_path)
        run(*pip, "install", *tmp_path.glob("dist/*.whl"), cwd=tmp_path)
    else:
        run(*pip, "install", source, cwd=tmp_path)
    if way != "editable":
        shutil.rmtree(source)
    for tool in ("twistd", "twist"):
        assert "A clock server" in run(bin / tool, "--help", cwd=tmp_path)
        assert "--sequential" in run(bin / tool, "clock", "--help", cwd=tmp_path)
    twist = [str(bin / "twist"), "--log-format=text", "clock", "--port=0"]
    with Program(twist, cwd=tmp_path) as server:
        port = server.find(r"Serving .* on 127\.0\.0\.1:(\d+)$")[1]
        with Program([str(bin / "clock-netcat"), f":{port}"]) as client:
            assert LINE.fullmatch(client.line().text)
    assert "PASSED" in run(bin / "trial", "clock.tests", cwd=tmp_path)


def test_deleted_module_is_not_installed(tmp_path: Path) -> None:
    """
    A module that a later version has deleted is not installed, even if both versions
    are built in the same folder.
    """
    source = copy_source(tmp_path)
    module = source / "clock" / "former.py"
    module.touch()
    installed = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--upgrade"]
    run(*pip, "--target", installed, source, cwd=tmp_path)
    assert (installed / "clock" / "former.py").exists()
    module.unlink()
    run(*pip, "--target", installed, source, cwd=tmp_path)
    assert (installed / "clock" / "protocol.py").exists()
    assert not (installed / "clock" / "former.py").exists()
