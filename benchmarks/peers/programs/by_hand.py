"""FastAPI by hand: an upload in a thread, as "Request Files" of its tutorial has it.

python -m uvicorn benchmarks.peers.programs.by_hand:app
"""

from typing import Annotated

from fastapi import FastAPI, Form, Response, UploadFile

from benchmarks.peers.programs.work import Work

app = FastAPI()
work = Work()


@app.post("/detect")
def detect(image: UploadFile, width: Annotated[int, Form()] = 0, height: Annotated[int, Form()] = 0) -> Response:
    """Answer one frame."""
    return Response(work(image.file.read(), width, height), media_type="application/json")
