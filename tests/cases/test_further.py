"""Further inputs of the kinds in this folder: the scene of the cases in other types, byte orders and tools' ways."""

import io
import math
import struct
from collections.abc import Callable
from typing import Any, Final

import httpx
import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from service.frames import Budget, Frame, decode
from tests.cases.test_cases import CASES, FOLDER, NEAR
from tests.service.frames.test_camera_images import HEAD_BE, HEAD_LE, radiometric
from tests.support import frames as files
from tests.support import tiff_by_hand as by_hand

WANTED: Final = sorted(map(tuple, CASES["07-jpeg-ls-14bit"]["expected"]["targets_near"]))
NODATA = 42113  # tag GDAL_NODATA


def scene() -> NDArray[np.uint16]:
    """The counts of the cases, 14 bits."""
    (frame,) = decode((FOLDER / "07-jpeg-ls-14bit.jls").read_bytes(), None, Budget())
    assert isinstance(frame, Frame)
    return frame.counts.astype(np.uint16)


DEEP: Final = scene()
HEIGHT, WIDTH = DEEP.shape
EIGHT: Final = (DEEP >> 6).astype(np.uint8)


def tiff(*pages: NDArray[Any], order: Any = "<", big: bool = False, imagej: bool = False, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, bigtiff=big, byteorder=order, imagej=imagej) as writer:
        for page in pages:
            writer.write(page, **({"metadata": None} | options))
    return buffer.getvalue()


def with_page(page: NDArray[Any], subfile: int, **options: Any) -> bytes:
    """The scene, and another page."""
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(DEEP, metadata=None)
        writer.write(page, metadata=None, subfiletype=subfile, **options)
    return buffer.getvalue()


def packed(counts: NDArray[Any], bits: int) -> bytes:
    """Rows of packed counts, most significant bit first."""
    return b"".join(
        int("".join(f"{count:0{bits}b}" for count in row), 2).to_bytes(WIDTH * bits // 8, "big") for row in counts
    )


def packed_tiff(bits: int, order: str) -> bytes:
    data = packed(DEEP >> (14 - bits), bits)
    return by_hand.tiff(data, by_hand.gray(WIDTH, HEIGHT, bits, len(data)), order=order)


def without(counts: NDArray[Any], fill: float, **options: Any) -> bytes:
    """A TIFF that names the value of its first rows as missing."""
    filled = counts.copy()
    filled[:4] = fill
    return tiff(filled, extratags=[(NODATA, "s", 0, str(fill), True)], **options)


def inside(data: bytes, bits: int, order: str = "<") -> bytes:
    """A TIFF of one strip of a JPEG."""
    return by_hand.tiff(data, by_hand.gray(WIDTH, HEIGHT, bits, len(data)) | {by_hand.COMPRESSION: 7}, order=order)


def fits(counts: NDArray[Any]) -> bytes:
    module = pytest.importorskip("astropy.io.fits", reason="the extra fits is not installed")
    buffer = io.BytesIO()
    module.PrimaryHDU(counts).writeto(buffer)
    return buffer.getvalue()


def record(head: bytes, content: bytes) -> bytes:
    return radiometric(
        struct.pack(f"{'<' if head is HEAD_LE else '>'}HHH", 2, WIDTH, HEIGHT).ljust(32, b"\0") + content
    )


RAW: Final = f"width={WIDTH}&dtype=u16le"
ROWS: Final = DEEP.astype("<u2").tobytes()
TELEMETRY: Final = np.full((2, WIDTH), 60_000, "<u2").tobytes()
PADDED: Final = b"".join(row.astype("<u2").tobytes() + b"\xff" * 6 for row in DEEP)
ALPHA: Final[dict[str, Any]] = {"planarconfig": "separate", "photometric": "minisblack", "extrasamples": ["unassalpha"]}
DEEP_JPEG: Final = bytes(imagecodecs.jpeg_encode(DEEP, lossless=True, bitspersample=14))
# kind: (body, query), or the number of frames in place of a query
INPUTS: Final[dict[str, Callable[[], tuple[bytes, str]]]] = {
    "bigtiff u8 tiles": lambda: (tiff(EIGHT, order=">", big=True, tile=(32, 32)), ""),
    "bigtiff f64 strips": lambda: (tiff(DEEP.astype("f8"), big=True, rowsperstrip=7), ""),
    "bigtiff i32 lzw": lambda: (tiff(DEEP.astype("i4"), order=">", big=True, compression="lzw", predictor=True), ""),
    "packed 10 MM": lambda: (packed_tiff(10, ">"), ""),
    "packed 12 II": lambda: (packed_tiff(12, "<"), ""),
    "packed 14 MM": lambda: (packed_tiff(14, ">"), ""),
    "packed rows": lambda: (packed(DEEP >> 2, 12), f"width={WIDTH}&height={HEIGHT}&dtype=u12be"),
    "nodata f64": lambda: (without(DEEP.astype("f8"), -1e30), ""),
    "nodata i32 MM": lambda: (without(DEEP.astype("i4"), -9999, order=">"), ""),
    "nodata u16 deflate": lambda: (without(DEEP, 65535, compression="zlib"), ""),
    "fill of a PNG": lambda: (files.png(np.where(np.arange(HEIGHT)[:, None] < 4, 0, DEEP).astype("u2")), "fill=0"),
    "overview": lambda: (with_page(DEEP[::2, ::2], 1), ""),
    "mask": lambda: (with_page(DEEP > 9_000, 4), ""),
    "preview": lambda: (with_page(np.stack([EIGHT] * 3, 2), 0, photometric="rgb"), ""),
    "imagej MM": lambda: (tiff(np.stack([DEEP] * 2), imagej=True, order=">", metadata={}, truncate=True), "2"),
    "shaped": lambda: (tiff(np.stack([DEEP] * 2), metadata={}, truncate=True), "2"),
    "depth MM": lambda: (tiff(np.stack([DEEP] * 2), order=">", volumetric=True, metadata={}), "2"),
    "jpeg-ls 16": lambda: (bytes(imagecodecs.jpegls_encode(DEEP * 4)), ""),
    "jpeg-ls near lossless": lambda: (bytes(imagecodecs.jpegls_encode(DEEP, level=2)), ""),
    "lossless jpeg 16": lambda: (bytes(imagecodecs.jpeg_encode(DEEP * 4, lossless=True, bitspersample=16)), ""),
    "lossless jpeg 8": lambda: (bytes(imagecodecs.jpeg_encode(EIGHT, lossless=True)), ""),
    "jpeg 2000": lambda: (bytes(imagecodecs.jpeg2k_encode(DEEP, level=0, reversible=True)), ""),
    "jpeg-ls in a tiff": lambda: (inside(bytes(imagecodecs.jpegls_encode(DEEP)), 14, ">"), ""),
    "lossless jpeg in a tiff": lambda: (inside(DEEP_JPEG, 16), ""),
    "lerc in a tiff": lambda: (tiff(DEEP, compression="lerc"), ""),
    "swapped tiff": lambda: (tiff(DEEP.byteswap()), "byteswap=true"),
    "swapped npy": lambda: (files.npy(DEEP.byteswap()), "byteswap=true"),
    "swapped pgm": lambda: (b"P5 %d %d 65535 " % (WIDTH, HEIGHT) + ROWS, "byteswap=true"),
    "raw counts, low byte first": lambda: (record(HEAD_LE, ROWS), "radiometric=true"),
    "raw counts, high byte first": lambda: (record(HEAD_BE, DEEP.astype(">u2").tobytes()), "radiometric=true"),
    "raw counts as PNG": lambda: (record(HEAD_LE, files.png(DEEP.byteswap())), "radiometric=true"),
    "telemetry above": lambda: (TELEMETRY + ROWS, f"{RAW}&height={HEIGHT + 2}&rows=2:{HEIGHT + 2}"),
    "telemetry below": lambda: (ROWS + TELEMETRY, f"{RAW}&height={HEIGHT + 2}&rows=0:{HEIGHT}"),
    "padded rows": lambda: (PADDED, f"{RAW}&height={HEIGHT}&stride={2 * WIDTH + 6}"),
    "a header": lambda: (b"camera 7".ljust(64) + ROWS, f"{RAW}&height={HEIGHT}&skip=64"),
    "gray with alpha, png": lambda: (bytes(imagecodecs.png_encode(np.stack([DEEP, DEEP * 0], 2))), ""),
    "gray with alpha, tiff of planes": lambda: (tiff(np.stack([DEEP, DEEP * 0]), **ALPHA), ""),
    "colour with alpha, 16 bits": lambda: (bytes(imagecodecs.png_encode(np.stack([DEEP] * 3 + [DEEP * 0], 2))), ""),
    "fits u16": lambda: (fits(DEEP), ""),
    "fits f32": lambda: (fits(DEEP.astype("f4") / 100), ""),
    "fits cube": lambda: (fits(np.stack([DEEP.astype("i2")] * 2)), "2"),
}  # fmt: skip


@pytest.mark.parametrize("name", INPUTS)
def test_the_targets_of_the_scene_are_found(client: httpx.Client, name: str) -> None:
    body, query = INPUTS[name]()
    frames = int(query) if query.isdecimal() else 1
    path = "/v1/detect?mask=none" + ("" if query.isdecimal() or not query else f"&{query}")
    headers = {"Content-Type": "application/octet-stream"}  # the first bytes of a file decide what it is
    answer = client.post(path, content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["frames"]) == frames
    for frame in answer.json()["frames"]:
        found = sorted((target["centroid"]["x"], target["centroid"]["y"]) for target in frame["targets"])
        assert len(found) == len(WANTED), frame
        assert all(math.dist(one, other) < NEAR for one, other in zip(found, WANTED, strict=True)), found
