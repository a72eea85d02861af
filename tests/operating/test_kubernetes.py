"""
C{deploy/kubernetes.yaml}, without a cluster: the schemas of Kubernetes accept it, it
agrees with the image, and the command of its pods does what it expects.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.harness.network import Link
from tests.harness.processes import BIN, Program
from tests.harness.requirements import need, need_module
from tests.harness.times import DEADLINE, LINE, UNIT, steps

need_module("kubernetes_validate")

import yaml
from kubernetes_validate import ValidationError, validate
from kubernetes_validate.utils import all_versions

ROOT = Path(__file__).parents[2]

TEXT = (ROOT / "deploy" / "kubernetes.yaml").read_text("utf-8")

CONTAINERFILE = (ROOT / "deploy" / "Containerfile").read_text("utf-8")

PAGE = (ROOT / "docs" / "operating" / "kubernetes.rst").read_text("utf-8")

OBJECTS: dict[str, Any] = {each["kind"]: each for each in yaml.safe_load_all(TEXT)}

#: The versions from 1.30 on, the first one with the C{sleep} of C{preStop} by default.
VERSIONS = sorted({each for each in all_versions() if int(each.split(".")[1]) >= 30})

#: Maps with any keys. All others have fields.
FREE = ("labels", "matchLabels", "annotations", "requests", "limits", "selector")

DEPLOYMENT = OBJECTS["Deployment"]["spec"]
POD = DEPLOYMENT["template"]["spec"]
(CONTAINER,) = POD["containers"]
PORTS = {each["name"]: each["containerPort"] for each in CONTAINER["ports"]}
PROBES = {
    name: CONTAINER[f"{name}Probe"] for name in ("startup", "readiness", "liveness")
}


def instruction(name: str) -> str:
    """
    Find the only instruction with this name in the last stage of the image.
    """
    last = CONTAINERFILE[CONTAINERFILE.rindex("FROM ") :].replace("\\\n", " ")
    (found,) = re.findall(rf"^{name} +(.*)", last, re.M)
    return str(found)


def maps(value: Any, key: str = "") -> Iterator[dict[str, Any]]:
    """
    Find all maps whose keys are fields.
    """
    if isinstance(value, list):
        for each in value:
            yield from maps(each)
    # The selector of a Service is a map of labels, those of other objects have fields.
    elif isinstance(value, dict) and (key not in FREE or "matchLabels" in value):
        yield value
        for name, each in value.items():
            yield from maps(each, name)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", OBJECTS)
def test_schema(kind: str, version: str) -> None:
    """
    The schemas of each version accept each object.
    """
    assert validate(OBJECTS[kind], version, strict=True) == version.removesuffix(".0")


@pytest.mark.parametrize("kind", OBJECTS)
def test_strict(kind: str) -> None:
    """
    They refuse an unknown field at any level.
    """
    count = len([*maps(OBJECTS[kind])])
    assert count > 2
    for number in range(count):
        wrong = deepcopy(OBJECTS[kind])
        [*maps(wrong)][number]["misspelled"] = "x"
        with pytest.raises(ValidationError, match="misspelled"):
            validate(wrong, VERSIONS[-1], strict=True)


def test_versions() -> None:
    """
    The schemas of several versions are known, and they differ: an older one has no
    C{sleep}.
    """
    assert len(VERSIONS) > 1
    with pytest.raises(ValidationError, match="sleep"):
        validate(OBJECTS["Deployment"], "1.28", strict=True)


def test_references() -> None:
    """
    Names and labels in one object exist in the others, which no schema checks.
    """
    labels = DEPLOYMENT["template"]["metadata"]["labels"]
    service = OBJECTS["Service"]["spec"]
    (spread,) = POD["topologySpreadConstraints"]
    budget = OBJECTS["PodDisruptionBudget"]["spec"]
    for each in DEPLOYMENT, budget, spread:
        selector = each.get("selector") or each["labelSelector"]
        assert selector == {"matchLabels": labels}
    assert service["selector"] == labels
    assert {each["name"]: each["targetPort"] for each in service["ports"]} == {
        name: name for name in PORTS
    }
    (rule,) = OBJECTS["Ingress"]["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    backend = path["backend"]["service"]
    assert backend == {
        "name": OBJECTS["Service"]["metadata"]["name"],
        "port": {"name": "web"},
    }
    for probe in PROBES.values():
        assert probe["httpGet"]["port"] == "web"
    # Each rolling update and each drained node leaves a pod.
    assert DEPLOYMENT["replicas"] > budget["maxUnavailable"]


def test_image() -> None:
    """
    The ports, the user and the health check are those of the image.
    """
    assert sorted(PORTS.values()) == sorted(map(int, instruction("EXPOSE").split()))
    pod = POD["securityContext"]
    user = f"{pod['runAsUser']}:{pod['runAsGroup']}"
    assert user == instruction("USER")
    check = instruction("HEALTHCHECK")
    names = {"interval": "period", "timeout": "timeout"}
    options = dict(re.findall(r"--(\w+)=(\d+)", check))
    live = PROBES["liveness"]
    for option, name in names.items():
        assert live[f"{name}Seconds"] == int(options[option])
    assert live["failureThreshold"] == int(options["retries"])
    assert check.endswith(f'127.0.0.1:{PORTS["web"]}{live["httpGet"]["path"]}"]')


def test_pod() -> None:
    """
    The command of a pod, with its arguments and ports, serves clients of another host.
    Each probe succeeds, and Prometheus finds metrics. SIGTERM ends the command long
    before the grace period is over, and each client gets whole lines.
    """
    need_module("prometheus_client")
    curl = need("curl")
    words = [*json.loads(instruction("ENTRYPOINT")), *CONTAINER["args"]]
    path = f"{BIN}:{os.environ['PATH']}"
    with ExitStack() as stack:
        link = stack.enter_context(Link())
        pod = Program([*link.on("server"), *words], environment={"PATH": path})
        stack.enter_context(pod)
        for port in PORTS.values():
            pod.find(f":{port}\\b")
        address = link.addresses["server"]

        def get(port: int, path: str) -> str:
            url = f"http://{address}:{port}{path}"
            words = [*link.on("client"), curl, "-sf", "--noproxy", "*", url]
            limit = str(PROBES["liveness"]["timeoutSeconds"] * UNIT)
            return subprocess.check_output([*words, "-m", limit], encoding="utf-8")

        for probe in PROBES.values():
            target = probe["httpGet"]
            assert get(PORTS[target["port"]], target["path"]).strip() == "ok"
        annotations = DEPLOYMENT["template"]["metadata"]["annotations"]
        scrape = {key.split("/")[1]: value for key, value in annotations.items()}
        limit = CONTAINER["args"][CONTAINER["args"].index("--max-clients") + 1]
        metrics = get(int(scrape["port"]), scrape["path"])
        assert f"clock_clients_limit {float(limit)}" in metrics

        client = stack.enter_context(link.client(PORTS["lines"]))
        assert steps(client.lines(3)) == [1, 1]
        begun = time.monotonic()
        pod.interrupt()
        assert all(LINE.fullmatch(line) for line in client.rest())
        pod.end()
        ended = time.monotonic() - begun
    sleep = CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert ended * 3 < (POD["terminationGracePeriodSeconds"] - sleep) * UNIT
    # Only then does a rolling update leave a pod that all proxies know.
    assert DEPLOYMENT["minReadySeconds"] >= sleep


def test_prometheus(tmp_path: Path) -> None:
    """
    The job of the page keeps one target for each pod, and has the name that the alerts
    expect. The targets are made up, because no cluster lists them.
    """
    (block,) = re.findall(r"^   - job_name:.*\n(?:   .*\n)+", PAGE, re.M)
    (job,) = yaml.safe_load(block)
    assert job.pop("kubernetes_sd_configs") == [{"role": "pod"}]
    ((label, value),) = DEPLOYMENT["template"]["metadata"]["labels"].items()
    label = re.sub(r"\W", "_", label)
    job["static_configs"] = [
        {
            "targets": [f"192.0.2.1:{port}"],
            "labels": {
                f"__meta_kubernetes_pod_label_{label}": app,
                "__meta_kubernetes_pod_container_port_name": name,
                "__meta_kubernetes_pod_name": "clock-0",
            },
        }
        for name, port in PORTS.items()
        for app in (value, "other")
    ]
    file = tmp_path / "prometheus.yml"
    # JSON is YAML.
    file.write_text(json.dumps({"scrape_configs": [job]}), "utf-8")
    found = json.loads(
        subprocess.check_output(
            [
                *(need("promtool"), "check", "service-discovery", "--timeout=1s"),
                *(file, "clock"),
            ],
            timeout=DEADLINE,
        )
    )
    assert len(found) == len(PORTS) * 2
    (kept,) = (each["labels"] for each in found if each["labels"])
    assert kept["instance"] == f"192.0.2.1:{PORTS['web']}"
    assert kept["pod"] == "clock-0"
