"""Every way in which a TIFF may store a count gives that count."""

import io
import zlib
from typing import Any, Final, Literal

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import ExifTags, Image

from service.frames import Budget, Frame, decode
from tests.support import tiff_by_hand as by_hand

Order = Literal["<", ">"]

RNG = np.random.default_rng(0)
XMP: Final = 700  # a TIFF tag
SIDE = 16  # that of a tile, and of the frame
FORMATS = {
    "u1": by_hand.UNSIGNED,
    "u2": by_hand.UNSIGNED,
    "i2": by_hand.SIGNED,
    "i4": by_hand.SIGNED,
    "f4": by_hand.FLOAT,
}
PACKINGS = [(1, False), (by_hand.PACKBITS, False), (by_hand.DEFLATE, False), (by_hand.DEFLATE, True)]


def read(body: bytes) -> Frame:
    (frame,) = decode(body, None, Budget())
    assert isinstance(frame, Frame), frame
    return frame


def counts_of(dtype: str) -> NDArray[np.generic]:
    """``[SIDE, SIDE]`` whose bytes differ: swapped ones would be other counts."""
    counts: NDArray[np.generic] = RNG.integers(0, 2**16, (SIDE, SIDE)).astype(dtype) * np.dtype(dtype).type(3)
    return counts


def differences(counts: NDArray[np.generic], predictor: int, order: Order) -> bytes:
    """Samples as libtiff's predictors store them: 2 of integers, 3 of the bytes of floats, most significant first."""
    if predictor == 1:
        return counts.astype(counts.dtype.newbyteorder(order)).tobytes()
    if predictor == 3:
        planes = counts.astype(">f4").view("u1").reshape(SIDE, SIDE, 4).transpose(0, 2, 1).reshape(SIDE, -1)
    else:
        planes = counts.view(f"u{counts.itemsize}")
    steps = planes.copy()
    steps[:, 1:] -= planes[:, :-1]
    return steps.astype(steps.dtype.newbyteorder(order)).tobytes()


def pack(data: bytes, compression: int) -> bytes:
    if compression == by_hand.DEFLATE:
        return zlib.compress(data)
    if compression == by_hand.PACKBITS:  # runs of 16 different bytes
        return b"".join(b"\x0f" + data[at : at + 16] for at in range(0, len(data), 16))
    return data


def tiff(counts: NDArray[np.generic], order: Order, layout: str, compression: int, predictor: int) -> bytes:
    data = pack(differences(counts, predictor, order), compression)
    fields = by_hand.gray(SIDE, SIDE, 8 * counts.itemsize, len(data))
    fields |= {
        by_hand.COMPRESSION: compression,
        by_hand.PREDICTOR: predictor,
        by_hand.FORMAT: FORMATS[counts.dtype.str[1:]],
    }
    if layout == "tile":
        at, size = fields.pop(by_hand.STRIP), fields.pop(by_hand.STRIP_BYTES)
        fields |= {by_hand.TILE_WIDTH: SIDE, by_hand.TILE_LENGTH: SIDE, by_hand.TILE_AT: at, by_hand.TILE_BYTES: size}
    return by_hand.tiff(data, fields, order=order)


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("layout", ["strip", "tile"])
@pytest.mark.parametrize(("compression", "predicted"), PACKINGS)
def test_counts_arrive_whatever_the_byte_order_and_compression(
    dtype: str, order: Order, layout: str, compression: int, predicted: bool
) -> None:
    predictor = (3 if dtype == "f4" else 2) if predicted else 1
    counts = counts_of(dtype)
    frame = read(tiff(counts, order, layout, compression, predictor))
    np.testing.assert_array_equal(frame.counts, counts)
    assert frame.dtype == counts.dtype.name


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("compression", [1, by_hand.DEFLATE])
def test_a_tiff_is_not_turned(orientation: int, compression: int) -> None:
    counts = np.arange(12, dtype="<u2").reshape(3, 4)
    data = pack(counts.tobytes(), compression)
    own = {by_hand.COMPRESSION: compression, by_hand.ORIENTATION: orientation}
    frame = read(by_hand.tiff(data, by_hand.gray(4, 3, 16, len(data)) | own))
    assert (frame.width, frame.height) == (4, 3)
    np.testing.assert_array_equal(frame.counts, counts)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "JPEG"])
@pytest.mark.parametrize("where", ["exif", "xmp"])
def test_no_form_is_turned(form: str, where: str) -> None:
    counts = np.arange(0, 240, 5, dtype=np.uint8).reshape(6, 8)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    buffer = io.BytesIO()
    meta: dict[str, Any] = {"exif": exif} if where == "exif" else {"xmp": b'<x tiff:Orientation="6"/>'}
    if (form, where) == ("TIFF", "xmp"):
        meta = {"tiffinfo": {XMP: meta["xmp"]}}
    Image.fromarray(counts).save(buffer, form, quality=100, **meta)
    np.testing.assert_allclose(read(buffer.getvalue()).counts.astype(np.float64), counts, atol=2)


@pytest.mark.parametrize("compression", [1, by_hand.DEFLATE])
@pytest.mark.parametrize("extra", [0, 1, 2], ids=["unspecified", "associated", "unassociated"])
@pytest.mark.parametrize("form", [by_hand.UNSIGNED, (by_hand.UNSIGNED, by_hand.UNSIGNED)], ids=["once", "a sample"])
def test_what_stands_beside_gray_is_ignored(compression: int, extra: int, form: int | tuple[int, int]) -> None:
    data = pack(bytes([10, 0, 20, 255, 30, 128]), compression)
    own = {by_hand.SAMPLES: 2, by_hand.EXTRA: extra, by_hand.COMPRESSION: compression, by_hand.FORMAT: form}
    frame = read(by_hand.tiff(data, by_hand.gray(3, 1, 8, len(data)) | own))
    assert (frame.counts.tolist(), frame.dtype) == ([[10, 20, 30]], "uint8")


@pytest.mark.parametrize("compression", [1, by_hand.DEFLATE])
@pytest.mark.parametrize("extra", [0, 1, 2], ids=["unspecified", "associated", "unassociated"])
def test_what_stands_beside_colour_is_ignored(compression: int, extra: int) -> None:
    data = pack(bytes([10, 10, 10, 0, 20, 20, 20, 255, 30, 30, 30, 128]), compression)
    own = {by_hand.SAMPLES: 4, by_hand.EXTRA: extra, by_hand.COMPRESSION: compression, by_hand.PHOTOMETRIC: 2}
    frame = read(by_hand.tiff(data, by_hand.gray(3, 1, 8, len(data)) | own))
    np.testing.assert_allclose(frame.counts.astype(np.float64), [[10, 20, 30]], rtol=1e-5)


def test_planes_are_read_from_their_own_strips_and_not_divided_by_alpha() -> None:
    buffer = io.BytesIO()
    colours = np.stack([np.full((3, 4), level, np.uint8) for level in (10, 20, 30, 128)])
    tifffile.imwrite(buffer, colours, photometric="rgb", planarconfig="separate", extrasamples=["assocalpha"])
    luminance = 10 * 0.299 + 20 * 0.587 + 30 * 0.114
    np.testing.assert_allclose(read(buffer.getvalue()).counts.astype(np.float64), np.full((3, 4), luminance), rtol=1e-5)


@pytest.mark.parametrize(("bits", "largest"), [(1, 255), (4, 255), (8, 255), (16, 65535)])
@pytest.mark.parametrize("compression", [1, by_hand.DEFLATE])
def test_black_is_zero_where_nothing_is_said(bits: int, largest: int, compression: int) -> None:
    data = pack(b"\0" * 2 + b"\xff" * 2, compression)
    fields = by_hand.gray(32 // bits, 1, bits, len(data)) | {by_hand.COMPRESSION: compression}
    del fields[by_hand.PHOTOMETRIC]
    counts = read(by_hand.tiff(data, fields)).counts.ravel().tolist()
    assert counts == [0] * (16 // bits) + [largest] * (16 // bits)
