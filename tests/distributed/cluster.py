"""``python -m tests.distributed.cluster PORT [NODES]``: a Ray cluster of two nodes, with the service on each of them.

The configuration is ``deploy/ray/serve.yaml`` with another address and a fixed number of replicas. Settings come from
the environment; RAY_SERVE_ENABLE_HA_PROXY=0 there takes Ray's own proxy. The first line on standard output is the
address of the cluster; the second one comes when all replicas are ready.
"""

import logging
import os
import signal
import sys
from typing import Any

import yaml  # type: ignore[import-untyped]

from tests.support.paths import ROOT
from tests.support.wire import free_port

CONFIG = ROOT / "deploy" / "ray" / "serve.yaml"
NODE: dict[str, Any] = {"num_cpus": 2, "object_store_memory": 100 * 2**20}
ENVIRONMENT = {
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure empty-response junk-response 500 502 503\noption http-buffer-request",
    "RAY_SERVE_HAPROXY_RETRIES": "3",
    "RAY_SERVE_HAPROXY_TUNE_BUFSIZE": "262144",
    "RAY_SERVE_PROXY_PREFER_LOCAL_NODE_ROUTING": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}
PATIENT = {"RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60"}  # Ray kills a proxy that takes longer, by default than 5 s
HAPROXY_PORTS = ("RAY_SERVE_HAPROXY_METRICS_PORT", "RAY_SERVE_HAPROXY_STATS_PORT")
NODES = 2


def main(port: int, nodes: int = NODES) -> None:
    """Serve until SIGTERM."""
    os.environ |= ENVIRONMENT | PATIENT | {name: str(free_port()) for name in HAPROXY_PORTS} | dict(os.environ)
    import ray
    from ray.cluster_utils import Cluster

    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # later Ray's own handler does the same
    cluster = Cluster(initialize_head=True, head_node_args=NODE | {"include_dashboard": False})
    try:
        for _ in range(nodes - 1):
            cluster.add_node(**NODE)
        print(cluster.address, flush=True)  # noqa: T201
        _serve(cluster.address, port, nodes)
        print("ready", flush=True)  # noqa: T201
        signal.pause()
    finally:
        ray.shutdown()
        cluster.shutdown()


def _serve(address: str, port: int, replicas: int) -> None:
    """As ``serve run`` does, but with the number of replicas that a test counts on."""
    import ray
    from ray import serve

    from distributed.serving.replica import detection

    config: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    ((application,), http) = (config["applications"], config["http_options"])
    (options,) = application["deployments"]
    scaling = options["autoscaling_config"] | {"min_replicas": replicas, "max_replicas": replicas}
    ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    serve.start("HeadOnly", http | {"host": "127.0.0.1", "port": port}, logging_config=config["logging_config"])
    deployment = detection.options(**options | {"autoscaling_config": scaling})
    serve.run(deployment.bind(), name=application["name"], route_prefix=application["route_prefix"])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
