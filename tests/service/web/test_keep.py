"""What a person takes away: tables, pictures, and the request as a command."""

import ast
import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect
from pycocotools import mask as coco_mask

from benchmarks.page.samples import cluster
from service.simulation.scene import make_scene
from tests.service.web.look import asked, choose, set_slider, shows, write
from tests.support import frames
from tests.support.paths import ROOT
from tests.support.tools import require_tool

FAINT = frames.png(make_scene(24, 192, 256, 6, "clouds").counts(14))
CLUSTER = frames.tiff(cluster().counts(14))


def saved(page: Page, name: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name=name, exact=True).click()
    return Path(download.value.path()).read_bytes()


def copied(page: Page, name: str) -> str:
    page.get_by_role("button", name=f"Copy as {name}").click()
    expect(page.get_by_text(f"Copied as {name}.")).to_be_visible()
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def ran(command: str, folder: Path) -> list[dict[str, Any]]:
    """The frames that a command prints, without the mask that was not asked for."""
    require_tool("curl")
    done = subprocess.run(["sh", "-euc", command], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["frames"]
    return found


def test_the_copied_curl_line_gives_the_targets_that_are_shown(
    page: Page, client: httpx.Client, tmp_path: Path
) -> None:
    expected = asked(client, FAINT, threshold=0.9, min_confidence=0.8)[0]["targets"]
    set_slider(page, "#threshold", 0.9)
    set_slider(page, "#min-confidence", 0.8)
    for name in ("faint.png", "it's a frame; of $HOME.png"):
        write(tmp_path, name, FAINT)
        choose(page, (name, FAINT))
        (frame,) = ran(copied(page, "curl"), tmp_path)
        assert frame["targets"] == expected
        assert len(frame["targets"]) == page.locator("#targets tbody tr").count()


def test_the_curl_line_has_all_options(page: Page, client: httpx.Client, tmp_path: Path) -> None:
    counts = make_scene(3, 256, 320, targets=3).counts(14)
    rows = counts.astype("<u2").tobytes()
    write(tmp_path, "rows.raw", rows)
    choose(page, ("rows.raw", rows))
    page.locator("#sensitivity").select_option("high")
    page.locator("#polarity").select_option("black_hot")
    shows(page, "rows.raw: ")
    (frame,) = ran(copied(page, "curl"), tmp_path)
    expected = asked(client, frames.png(counts), sensitivity="high", polarity="black_hot", mask="none")[0]
    assert frame["targets"] == expected["targets"]


def test_the_curl_line_of_a_sample_fetches_it(page: Page, tmp_path: Path) -> None:
    page.locator("#empty .samples button").first.click()
    shows(page, "cluster.png: 8 targets")
    (frame,) = ran(copied(page, "curl"), tmp_path)
    assert len(frame["targets"]) == 8
    assert f'urlopen("{page.url}page/samples/cluster.png")' in copied(page, "Python")


def test_the_copied_python_prints_the_targets_that_are_shown(page: Page, client: httpx.Client, tmp_path: Path) -> None:
    write(tmp_path, "faint.png", FAINT)
    choose(page, ("faint.png", FAINT))
    set_slider(page, "#threshold", 0.9)
    assert printed(copied(page, "Python"), tmp_path)["targets"] == asked(client, FAINT, threshold=0.9)[0]["targets"]


def printed(code: str, folder: Path) -> dict[str, Any]:
    """What a program prints, in a folder."""
    command = [sys.executable, "-c", code]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = ast.literal_eval(done.stdout)
    return found


def test_json_and_csv_have_the_targets_that_are_shown(page: Page, client: httpx.Client) -> None:
    choose(page, ("faint.png", FAINT))
    set_slider(page, "#threshold", 0.9)
    targets = asked(client, FAINT, threshold=0.9)[0]["targets"]
    (frame,) = json.loads(saved(page, "JSON"))["frames"]
    assert [one["bbox"] for one in frame["targets"]] == [one["bbox"] for one in targets]
    assert frame["name"] == "faint.png"
    table = list(csv.DictReader(io.StringIO(saved(page, "CSV").decode())))
    assert [(int(row["x"]), int(row["area"])) for row in table] == [(one["bbox"]["x"], one["area"]) for one in targets]


def test_json_says_that_a_sensitivity_is_uncertain(page: Page) -> None:
    choose(page, ("faint.png", FAINT))
    for sensitivity, said in (("quiet", True), ("balanced", False)):
        page.locator("#sensitivity").select_option(sensitivity)
        (frame,) = json.loads(saved(page, "JSON"))["frames"]
        assert ("quiet is uncertain" in str(frame.get("warnings"))) is said


def test_coco_and_mask_have_the_pixels_of_the_targets(page: Page, client: httpx.Client) -> None:
    choose(page, ("cluster.tiff", CLUSTER))
    mask = np.asarray(Image.open(io.BytesIO(saved(page, "Mask"))).convert("L"))
    (frame,) = asked(client, CLUSTER, mask="rle")
    size, counts = frame["mask"]["size"], frame["mask"]["counts"].encode()
    expected = coco_mask.decode({"size": size, "counts": counts}).astype(bool)
    np.testing.assert_array_equal(mask == 255, expected)
    assert {*mask.flat} == {0, 255}
    results = json.loads(saved(page, "COCO"))
    shapes = [{**one["segmentation"], "counts": one["segmentation"]["counts"].encode()} for one in results]
    np.testing.assert_array_equal(coco_mask.decode(coco_mask.merge(shapes)).astype(bool), expected)
    assert [coco_mask.area(shape) for shape in shapes] == [target["area"] for target in frame["targets"]]
    assert {one["image_id"] for one in results} == {"cluster"}


def test_the_overlay_shows_picture_and_markers(page: Page) -> None:
    choose(page, ("cluster.tiff", CLUSTER))
    overlay = np.asarray(Image.open(io.BytesIO(saved(page, "Overlay"))).convert("RGB")).astype(int)
    assert overlay.shape == (192 * 5, 256 * 5, 3)
    assert (np.ptp(overlay, axis=2) > 100).sum() > 8 * 40
    target = cluster().targets[0]
    x, y = round(5 * (target.x + 0.5)), round(5 * (target.y + 0.5))
    assert np.ptp(overlay[y - 5 : y + 5, x - 5 : x + 5], axis=2).max() <= 2


def test_a_table_may_have_all_frames(page: Page, client: httpx.Client) -> None:
    body = frames.tiff(*(make_scene(seed, 96, 128, targets=seed).counts(14) for seed in (1, 2)))
    choose(page, ("pages.tiff", body))
    page.get_by_label("tables with all answered frames").check()
    table = list(csv.DictReader(io.StringIO(saved(page, "CSV").decode())))
    expected = [(str(entry["index"]), str(one["id"])) for entry in asked(client, body) for one in entry["targets"]]
    assert [(row["page"], row["id"]) for row in table] == expected
    assert saved(page, "Frame") == body
