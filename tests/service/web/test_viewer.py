"""The picture: markers at the right pixels that cover no target, zoom, palettes, contrast, counts under the cursor."""

import numpy as np
import pytest
from playwright.sync_api import FloatRect, Page, ViewportSize, expect

from benchmarks.page.samples import cluster
from service.simulation.scene import make_scene
from tests.service.web.look import DESKTOP, PHONE, box_of, choose, markers, rows, screen
from tests.support import frames

CLUSTER = cluster()
TIFF = frames.tiff(CLUSTER.counts(14))


@pytest.mark.parametrize("window", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_cluster_of_eight_has_eight_separate_markers_that_cover_no_target(page: Page, window: ViewportSize) -> None:
    page.set_viewport_size(window)
    choose(page, ("cluster.tiff", TIFF))
    expect(page.locator("#targets tbody tr")).to_have_count(8)
    boxes, shown = markers(page), screen(page)
    assert len(boxes) == 8
    assert not any(overlap(a, b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert all(is_gray(shown, box) for box in boxes), "something covers a target"
    assert sorted(pointed(page, box) for box in boxes) == sorted((round(t.x), round(t.y)) for t in CLUSTER.targets)


def overlap(a: FloatRect, b: FloatRect) -> bool:
    across = a["x"] < b["x"] + b["width"] and b["x"] < a["x"] + a["width"]
    return across and a["y"] < b["y"] + b["height"] and b["y"] < a["y"] + a["height"]


def is_gray(window: np.ndarray, box: FloatRect) -> bool:
    """The inner part of a marker shows only the gray picture, with a bright target in it."""
    inner = window[
        round(box["y"]) + 4 : round(box["y"] + box["height"]) - 4,
        round(box["x"]) + 4 : round(box["x"] + box["width"]) - 4,
    ].astype(int)
    return bool((np.ptp(inner, axis=2) <= 2).all() and inner.max() > 140)


def pointed(page: Page, box: FloatRect) -> tuple[int, int]:
    """The pixel under the middle of a marker, as the page says; a marker is around whole pixels."""
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    x, y = (page.locator(f"#readout-{axis}").inner_text() for axis in "xy")
    near = min(CLUSTER.targets, key=lambda target: np.hypot(target.x - int(x), target.y - int(y)))
    assert max(abs(near.x - int(x)), abs(near.y - int(y))) <= 1.5
    return round(near.x), round(near.y)


def test_targets_that_are_too_close_at_a_zoom_share_a_mark(page: Page) -> None:
    choose(page, ("cluster.tiff", TIFF))
    page.keyboard.press("1")
    page.keyboard.press("-")
    group = page.locator("#markers .group")
    expect(group).to_have_count(1)
    expect(page.locator("#markers .label")).to_have_text("8 targets")
    box = box_of(group)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator(".marker.selected")).to_have_count(1)
    expect(page.locator("#targets tr.selected")).to_have_count(1)


def test_pixels_of_a_zoomed_frame_are_sharp_squares(page: Page) -> None:
    counts = np.tile(np.array([[0, 255], [255, 0]], np.uint8), (16, 16))
    choose(page, ("chess.png", frames.png(counts)))
    page.locator("#shows-markers").uncheck()
    page.locator("#viewer").focus()
    for _ in range(2):
        page.keyboard.press("1")
        page.keyboard.press("+")
        page.keyboard.press("+")
    expect(page.locator("#zoom")).to_have_text("300 %")
    box = page.locator("#viewer").bounding_box()
    assert box is not None
    x, y = round(box["x"] + box["width"] / 2), round(box["y"] + box["height"] / 2)
    values = {*np.unique(screen(page)[y - 20 : y + 20, x - 20 : x + 20])}
    assert values <= {0, 255}


def test_counts_of_eight_bits_are_exact(page: Page) -> None:
    counts = make_scene(3, 96, 128, targets=2).counts(8)
    choose(page, ("frame.png", frames.png(counts)))
    expect(page.locator("#exactness")).to_have_text("exact counts")
    for _ in range(3):
        point_at_middle(page)
        page.keyboard.press("Shift+ArrowRight")
        x, y, count = readout(page)
        assert int(count.lstrip("≤≥ ")) == counts[int(y), int(x)]


def test_counts_of_more_bits_are_near_and_the_page_says_how_near(page: Page) -> None:
    counts = make_scene(3, 96, 128, targets=2).counts(14)
    choose(page, ("frame.tiff", frames.tiff(counts)))
    note = page.locator("#exactness").inner_text()
    assert note.endswith(", from 8 bits")
    point_at_middle(page)
    page.keyboard.press("Shift+ArrowDown")
    x, y, count = readout(page)
    assert count.startswith("≈ ")
    assert abs(float(count[2:]) - counts[int(y), int(x)]) <= int(note[1 : note.index(",")]) + 1


def test_counts_of_raw_rows_are_exact(page: Page) -> None:
    counts = make_scene(3, 256, 320, targets=2).counts(14)
    choose(page, ("rows.raw", counts.astype("<u2").tobytes()))
    expect(page.locator("#exactness")).to_have_text("exact counts")
    point_at_middle(page)
    page.keyboard.press("Shift+ArrowUp")
    x, y, count = readout(page)
    assert int(count) == counts[int(y), int(x)]


def point_at_middle(page: Page) -> None:
    page.locator("#viewer").focus()
    page.keyboard.press("Shift+ArrowRight")


def readout(page: Page) -> list[str]:
    return [page.locator(f"#readout-{field}").inner_text() for field in ("x", "y", "counts")]


def middle(page: Page) -> np.ndarray:
    """Colours of the middle part of the picture."""
    box = page.locator("#viewer").bounding_box()
    assert box is not None
    x, y = round(box["x"] + box["width"] / 2), round(box["y"] + box["height"] / 2)
    return screen(page)[y - 60 : y + 60, x - 60 : x + 60].astype(int)


def test_palettes_and_contrast_change_the_picture_alone(page: Page) -> None:
    sent: list[str] = []
    choose(page, ("cluster.tiff", TIFF))
    page.on("request", lambda request: sent.append(request.url))
    page.locator("#shows-markers").uncheck()
    white = middle(page)
    page.locator("#palette").select_option("black hot")
    assert np.abs(middle(page) - (255 - white)).max() <= 1
    page.locator("#palette").select_option("iron")
    assert np.ptp(middle(page), axis=2).max() > 60
    page.locator("#palette").select_option("white hot")
    page.get_by_role("button", name="Stretch").click()
    assert middle(page).std() > white.std()
    page.get_by_role("button", name="Stretch").click()
    assert np.abs(middle(page) - white).max() <= 1
    assert sent == []


def test_the_mask_lies_above_the_targets_as_opaque_as_chosen(page: Page) -> None:
    choose(page, ("cluster.tiff", TIFF))
    page.locator("#shows-markers").uncheck()
    assert np.ptp(screen(page)[60:700, 60:900].astype(int), axis=2).max() <= 2
    page.keyboard.press("m")
    tinted = (np.ptp(screen(page)[60:700, 60:900].astype(int), axis=2) > 20).sum()
    pixels = sum(int(row[4]) for row in rows(page))
    zoom = float(page.locator("#zoom").inner_text().split()[0]) / 100
    assert tinted == pytest.approx(pixels * zoom**2, rel=0.05)


def test_dragging_moves_and_the_wheel_zooms_at_the_cursor(page: Page) -> None:
    choose(page, ("cluster.tiff", TIFF))
    box = markers(page)[0]
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    before = readout(page)[:2]
    page.mouse.wheel(0, -300)
    expect(page.locator("#zoom")).not_to_have_text("347 %")
    page.mouse.move(x + 1, y)
    page.mouse.move(x, y)
    assert readout(page)[:2] == before
    page.mouse.down()
    page.mouse.move(x - 80, y - 40, steps=4)
    page.mouse.up()
    page.mouse.move(x - 80, y - 40)
    assert readout(page)[:2] == before
    page.mouse.dblclick(x - 80, y - 40)
    expect(page.locator("#zoom")).to_have_text("347 %")
