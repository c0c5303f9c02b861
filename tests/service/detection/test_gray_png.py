"""Masks and probabilities as PNG: files that other programs read, whatever rows are empty."""

import io

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from service.detection.gray_png import encode_gray

SHAPES = st.tuples(st.integers(1, 90), st.integers(1, 12))
LEVELS = st.one_of(*(arrays(kind, SHAPES, fill=st.just(0)) for kind in (np.uint8, np.uint16)))


def check(levels: np.ndarray) -> bytes:
    """Two decoders, which verify every checksum, find the levels."""
    encoded = encode_gray(levels)
    with Image.open(io.BytesIO(encoded)) as image:
        image.verify()
    with Image.open(io.BytesIO(encoded)) as image:
        np.testing.assert_array_equal(np.asarray(image), levels)
    decoded = imagecodecs.png_decode(encoded)
    np.testing.assert_array_equal(decoded, levels)
    assert decoded.dtype == levels.dtype
    return encoded


@given(LEVELS)
def test_levels_come_back(levels: np.ndarray) -> None:
    check(levels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("targets", [0, 1, 3, 40, 2000])
def test_a_large_frame_comes_back_whatever_number_of_targets_it_has(
    dtype: type[np.unsignedinteger], targets: int
) -> None:
    rng = np.random.default_rng(targets)
    levels = np.zeros((512, 640), dtype)
    levels[rng.integers(0, 512, targets), rng.integers(0, 640, targets)] = np.iinfo(dtype).max
    check(levels)


def test_every_place_of_one_target_gives_a_sound_file() -> None:
    for row in range(70):
        levels = np.zeros((70, 5), np.uint8)
        levels[row, row % 5] = 255
        check(levels)


def test_arrays_of_either_order_are_written() -> None:
    levels = np.zeros((40, 30), np.uint16)
    levels[20, 7] = 0x1234
    assert check(np.asfortranarray(levels)) == check(levels) == encode_gray(levels.astype(">u2"))


def test_a_mask_of_few_targets_takes_few_bytes() -> None:
    mask = np.zeros((512, 640), np.uint8)
    assert len(encode_gray(mask)) < 500
    for y, x in ((30, 40), (200, 300), (480, 600)):
        mask[y : y + 5, x : x + 5] = 255
    assert len(encode_gray(mask)) < 1100
