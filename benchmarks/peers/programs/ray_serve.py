"""Ray Serve, as "Getting Started" of its documentation has a deployment: one replica, no batches.

python -m benchmarks.peers.programs.ray_serve PORT
"""

import signal
import sys
from pathlib import Path

import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.peers.programs.work import Work

STORE_BYTES = 100_000_000  # Ray would reserve 30 % of the machine's memory


@serve.deployment(num_replicas=1, ray_actor_options={"num_cpus": 1})
class Detect:
    """One frame a request."""

    def __init__(self) -> None:
        self.work = Work()

    async def __call__(self, request: Request) -> Response:
        """Do the work."""
        width, height = (int(request.query_params.get(name, 0)) for name in ("width", "height"))
        return Response(self.work(await request.body(), width, height), media_type="application/json")


if __name__ == "__main__":
    ray.init("local", num_cpus=1, include_dashboard=False, object_store_memory=STORE_BYTES, _temp_dir=str(Path.cwd()))
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Detect.bind())  # type: ignore[attr-defined]
    signal.pause()
