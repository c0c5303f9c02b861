"""A few bytes that promise or hide gigabytes are refused before memory is taken for them."""

import struct
import zlib
from collections.abc import Iterator

import httpx
import numpy as np
import pytest

from benchmarks.serving.servers.process import resident_mb
from service.simulation.scene import make_scene
from tests.support import frames
from tests.support import tiff_by_hand as by_hand
from tests.support.server import running

GRAY = make_scene(1, 64, 64).counts(8).astype(np.uint8)
SIDE = 60_000  # 3.6 gigapixels
LARGE = 5_000  # more pixels than a request may have, and few enough for Pillow not to mind
ZEROS_MB = 256
GROWTH_MB = 100.0  # the largest frame that is let in takes about half of that


def jpeg_of(side: int) -> bytes:
    """A JPEG whose start of frame (ITU T.81, B.2.2) names another size."""
    body = bytearray(frames.jpeg(GRAY))
    struct.pack_into(">HH", body, body.index(b"\xff\xc0") + 5, side, side)
    return bytes(body)


def bmp_of(side: int) -> bytes:
    """A BMP whose header names another size."""
    body = bytearray(frames.bmp(GRAY))
    struct.pack_into("<ii", body, 18, side, side)
    return bytes(body)


def npy_of(shape: str) -> bytes:
    """An ``.npy`` file of 64 zeros that claims more."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode() + bytes(64)


def deflated(zeros_mb: int) -> bytes:
    """Zeros, a thousandth of their size."""
    packer = zlib.compressobj()
    return b"".join([*(packer.compress(bytes(2**20)) for _ in range(zeros_mb)), packer.flush()])


def png_with_text() -> bytes:
    """Eight rows of pixels, and a comment of a quarter of a gigabyte."""
    comment = by_hand.chunk(b"zTXt", b"Comment\0\0" + deflated(ZEROS_MB))
    return by_hand.png(8, 8, 8, 0, bytes(72), between=comment)


def png_of_too_many_rows() -> bytes:
    """A PNG of eight rows whose pixels go on."""
    header = by_hand.chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + by_hand.chunk(b"IDAT", deflated(ZEROS_MB)) + by_hand.chunk(b"IEND", b"")


BOMBS: dict[str, tuple[bytes, set[int]]] = {
    **{f"png of {side}": (by_hand.png(side, side, 8, 0, b""), {413}) for side in (LARGE, SIDE)},
    **{f"16-bit png of {side}": (by_hand.png(side, side, 16, 0, b""), {413}) for side in (LARGE, SIDE)},
    **{f"tiff of {side}": (by_hand.tiff(b"\1\2", by_hand.gray(side, side, 8, 2)), {413}) for side in (LARGE, SIDE)},
    **{f"jpeg of {side}": (jpeg_of(side), {413}) for side in (LARGE, SIDE)},
    **{f"bmp of {side}": (bmp_of(side), {413}) for side in (LARGE, SIDE)},
    "npy of gigapixels": (npy_of(f"({SIDE}, {SIDE})"), {413, 422}),
    "npy of a billion frames": (npy_of("(1000000000, 8, 8)"), {413, 422}),
    "npy of nothing": (npy_of("(1000000000, 0, 8)"), {422}),
    "png of one row": (by_hand.png(2048 * 2048, 1, 8, 0, bytes(2048 * 2048 + 1)), {413}),
    "npy of many rows": (frames.npy(np.zeros((64, 1, 2**16), np.uint8)), {413}),
    "png with a huge comment": (png_with_text(), {200, 422}),
    "png of too many rows": (png_of_too_many_rows(), {200, 422}),
}


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[int, httpx.Client]]:
    """A process of its own, whose memory can be told, that has met the largest frame it lets in."""
    with running() as (process, client):
        largest = frames.png(np.zeros((2048, 2048), np.uint8))
        assert client.post("/v1/detect?mask=none", content=largest, timeout=60).status_code == 200
        yield process.pid, client


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_takes_no_memory(server: tuple[int, httpx.Client], bomb: str) -> None:
    pid, client = server
    body, fates = BOMBS[bomb]
    before = resident_mb(pid)
    answer = client.post("/v1/detect?mask=none", content=body, timeout=60)
    assert answer.status_code in fates, answer.text[:200]
    assert resident_mb(pid) < before + GROWTH_MB


@pytest.mark.parametrize("query", ["width=60000&height=60000&dtype=u8", "width=1000000&height=1&dtype=f32le"])
def test_rows_must_be_there_before_memory_is_taken_for_them(server: tuple[int, httpx.Client], query: str) -> None:
    pid, client = server
    before = resident_mb(pid)
    headers = {"Content-Type": "application/octet-stream"}
    answer = client.post(f"/v1/detect?mask=none&{query}", content=bytes(64), headers=headers)
    assert answer.status_code in (413, 422)
    assert resident_mb(pid) < before + GROWTH_MB
