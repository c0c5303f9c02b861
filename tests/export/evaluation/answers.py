"""A server that answers as it is told to, where a real one would not."""

import base64
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image


class Request(NamedTuple):
    """Path with query, and what was sent."""

    path: str
    body: bytes


class Reply(NamedTuple):
    """To one request."""

    body: bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


Answer = Callable[[Request], Reply]


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """URL of a server whose replies ``answer`` gives, each in a thread of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            reply = answer(Request(self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def png(pixels: NDArray[Any]) -> str:
    """Base64."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def nothing_found(width: int, height: int, **changes: Any) -> bytes:
    """An answer to one frame, whose entry is changed."""
    entry = {
        "width": width,
        "height": height,
        "targets": [],
        "mask": {"encoding": "probability", "data": png(np.zeros((height, width), np.uint8))},
    }
    return json.dumps({"frames": [entry | changes]}).encode()
