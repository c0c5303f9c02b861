"""LitServe, as its "LitServer" page and its image example have it: an upload, one worker, no batches.

python -m benchmarks.peers.programs.lit PORT
"""

import sys
from typing import Any

import litserve
from fastapi import Request, Response

from benchmarks.peers.programs.work import Work


class DetectAPI(litserve.LitAPI):
    """One frame a request."""

    def setup(self, device: str) -> None:
        """Load the model, in the worker."""
        self.work = Work()

    def decode_request(self, request: Request) -> tuple[bytes, int, int]:
        """Read the form."""
        return request["image"].file.read(), int(request.get("width", 0)), int(request.get("height", 0))

    def predict(self, frame: tuple[bytes, int, int]) -> bytes:
        """Do the work."""
        return self.work(*frame)

    def encode_response(self, output: bytes) -> Response:
        """The answer is JSON already."""
        return Response(output, media_type="application/json")


if __name__ == "__main__":
    server: Any = litserve.LitServer(DetectAPI(), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False)
