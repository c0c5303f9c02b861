"""A FastAPI endpoint that only reads the body: the baseline for the cost of the service.

python -m benchmarks.serving.servers.bare
"""

import uvicorn
from fastapi import FastAPI, Request, Response

ANSWER = b'{"bytes":%d}'

app = FastAPI(docs_url=None, redoc_url=None)


@app.get("/readyz")
async def readyz() -> Response:
    """Ready from the start."""
    return Response()


@app.post("/v1/detect")
async def detect(request: Request) -> Response:
    """Read the body and answer its length."""
    return Response(ANSWER % len(await request.body()), media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(app, port=0, loop="uvloop", http="httptools", access_log=False)
