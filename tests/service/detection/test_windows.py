"""Frames of any size become inputs of few sizes, and every pixel is answered once."""

import numpy as np
import pytest
from numpy.typing import NDArray

from service.detection.windows import LONGEST, OVERLAP, Window, join, side_of, windows_of

STRIDES = (8, 24, 32)
SIZES = [(1, 1), (8, 300), (256, 256), (1024, 1280), (1281, 40), (1080, 1920), (4096, 4096), (3, 6000)]


@pytest.mark.parametrize("stride", STRIDES)
def test_all_sides_up_to_the_longest_come_down_to_a_few(stride: int) -> None:
    sides = {side_of(length, stride) for length in range(1, LONGEST + 1)}
    assert len(sides) <= 20
    assert all(side % stride == 0 for side in sides)


@pytest.mark.parametrize("length", [1, 31, 33, 100, 257, 513, 640, 1025])
def test_padding_is_less_than_a_quarter_and_a_step(length: int) -> None:
    assert length <= side_of(length, 8) <= max(32, length * 1.25 + 32)


@pytest.mark.parametrize("side", [32, 256, 320, 512, 640, 1024, 1280])
def test_usual_sides_of_cameras_are_not_padded(side: int) -> None:
    assert side_of(side, 8) == side


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_what_is_cut_and_joined_again_is_the_frame(height: int, width: int) -> None:
    image = _noise(height, width)
    windows = windows_of(height, width, 8)
    joined = join(windows, (window.cut(image)[0] for window in windows), height, width)
    np.testing.assert_array_equal(joined, image)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_no_window_is_larger_than_a_frame_that_is_run_whole(height: int, width: int) -> None:
    for window in windows_of(height, width, 8):
        assert max(window.rows.side, window.columns.side) <= LONGEST


@pytest.mark.parametrize("length", [1281, 1438, 1920, 2048, 3072, 4096, 6000])
def test_windows_are_as_many_as_run_the_fewest_pixels(length: int) -> None:
    def pixels(count: int) -> int:
        return count * side_of(-(-(length + (count - 1) * OVERLAP) // count), 8)

    enough = [count for count in range(1, 9) if pixels(count) <= count * LONGEST]
    windows = windows_of(40, length, 8)
    assert sum(window.columns.side for window in windows) == min(map(pixels, enough[:2]))
    assert len(windows) <= enough[0] + 1


@pytest.mark.parametrize("length", [1281, 1408, 1920, 4096, 6000])
def test_a_pixel_is_answered_by_a_window_that_sees_far_around_it(length: int) -> None:
    for window in windows_of(40, length, 8):
        columns = window.columns
        assert columns.first == 0 or columns.first - columns.start >= OVERLAP // 2 - 1
        assert columns.last == length or columns.stop - columns.last >= OVERLAP // 2 - 1


def test_frames_of_cameras_are_run_whole() -> None:
    for height, width in ((200, 256), (480, 640), (512, 640), (768, 1024), (1024, 1280)):
        assert len(windows_of(height, width, 8)) == 1


def test_frames_of_unlike_size_share_a_batch() -> None:
    assert (
        len({_shape(window) for size in ((480, 630), (500, 640), (512, 600)) for window in windows_of(*size, 8)}) == 1
    )


def _shape(window: Window) -> tuple[int, int]:
    return window.rows.side, window.columns.side


def _noise(height: int, width: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).random((height, width), np.float32)
