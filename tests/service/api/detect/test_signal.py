"""What an answer says about the counts of targets, on the wire."""

import json
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools import mask as coco
from scipy import ndimage

from service.simulation.scene import make_scene
from tests.support import frames

PATH = "/v1/detect?mask=rle&threshold=0.5"
DEEP = [make_scene(seed, 96, 128, targets=3).counts(14).astype(np.uint16) for seed in range(2)]
MARGIN = 20


def answer_of(client: httpx.Client, body: bytes, query: str = "", **headers: str) -> list[dict[str, Any]]:
    response = client.post(PATH + query, content=body, headers=headers)
    assert response.status_code == 200, response.text

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    found: list[dict[str, Any]] = json.loads(response.content, parse_constant=refuse)["frames"]
    assert all(frame["targets"] for frame in found)
    return found


def expected(frame: dict[str, Any], target: dict[str, Any], counts: NDArray[Any]) -> dict[str, float]:
    """The signal by its definition, from the mask of the answer and the counts that were sent."""
    mask = coco.decode({"size": frame["mask"]["size"], "counts": frame["mask"]["counts"].encode()}) > 0
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    own = counts[labels == labels[target["peak"]["y"], target["peak"]["x"]]].astype(np.float64)
    box = target["bbox"]
    rows = slice(max(box["y"] - MARGIN, 0), box["y"] + box["height"] + MARGIN)
    columns = slice(max(box["x"] - MARGIN, 0), box["x"] + box["width"] + MARGIN)
    near = counts[rows, columns][~mask[rows, columns]].astype(np.float64)
    near = near[np.isfinite(near)]
    values = {"peak": own.max(), "mean": own.mean(), "background": near.mean(), "noise": near.std()}
    return values | {"scr": abs(own.mean() - near.mean()) / near.std()}


def check(answered: list[dict[str, Any]], sent: list[NDArray[Any]]) -> None:
    assert len(answered) == len(sent)
    for frame, counts in zip(answered, sent, strict=True):
        for target in frame["targets"]:
            assert target["signal"] == pytest.approx(expected(frame, target, counts), rel=1e-4)


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        (frames.tiff(*DEEP), DEEP),
        (frames.npy(np.stack(DEEP).astype(np.float64) / 100), [counts / 100 for counts in DEEP]),
        (frames.npy(np.stack(DEEP).astype(np.int32) * 1000), [counts.astype(np.int64) * 1000 for counts in DEEP]),
    ],
)
def test_a_signal_is_in_the_counts_of_the_frame(client: httpx.Client, body: bytes, sent: list[NDArray[Any]]) -> None:
    check(answer_of(client, body), sent)


def test_packed_rows_give_the_counts_that_are_packed(client: httpx.Client) -> None:
    counts = DEEP[0] >> 2
    pairs = counts.reshape(-1, 2)
    packed = np.stack([pairs[:, 0] & 0xFF, pairs[:, 0] >> 8 | (pairs[:, 1] & 0xF) << 4, pairs[:, 1] >> 4], axis=1)
    query = "&width=128&height=96&dtype=u12le"
    rows = {"Content-Type": "application/octet-stream"}
    check(answer_of(client, packed.astype(np.uint8).tobytes(), query, **rows), [counts])


def test_pixels_without_a_count_are_no_background(client: httpx.Client) -> None:
    counts = DEEP[0].astype(np.float32)
    counts[:12] = np.nan
    counts[:, :9] = np.inf
    check(answer_of(client, frames.npy(counts)), [counts])


def test_a_frame_that_is_cut_into_windows_is_measured_whole(client: httpx.Client) -> None:
    counts = make_scene(0, 40, 1500, targets=3).counts(14).astype(np.uint16)
    check(answer_of(client, frames.png(counts)), [counts])


def test_dark_targets_have_their_lowest_count_as_peak_and_counts_stay_counts(client: httpx.Client) -> None:
    bright, dark = DEEP[0], 16_383 - DEEP[0]
    (one,) = answer_of(client, frames.png(bright))
    (other,) = answer_of(client, frames.png(dark), "&polarity=black_hot")
    assert [target["bbox"] for target in other["targets"]] == [target["bbox"] for target in one["targets"]]
    for before, after in zip(one["targets"], other["targets"], strict=True):
        for name in ("peak", "mean", "background"):
            assert after["signal"][name] == pytest.approx(16_383 - before["signal"][name])
        assert after["signal"]["scr"] == pytest.approx(before["signal"]["scr"], rel=1e-3)


def test_radiometry_gives_the_temperature_of_the_peak(client: httpx.Client) -> None:
    (frame,) = answer_of(client, frames.png(DEEP[0]), "&radiometry=0.04:-273.15")
    for target in frame["targets"]:
        assert target["signal"]["temperature_c"] == pytest.approx(target["signal"]["peak"] * 0.04 - 273.15, abs=1e-3)


def test_a_temperature_that_is_no_number_is_left_out(client: httpx.Client) -> None:
    (frame,) = answer_of(client, frames.npy(DEEP[0].astype(np.float64) * 1e300), "&radiometry=1e300:0")
    assert all("temperature_c" not in target["signal"] for target in frame["targets"])


@pytest.mark.parametrize(
    ("span", "said"),
    [
        ("7000:20000", "the range 7000:20000 clips pixels: "),
        ("0:1", "the range 0:1 clips pixels: 100 % above it; the counts reach from "),
        ("20000:30000", "the range 20000:30000 clips pixels: 100 % below it; the counts reach from "),
    ],
)
def test_a_range_that_clips_is_named_with_its_end(client: httpx.Client, span: str, said: str) -> None:
    body = frames.png(DEEP[0])
    (frame,) = client.post(f"/v1/detect?mask=none&range={span}", content=body).json()["frames"]
    (warning,) = frame["warnings"]
    assert warning.startswith(said)
    assert warning.endswith(f"from {DEEP[0].min()} to {DEEP[0].max()}, so send a range that holds them, or range=auto")


@pytest.mark.parametrize(("clipped", "is_named"), [(12, False), (13, True)])
def test_a_range_may_clip_one_pixel_in_a_thousand(client: httpx.Client, clipped: int, is_named: bool) -> None:
    counts = np.arange(96 * 128, dtype=np.uint16).reshape(96, 128)
    query = f"/v1/detect?mask=none&range={clipped - 5}:{counts.size - 6}"
    (frame,) = client.post(query, content=frames.npy(counts)).json()["frames"]
    said = "0.065 % below it and 0.041 % above it"
    assert any(said in warning for warning in frame.get("warnings", [])) is is_named
