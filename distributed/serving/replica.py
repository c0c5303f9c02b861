"""A replica of Ray Serve runs ``service.asgi:app``: ``serve run distributed.serving.replica:app``.

Settings come from the environment of the replica, as for ``rrcanet serve``. What stands here are the defaults of the
deployment; a configuration file may replace each (``deploy/ray/serve.yaml``).
"""

from typing import TYPE_CHECKING, Any, Final

from ray import serve
from starlette.types import ASGIApp

from distributed.serving.exchange import OverRay
from distributed.serving.metrics import ReplicaMetrics, exposition
from distributed.serving.scaling import BACKLOG

if TYPE_CHECKING:
    from prometheus_client import Metric

# The service refuses what it has no room for, with 429 (RRCANET_QUEUE_SIZE frames, RRCANET_MAX_CONNECTIONS for other
# servers). Ray's own limits must lie beyond, or requests would wait in its queue, where no deadline is checked.
MAX_ONGOING_REQUESTS: Final = 1024
MAX_QUEUED_REQUESTS: Final = 256  # of each proxy, while no replica is there to take them; then Ray answers 503
COLLECT_S: Final = 5.0
AUTOSCALING: Final = {
    "min_replicas": 1,
    "max_replicas": 10,
    "target_ongoing_requests": 4,
    "look_back_period_s": 15,
    "upscale_delay_s": 5,
    "downscale_delay_s": 300,
    "policy": {"policy_function": "distributed.serving.scaling:replicas_for"},
}


class Replica:
    """One process with its models, its queue and its metrics."""

    def __init__(self) -> None:
        from service.asgi import app  # reads the settings, which only a replica has

        self._app = app
        self._metrics = ReplicaMetrics(app.state.metrics, serve.get_replica_context().replica_tag)

    def __serve_build_asgi_app__(self) -> ASGIApp:
        """What Ray serves. Its lifespan begins with models that are loaded and checked."""
        return OverRay(self._app, self._all_metrics)

    def check_health(self) -> None:
        """Fail unless this replica takes requests: Ray then starts another one in its place."""
        self._app.state.check_ready()

    def metrics(self) -> "list[Metric]":
        """The metrics of this replica; each series has its label."""
        return self._metrics.families()

    def record_autoscaling_stats(self) -> dict[str, float]:
        """What ``scaling.replicas_for`` gets of each replica."""
        state = self._app.state
        return {BACKLOG: state.engine.worker.backlog.seconds / (state.settings.latency_objective_ms / 1e3)}

    async def _all_metrics(self) -> bytes:
        here = serve.get_replica_context()
        handle: Any = serve.get_deployment_handle(here.deployment, here.app_name)
        answers = await handle.broadcast("metrics").results_async(timeout_s=COLLECT_S, return_exceptions=True)
        return exposition(answer for answer in answers if not isinstance(answer, BaseException))


detection: Any = serve.deployment(
    name="detection",
    max_ongoing_requests=MAX_ONGOING_REQUESTS,
    max_queued_requests=MAX_QUEUED_REQUESTS,
    autoscaling_config=AUTOSCALING,
    health_check_period_s=5,
    graceful_shutdown_timeout_s=40,  # longer than RRCANET_REQUEST_TIMEOUT_S
    logging_config={"enable_access_log": False},  # the service logs requests itself
    ray_actor_options={"num_cpus": 1},
)(serve.ingress()(Replica))
app = detection.bind()
