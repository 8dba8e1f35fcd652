"""What runs Headgate elsewhere, judged by the tools that read it: image, compose file, systemd unit, manifests."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
import yaml
from dashboards import ROOT, RULE_FILES

from daemon.config.settings import Settings

if TYPE_CHECKING:
    from pydantic import BaseModel

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
VERSIONS = ("1.29.0", "1.33.0", "1.37.0")
"""Of Kubernetes: the first one with sidecars, one between, the newest that the published schemas have."""


UNITS = {"headgate.service": "run", "headgate-worker.service": "worker"}
"""For systemd, with the command that each of them runs."""


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


MANIFESTS = [document for path in sorted(KUBERNETES.glob("*.yaml")) for document in documents(path)]
CORE = [document for document in MANIFESTS if "coreos" not in document["apiVersion"]]
CUSTOM = [document for document in MANIFESTS if "coreos" in document["apiVersion"]]


def name_of(document: dict[str, Any]) -> str:
    return f"{document['kind']}-{document['metadata']['name']}"


def run(*command: object, cwd: Path = ROOT, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def check_configuration(text: str, folder: Path, places: dict[str, Path]) -> subprocess.CompletedProcess[str]:
    """Let `headgate check` judge a configuration for a container, with the container's paths moved below `folder`."""
    for place, real in places.items():
        text = text.replace(place, str(real))
    (folder / "headgate.yml").write_text(text, encoding="utf-8")
    return run(Path(sys.executable).parent / "headgate", "check", "-c", folder / "headgate.yml")


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """What make-secrets.sh makes, in a copy of the folder."""
    script = shutil.copy(DEPLOY / "make-secrets.sh", tmp_path)
    done = run(script)
    assert done.returncode == 0, done.stderr
    return tmp_path / "secrets"


# -- the image -------------------------------------------------------------------------------------------


def test_hadolint_has_nothing_to_say_about_the_dockerfile() -> None:
    done = run(Path(sys.executable).parent / "hadolint", "--no-color", DEPLOY / "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_is_one_process_of_an_unprivileged_user() -> None:
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:0"]
    assert 'ENTRYPOINT ["headgate"]' in lines, "not through a shell: signals reach the daemon"
    assert len([line for line in lines if line.startswith("FROM ")]) == 2
    assert not [line for line in lines if "apt-get" in line or ":latest" in line]


def test_the_wheel_can_be_built_from_what_the_image_copies(tmp_path: Path) -> None:
    """And from what .dockerignore lets through to it."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    copied = [line.split()[1:-1] for line in text.splitlines() if re.match(r"COPY (?!--from)", line)]
    names = [name for group in copied for name in group]
    let_through = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"}
    assert set(names) == let_through
    for name in names:
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target)
    done = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").glob("*.whl"))) == 1


# -- compose ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compose(compose_spec: Path) -> dict[str, Any]:
    """The compose file as docker compose's own loader understands it."""
    done = run(compose_spec, "-format", "json", DEPLOY / "compose.yaml", cwd=DEPLOY)
    assert done.returncode == 0, done.stderr
    model: dict[str, Any] = json.loads(done.stdout)
    return model


def test_compose_knows_the_five_services(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"network", "headgate", "postgres", "prometheus", "alertmanager", "grafana"}


def test_every_container_is_locked_down(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        user = service.get("user", "10001:0")
        assert not user.startswith(("0:", "root")), name
        assert ("healthcheck" in service) or name == "headgate", f"{name}: the image of headgate has its own"


def test_only_the_hosts_loopback_is_bound(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}
    assert {port["target"] for port in ports} == {3000, 8847, 9090, 9093}


def test_what_compose_mounts_exists(compose: dict[str, Any], secrets: Path) -> None:
    for name, service in compose["services"].items():
        for volume in service.get("volumes", []):
            if volume["type"] == "volume":
                assert volume["source"] in compose["volumes"], name
                continue
            source = Path(volume["source"])
            assert volume["read_only"], source
            if source.is_relative_to(DEPLOY / "secrets"):
                source = secrets / source.relative_to(DEPLOY / "secrets")
            assert source.exists(), source


def test_prometheus_and_grafana_find_in_compose_what_their_configurations_name(compose: dict[str, Any]) -> None:
    mounted = {
        name: {volume["target"]: Path(volume["source"]) for volume in service.get("volumes", [])}
        for name, service in compose["services"].items()
    }
    assert mounted["prometheus"]["/etc/prometheus/prometheus.yml"] == ROOT / "prometheus.yml"
    assert mounted["prometheus"]["/etc/prometheus/alerts/rules"] == ROOT / "alerts" / "rules"
    grafana = compose["services"]["grafana"]["environment"]
    assert mounted["grafana"][grafana["HEADGATE_DASHBOARDS"]] == ROOT / "grafana" / "dashboards"
    assert (ROOT / "grafana" / "dashboards" / Path(grafana["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]).name).is_file()
    named = set(re.findall(r"\$\{(\w+)\}", "".join(path.read_text() for path in ROOT.glob("grafana/provisioning/*/*"))))
    assert named <= set(grafana)


def test_secrets_are_closed_and_kept(secrets: Path) -> None:
    def contents() -> dict[str, str]:
        return {str(path.relative_to(secrets)): path.read_text() for path in secrets.rglob("*") if path.is_file()}

    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    before = contents()
    closed = {name for name in before if stat.S_IMODE((secrets / name).stat().st_mode) == 0o600}
    assert closed == {"api.token", "database.url"}, "the two that the daemon reads"
    named = re.findall(r"_file: /etc/alertmanager/(secrets/[\w-]+)", (ROOT / "alerts" / "alertmanager.yml").read_text())
    assert {name.replace("secrets", "alertmanager") for name in named} == {name for name in before if "/" in name}
    assert len(set(before.values())) == len(before) == 4 + len(named)
    assert run(secrets.parent / "make-secrets.sh").returncode == 0
    assert contents() == before


def test_the_configuration_of_the_container_is_right(secrets: Path, tmp_path: Path) -> None:
    places = {
        "/etc/headgate/datasets": ROOT / "examples" / "datasets",
        "/run/secrets": secrets,
        "/inbox": ROOT / "examples" / "inbox",
        "/var/lib/headgate": tmp_path / "state",
    }
    done = check_configuration((DEPLOY / "headgate.yml").read_text(encoding="utf-8"), tmp_path, places)
    assert done.returncode == 0, done.stdout + done.stderr


# -- systemd ---------------------------------------------------------------------------------------------


@pytest.fixture(params=UNITS)
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A unit, with this environment's program in place of the one that is installed where it says."""
    name: str = request.param
    text = (DEPLOY / name).read_text(encoding="utf-8")
    program = "/opt/headgate/bin/headgate"
    assert f"ExecStart={program} {UNITS[name]} " in text
    path = tmp_path / name
    path.write_text(text.replace(program, str(Path(sys.executable).parent / "headgate")), encoding="utf-8")
    return path


def test_systemd_has_nothing_to_say_about_a_unit(unit: Path, systemd_analyze: Path) -> None:
    done = run(systemd_analyze, "verify", "--man=no", unit)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_unit_is_hardened(unit: Path, systemd_analyze: Path) -> None:
    """systemd's own measure, 0 (nothing is open) to 10, times ten."""
    done = run(systemd_analyze, "security", "--offline=true", "--no-pager", "--threshold=25", unit)
    assert done.returncode == 0, done.stdout


def test_a_unit_says_what_was_promised(unit: Path) -> None:
    lines = set(unit.read_text(encoding="utf-8").splitlines())
    assert {
        *("User=headgate", "NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes", "CapabilityBoundingSet="),
        "KillMode=mixed",
    } <= lines
    assert any(line.startswith("MemoryMax=") for line in lines)


def test_a_daemon_may_ask_for_leases_and_a_worker_knows_no_database() -> None:
    daemon, worker = ((DEPLOY / name).read_text(encoding="utf-8").splitlines() for name in UNITS)
    drain_seconds = Settings().shutdown.drain_seconds
    assert {"CapabilityBoundingSet=CAP_LEASE", "AmbientCapabilities=CAP_LEASE"} <= set(daemon)
    assert f"TimeoutStopSec={drain_seconds + 10:g}" in daemon
    assert f"TimeoutStopSec={drain_seconds + 20:g}" in worker, "it has the scheduler to take leave of"
    assert not [line for line in worker if "CAP_" in line or "DATABASE" in line or line.startswith("ExecReload")]


# -- Kubernetes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("document", CORE, ids=name_of)
def test_manifests_are_right_by_the_published_schemas(document: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("document", CUSTOM, ids=name_of)
def test_custom_resources_are_right_by_the_operators_schemas(document: dict[str, Any]) -> None:
    """What comes back from the model is what went in: it knows every key."""
    operator = importlib.import_module("cloudcoil.models.prometheus_operator.v1")  # seconds, for four thousand models
    model: type[BaseModel] = getattr(operator, document["kind"])
    known = model.model_validate(document).model_dump(by_alias=True, exclude_unset=True)
    assert known == document


def test_the_prometheus_rule_is_made_of_the_rules() -> None:
    done = run(sys.executable, KUBERNETES / "build_rule.py", "--check")
    assert (done.returncode, done.stderr) == (0, "")
    (rule,) = [document for document in CUSTOM if document["kind"] == "PrometheusRule"]
    names = [group["name"] for group in rule["spec"]["groups"]]
    assert len(names) == len(set(names)) == sum(len(documents(path)[0]["groups"]) for path in RULE_FILES)


def test_promtool_takes_the_rules_of_the_manifest(promtool: Path, tmp_path: Path) -> None:
    (rule,) = [document for document in CUSTOM if document["kind"] == "PrometheusRule"]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rule["spec"]), encoding="utf-8")
    done = run(promtool, "check", "rules", tmp_path / "rules.yml")
    assert done.returncode == 0, done.stderr


def test_the_service_monitor_finds_the_service() -> None:
    by_kind = {document["kind"]: document for document in MANIFESTS}
    service, monitor, pod = by_kind["Service"], by_kind["ServiceMonitor"], by_kind["StatefulSet"]["spec"]["template"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"] == "metrics"
    assert service["metadata"]["name"] == "headgate", "the job of the rules"


def test_the_configuration_of_the_sidecar_is_right(secrets: Path, tmp_path: Path) -> None:
    (configuration,) = [document for document in CORE if document["kind"] == "ConfigMap"]
    places = {
        "/etc/headgate/datasets": ROOT / "examples" / "datasets",
        "/run/secrets/headgate": secrets,
        "/inbox": ROOT / "examples" / "inbox",
        "/var/lib/headgate": tmp_path / "state",
    }
    done = check_configuration(configuration["data"]["headgate.yml"], tmp_path, places)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_container_of_the_pod_may_do_anything() -> None:
    (pod,) = [document["spec"]["template"]["spec"] for document in CORE if document["kind"] == "StatefulSet"]
    assert pod["securityContext"]["runAsNonRoot"]
    drain = Settings().shutdown.drain_seconds
    assert pod["terminationGracePeriodSeconds"] >= drain + 10
    for container in [*pod["initContainers"], *pod["containers"]]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"], container["name"]
        assert not context["allowPrivilegeEscalation"], container["name"]
        assert context["capabilities"] == {"drop": ["ALL"]}, container["name"]
        assert container["resources"]["limits"]["memory"], container["name"]
