"""More than fits is refused at once, told when to come again, and health is never refused."""

import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from service.simulation.scene import make_scene
from tests.support import frames
from tests.support.server import StartServer, wait_for_frames


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


def test_a_request_whose_answer_would_come_too_late_is_refused_at_once(start_server: StartServer) -> None:
    client = start_server(latency_objective_ms=200)
    body = frames.png(make_scene(0, 256, 256).counts(8))
    for _ in range(3):  # the service learns how long a frame takes
        assert client.post("/v1/detect", content=body).status_code == 200

    def burst(query: str) -> list[httpx.Response]:
        with ThreadPoolExecutor(32) as pool:
            return list(pool.map(lambda _: client.post(f"/v1/detect?mask=none{query}", content=body), range(32)))

    answers = burst("")
    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.status_code for answer in answers} == {200, 429}
    assert {answer.json()["reason"] for answer in refused} == {"too_slow"}
    assert "timeout_ms" in refused[0].json()["detail"]
    assert {int(answer.headers["retry-after"]) for answer in refused} == {1}
    assert {answer.status_code for answer in burst("&timeout_ms=60000")} == {200}
    metrics = client.get("/metrics").text
    assert f'rrcanet_rejected_total{{reason="too_slow"}} {len(refused)}.0' in metrics
    assert "rrcanet_latency_objective_seconds 0.2" in metrics


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


@pytest.mark.parametrize("padding", [0, 1_000_000], ids=["small", "larger than uvicorn reads at once"])
def test_frames_of_a_client_that_left_are_dropped_before_the_device_sees_them(
    start_server: StartServer, padding: int
) -> None:
    client = start_server(max_batch=1, request_timeout_s=120)
    slow = frames.png(make_scene(0, 800, 800).counts(8))
    with ThreadPoolExecutor(3) as pool:
        others = [pool.submit(client.post, "/v1/detect", content=slow) for _ in range(3)]
        wait_for_frames(client, 3)
        body = slow + bytes(padding)
        head = f"POST /v1/detect HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection((client.base_url.host, client.base_url.port)) as leaving:
            leaving.sendall(head.encode() + body)
            wait_for_frames(client, 4)
        answers = [other.result() for other in others]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    metrics = client.get("/metrics").text
    assert 'rrcanet_requests_total{model="rrcanet",route="/v1/detect",status="499",version="1"} 1.0' in metrics
    assert 'rrcanet_rejected_total{reason="request_timeout"} 0.0' in metrics
    assert "rrcanet_batch_frames_count 3.0" in metrics


def _targets(client: httpx.Client, body: bytes) -> list[dict]:
    targets = client.post("/v1/detect?mask=none", content=body).json()["frames"][0]["targets"]
    assert isinstance(targets, list)
    return targets
