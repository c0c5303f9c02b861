"""Metrics of what cameras show, whether requests name them or not."""

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.observability.cameras import MOST_CAMERAS
from service.simulation.scene import make_scene
from tests.service.api.stream.opening import one_by_one, open_stream
from tests.support import frames
from tests.support.server import StartServer

SCENE = frames.png(make_scene(1, 64, 64).counts(8))
DARK = frames.png(make_scene(1, 64, 64).counts(8) * 0)


def of_cameras(client: httpx.Client) -> dict[tuple[str, str], float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        (sample.name.removeprefix("rrcanet_camera_"), sample.labels["camera"]): sample.value
        for family in families
        for sample in family.samples
        if "camera" in sample.labels
    }


def post(client: httpx.Client, camera: str, body: bytes = SCENE) -> list[dict]:
    answer = client.post("/v1/detect", content=body, headers={"X-Camera-Id": camera}).raise_for_status().json()
    return [target for frame in answer["frames"] for target in frame["targets"]]


def test_a_camera_has_what_was_found_in_its_frames(client: httpx.Client) -> None:
    targets = post(client, "mast-east")
    assert post(client, "mast-east", DARK) == []
    assert targets
    found = of_cameras(client)
    mine = {name: value for (name, camera), value in found.items() if camera == "mast-east"}
    contrasts = [target["signal"]["scr"] for target in targets]
    assert mine["frames_total"] == mine["range_counts_count"] == 2
    assert mine["targets_total"] == mine["confidence_count"] == mine["contrast_count"] == len(targets)
    assert mine["empty_frames_total"] == 1
    assert mine["confidence_sum"] == pytest.approx(sum(target["confidence"] for target in targets), abs=1e-3)
    assert mine["contrast_sum"] == pytest.approx(sum(contrasts), rel=1e-3)
    assert mine["range_counts_sum"] > 0


def test_each_frame_of_a_request_counts(client: httpx.Client) -> None:
    scene = make_scene(1, 64, 64).counts(8)
    targets = post(client, "mast-south", frames.npy(np.stack([scene, scene * 0, scene])))
    assert targets
    mine = {name: value for (name, camera), value in of_cameras(client).items() if camera == "mast-south"}
    assert (mine["frames_total"], mine["empty_frames_total"]) == (3, 1)
    assert mine["range_counts_count"] == mine["low_counts_count"] == 3
    assert mine["targets_total"] == mine["confidence_count"] == mine["contrast_count"] == len(targets)
    assert mine["confidence_sum"] == pytest.approx(sum(target["confidence"] for target in targets), abs=1e-3)


def test_frames_without_the_name_of_a_camera_are_watched_together(client: httpx.Client) -> None:
    before = of_cameras(client)
    answer = client.post("/v1/detect", content=SCENE).raise_for_status().json()
    with open_stream(client) as stream:
        one_by_one(stream, [DARK])
    targets = answer["frames"][0]["targets"]
    after = of_cameras(client)
    changed = {(name, camera): value - before[name, camera] for (name, camera), value in after.items()}
    unnamed = {name: value for (name, camera), value in changed.items() if value and camera == "unnamed"}
    assert {camera for (_, camera), value in changed.items() if value} == {"unnamed"}
    assert (unnamed["frames_total"], unnamed["empty_frames_total"]) == (2, 1)
    assert unnamed["targets_total"] == unnamed["contrast_count"] == len(targets) > 0
    assert unnamed["confidence_sum"] == pytest.approx(sum(target["confidence"] for target in targets), abs=1e-3)


def test_a_stream_names_its_camera_once(client: httpx.Client) -> None:
    with open_stream(client, **{"X-Camera-Id": "mast-west"}) as stream:
        one_by_one(stream, [SCENE, SCENE])
    assert of_cameras(client)["frames_total", "mast-west"] == 2


@pytest.mark.parametrize("name", ["no name", 'a"b', "x" * 65, ""])
def test_what_is_no_name_counts_as_other(client: httpx.Client, name: str) -> None:
    before = of_cameras(client)["frames_total", "other"]
    post(client, name)
    found = of_cameras(client)
    assert found["frames_total", "other"] == before + 1
    assert ("frames_total", name) not in found


def test_further_cameras_count_as_other(start_server: StartServer) -> None:
    own_client = start_server()
    for number in range(MOST_CAMERAS + 3):
        post(own_client, f"camera-{number}", DARK)
    found = of_cameras(own_client)
    assert len({camera for _, camera in found} - {"unnamed", "other"}) == MOST_CAMERAS
    assert found["frames_total", "other"] == 3
    post(own_client, "camera-0", DARK)
    assert of_cameras(own_client)["frames_total", "camera-0"] == 2
