"""The least that FastAPI and uvicorn do for a body: what a service's own cost is held against.

python -m benchmarks.serving.servers.bare
"""

import uvicorn
from fastapi import FastAPI, Request, Response

ANSWER = b'{"bytes":%d}'

app = FastAPI(docs_url=None, redoc_url=None)


@app.get("/readyz")
async def readyz() -> Response:
    """Always."""
    return Response()


@app.post("/v1/detect")
async def detect(request: Request) -> Response:
    """Read the body, look at nothing."""
    return Response(ANSWER % len(await request.body()), media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(app, port=0, loop="uvloop", http="httptools", access_log=False)
