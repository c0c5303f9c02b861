"""What a request says about its counts, and what an answer says about its frames."""

from pathlib import Path

import httpx
import numpy as np
import pytest

from service.frames.decode import SWAPPED
from service.simulation.scene import make_scene
from tests.support import frames
from tests.support.server import StartServer
from tests.support.small_models import write_small_model

DEEP = make_scene(4, 64, 64).counts(14).astype(np.uint16)
PATH = "/v1/detect?mask=none"
ROWS = {"Content-Type": "application/octet-stream"}


def problem(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    detail: str = answer.json()["detail"]
    return detail


@pytest.mark.parametrize("query", ["mask=none&mask=png", "width=1&width=2&height=1&dtype=u8", "model=a&model=a"])
def test_a_parameter_given_twice_is_refused(client: httpx.Client, query: str) -> None:
    name = query.split("=")[0]
    assert f"{name}: is given more than once" in problem(client.post(f"/v1/detect?{query}", content=frames.GOOD), 400)


@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "image/raw", "text/plain"])
def test_rows_of_another_media_type_are_answered_with_what_is_missing(client: httpx.Client, media_type: str) -> None:
    path = f"{PATH}&width=64&height=64&dtype=u16le"
    answer = client.post(path, content=DEEP.tobytes(), headers={"Content-Type": media_type})
    assert "raw rows also need the header Content-Type: application/octet-stream" in problem(answer, 415)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("&skip=4", "need width, height and dtype"),
        ("&rows=0:4", "need width, height and dtype"),
        ("&width=64&height=64&dtype=u16le&rows=0:65", "rows must end at or before the height of 64"),
        ("&width=64&height=64&dtype=u16le&stride=127", "stride must be at least the 128 bytes of a row"),
        ("&width=64&height=64&dtype=u16le&rows=9:3", "TOP below BOTTOM"),
        ("&width=64&height=64&dtype=u16le&skip=-1", "skip"),
        ("&fill=nan", "fill"),
        ("&fill=none", "fill"),
        ("&byteswap=maybe", "byteswap"),
    ],
)
def test_a_wrong_description_is_refused(client: httpx.Client, query: str, said: str) -> None:
    assert said in problem(client.post(PATH + query, content=DEEP.tobytes(), headers=ROWS), 400)


def test_rows_with_a_header_padding_and_telemetry_give_the_same_targets(client: httpx.Client) -> None:
    plain = client.post(PATH, content=frames.png(DEEP)).json()["frames"][0]
    padded = np.zeros((67, 70), np.uint16)
    padded[1:65, :64] = DEEP
    path = f"{PATH}&width=64&height=67&dtype=u16le&skip=16&stride=140&rows=1:65"
    answer = client.post(path, content=bytes(16) + padded.tobytes(), headers=ROWS).json()["frames"][0]
    assert answer["targets"] == plain["targets"]
    assert (answer["height"], answer["width"]) == (64, 64)


def test_pages_are_numbered_and_single_frames_are_not(client: httpx.Client) -> None:
    pages = client.post(PATH, content=frames.tiff(DEEP, DEEP, DEEP)).json()["frames"]
    assert [frame["page"] for frame in pages] == [0, 1, 2]
    for body in (frames.tiff(DEEP), frames.png(DEEP), frames.npy(np.stack([DEEP, DEEP]))):
        assert all("page" not in frame for frame in client.post(PATH, content=body).json()["frames"])


@pytest.mark.parametrize(
    ("counts", "query", "said"),
    [
        (DEEP.byteswap(), "", SWAPPED),
        (np.full((40, 40), 7, np.uint16), "", "the frame has no contrast"),
        (DEEP, f"&range=0:{int(np.median(DEEP))}", "clips pixels: 50 % above it"),
        (np.pad(DEEP, 2), "", "has the single count 0"),
    ],
)
def test_what_may_spoil_a_frame_is_named(client: httpx.Client, counts: np.ndarray, query: str, said: str) -> None:
    frame = client.post(PATH + query, content=frames.png(counts)).json()["frames"][0]
    assert any(said in warning for warning in frame["warnings"]), frame


def test_a_sound_frame_has_no_warnings(client: httpx.Client) -> None:
    assert "warnings" not in client.post(PATH, content=frames.png(DEEP)).json()["frames"][0]


def test_a_model_without_calibration_is_named(start_server: StartServer, tmp_path: Path) -> None:
    write_small_model(tmp_path / "small.onnx")
    client = start_server(models=tmp_path)
    frame = client.post(PATH, content=frames.png(DEEP)).json()["frames"][0]
    assert any("no calibration" in warning for warning in frame["warnings"])
