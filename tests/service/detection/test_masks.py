"""Masks, read back with the tools that users read them with."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from pycocotools import mask as coco

from rrcanet.masks.run_lengths import encode_run_lengths
from service.detection.description import encode_png, encode_probability

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in pycocotools

SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40))
MASKS = arrays(np.bool_, SHAPES)


@given(MASKS)
def test_pycocotools_reads_our_run_lengths(mask: np.ndarray) -> None:
    decoded = coco.decode({"size": list(mask.shape), "counts": encode_run_lengths(mask)})
    np.testing.assert_array_equal(decoded, mask)


@given(MASKS)
def test_run_lengths_are_those_that_pycocotools_writes(mask: np.ndarray) -> None:
    assert encode_run_lengths(mask).encode() == coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]


@pytest.mark.parametrize("filled", [False, True])
def test_runs_of_millions_of_pixels_are_written(filled: bool) -> None:
    mask = np.full((1500, 2000), filled)
    mask[700, 1500] = not filled
    np.testing.assert_array_equal(coco.decode({"size": [1500, 2000], "counts": encode_run_lengths(mask)}), mask)


@given(MASKS)
def test_a_png_mask_is_0_or_255_and_of_the_frames_size(mask: np.ndarray) -> None:
    image = Image.open(io.BytesIO(encode_png(mask)))
    assert image.mode == "L"
    np.testing.assert_array_equal(np.asarray(image), np.where(mask, 255, 0))


@given(arrays(np.float32, SHAPES, elements=st.floats(0, 1, width=32)))
def test_probabilities_come_back_to_half_a_step_of_16_bits(probabilities: np.ndarray) -> None:
    image = Image.open(io.BytesIO(encode_probability(probabilities)))
    assert image.mode == "I;16"
    np.testing.assert_allclose(np.asarray(image) / 65535, probabilities, atol=0.5001 / 65535)


def test_probability_1_is_65535() -> None:
    image = Image.open(io.BytesIO(encode_probability(np.array([[0, 1]], np.float32))))
    assert np.asarray(image).tolist() == [[0, 65535]]
