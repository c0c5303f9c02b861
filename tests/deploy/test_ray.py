"""The files for Ray Serve and KubeRay against the service, Ray's own schema and those of Kubernetes."""

import subprocess
import sys
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml  # type: ignore[import-untyped]

from service.settings import PREFIX, Settings
from tests.deploy.files import KUBERNETES, RAY
from tests.distributed.cluster import ENVIRONMENT
from tests.support.paths import ROOT

Manifest = dict[str, Any]
PRINT_DEPLOYMENT = """
import json, sys, yaml
from ray.serve.schema import ServeDeploySchema
config = ServeDeploySchema.model_validate(yaml.safe_load(open(sys.argv[1])))
(application,) = config.applications
from distributed.serving.replica import detection
(named,) = [deployment.name for deployment in application.deployments]
assert application.import_path == "distributed.serving.replica:app" and named == detection.name
print(json.dumps(detection._deployment_config.graceful_shutdown_timeout_s))
"""


@pytest.fixture(scope="module")
def service() -> Manifest:
    manifest: Manifest = yaml.safe_load((RAY / "ray-service.yaml").read_text())
    return manifest


@pytest.fixture(scope="module")
def config() -> Manifest:
    config: Manifest = yaml.safe_load((RAY / "serve.yaml").read_text())
    return config


def pods_of(service: Manifest) -> list[Manifest]:
    """The templates of the head and of all groups of workers."""
    cluster = service["spec"]["rayClusterConfig"]
    return [group["template"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]


def test_ray_takes_the_configuration_and_requests_can_end_before_a_replica_does(service: Manifest) -> None:
    command = [sys.executable, "-c", PRINT_DEPLOYMENT, str(RAY / "serve.yaml")]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    graceful_s = float(shown.stdout)
    assert graceful_s > Settings.model_fields["request_timeout_s"].default
    workers = pods_of(service)[1:]
    assert all(pod["spec"]["terminationGracePeriodSeconds"] > graceful_s for pod in workers)


def test_the_service_refuses_before_ray_does(config: Manifest) -> None:
    ((deployment,),) = (application["deployments"] for application in config["applications"])
    settings = Settings.model_fields
    assert deployment["max_ongoing_requests"] >= settings["max_connections"].default > settings["queue_size"].default
    scaling = deployment["autoscaling_config"]
    assert scaling["target_ongoing_requests"] < settings["queue_size"].default, "a full queue must ask for replicas"


def test_the_manifest_has_the_configuration_of_the_other_file(service: Manifest, config: Manifest) -> None:
    assert yaml.safe_load(service["spec"]["serveConfigV2"]) == config


def test_every_pod_follows_the_schema_and_may_do_no_more_than_it_needs(service: Manifest) -> None:
    for template in pods_of(service):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "ray"} | template.get("metadata", {})}
        kubernetes_validate.validate(pod | {"spec": template["spec"]}, "1.37", strict=True)
        assert template["spec"]["securityContext"]["runAsNonRoot"] is True
        (container,) = template["spec"]["containers"]
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        assert container["resources"]["limits"] == container["resources"]["requests"]
        assert ENVIRONMENT.items() <= {one["name"]: one["value"] for one in container["env"]}.items()


def test_every_variable_is_a_setting_and_the_keys_lie_where_it_says(service: Manifest) -> None:
    (worker,) = pods_of(service)[1:]
    (container,) = worker["spec"]["containers"]
    given = {one["name"]: one["value"] for one in container["env"] if one["name"].startswith(PREFIX)}
    assert {name.removeprefix(PREFIX).lower() for name in given} <= Settings.model_fields.keys()
    base = yaml.safe_load((KUBERNETES / "base" / "deployment.yaml").read_text())["spec"]["template"]["spec"]
    assert worker["spec"]["volumes"] == base["volumes"]
    assert container["volumeMounts"] == base["containers"][0]["volumeMounts"]


def test_prometheus_asks_the_head_alone_and_there_can_be_a_worker_for_each_replica(
    service: Manifest, config: Manifest
) -> None:
    monitor = yaml.safe_load((RAY / "pod-monitor.yaml").read_text())["spec"]
    head, worker = pods_of(service)
    wanted = monitor["selector"]["matchLabels"].items()
    assert wanted <= head["metadata"]["labels"].items()
    assert not wanted <= worker.get("metadata", {}).get("labels", {}).items()
    (endpoint,) = monitor["podMetricsEndpoints"]
    assert {"name": endpoint["port"], "containerPort": config["http_options"]["port"]} in (
        head["spec"]["containers"][0]["ports"]
    )
    (group,) = service["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    (deployment,) = config["applications"][0]["deployments"]
    assert group["maxReplicas"] >= deployment["autoscaling_config"]["max_replicas"]
    assert deployment["max_replicas_per_node"] == 1
