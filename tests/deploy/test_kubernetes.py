"""The Kubernetes manifests against the service, its image, its Compose file and the schemas; no cluster is asked."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml  # type: ignore[import-untyped]

from service.api.connection.server import LAST_ACCEPT_S
from service.observability.metrics import Metrics
from service.settings import PREFIX, Settings
from tests.deploy.files import COMPOSE, DOCKERFILE, KUBERNETES, KUBERNETES_PAGE, PROMETHEUS, settings_in
from tests.deploy.kustomize import Manifest, build
from tests.support.tools import require_tool

GPU = "nvidia.com/gpu"
OVERLAYS = sorted(path.parent for path in (KUBERNETES / "overlays").glob("*/kustomization.yaml"))
WITH_CRD = {"ScaledObject", "PodMonitor"}  # no package for Python has their schemas


def one(overlay: str, kind: str) -> Manifest:
    (found,) = [resource for resource in build(KUBERNETES / "overlays" / overlay) if resource["kind"] == kind]
    return found


@pytest.fixture
def deployment() -> Manifest:
    return one("nvidia-gpu", "Deployment")


@pytest.fixture
def service() -> Manifest:
    return one("nvidia-gpu", "Service")


@pytest.fixture
def without_gpu() -> Manifest:
    return one("cpu", "Deployment")


def pod_of(deployment: Manifest) -> Manifest:
    pod: Manifest = deployment["spec"]["template"]["spec"]
    return pod


def container_of(deployment: Manifest) -> Manifest:
    (container,) = pod_of(deployment)["containers"]
    return container  # type: ignore[no-any-return]


def environment_of(deployment: Manifest) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container_of(deployment)["env"]}


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
    assert re.search(r"^USER [1-9]\d*:\d+$", DOCKERFILE.read_text(), re.MULTILINE), "runAsNonRoot needs a number"
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
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
    for manifest, gib in ((deployment, gpu), (without_gpu, cpu)):
        resources = container_of(manifest)["resources"]
        assert resources["limits"]["memory"] == resources["requests"]["memory"] == f"{gib}Gi"
        assert resources["limits"]["cpu"] == resources["requests"]["cpu"]


def test_the_overlay_for_cpus_has_nothing_of_a_gpu(
    deployment: Manifest, without_gpu: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert container_of(deployment)["resources"]["limits"][GPU] == 1
    assert GPU not in container_of(without_gpu)["resources"]["limits"]
    assert settings_of(without_gpu, monkeypatch).device == "cpu"
    images = {container_of(manifest)["image"] for manifest in (deployment, without_gpu)}
    assert images <= set(re.findall(r"image: (rrcanet-serve:\w+)", COMPOSE.read_text()))
    assert len(images) == 2


def test_the_job_of_the_page_finds_the_pods_and_is_the_one_that_the_alerts_ask_for(
    deployment: Manifest, tmp_path: Path
) -> None:
    block = blocks_of_the_page()[-1]
    (job,) = yaml.safe_load(block)["scrape_configs"]
    (own,) = yaml.safe_load(PROMETHEUS.read_text())["scrape_configs"]
    assert (job["job_name"], job["authorization"]) == (own["job_name"], own["authorization"])
    (rule,) = job["relabel_configs"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    known = {f"__meta_kubernetes_pod_label_{re.sub(r'[^a-zA-Z0-9]', '_', name)}": labels[name] for name in labels}
    assert dict.fromkeys(rule["source_labels"], rule["regex"]) == known
    (tmp_path / "credentials").mkdir()
    (tmp_path / job["authorization"]["credentials_file"]).touch()
    (tmp_path / "prometheus.yml").write_text(re.sub(r"^.*kubernetes_sd_configs.*\n", "", block, flags=re.MULTILINE))
    checked = subprocess.run(  # without what finds pods, which Debian's build of it does not know
        [require_tool("promtool"), "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_every_overlay_follows_the_schemas_of_kubernetes(overlay: Path) -> None:
    resources = build(overlay)
    kinds = {resource["kind"] for resource in resources}
    assert {"Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"} <= kinds
    for resource in resources:
        if resource["kind"] not in WITH_CRD:
            kubernetes_validate.validate(resource, "1.37", strict=True)


def own_folder(tmp_path: Path, kustomization: str) -> Path:
    """A folder with this kustomization, beside a copy of ``deploy``: kustomize takes no absolute paths."""
    shutil.copytree(KUBERNETES, tmp_path / "deploy" / "kubernetes")
    own = tmp_path / "my-rrcanet"
    own.mkdir()
    (own / "kustomization.yaml").write_text(kustomization)
    return own


@pytest.fixture(params=OVERLAYS, ids=lambda path: path.name)
def with_ipv6(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A kustomization of an overlay with the component for IPv6."""
    folders = "../deploy/kubernetes"
    own = {"resources": [f"{folders}/overlays/{request.param.name}"], "components": [f"{folders}/components/ipv6"]}
    return own_folder(tmp_path, json.dumps(own))


def test_with_the_component_for_ipv6_pods_listen_on_both_kinds_of_addresses(
    with_ipv6: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = {resource["kind"]: resource for resource in build(with_ipv6)}
    assert str(settings_of(resources["Deployment"], monkeypatch).host) == "::"  # test_ipv6_only.py runs a server there
    assert resources["Service"]["spec"]["ipFamilyPolicy"] == "PreferDualStack"
    for kind in ("Deployment", "Service"):
        kubernetes_validate.validate(resources[kind], "1.37", strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_kustomize_builds_what_these_tests_build(overlay: Path) -> None:
    assert built_by_kustomize(overlay) == by_name(build(overlay))


def test_kustomize_builds_the_same_with_the_component_for_ipv6(with_ipv6: Path) -> None:
    assert built_by_kustomize(with_ipv6) == by_name(build(with_ipv6))


def test_the_kustomization_of_the_page_can_be_built(tmp_path: Path) -> None:
    built = built_by_kustomize(own_folder(tmp_path, "".join(blocks_of_the_page()[:-1])))
    deployment = built["Deployment", "rrcanet"]
    assert container_of(deployment)["image"] == "registry.example.com/rrcanet-serve:gpu"
    assert "RRCANET_API_KEYS_FILE" not in environment_of(deployment)
    assert container_of(deployment).get("volumeMounts", []) == pod_of(deployment).get("volumes", []) == []
    assert environment_of(deployment)["RRCANET_HOST"] == "::"
    assert built.keys() >= {("ScaledObject", "rrcanet"), ("PodMonitor", "rrcanet")}


def blocks_of_the_page() -> list[str]:
    """A kustomization in pieces, and then the job of Prometheus."""
    return re.findall(r"^```yaml\n(.*?)^```$", KUBERNETES_PAGE.read_text(), re.MULTILINE | re.DOTALL)


def built_by_kustomize(folder: Path) -> dict[tuple[str, str], Manifest]:
    """What the kustomize of kubectl builds."""
    built = subprocess.check_output([kubectl_with_components(), "kustomize", folder], text=True)
    return by_name(yaml.safe_load_all(built))


def kubectl_with_components() -> str:
    """A kubectl whose kustomize knows components; Debian's does not, so CI has none."""
    path = shutil.which("kubectl")
    if path is None or "kustomizeVersion" not in subprocess.getoutput(f"{path} version --client -o json"):
        pytest.skip("no kubectl of a version that builds components")
    return path


def by_name(resources: Any) -> dict[tuple[str, str], Manifest]:
    return {(resource["kind"], resource["metadata"]["name"]): resource for resource in resources}


def test_the_first_process_of_a_container_is_the_init_of_the_image(deployment: Manifest) -> None:
    (container,) = pod_of(deployment)["containers"]
    assert "command" not in container  # it would replace the entry point


def test_everything_that_selects_pods_selects_those_of_the_deployment(deployment: Manifest) -> None:
    labels = {"matchLabels": deployment["spec"]["template"]["metadata"]["labels"]}
    overlay = "cpu-autoscaling"
    assert one(overlay, "PodDisruptionBudget")["spec"]["selector"] == labels
    assert one(overlay, "NetworkPolicy")["spec"]["podSelector"] == labels
    assert one(overlay, "PodMonitor")["spec"]["selector"] == labels
    assert pod_of(deployment)["topologySpreadConstraints"][0]["labelSelector"] == labels
    (ingress,) = one(overlay, "NetworkPolicy")["spec"]["ingress"]
    (endpoint,) = one(overlay, "PodMonitor")["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] == ingress["ports"][0]["port"] == container_of(deployment)["ports"][0]["name"]
    assert labels["matchLabels"][one(overlay, "PodMonitor")["spec"]["jobLabel"]] == "rrcanet"  # the job of the alerts


def test_the_autoscaler_owns_the_number_of_pods() -> None:
    scaled = one("cpu-autoscaling", "ScaledObject")["spec"]
    deployment = one("cpu-autoscaling", "Deployment")
    assert scaled["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert "replicas" not in deployment["spec"]
    assert scaled["minReplicaCount"] >= 1, "no metric of a pod says that the first one is needed"


def test_the_queries_of_the_autoscaler_give_what_it_expects(tmp_path: Path) -> None:
    queue, refusals = (trigger["metadata"]["query"] for trigger in triggers())
    pods = ["rrcanet_queue_frames{job='rrcanet',pod='a'} 8x9", "rrcanet_queue_frames{job='rrcanet',pod='b'} 12x9"]
    asked = "rrcanet_requests_total{job='rrcanet',route='/v1/detect',status='200'}"
    refused = "rrcanet_rejected_total{job='rrcanet',reason='queue_full'}"
    cases = [
        (pods, queue, 20),
        ([f"{asked} 0+60x9", f"{refused} 0+30x9"], refusals, 1.5),
        ([f"{asked} 0+60x9", f"{refused} 0x9"], refusals, 0),
        ([f"{asked} 0x9", f"{refused} 0+30x9"], refusals, 4),
        ([f"{asked} 0x9", f"{refused} 0x9"], refusals, 0),
        ([], refusals, 0),
    ]
    tests = [
        {
            "interval": "30s",
            "input_series": [dict(zip(("series", "values"), line.rsplit(" ", 1), strict=True)) for line in series],
            "promql_expr_test": [{"expr": query, "eval_time": "4m", "exp_samples": [{"labels": "{}", "value": value}]}],
        }
        for series, query, value in cases
    ]
    (tmp_path / "queries.yml").write_text(json.dumps({"evaluation_interval": "30s", "tests": tests}))
    tested = subprocess.run(
        [require_tool("promtool"), "test", "rules", tmp_path / "queries.yml"], capture_output=True, text=True
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_the_triggers_ask_for_metrics_of_the_service() -> None:
    metrics = Metrics()
    known = {sample.name for family in metrics.registry.collect() for sample in family.samples}
    known |= {family.name + "_total" for family in metrics.registry.collect()}
    for trigger in triggers():
        assert trigger["type"] == "prometheus"
        assert trigger["metadata"].keys() == {"serverAddress", "query", "threshold"}
        assert set(re.findall(r"rrcanet_\w+", trigger["metadata"]["query"])) <= known


def triggers() -> list[Manifest]:
    found: list[Manifest] = one("cpu-autoscaling", "ScaledObject")["spec"]["triggers"]
    return found
