"""The Kubernetes manifest against the service, its image and its Compose file; no cluster is asked."""

import re
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped]

from service.api.connection.server import LAST_ACCEPT_S
from service.settings import PREFIX, Settings
from tests.deploy.files import COMPOSE, DOCKERFILE, KUBERNETES, KUBERNETES_PAGE, PROMETHEUS, settings_in
from tests.support.paths import ROOT
from tests.support.tools import require_tool

Manifest = dict[str, Any]
GPU = "nvidia.com/gpu"


def read(text: str) -> tuple[Manifest, Manifest]:
    """The Deployment and the Service."""
    deployment, service = yaml.safe_load_all(text)
    assert (deployment["kind"], service["kind"]) == ("Deployment", "Service")
    return deployment, service


@pytest.fixture
def deployment() -> Manifest:
    return read(KUBERNETES.read_text())[0]


@pytest.fixture
def service() -> Manifest:
    return read(KUBERNETES.read_text())[1]


@pytest.fixture
def without_gpu() -> Manifest:
    """The Deployment that the page's command makes."""
    command = re.search(r"^(sed .*?) \| kubectl", KUBERNETES_PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert command is not None
    return read(subprocess.check_output(["sh", "-euc", command[1]], cwd=ROOT, text=True))[0]


def pod_of(deployment: Manifest) -> Manifest:
    pod: Manifest = deployment["spec"]["template"]["spec"]
    return pod


def container_of(deployment: Manifest) -> Manifest:
    (container,) = pod_of(deployment)["containers"]
    return container  # type: ignore[no-any-return]


def environment_of(deployment: Manifest) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container_of(deployment)["env"]}


def settings_of(deployment: Manifest, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """As the server has them in its pod; its keys are not here."""
    given = settings_in(DOCKERFILE) | environment_of(deployment)
    assert {name.removeprefix(PREFIX).lower() for name in given} <= Settings.model_fields.keys()
    for name, value in given.items():
        if name != "RRCANET_API_KEYS_FILE":
            monkeypatch.setenv(name, value)
    return Settings(_env_file=None)  # type: ignore[call-arg]


def test_every_variable_is_a_setting_and_its_value_is_taken(
    deployment: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(deployment, monkeypatch)
    assert settings.device == "cuda"
    assert settings.drain_delay_s > 0, "proxies hear late that a pod ends"


def test_a_pod_has_time_to_answer_everything_before_it_is_killed(
    deployment: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(deployment, monkeypatch)
    grace = pod_of(deployment)["terminationGracePeriodSeconds"]
    assert grace > settings.drain_delay_s + settings.request_timeout_s + LAST_ACCEPT_S + 1


def test_probes_and_scrapes_ask_what_a_server_answers(deployment: Manifest, client: httpx.Client) -> None:
    container = container_of(deployment)
    asked = {name: container[name]["httpGet"]["path"] for name in container if name.endswith("Probe")}
    assert asked == {"startupProbe": "/readyz", "readinessProbe": "/readyz", "livenessProbe": "/livez"}
    scraped = deployment["spec"]["template"]["metadata"]["annotations"]
    assert scraped["prometheus.io/scrape"] == "true"
    for path in (*asked.values(), scraped["prometheus.io/path"]):
        assert client.get(path).status_code == 200


def test_every_port_is_the_one_that_the_server_listens_on(
    deployment: Manifest, service: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = container_of(deployment)
    (port,) = container["ports"]
    (offered,) = service["spec"]["ports"]
    assert port["containerPort"] == settings_of(deployment, monkeypatch).port
    assert deployment["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"] == str(port["containerPort"])
    named = {container[name]["httpGet"]["port"] for name in container if name.endswith("Probe")}
    assert named == {offered["targetPort"]} == {port["name"]}
    assert f"EXPOSE {port['containerPort']}\n" in DOCKERFILE.read_text()


def test_the_service_and_the_deployment_find_their_pods(deployment: Manifest, service: Manifest) -> None:
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"] == labels


def test_the_pod_may_do_no_more_than_the_image_needs(deployment: Manifest) -> None:
    pod = pod_of(deployment)
    uid, gid = re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE.read_text(), re.MULTILINE)[0]
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": int(uid),
        "runAsGroup": int(gid),
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container_of(deployment)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False


def test_keys_are_mounted_where_the_server_looks_for_them(deployment: Manifest) -> None:
    file = Path(environment_of(deployment)["RRCANET_API_KEYS_FILE"])
    (mount,) = container_of(deployment)["volumeMounts"]
    (volume,) = pod_of(deployment)["volumes"]
    assert (mount["name"], mount["mountPath"], mount["readOnly"]) == (volume["name"], str(file.parent), True)
    made = re.search(r"kubectl create secret generic (\S+) --from-file=(\S+)", KUBERNETES_PAGE.read_text())
    assert made is not None
    assert (volume["secret"]["secretName"], file.name) == made.groups()


def test_memory_is_that_of_the_compose_file(deployment: Manifest, without_gpu: Manifest) -> None:
    cpu, gpu = re.findall(r"mem_limit: (\d+)g\n    ports: .*:8000\"", COMPOSE.read_text())
    for one, gib in ((deployment, gpu), (without_gpu, cpu)):
        resources = container_of(one)["resources"]
        assert resources["limits"]["memory"] == resources["requests"]["memory"] == f"{gib}Gi"
        assert resources["limits"]["cpu"] == resources["requests"]["cpu"]


def test_the_command_of_the_page_leaves_nothing_of_a_gpu(
    deployment: Manifest, without_gpu: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert container_of(deployment)["resources"]["limits"][GPU] == 1
    assert GPU not in container_of(without_gpu)["resources"]["limits"]
    assert settings_of(without_gpu, monkeypatch).device == "cpu"
    images = {container_of(one)["image"] for one in (deployment, without_gpu)}
    assert images <= set(re.findall(r"image: (rrcanet-serve:\w+)", COMPOSE.read_text()))
    assert len(images) == 2


def test_the_job_of_the_page_finds_the_pods_and_is_the_one_that_the_alerts_ask_for(
    deployment: Manifest, tmp_path: Path
) -> None:
    told = re.search(r"^```yaml\n(.*?)^```$", KUBERNETES_PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert told is not None
    (job,) = yaml.safe_load(told[1])["scrape_configs"]
    (own,) = yaml.safe_load(PROMETHEUS.read_text())["scrape_configs"]
    assert (job["job_name"], job["authorization"]) == (own["job_name"], own["authorization"])
    (rule,) = job["relabel_configs"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    known = {f"__meta_kubernetes_pod_label_{re.sub(r'[^a-zA-Z0-9]', '_', name)}": labels[name] for name in labels}
    assert dict.fromkeys(rule["source_labels"], rule["regex"]) == known
    (tmp_path / "credentials").mkdir()
    (tmp_path / job["authorization"]["credentials_file"]).touch()
    (tmp_path / "prometheus.yml").write_text(re.sub(r"^.*kubernetes_sd_configs.*\n", "", told[1], flags=re.MULTILINE))
    checked = subprocess.run(  # without what finds pods, which Debian's build of it does not know
        [require_tool("promtool"), "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
