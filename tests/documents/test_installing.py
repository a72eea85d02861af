"""
Every way to install the clock gives C{twistd clock} and C{twist clock}.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.harness.processes import Program
from tests.harness.times import DEADLINE, LINE

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


@dataclass
class Built:
    """
    What is installed, and where.

    @ivar source: a copy of the source, in which the wheel was built.
    @ivar wheel: the wheel.
    @ivar bin: the commands of an environment with what the clock needs.
    """

    source: Path
    wheel: Path
    bin: Path

    def pip(self, *arguments: str | Path) -> None:
        """
        Run C{pip} in the environment.
        """
        run(self.bin / "python", "-m", "pip", *arguments, cwd=self.source.parent)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """
    Copy the source, without files that a fresh clone does not have, but with a module
    that an earlier build has left. Build the wheel once, and install it with what it
    needs in a fresh environment.
    """
    folder = tmp_path_factory.mktemp("built")
    ignored = shutil.ignore_patterns(
        *(".*", "build", "dist", "*.egg-info", "__pycache__", "_trial_temp*")
    )
    source = Path(shutil.copytree(SOURCE, folder / "source", ignore=ignored))
    leftover = source / "build" / "lib" / "clock"
    leftover.mkdir(parents=True)
    (leftover / "former.py").touch()
    pip = sys.executable, "-m", "pip"
    run(*pip, "wheel", "--no-deps", "-w", "dist", source, cwd=folder)
    (wheel,) = folder.glob("dist/*.whl")
    run(sys.executable, "-m", "venv", "venv", cwd=folder)
    made = Built(source, wheel, folder / "venv" / "bin")
    made.pip("install", wheel)
    return made


@pytest.mark.parametrize("way", ["wheel", "editable"])
def test_installation(way: str, built: Built, tmp_path: Path) -> None:
    """
    Both tools find the plugin and serve. The clients are installed, and the unit tests
    pass from any folder. (C{pip install .} builds a wheel, too.)
    """
    what = [built.wheel] if way == "wheel" else ["--editable", built.source]
    built.pip("install", "--no-deps", "--force-reinstall", *what)
    for tool in ("twistd", "twist"):
        assert "A clock server" in run(built.bin / tool, "--help", cwd=tmp_path)
        assert "--sequential" in run(built.bin / tool, "clock", "--help", cwd=tmp_path)
    twist = [str(built.bin / "twist"), "--log-format=text", "clock", "--port=0"]
    with Program(twist, cwd=tmp_path) as server:
        port = server.find(r"Serving .* on 127\.0\.0\.1:(\d+)$")[1]
        with Program([str(built.bin / "clock-netcat"), f":{port}"]) as client:
            assert LINE.fullmatch(client.line().text)
    assert "PASSED" in run(built.bin / "trial", "clock.tests", cwd=tmp_path)


def test_deleted_module_is_not_installed(built: Built) -> None:
    """
    A module that a later version has deleted is not installed, even if both versions
    are built in the same folder.
    """
    left = built.source / "build" / "lib" / "clock"
    assert (left / "protocol.py").exists()
    assert not (left / "former.py").exists()
    names = ZipFile(built.wheel).namelist()
    assert "clock/protocol.py" in names
    assert "clock/former.py" not in names
