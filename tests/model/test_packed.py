"""Frames of any depth, as training sees them: as the service would."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.data import DataError, Sample
from model.packed import pack
from model.rasters import RasterError, read_luminance

SCENE = np.random.default_rng(0).integers(1000, 1400, (24, 32)).astype(np.float32)
MASK = np.zeros(SCENE.shape, np.bool_)


def pixels(counts: np.ndarray) -> np.ndarray:
    return pack([Sample("a", counts, MASK)]).pixels.numpy().reshape(SCENE.shape)


def test_pixels_that_are_no_number_are_the_median_of_the_others() -> None:
    broken, filled = SCENE.copy(), SCENE.copy()
    broken[3, 4:7] = np.nan, np.inf, -np.inf
    valid = np.isfinite(broken)
    filled[3, 4:7] = np.median(broken[valid])
    np.testing.assert_array_equal(pixels(broken), pixels(filled))


def test_a_frame_of_nothing_else_is_named() -> None:
    with pytest.raises(DataError, match="a: every pixel is NaN or infinite"):
        pixels(np.full(SCENE.shape, np.nan, np.float32))


def test_frames_of_the_same_content_have_one_digest_and_others_another() -> None:
    same, other = pack([Sample("a", SCENE, MASK)]), pack([Sample("b", SCENE, ~MASK)])
    assert same.digest == pack([Sample("c", SCENE, MASK)]).digest
    assert same.digest != other.digest
    assert pack([Sample("a", SCENE.reshape(32, 24), MASK.reshape(32, 24))]).digest != same.digest


@pytest.mark.parametrize(("low", "dtype"), [(0, np.uint16), (70_000, np.float64), (-5, np.float64)])
def test_counts_beyond_16_bits_are_read_exactly(tmp_path: Path, low: int, dtype: type) -> None:
    counts = (SCENE - 1000).astype(np.int32) + low
    Image.fromarray(counts).save(tmp_path / "a.tiff")
    found = read_luminance(tmp_path / "a.tiff")
    np.testing.assert_array_equal(found, counts)
    assert found.dtype == dtype


@pytest.mark.parametrize("first", [0, 2**31 - 200, 2**32 - 2000])
def test_unsigned_32_bit_counts_have_no_sign(tmp_path: Path, first: int) -> None:
    counts = (SCENE - 1000).astype(np.uint32) + np.uint32(first)
    write_tiff(tmp_path / "a.tiff", counts)
    np.testing.assert_array_equal(read_luminance(tmp_path / "a.tiff"), counts)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_is_zero_where_a_file_says_so(tmp_path: Path, dtype: type[np.unsignedinteger]) -> None:
    counts = (SCENE - 1000).clip(0, 255).astype(dtype)
    write_tiff(tmp_path / "a.tiff", counts, white_is_zero=True)
    found = read_luminance(tmp_path / "a.tiff")
    np.testing.assert_array_equal(found, np.iinfo(dtype).max - counts)
    assert found.dtype == dtype


def test_8_bits_with_a_sign_are_refused_as_the_service_does(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tiff", np.full(SCENE.shape, -1, np.int8))
    with pytest.raises(RasterError, match=r"a\.tiff cannot be read: 8-bit samples with a sign"):
        read_luminance(tmp_path / "a.tiff")


def write_tiff(path: Path, counts: np.ndarray, white_is_zero: bool = False) -> None:
    """By hand: Pillow writes neither unsigned 32 bits nor signed 8 bits, and calls no 16-bit frame white-is-zero."""
    height, width = counts.shape
    tags = {256: width, 257: height, 258: 8 * counts.itemsize, 259: 1, 262: 0 if white_is_zero else 1}
    tags |= {273: 8, 277: 1, 278: height, 279: counts.nbytes, 339: 2 if counts.dtype.kind == "i" else 1}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    header = struct.pack("<2sHI", b"II", 42, 8 + counts.nbytes)
    path.write_bytes(header + counts.astype(counts.dtype.newbyteorder("<")).tobytes() + directory)
