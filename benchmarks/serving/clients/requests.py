"""Requests as bytes: the standard frame that capacity is counted in, a mixture of all formats, and broken bodies."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle

import numpy as np

from service.simulation.scene import make_scene
from tests.support import frames

FRAMES = 16  # all different, so that no cache helps
SIZES = ((64, 64), (120, 160), (256, 256), (240, 320), (512, 640))
MASKS = ("none", "png", "rle", "probability")
BOUNDARY = "part-of-a-benchmark"


@dataclass(frozen=True, slots=True)
class Request:
    """Bytes to send, and the statuses that are correct while the server is not overloaded."""

    name: str
    content: bytes
    expected: tuple[int, ...] = (200,)


LIVEZ = Request("livez", b"GET /livez HTTP/1.1\r\nHost: benchmark\r\n\r\n")


def standard(mask: str = "png", timeout_ms: float | None = None) -> list[Request]:
    """256x256 PNG, one frame a request."""
    query = f"mask={mask}" + (f"&timeout_ms={timeout_ms:g}" if timeout_ms else "")
    return [
        detect("256x256 png", frames.png(make_scene(seed, 256, 256).counts(8)), "image/png", query)
        for seed in range(FRAMES)
    ]


def mixed() -> list[Request]:
    """Every size in every format; the kinds of mask alternate."""
    masks = cycle(MASKS)
    return [
        detect(f"{height}x{width} {form}", body, media_type, f"mask={next(masks)}{more}")
        for height, width in SIZES
        for form, body, media_type, more in _forms(height, width)
    ]


def broken() -> list[Request]:
    """Bodies that contain no readable frame."""
    whole = frames.png(make_scene(0, 256, 256).counts(8))
    bodies = {"cut": whole[: len(whole) // 2], "flipped": whole[:60] + bytes(64) + whole[124:], "empty": b""}
    found = [detect(name, body, "image/png", "mask=none", expected=(422,)) for name, body in bodies.items()]
    return [*found, detect("text", b"no frame at all", "text/plain", "mask=none", expected=(415,))]


def detect(name: str, body: bytes, media_type: str, query: str, expected: tuple[int, ...] = (200,)) -> Request:
    """A ``POST /v1/detect``."""
    head = (
        f"POST /v1/detect?{query} HTTP/1.1\r\nHost: benchmark\r\n"
        f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return Request(name, head.encode() + body, expected)


def _forms(height: int, width: int) -> Iterator[tuple[str, bytes, str, str]]:
    """Name, body, media type and the rest of the query."""
    scene = make_scene(height, height, width)
    shallow, deep = scene.counts(8).astype(np.uint8), scene.counts(14).astype(np.uint16)
    yield "png", frames.png(shallow), "image/png", ""
    yield "16-bit png", frames.png(deep), "image/png", ""
    yield "two-page tiff", frames.tiff(deep, deep[::-1]), "image/tiff", ""
    yield "jpeg", frames.jpeg(shallow), "image/jpeg", ""
    yield "bmp", frames.bmp(shallow), "image/bmp", ""
    yield "npy", frames.npy(deep), "application/x-npy", ""
    yield "rows", deep.tobytes(), "application/octet-stream", f"&width={width}&height={height}&dtype=u16le"
    yield (
        "multipart",
        _multipart(frames.png(shallow), frames.npy(deep)),
        f"multipart/form-data; boundary={BOUNDARY}",
        "",
    )


def _multipart(*parts: bytes) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="frame"\r\n\r\n'.encode()
    return b"".join(head + part + b"\r\n" for part in parts) + f"--{BOUNDARY}--\r\n".encode()
