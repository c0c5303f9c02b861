"""``POST /v1/detect`` answers as the contract says, held against what went in."""

import io

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.api.openapi.schemas import DetectAnswer
from service.simulation.scene import Scene, make_scene
from tests.support import frames
from tests.support.answers import (
    apart,
    assert_close,
    assert_same_frame,
    assert_same_mask,
    assert_same_targets,
    read_png,
    read_rle,
)

SCENE = make_scene(seed=3, height=120, width=150)  # sides that are no multiple of the stride
EIGHT_BIT = SCENE.counts(8)


def post(client: httpx.Client, body: bytes, media_type: str = "image/png", **query: object) -> httpx.Response:
    return client.post("/v1/detect", content=body, headers={"Content-Type": media_type}, params=query)  # type: ignore[arg-type]


def only_frame(response: httpx.Response) -> dict:
    assert response.status_code == 200, response.text
    DetectAnswer.model_validate_json(response.content)
    (frame,) = response.json()["frames"]
    assert isinstance(frame, dict)
    return frame


def read_mask(frame: dict) -> NDArray[np.int64]:
    return read_png(frame["mask"]["data"])


def test_targets_of_a_scene_are_found_where_they_are(client: httpx.Client) -> None:
    found = only_frame(post(client, frames.png(EIGHT_BIT)))["targets"]
    assert len(found) == len(SCENE.targets)
    for truth in SCENE.targets:
        nearest = min(np.hypot(t["centroid"]["x"] - truth.x, t["centroid"]["y"] - truth.y) for t in found)
        assert nearest < 1


def test_an_answer_follows_the_contract_to_the_letter(client: httpx.Client) -> None:
    response = post(client, frames.png(EIGHT_BIT))
    answer = response.json()
    assert list(answer) == ["model", "frames", "timing_ms"]
    assert list(answer["model"]) == ["name", "version", "sha256"]
    assert list(answer["timing_ms"]) == ["decode", "queue", "inference", "postprocess", "total"]
    frame = only_frame(response)
    assert list(frame) == ["index", "name", "width", "height", "input", "targets", "mask"]
    assert (frame["index"], frame["name"], frame["width"], frame["height"]) == (0, None, 150, 120)
    assert frame["input"]["dtype"] == "uint8"
    target = frame["targets"][0]
    assert list(target) == ["id", "confidence", "centroid", "bbox", "area", "peak", "signal"]
    assert list(target["centroid"]) == ["x", "y"]
    assert list(target["bbox"]) == ["x", "y", "width", "height"]
    assert list(target["peak"]) == ["x", "y", "probability"]
    assert list(target["signal"]) == ["peak", "mean", "background", "noise", "scr"]
    assert [t["id"] for t in frame["targets"]] == [1, 2, 3]
    confidences = [t["confidence"] for t in frame["targets"]]
    assert confidences == sorted(confidences, reverse=True)


def test_the_mask_is_exactly_the_union_of_the_targets(client: httpx.Client) -> None:
    frame = only_frame(post(client, frames.png(EIGHT_BIT), min_area=9, max_targets=2))
    mask = read_mask(frame)
    assert mask.shape == EIGHT_BIT.shape
    assert set(np.unique(mask)) <= {0, 255}
    assert np.count_nonzero(mask) == sum(t["area"] for t in frame["targets"])
    for target in frame["targets"]:
        box = target["bbox"]
        inside = mask[box["y"] : box["y"] + box["height"], box["x"] : box["x"] + box["width"]]
        assert inside.any(axis=0).all() or inside.any(axis=1).all()
        assert mask[target["peak"]["y"], target["peak"]["x"]] == 255


def test_every_encoding_tells_the_same_mask(client: httpx.Client) -> None:
    body = frames.png(EIGHT_BIT)
    mask = read_mask(only_frame(post(client, body, mask="png", threshold=0.5))) > 0
    rle = only_frame(post(client, body, mask="rle", threshold=0.5))["mask"]
    assert rle["size"] == list(mask.shape)
    assert_same_mask(read_rle(rle), mask)
    probability = read_mask(only_frame(post(client, body, mask="probability", threshold=0.5)))
    assert_same_mask(probability > 0.5 * 65535, mask)
    assert "mask" not in only_frame(post(client, body, mask="none"))


def test_a_single_frame_may_be_answered_by_its_mask_alone(client: httpx.Client) -> None:
    mask = read_mask(only_frame(post(client, frames.png(EIGHT_BIT))))
    answer = client.post("/v1/detect", content=frames.png(EIGHT_BIT), headers={"Accept": "image/png"})
    assert answer.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(answer.content)) as image:
        assert_same_mask(np.asarray(image), mask)


def test_what_is_accepted_may_be_said_in_several_lines(client: httpx.Client) -> None:
    headers = [("Accept", "text/html"), ("Accept", "application/json")]
    assert client.post("/v1/detect", content=frames.png(EIGHT_BIT), headers=headers).status_code == 200


def test_what_was_cut_off_is_said(client: httpx.Client) -> None:
    cut = only_frame(post(client, frames.png(EIGHT_BIT), max_targets=1))
    assert cut["truncated"] is True
    assert len(cut["targets"]) == 1
    whole = only_frame(post(client, frames.png(EIGHT_BIT)))
    assert_same_targets(cut["targets"], whole["targets"][:1])
    assert "truncated" not in whole


def test_selection_by_confidence_area_and_threshold(client: httpx.Client) -> None:
    body = frames.png(EIGHT_BIT)
    whole = only_frame(post(client, body))["targets"]
    assert only_frame(post(client, body, min_confidence=1))["targets"] == []
    limit = sorted(t["area"] for t in whole)[-1]
    assert all(t["area"] >= limit for t in only_frame(post(client, body, min_area=limit))["targets"])
    strict = only_frame(post(client, body, threshold=0.9))["targets"]
    assert sum(t["area"] for t in strict) < sum(t["area"] for t in whole)
    assert only_frame(post(client, body, threshold=1))["targets"] == []


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("image/png", frames.png(EIGHT_BIT)),
        ("image/tiff", frames.tiff(EIGHT_BIT)),
        ("image/bmp", frames.bmp(EIGHT_BIT)),
        ("application/x-npy", frames.npy(EIGHT_BIT)),
        ("application/x-npy", frames.npy(np.asfortranarray(EIGHT_BIT))),
        ("image/png", frames.png(np.stack([EIGHT_BIT] * 3, -1))),
    ],
    ids=["png", "tiff", "bmp", "npy", "npy in Fortran order", "gray kept as RGB"],
)
def test_every_lossless_body_gives_the_same_targets(client: httpx.Client, media_type: str, body: bytes) -> None:
    expected = only_frame(post(client, frames.png(EIGHT_BIT)))["targets"]
    assert_close(only_frame(post(client, body, media_type))["targets"], expected)


def test_a_jpeg_is_read(client: httpx.Client) -> None:
    frame = only_frame(post(client, frames.jpeg(EIGHT_BIT), "image/jpeg"))
    assert len(frame["targets"]) == len(SCENE.targets)


def test_raw_rows_are_read_as_the_query_says(client: httpx.Client) -> None:
    expected = only_frame(post(client, frames.png(EIGHT_BIT)))["targets"]
    raw = {"width": 150, "height": 120}
    octets = "application/octet-stream"
    assert_close(only_frame(post(client, EIGHT_BIT.tobytes(), octets, dtype="u8", **raw))["targets"], expected)
    wide = EIGHT_BIT.astype(np.uint16) * 257
    for dtype, order in (("u16le", "<u2"), ("u16be", ">u2")):
        body = wide.astype(order).tobytes()
        assert_close(only_frame(post(client, body, octets, dtype=dtype, **raw))["targets"], expected)


def test_the_magic_bytes_win_over_the_declared_type(client: httpx.Client) -> None:
    expected = only_frame(post(client, frames.png(EIGHT_BIT)))
    for declared in ("image/jpeg", "application/x-www-form-urlencoded", "text/plain"):
        assert_same_frame(only_frame(post(client, frames.png(EIGHT_BIT), declared)), expected)


@pytest.mark.parametrize("seed", range(4))
def test_bit_depth_and_byte_order_change_no_target(client: httpx.Client, seed: int) -> None:
    scene = make_scene(seed)
    eight = scene.counts(8)
    fourteen = eight.astype(np.uint16) * 40 + 3000  # 14-bit counts with an offset
    sixteen = frames.png(eight.astype(np.uint16) * 257)
    expected = only_frame(post(client, frames.png(eight), mask="none"))["targets"]
    assert len(expected) >= len(scene.targets)
    for body in (sixteen, frames.tiff(fourteen), frames.tiff(fourteen, big_endian=True)):
        found = only_frame(post(client, body, mask="none"))["targets"]
        assert_close(found, expected, within=0.1)


def test_one_hot_pixel_hides_no_target(client: httpx.Client) -> None:
    counts = SCENE.counts(14)
    expected = only_frame(post(client, frames.png(counts)))["targets"]
    counts[2, 2] = 16383
    found = only_frame(post(client, frames.png(counts)))["targets"]
    for target in expected:
        assert any(apart(target, other) < 1 for other in found)


def test_cold_targets_are_found_where_the_caller_says_so(client: httpx.Client) -> None:
    expected = only_frame(post(client, frames.png(EIGHT_BIT)))["targets"]
    cold = only_frame(post(client, frames.png(255 - EIGHT_BIT), polarity="black_hot"))["targets"]
    assert_close(cold, expected)


def test_a_range_is_echoed(client: httpx.Client) -> None:
    body = frames.png(EIGHT_BIT)
    extremes = [int(EIGHT_BIT.min()), int(EIGHT_BIT.max())]
    for text, expected in {"dtype": [0, 255], "minmax": extremes, "10:200": [10, 200]}.items():
        assert only_frame(post(client, body, range=text))["input"]["range"] == expected
    low, high = only_frame(post(client, body))["input"]["range"]
    assert extremes[0] <= low < high <= extremes[1]


def test_many_frames_of_a_request_keep_their_order_and_names(client: httpx.Client) -> None:
    scenes = [make_scene(seed, height=64 + 8 * seed, width=96) for seed in range(4)]
    files = [("image", (f"{i}.png", frames.png(s.counts(8)), "image/png")) for i, s in enumerate(scenes)]
    response = client.post("/v1/detect", files=files)
    assert response.status_code == 200
    DetectAnswer.model_validate_json(response.content)
    for index, (scene, frame) in enumerate(zip(scenes, response.json()["frames"], strict=True)):
        assert (frame["index"], frame["name"], frame["height"]) == (index, f"{index}.png", 64 + 8 * index)
        alone = only_frame(post(client, frames.png(scene.counts(8))))
        assert_same_targets(frame["targets"], alone["targets"])


def test_every_page_of_a_tiff_is_a_frame(client: httpx.Client) -> None:
    scenes = [make_scene(seed, 64, 64, targets=seed) for seed in (1, 2)]
    response = post(client, frames.tiff(*(s.counts(14) for s in scenes)), "image/tiff")
    assert [len(frame["targets"]) for frame in response.json()["frames"]] == [1, 2]


def test_one_bad_frame_fails_no_other(client: httpx.Client) -> None:
    good = frames.png(EIGHT_BIT)
    files = [("image", ("a.png", good)), ("image", ("b.png", good[:200])), ("file", ("c.txt", b"no frame"))]
    response = client.post("/v1/detect", files=files)
    assert response.status_code == 200
    DetectAnswer.model_validate_json(response.content)
    first, second, third = response.json()["frames"]
    assert len(first["targets"]) == len(SCENE.targets)
    assert second["error"]["reason"] == "undecodable_frame"
    assert (third["index"], third["name"]) == (2, "c.txt")
    assert "targets" not in third


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 40), (3, 5), (7, 8), (9, 300)])
def test_frames_smaller_than_the_stride_are_answered(client: httpx.Client, height: int, width: int) -> None:
    rng = np.random.default_rng(0)
    frame = only_frame(post(client, frames.png(rng.integers(0, 255, (height, width), np.uint8))))
    assert (frame["width"], frame["height"]) == (width, height)
    assert read_mask(frame).shape == (height, width)


def test_a_constant_frame_has_no_target(client: httpx.Client) -> None:
    frame = only_frame(post(client, frames.png(np.full((64, 64), 4000, np.uint16))))
    assert frame["targets"] == []
    assert frame["input"]["range"] == [4000, 4000]


@pytest.mark.parametrize("shape", [(64, 64), (1, 1)])
def test_a_stage_that_had_nothing_to_do_took_no_time(client: httpx.Client, shape: tuple[int, int]) -> None:
    response = post(client, frames.png(np.full(shape, 9, np.uint8)))
    only_frame(response)
    timing = response.json()["timing_ms"]
    assert list(timing) == ["decode", "queue", "inference", "postprocess", "total"]
    assert timing["inference"] == 0
    assert timing["total"] >= timing["decode"] > 0
    header = [one.split(";")[0] for one in response.headers["server-timing"].split(", ")]
    assert header == list(timing)


def test_pixels_that_are_no_number_are_counted_and_never_a_target(client: httpx.Client) -> None:
    counts = SCENE.counts(8).astype(np.float32)
    counts[10:14, 20:30] = np.nan
    counts[0, 0] = np.inf
    frame = only_frame(post(client, frames.npy(counts), "application/x-npy"))
    assert frame["input"]["invalid_pixels"] == 41
    assert len(frame["targets"]) >= len(SCENE.targets) - 1
    assert not read_mask(frame)[10:14, 20:30].any()


def test_an_answer_does_not_depend_on_its_neighbours_in_the_batch(client: httpx.Client) -> None:
    body = frames.png(EIGHT_BIT)
    alone = only_frame(post(client, body))["targets"]
    noise = frames.png(np.random.default_rng(1).integers(0, 255, EIGHT_BIT.shape, np.uint8))
    response = client.post("/v1/detect", files=[("image", ("x.png", b)) for b in (noise, body, noise)])
    assert_close(response.json()["frames"][1]["targets"], alone, within=1e-3)


def test_scenes_used_here_have_targets_to_find() -> None:
    scene: Scene = SCENE
    assert len(scene.targets) == 3
