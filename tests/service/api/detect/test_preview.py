"""``preview=png``: an answer shows what the network saw."""

import base64
import io
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from intensity import Range, to_intensity
from service.simulation.scene import make_scene
from tests.support import frames

PATH = "/v1/detect?mask=none&preview=png"
DEEP = [make_scene(seed, 40, 64, targets=2).counts(14).astype(np.uint16) for seed in range(3)]
STACK = np.stack(DEEP)


def previewed(frame: dict[str, Any]) -> NDArray[np.uint8]:
    """The preview of an entry of ``frames``, decoded as a browser does."""
    assert frame["preview"].keys() == {"encoding", "data"}
    assert frame["preview"]["encoding"] == "png"
    image = Image.open(io.BytesIO(base64.b64decode(frame["preview"]["data"])))
    assert (image.mode, image.size) == ("L", (frame["width"], frame["height"]))
    return np.asarray(image)


def seen(frame: dict[str, Any], counts: NDArray[Any]) -> NDArray[np.uint8]:
    """What the network should see of ``counts``, by the range that the answer names."""
    return np.rint(to_intensity(counts, Range(*frame["input"]["range"]))).astype(np.uint8)


@pytest.mark.parametrize(
    ("body", "query", "media_type"),
    [
        (frames.tiff(*DEEP), "", "image/tiff"),
        (frames.npy(STACK), "", "application/x-npy"),
        (frames.npy(STACK.astype(np.float32)[:, None]), "", "application/x-npy"),
        (STACK.tobytes(), "&width=64&height=40&dtype=u16le", "application/octet-stream"),
    ],
)
def test_every_frame_of_a_file_that_browsers_cannot_decode_has_one(
    client: httpx.Client, body: bytes, query: str, media_type: str
) -> None:
    answer = client.post(PATH + query, content=body, headers={"Content-Type": media_type}).json()
    assert len(answer["frames"]) == len(DEEP)
    for frame, counts in zip(answer["frames"], DEEP, strict=True):
        np.testing.assert_array_equal(previewed(frame), seen(frame, counts))


def test_it_has_range_and_polarity_of_the_request(client: httpx.Client) -> None:
    query = "&range=1000:9000&polarity=black_hot"
    (frame,) = client.post(PATH + query, content=frames.png(DEEP[0])).json()["frames"]
    expected = np.rint(255 - to_intensity(DEEP[0], Range(1000, 9000)))
    np.testing.assert_array_equal(previewed(frame), expected)


def test_a_frame_that_is_cut_into_windows_has_it_whole(client: httpx.Client) -> None:
    counts = make_scene(0, 40, 1500, targets=2).counts(14).astype(np.uint16)
    (frame,) = client.post(PATH, content=frames.png(counts)).json()["frames"]
    np.testing.assert_array_equal(previewed(frame), seen(frame, counts))


def test_pixels_without_a_count_look_like_background_and_a_constant_frame_is_black(client: httpx.Client) -> None:
    holed = DEEP[0].astype(np.float32)
    holed[:5] = np.nan
    stack = np.stack([holed, np.full_like(holed, 7)])
    answer = client.post(PATH, content=frames.npy(stack)).json()
    with_holes, constant = map(previewed, answer["frames"])
    median = np.median(holed[np.isfinite(holed)])
    assert {*with_holes[:5].flat} == {*seen(answer["frames"][0], np.array([median])).flat}
    assert not constant.any()


def test_a_frame_that_cannot_be_read_has_none_and_nobody_else_gets_one_unasked(client: httpx.Client) -> None:
    files = [("image", ("a.png", frames.GOOD)), ("image", ("b.png", b"no image"))]
    good, bad = client.post(PATH, files=files).json()["frames"]
    assert "preview" in good
    assert bad.keys() == {"index", "name", "error"}
    assert "preview" not in client.post("/v1/detect", content=frames.GOOD).json()["frames"][0]


def test_a_mask_alone_stays_a_mask_and_another_encoding_is_refused(client: httpx.Client) -> None:
    mask = client.post(PATH, content=frames.GOOD, headers={"Accept": "image/png"})
    assert {*np.asarray(Image.open(io.BytesIO(mask.content))).flat} == {0, 255}
    refused = client.post("/v1/detect?preview=jpeg", content=frames.GOOD)
    assert (refused.status_code, refused.json()["reason"]) == (400, "bad_parameter")
    assert "preview: Input should be 'none' or 'png'" in refused.json()["detail"]
