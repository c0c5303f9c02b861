"""What the ``auto`` range promises, whatever the sensor."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from intensity import Range, auto_range, to_intensity

SHAPES = st.tuples(st.integers(1, 24), st.integers(1, 24))


@given(arrays(np.uint8, SHAPES))
def test_a_frame_maps_alike_in_8_14_and_16_bits(frame: np.ndarray) -> None:
    reference = to_intensity(frame, auto_range(frame))
    for counts in (frame.astype(np.uint16) * 257, frame.astype(np.uint16) * 50 + 2000, frame * np.float32(0.25)):
        np.testing.assert_allclose(to_intensity(counts, auto_range(counts)), reference, atol=1e-3)


@given(arrays(np.uint16, SHAPES))
@settings(max_examples=50)
def test_every_type_gives_the_same_range(frame: np.ndarray) -> None:
    assert auto_range(frame) == auto_range(frame.astype(np.float64))


KINDS: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "noise": lambda rng, shape: rng.normal(8000, 30, shape),
    "few levels": lambda rng, shape: rng.integers(0, 3, shape),
    "a star field": lambda rng, shape: (rng.random(shape) > 0.9995) * 60_000,
    "one column differs": lambda rng, shape: (np.arange(shape[1]) == 80) * 9000 + np.zeros(shape),
    "a ramp": lambda rng, shape: np.add.outer(np.arange(shape[0]), np.arange(shape[1])),
    "half of it saturated": lambda rng, shape: np.minimum(rng.normal(30_000, 9000, shape), 30_000),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(512, 640), (97, 331), (1, 9001)])
def test_the_bulk_ends_where_sorting_says(kind: str, dtype: type[np.generic], shape: tuple[int, int]) -> None:
    frame = np.clip(KINDS[kind](np.random.default_rng(0), shape), 0, np.iinfo(np.uint16).max).astype(dtype)
    ordered = np.sort(frame, axis=None).astype(np.float64)
    skipped = int(1e-3 * frame.size)
    low, high = ordered[skipped], ordered[-1 - skipped]
    reach = 2 * (high - low)
    if low == high:  # the rule of sparse frames
        others = ordered[ordered != low]
        reach = 4 * np.median(np.abs(others - low)) if others.size else 0
    assert auto_range(frame) == Range(max(ordered[0], low - reach), min(ordered[-1], high + reach))


@given(arrays(np.float32, SHAPES, elements=st.floats(-1e6, 1e6, width=32)))
def test_intensities_stay_on_the_8_bit_scale(frame: np.ndarray) -> None:
    intensities = to_intensity(frame, auto_range(frame))
    assert intensities.dtype == np.float32
    assert intensities.min() >= 0
    assert intensities.max() <= 255


def test_an_ordinary_frame_spans_minimum_to_maximum() -> None:
    frame = np.arange(12, 232, dtype=np.uint8).reshape(20, 11)
    assert auto_range(frame) == Range(12, 231)


def test_one_hot_pixel_leaves_the_scene_its_contrast() -> None:
    rng = np.random.default_rng(0)
    frame = rng.normal(8000, 20, (200, 256))
    frame[100:103, 50:53] += 300  # a target of 15 sigma
    scene = to_intensity(frame, auto_range(frame))
    frame[10, 10] = 65535
    with_hot_pixel = to_intensity(frame, auto_range(frame))
    contrast, before = (np.ptp(i[95:108, 45:58]) for i in (with_hot_pixel, scene))
    assert contrast > 0.7 * before


def test_a_sparse_frame_keeps_its_faint_target_beside_a_hot_pixel() -> None:
    frame = np.zeros((128, 128), np.uint16)
    frame[60:63, 60:63] = 200
    frame[5, 5] = 65535
    assert to_intensity(frame, auto_range(frame))[61, 61] > 60


def test_a_constant_frame_is_zero_everywhere() -> None:
    frame = np.full((5, 7), 300, np.uint16)
    assert auto_range(frame) == Range(300, 300)
    assert not to_intensity(frame, auto_range(frame)).any()


def test_not_a_number_and_infinity_are_left_out() -> None:
    frame = np.array([[np.nan, 1, 2], [3, np.inf, -np.inf]], np.float32)
    assert auto_range(frame) == Range(1, 3)
    assert to_intensity(frame, Range(1, 3)).tolist() == [[0, 0, 127.5], [255, 255, 0]]


def test_a_frame_without_a_finite_pixel_is_refused() -> None:
    with pytest.raises(ValueError, match="no finite pixel"):
        auto_range(np.full((2, 2), np.nan, np.float32))
