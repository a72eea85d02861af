"""
C{deploy/Containerfile}, built and run by C{podman}.

The base of the image is made from the packages of this system, so no image is
downloaded. The container has a network of its own with only a loopback interface, which
the clients enter, so no port of this system is used.
"""

from __future__ import annotations

import ast
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.processes import Program
from tests.harness.requirements import need, skip
from tests.harness.times import DEADLINE, LINE, steps, wait_until

ROOT = Path(__file__).parents[2]

#: Seconds for each step, which may download packages or copy all files of an image.
STEP = 300

#: The packages that the base consists of, besides those that they depend on.
PACKAGES = "base-files,coreutils,dash,libc-bin,python3-venv"

#: Limits below those of this process. By default podman asks for higher ones, which
#: needs a privilege that root may lack.
LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")

#: What a container is run with that has no privilege and cannot write.
CONFINED = (*LIMITS, "--read-only", "--read-only-tmpfs=false", "--cap-drop", "ALL")

#: The settings of pip that say where packages come from.
PIP_SETTINGS = ("default-timeout", "extra-index-url", "index-url", "trusted-host")


@dataclass
class Podman:
    """
    A C{podman} whose images and containers are in one folder.
    """

    folder: Path

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """
        Run C{podman} to its end.
        """
        options: list[str | Path] = [
            *("--root", self.folder / "storage", "--runroot", self.folder / "run"),
            *("--tmpdir", self.folder / "tmp", "--storage-driver", "vfs"),
            # The defaults need systemd, and a system with cgroups of version 2 only.
            *("--cgroup-manager", "cgroupfs", "--events-backend", "file"),
            *("--runtime", need("runc")),
        ]
        return subprocess.run(
            [need("podman"), *options, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=STEP,
            # The health check runs only when it is asked for.
            env={**os.environ, "DISABLE_HC_SYSTEMD": "true"},
        )

    def do(self, *arguments: str | Path) -> str:
        """
        Run C{podman}, which must succeed, and return its output.
        """
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def build(self, name: str, folder: Path, *arguments: str | Path) -> None:
        """
        Build an image.
        """
        options = ["--isolation", "chroot", "--network", "host", "--format", "docker"]
        # Each layer would be a copy of all files.
        options.append("--layers=false")
        self.do(*("build", "-t", name, *options, *arguments, folder))

    def remove(self) -> None:
        """
        Remove all containers, images and files.
        """
        try:
            self.do("rm", "--all", "--force", "--time", "0")
        finally:
            shutil.rmtree(self.folder)


def sources() -> str:
    """
    Return the repositories of this system, without those of others.
    """
    suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
    form = "deb $(REPO_URI) $(RELEASE) $(COMPONENT)"
    listed = subprocess.run(
        [need("apt-get"), "indextargets", "--format", form, "Created-By: Packages"],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    own = rf"^deb \S+/(?:debian|ubuntu)\S* {suite}\S* (?:main|universe)$"
    return "".join(
        f"{each}\n" for each in sorted({*re.findall(own, listed.stdout, re.M)})
    )


def pip_settings() -> dict[str, str]:
    """
    Return the settings of this system's pip, except for folders of this system.
    """
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    found = {}
    # Environment variables are listed first, and override files.
    for line in reversed(listed.stdout.splitlines()):
        name, _, value = line.partition("=")
        words = str(ast.literal_eval(value)).split()
        words = [word for word in words if not word.startswith("file:")]
        found[name.rpartition(".")[2]] = " ".join(words)
    return found


def make_base(podman: Podman) -> None:
    """
    Make the image C{base} from packages of this system.
    """
    folder = podman.folder / "base"
    folder.mkdir()
    (folder / "sources").write_text(sources(), "utf-8")
    suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
    made = subprocess.run(
        [
            *(need("mmdebstrap"), "--variant=extract", f"--include={PACKAGES}"),
            *("--aptopt=Acquire::Retries 3", suite, folder / "base.tar"),
            folder / "sources",
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=STEP,
    )
    if made.returncode:
        skip(f"mmdebstrap cannot make a base: {made.stderr[-1000:]}")
    settings = pip_settings()
    lines = ["FROM scratch", "ADD base.tar /"]
    for name in PIP_SETTINGS:
        if value := settings.get(name):
            lines.append(f'ENV PIP_{name.upper().replace("-", "_")}="{value}"')
    if certificates := settings.get("cert"):
        shutil.copy(certificates, folder / "pip.pem")
        lines += ["COPY pip.pem /etc/ssl/pip.pem", "ENV PIP_CERT=/etc/ssl/pip.pem"]
    (folder / "Containerfile").write_text("\n".join(lines), "utf-8")
    podman.build("base", folder)


@pytest.fixture(scope="module")
def podman() -> Iterator[Podman]:
    """
    A C{podman} with the image C{clock}, and with no container.
    """
    for tool in ("podman", "runc", "mmdebstrap", "apt-get", "nsenter", "nc", "curl"):
        need(tool)
    if os.geteuid():
        skip("only root can make a base and run containers here")
    # The folder of pytest is too long for podman, which allows 50 characters.
    podman = Podman(Path(tempfile.mkdtemp(prefix="clock-")))
    try:
        make_base(podman)
        alone = ["run", "--rm", "--network", "none", *LIMITS, "base", "true"]
        if (tried := podman.run(*alone)).returncode:
            # Nothing of the clock has run yet.
            pytest.skip(f"this system cannot run a container: {tried.stderr}")
        podman.build(
            *("clock", ROOT, "--build-arg", "BASE=localhost/base"),
            *("--file", ROOT / "deploy" / "Containerfile"),
        )
        labels = json.loads(
            podman.do("inspect", "--format", "{{json .Labels}}", "clock")
        )
        assert labels["org.opencontainers.image.licenses"] == "MIT"
        yield podman
    finally:
        podman.remove()


def test_container(podman: Podman) -> None:
    """
    The image serves over TCP and HTTP, without privileges and without a file that can
    be written. Its health check passes, also at the client limit, and with a proxy in
    the environment. SIGTERM ends it: each client gets whole lines and a complete
    response.
    """
    podman.do(
        *("run", "--detach", "--name", "clock", "--network", "none", *CONFINED),
        *("--env", "http_proxy=http://127.0.0.1:1", "--env", "no_proxy="),
        *("--env", "NO_PROXY="),
        *("clock", "--tz", "Asia/Tokyo", "--max-clients", "3"),
    )
    wait_until(lambda: "over HTTP on" in podman.do("logs", "clock"))
    pid = podman.do("inspect", "--format", "{{.State.Pid}}", "clock")
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    assert re.search(r"^Uid:\t10001\t10001\t10001\t10001$", status, re.M)
    assert re.search(r"^CapEff:\t0+$", status, re.M)
    assert podman.run("exec", "clock", "touch", "/opt/clock/x").returncode
    assert podman.run("exec", "--user", "0", "clock", "touch", "/tmp/x").returncode

    inside = [need("nsenter"), "--target", pid, "--net"]
    netcat = [*inside, need("nc"), "127.0.0.1", "8080"]
    curl = [need("curl"), "-sN", "--noproxy", "*", "http://127.0.0.1:8000/lines"]
    with Program(netcat) as over_tcp, Program([*inside, *curl]) as over_http:
        for client in over_tcp, over_http:
            assert steps(client.lines(3)) == [1, 1]
        with Program(netcat) as third, Program(netcat) as refused:
            third.line()
            assert [*refused.rest()] == []
            podman.do("healthcheck", "run", "clock")
        podman.do("stop", "--time", str(int(DEADLINE)), "clock")
        for client in over_tcp, over_http:
            assert all(LINE.fullmatch(line) for line in client.rest())
            assert client.end() == 0
    # The status would be 137 after SIGKILL. Process 1 cannot end itself with SIGTERM,
    # as twist does.
    state = podman.do("inspect", "--format", "{{.State.ExitCode}}", "clock")
    assert state == "0"
    # Each event begins with a record separator: RFC 7464.
    log = [json.loads(event) for event in podman.do("logs", "clock").split("\x1e")[1:]]
    unusual = [each for each in log if each["log_level"]["name"] != "info"]
    assert [each["maxClients"] for each in unusual] == [3]
    (totals,) = (event for event in log if "evicted" in event)
    assert (totals["clients"], totals["refused"]) >= (3, 1)


def test_check(podman: Podman) -> None:
    """
    The check runs from the same image, in the network of a clock, over each protocol.
    Its exit status is that of the container.
    """
    server = ["run", "--detach", "--name", "server", "--network", "none", *CONFINED]
    podman.do(*server, "clock")
    wait_until(lambda: "over HTTP on" in podman.do("logs", "server"))
    check = ["run", "--rm", "--network", "container:server", *CONFINED, "clock"]
    check += ["clock-check", "--for", "3"]
    web = "Events=http://127.0.0.1:8000/events", "Socket=ws://127.0.0.1:8000/socket"
    report = podman.do(*check, "TCP=127.0.0.1:8080", *web)
    assert len(re.findall(" whole$", report, re.M)) == 3, report
    refused = podman.run(*check, "http://127.0.0.1:1/")
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert "no process listens there" in refused.stdout
    # The other protocols need packages that would be missed only there.
    modules = "import OpenSSL, service_identity, h2, brotli, zstandard, rich"
    podman.do(*check[:-3], "python3", "-c", modules)


@pytest.mark.parametrize("name", [".containerignore", ".dockerignore"])
def test_context(podman: Podman, tmp_path: Path, name: str) -> None:
    """
    The builder gets what C{deploy/Containerfile} copies, and no other file of a working
    tree. docker reads the second name only.
    """
    copied = (
        *("LICENSE", "README.rst", "pyproject.toml", "setup.cfg", "clock/a.py"),
        *("clock/web/page/a.js", "twisted/plugins/a.py"),
    )
    others = (
        *(".git/config", ".venv/bin/python", "build/lib/clock/a.py", "dist/a.whl"),
        *("site/index.html", "server.pem", "clock/__pycache__/a.pyc", "tests/a.py"),
        *("clock/web/__pycache__/a.pyc", "twisted/plugins/dropin.cache", ".env"),
    )
    for each in (*copied, *others):
        path = tmp_path / "tree" / each
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    shutil.copy(ROOT / name, tmp_path / "tree")
    file = tmp_path / "Containerfile"
    file.write_text("FROM scratch\nCOPY . /context\n", "utf-8")
    podman.build("context", tmp_path / "tree", "--file", file)
    container = podman.do("create", *LIMITS, "context", "none")
    podman.do("export", "--output", tmp_path / "context.tar", container)
    with tarfile.open(tmp_path / "context.tar") as archive:
        names = [each.name for each in archive if each.isfile()]
    sent = {each.removeprefix("context/") for each in names if "context/" in each}
    assert sent - {name} == {*copied}
    source = (ROOT / "deploy" / "Containerfile").read_text("utf-8")
    *lines, _ = re.findall(r"^COPY (.+) \S+$", source, re.M)
    assert {*" ".join(lines).split()} == {each.split("/")[0] for each in copied}
