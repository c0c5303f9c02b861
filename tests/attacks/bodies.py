"""Whole and damaged bodies of every format, for attacks and for the fuzzer."""

import io
import json
import random
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import imagecodecs
import numpy as np
import tifffile

from service.simulation.scene import make_scene
from tests.support import frames

SCENE = make_scene(5, 48, 56, targets=1)
DEEP = SCENE.counts(14).astype(np.uint16)
BOUNDARY = "part-of-an-attack"


def _tiff(**options: Any) -> bytes:
    """A TIFF as tifffile writes it."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, DEEP, metadata=None, **options)
    return buffer.getvalue()


WHOLE: dict[str, bytes] = {
    "png": frames.png(SCENE.counts(8)),
    "png16": frames.png(DEEP),
    "tiff": frames.tiff(DEEP, DEEP[::-1]),
    "tiff-be": frames.tiff(DEEP, big_endian=True),
    "jpeg": frames.jpeg(SCENE.counts(8).astype(np.uint8)),
    "bmp": frames.bmp(SCENE.counts(8).astype(np.uint8)),
    "npy": frames.npy(DEEP),
}
# decoders that few cameras need; they are attacked without the network
RARE: dict[str, bytes] = {
    "tiff-big": _tiff(bigtiff=True, byteorder=">"),
    "tiff-tiles": _tiff(compression="zlib", predictor=True, tile=(16, 16)),
    "tiff-lzw": _tiff(compression="lzw", rowsperstrip=5),
    "tiff-jpeg2000": _tiff(compression="jpeg2000"),
    "tiff-lerc": _tiff(compression="lerc"),
    "jpeg-ls": bytes(imagecodecs.jpegls_encode(DEEP)),
    "jpeg-lossless": bytes(imagecodecs.jpeg_encode(DEEP, lossless=True, bitspersample=14)),
    "jpeg2000": bytes(imagecodecs.jpeg2k_encode(DEEP, level=0, reversible=True)),
    "pgm": b"P5 %d %d 65535 " % DEEP.shape[::-1] + DEEP.astype(">u2").tobytes(),
    "png-deep-alpha": bytes(imagecodecs.png_encode(np.stack([DEEP, DEEP], axis=2))),
}


@dataclass(frozen=True, slots=True)
class Form:
    """A whole body, and how it is sent; ``{model}`` and ``{mask}`` in the path are the caller's to fill."""

    body: bytes
    path: str = "/v1/detect?mask={mask}"
    headers: Mapping[str, str] = field(default_factory=dict)


def _multipart() -> Form:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'.encode()
    parts = b"".join(head + WHOLE[form] + b"\r\n" for form in ("png", "npy"))
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return Form(parts + f"--{BOUNDARY}--\r\n".encode(), headers=headers)


def _rows() -> Form:
    height, width = DEEP.shape
    path = f"/v1/detect?width={width}&height={height}&dtype=u16le&mask={{mask}}"
    return Form(DEEP.tobytes(), path, {"Content-Type": "application/octet-stream"})


def _inference(binary: bool) -> Form:
    """Of the Open Inference Protocol, values in the JSON or after it."""
    path, data = "/v2/models/{model}-detector/infer", DEEP[None, :16, :16]
    tensor = {"name": "frames", "shape": data.shape, "datatype": "UINT16"}
    if not binary:
        return Form(json.dumps({"inputs": [tensor | {"data": data.ravel().tolist()}]}).encode(), path)
    text = json.dumps({"inputs": [tensor | {"parameters": {"binary_data_size": data.nbytes}}]}).encode()
    return Form(text + data.tobytes(), path, {"Inference-Header-Content-Length": str(len(text))})


FORMS: dict[str, Form] = {
    **{name: Form(body) for name, body in (WHOLE | RARE).items()},
    "rows": _rows(),
    "multipart": _multipart(),
    "v2-json": _inference(binary=False),
    "v2-binary": _inference(binary=True),
}


def truncated(form: str) -> Iterator[bytes]:
    """Cut at every hundredth of the length."""
    body = WHOLE[form]
    for percent in range(100):
        yield body[: len(body) * percent // 100]


def mutated(form: str, seed: int) -> bytes:
    """A few bytes changed, dropped, doubled or moved; half of the changes in the first hundred bytes.

    Every second PNG gets fitting checksums again, or hardly one would reach the decoder.
    """
    rng, body = random.Random(f"{form}{seed}"), bytearray(FORMS[form].body)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(min(100, len(body)) if rng.random() < 0.5 else len(body))
        kind = rng.randrange(4)
        if kind == 0:
            body[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 1:
            del body[at : at + rng.randint(1, 8)]
        elif kind == 2:
            body[at:at] = body[at : at + rng.randint(1, 64)]
        else:
            body[at : at + 4] = rng.randbytes(4)
        body = body or bytearray(b"\0")
    return _resealed(bytes(body)) if form.startswith("png") and seed % 2 else bytes(body)


def _resealed(png: bytes) -> bytes:
    """Checksums of all chunks that can still be found, made to fit (PNG, 5.3 and 5.5)."""
    body, start = bytearray(png), 8
    while start + 12 <= len(body):
        end = start + 8 + struct.unpack_from(">I", body, start)[0]  # of the data
        if end + 4 > len(body):
            break
        struct.pack_into(">I", body, end, zlib.crc32(body[start + 4 : end]))
        start = end + 4
    return bytes(body)
