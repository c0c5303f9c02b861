"""``Accept: application/x-ndjson``: a line for each frame, and a last line that says whether they are all."""

import asyncio
import json
import threading
from typing import Any

import httpx
import numpy as np
import pytest

from service.api.body import BodyRoom
from service.api.detect.lines import Lines
from service.detection.detector import Detector
from service.errors import Reason, ServiceError
from service.simulation.scene import make_scene
from tests.service.api.test_health import value
from tests.support import frames
from tests.support.waiting import wait_until
from tests.support.wire import connection

ACCEPT = {"Accept": "application/x-ndjson"}
STACK = np.stack([make_scene(seed, 64, 96).counts(14) for seed in range(5)])
QUERY = "/v1/detect?mask=rle&preview=png"


def lines_of(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.text.endswith("\n")
    return [json.loads(line) for line in answer.text.splitlines()]


def test_the_lines_are_the_frames_of_the_answer_in_one_piece(client: httpx.Client) -> None:
    parts = [
        ("image", ("damaged.png", frames.GOOD[:100])),
        ("image", ("stack.npy", frames.npy(STACK))),
        ("image", ("flat.npy", frames.npy(np.ones((16, 16), np.uint8)))),
        ("image", ("text.txt", b"text")),
    ]
    whole = client.post(QUERY, files=parts).json()
    *lines, last = lines_of(client.post(QUERY, files=parts, headers=ACCEPT))
    assert lines == whole["frames"]
    assert [line["index"] for line in lines] == list(range(8))
    assert "error" in lines[0]
    assert "error" in lines[7]
    assert (last["done"], last["model"]) == (True, whole["model"])
    assert last["timing_ms"].keys() == whole["timing_ms"].keys()
    assert min(last["timing_ms"].values()) >= 0


def test_the_first_line_comes_before_the_last_frame_is_answered(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, goes_on, old = threading.Event(), list[bool](), Detector.finish_all

    def finish(self: Detector, *arguments: Any) -> Any:
        if len(goes_on) == 1:
            wait_until(found.is_set, "the first line does not come")
        goes_on.append(True)
        return old(self, *arguments)

    monkeypatch.setattr(Detector, "finish_all", finish)
    with client.stream("POST", QUERY, content=frames.npy(STACK), headers=ACCEPT) as answer:
        lines = answer.iter_lines()
        assert json.loads(next(lines))["index"] == 0
        found.set()
        assert len(list(lines)) == 5


@pytest.mark.parametrize(
    ("query", "body", "reason"),
    [
        ("", b"text", "unsupported_media_type"),
        ("", frames.GOOD[:100], "undecodable_frame"),
        ("?model=nope", frames.GOOD, "unknown_model"),
        ("", frames.npy(np.zeros((65, 8, 8), np.uint8)), "too_many_frames"),
        ("?timeout_ms=0.01", frames.GOOD, "deadline_exceeded"),
    ],
)
def test_a_fault_before_the_first_line_is_a_problem(client: httpx.Client, query: str, body: bytes, reason: str) -> None:
    answer = client.post(f"/v1/detect{query}", content=body, headers=ACCEPT)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["reason"] == reason
    assert answer.status_code == Reason(reason).status


def test_a_fault_after_the_first_line_is_the_last_line(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    old, calls = Detector.finish_all, []

    def finish(self: Detector, *arguments: Any) -> Any:
        calls.append(True)
        if len(calls) == 3:
            raise ServiceError(Reason.DEADLINE_EXCEEDED, "the deadline passed before every frame was answered")
        return old(self, *arguments)

    monkeypatch.setattr(Detector, "finish_all", finish)
    answer = client.post(QUERY, content=frames.npy(STACK), headers=ACCEPT)
    *lines, last = lines_of(answer)
    assert [line["index"] for line in lines] == [0, 1]
    assert last["done"] is False
    assert (last["problem"]["status"], last["problem"]["reason"]) == (504, "deadline_exceeded")
    assert last["problem"]["request_id"] == answer.headers["x-request-id"]
    assert (value(client, "rrcanet_queue_frames"), value(client, "rrcanet_body_bytes")) == (0, 0)


def test_of_a_client_that_leaves_after_some_lines_nothing_is_left(client: httpx.Client) -> None:
    body = frames.npy(np.stack([make_scene(seed, 160, 160).counts(14) for seed in range(24)]))
    head = f"POST {QUERY} HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\nContent-Length: {len(body)}\r\n\r\n"
    with connection(client) as opened:
        opened.sendall(head.encode() + body)
        assert opened.recv(100).startswith(b"HTTP/1.1 200 ")
    wait_until(lambda: value(client, "rrcanet_queue_frames") == 0, "frames are left")
    wait_until(lambda: value(client, "rrcanet_body_bytes") == 0, "bytes are left")


def test_lines_that_nobody_reads_take_bounded_room() -> None:
    async def check() -> None:
        room = BodyRoom(1000)
        lines = Lines(room)
        lines.write({"text": "x" * 600})
        with pytest.raises(ServiceError, match="queue_full"):
            lines.write({"text": "x" * 600})
        assert await lines.wait()
        assert len(lines.take()) > 600
        lines.write({"text": "x" * 600})
        lines.close()
        await asyncio.sleep(0)
        assert room.taken == 0

    asyncio.run(check())


def test_json_stays_the_answer_to_whoever_names_nothing(client: httpx.Client) -> None:
    for accept in ("*/*", "application/*", "application/x-ndjson;q=0.5, application/json", ""):
        answer = client.post("/v1/detect?mask=none", content=frames.GOOD, headers={"Accept": accept})
        assert answer.headers["content-type"] == "application/json"
