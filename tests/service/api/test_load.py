"""More than fits is refused at once, told when to come again, and health is never refused."""

from concurrent.futures import ThreadPoolExecutor

import httpx

from tests import frames
from tests.conftest import StartServer
from tests.scenes import make_scene


def test_what_does_not_fit_is_refused_with_retry_after(start_server: StartServer) -> None:
    client = start_server(queue_size=2, max_frames=2)
    body = frames.png(make_scene(0, 400, 400).counts(8))
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: client.post("/v1/detect", content=body), range(32)))
        health = list(pool.map(client.get, ["/livez", "/readyz", "/metrics"] * 3))
    statuses = {answer.status_code for answer in answers}
    assert statuses == {200, 429}
    for answer in answers:
        if answer.status_code == 429:
            assert answer.json()["reason"] == "queue_full"
            assert int(answer.headers["retry-after"]) >= 1
    assert {answer.status_code for answer in health} == {200}
    assert client.post("/v1/detect", content=body).status_code == 200


def test_frames_that_wait_run_together_and_are_answered_alike(client: httpx.Client) -> None:
    scenes = [make_scene(seed, 96, 96) for seed in range(6)]
    bodies = [frames.png(scene.counts(8)) for scene in scenes]
    alone = [_targets(client, body) for body in bodies]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda body: _targets(client, body), bodies * 4))
    for index, found in enumerate(together):
        expected = alone[index % 6]
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            assert abs(a["centroid"]["x"] - b["centroid"]["x"]) < 1e-2
            assert abs(a["confidence"] - b["confidence"]) < 1e-3


def _targets(client: httpx.Client, body: bytes) -> list[dict]:
    targets = client.post("/v1/detect?mask=none", content=body).json()["frames"][0]["targets"]
    assert isinstance(targets, list)
    return targets
