"""The same work on a frame behind a first simple endpoint: a baseline for the cost of the service.

python -m benchmarks.serving.servers.simple ACCOUNT

It has no limits, queue, batches, deadlines, metrics or request log. It hands each request to a thread and back. ACCOUNT
is the file that ``benchmarks.serving.servers.counted`` describes.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request, Response

from benchmarks.serving.servers.counted import Account
from service.detection.description import MaskEncoding, describe_detection
from service.detection.options import Options
from service.errors import ServiceError
from service.frames import Budget, decode
from service.models.repository import load_detector
from service.pretrained import DEFAULT
from service.runtime import Device


def make_answer() -> Callable[[bytes], bytes]:
    """A function from the bytes of a frame to the JSON answer, with the model that ships."""
    detector = load_detector(DEFAULT, Device.CPU)

    def answer(body: bytes) -> bytes:
        (frame,) = decode(body, None, Budget())
        if isinstance(frame, ServiceError):
            raise frame
        return json.dumps(describe_detection(0, detector.detect(frame, Options()), MaskEncoding.PNG)).encode()

    return answer


def create_app(account: Account) -> FastAPI:
    """An application with ``/readyz`` and ``/v1/detect``."""
    app = FastAPI(docs_url=None, redoc_url=None)
    answer = account.counting(make_answer())

    @app.get("/readyz")
    async def readyz() -> Response:
        return Response()

    @app.post("/v1/detect")
    async def detect(request: Request) -> Response:
        content = await asyncio.to_thread(answer, await request.body())
        return Response(content, media_type="application/json")

    return app


if __name__ == "__main__":
    app = create_app(Account(Path(sys.argv[1])))
    uvicorn.run(app, port=0, loop="uvloop", http="httptools", access_log=False)
