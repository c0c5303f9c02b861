"""Markers show where targets are, and leave their pixels as they were."""

import numpy as np
import pytest
from PIL import Image

from rrcanet.drawing import draw_targets

SIDE = 96
# eight targets of 3x3 pixels, so close that markers cross each other
CLUSTER = [(x, y, x + 3, y + 3) for x in (40, 46, 52) for y in (40, 46, 52) if (x, y) != (46, 46)]


def changed(picture: Image.Image, frame: np.ndarray, scale: int = 1) -> np.ndarray:
    """Where the picture is not the frame ``[H, W]`` as gray."""
    plain = np.repeat(np.repeat(frame, scale, 0), scale, 1)
    differs: np.ndarray = (np.asarray(picture) != plain[..., None]).any(axis=2)
    return differs


@pytest.fixture
def frame() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)


@pytest.mark.parametrize("scale", [1, 4])
def test_no_pixel_of_a_target_is_covered(frame: np.ndarray, scale: int) -> None:
    picture = draw_targets(frame, CLUSTER, [f"0.9{n}" for n in range(8)], scale=scale)
    drawn = changed(picture, frame, scale)
    assert picture.size == (scale * SIDE, scale * SIDE)
    for left, top, right, bottom in CLUSTER:
        assert not drawn[scale * top : scale * bottom, scale * left : scale * right].any()
        around = drawn[scale * (top - 3) : scale * (bottom + 3), scale * (left - 3) : scale * (right + 3)]
        assert around.any()


def test_a_label_stands_beside_its_marker(frame: np.ndarray) -> None:
    with_label, without = (changed(draw_targets(frame, [(10, 40, 13, 43)], text), frame) for text in (["0.97"], ()))
    label = with_label & ~without
    rows, columns = np.nonzero(label)
    assert columns.min() >= 16
    assert columns.max() < 60
    assert abs(rows.mean() - 41) < 12


def test_labels_that_have_no_room_are_left_out() -> None:
    frame = np.zeros((12, 12), np.uint8)
    boxes = [(4, 4, 7, 7)]
    assert draw_targets(frame, boxes, ["0.97"]).tobytes() == draw_targets(frame, boxes).tobytes()


def test_targets_at_the_border_are_marked(frame: np.ndarray) -> None:
    drawn = changed(draw_targets(frame, [(0, 0, 2, 2), (SIDE - 1, SIDE - 1, SIDE, SIDE)]), frame)
    assert drawn[:6, :6].any()
    assert drawn[-6:, -6:].any()
    assert not drawn[:2, :2].any()


def test_counts_are_shown_between_the_ends_of_the_range() -> None:
    counts = np.array([[0, 100, 200, 65535]], np.uint16)
    assert np.asarray(draw_targets(counts, [], span=(0, 200)))[0, :, 0].tolist() == [0, 128, 255, 255]
    assert np.asarray(draw_targets(np.array([[np.nan, 1.0, 3.0]]), []))[0, :, 0].tolist() == [0, 0, 255]
    assert np.asarray(draw_targets(Image.fromarray(counts), []))[0, :, 0].tolist() == [0, 0, 1, 255]


def test_each_target_may_have_a_colour(frame: np.ndarray) -> None:
    picture = draw_targets(frame, [(20, 20, 22, 22), (70, 70, 72, 72)], colours=["#ff0000", "#0000ff"])
    colours = {colour for _, colour in picture.getcolors(SIDE * SIDE) or []}
    assert {(255, 0, 0), (0, 0, 255)} <= colours


def test_what_cannot_be_drawn_is_named(frame: np.ndarray) -> None:
    with pytest.raises(ValueError, match="2 labels for 1 boxes"):
        draw_targets(frame, [(1, 1, 2, 2)], ["a", "b"])
    with pytest.raises(ValueError, match="a frame is"):
        draw_targets(np.zeros((2, 3, 4, 5)), [])
    with pytest.raises(ValueError, match="scale"):
        draw_targets(frame, [], scale=0)
