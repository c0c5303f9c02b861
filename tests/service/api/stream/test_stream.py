"""Streams through the client library that users have: ``websockets``."""

import json
from typing import Any

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.simulation.scene import make_scene
from service.simulation.sequence import make_sequence
from tests.service.api.stream.opening import one_by_one, open_stream, rest
from tests.support import frames
from tests.support.answers import assert_same_frame, assert_same_mask, read_rle

SCENES = [make_scene(seed, 64, 96) for seed in range(4)]
DAMAGED = frames.GOOD[:100]


def answer_of(client: httpx.Client, body: bytes, query: str = "?mask=none", **headers: str) -> dict[str, Any]:
    """What ``POST /v1/detect`` answers to one frame."""
    answer: dict[str, Any] = client.post(f"/v1/detect{query}", content=body, headers=headers).json()
    return answer


def test_each_frame_is_answered_as_by_a_request(client: httpx.Client) -> None:
    counts = [scene.counts(14) for scene in SCENES]
    bodies = [frames.png(counts[0]), frames.npy(counts[1]), frames.tiff(counts[2]), frames.png(counts[3])]
    with open_stream(client) as stream:
        answers = one_by_one(stream, bodies)
        stream.send("end")
        assert rest(stream) == []
        assert (stream.close_code, stream.close_reason) == (1000, "")
    for index, (body, answer) in enumerate(zip(bodies, answers, strict=True)):
        expected = answer_of(client, body)
        timing = answer.pop("timing_ms")
        assert timing.keys() == expected["timing_ms"].keys()
        assert timing["total"] >= timing["inference"] > 0
        expected = {**expected["frames"][0], "index": index, "model": expected["model"], "dropped": 0}
        assert_same_frame(answer, expected)
        assert answer["targets"]


def test_raw_rows_and_what_else_the_query_asks_for(client: httpx.Client) -> None:
    scene = SCENES[0].counts(14)
    query = "?width=96&height=64&dtype=u16be&mask=rle&preview=png&max_targets=1"
    with open_stream(client, query) as stream:
        raw, file = one_by_one(stream, [scene.astype(">u2").tobytes(), frames.png(scene)])
    header = {"Content-Type": "application/octet-stream"}
    (expected,) = answer_of(client, scene.astype(">u2").tobytes(), query, **header)["frames"]
    for answer in (raw, file):
        assert_same_mask(read_rle(answer["mask"]), read_rle(expected["mask"]))
        assert answer["preview"] == expected["preview"]
        assert len(answer["targets"]) == 1


def test_a_frame_that_cannot_be_answered_says_why_and_the_stream_goes_on(client: httpx.Client) -> None:
    two, large = np.zeros((2, 16, 16), np.uint8), np.zeros((2048, 2049), np.uint8)
    bodies = [DAMAGED, b"", b"text", frames.npy(two), frames.npy(large), frames.npy(two[:, :0]), frames.GOOD]
    with open_stream(client) as stream:
        *faulty, good = one_by_one(stream, bodies)
    assert [answer["error"]["reason"] for answer in faulty] == [
        "undecodable_frame",
        "undecodable_frame",
        "undecodable_frame",
        "too_many_frames",
        "too_many_pixels",
        "undecodable_frame",
    ]
    assert faulty[0].keys() == {"index", "name", "error", "timing_ms", "dropped"}
    assert "raw rows need width, height and dtype" in faulty[2]["error"]["detail"]
    assert "one frame" in faulty[3]["error"]["detail"]
    assert good["index"] == len(faulty)
    assert good["targets"]


def test_a_frame_whose_time_has_passed_says_so(client: httpx.Client) -> None:
    with open_stream(client, "?timeout_ms=0.01") as stream:
        (late,) = one_by_one(stream, [frames.GOOD])
    assert late["error"]["reason"] == "deadline_exceeded"


def test_a_client_that_is_faster_than_the_device_gets_the_newest_frames_in_order(client: httpx.Client) -> None:
    before = dropped(client)
    with open_stream(client) as stream:
        for _ in range(300):
            stream.send(frames.GOOD)
        stream.send("end")
        answers = rest(stream)
        assert stream.close_code == 1000
    indices = [answer["index"] for answer in answers]
    assert indices == sorted(set(indices))
    assert indices[-1] == 299, "the newest frame is never dropped"
    assert answers[-1]["dropped"] == 300 - len(answers) > 0
    assert all("targets" in answer for answer in answers)
    counts = [answer["dropped"] for answer in answers]
    assert counts == sorted(counts)
    assert dropped(client) - before == answers[-1]["dropped"]


def test_tracks_keep_their_id_and_dropped_frames_count_as_time(client: httpx.Client) -> None:
    scenes = make_sequence(3, 12, height=128, width=160, targets=2)
    bodies = [frames.npy(scene.counts(14)) for scene in scenes]
    with open_stream(client, "?track=true&confirm=2/3&sensitivity=balanced") as stream:
        answers = one_by_one(stream, [*bodies[:6], DAMAGED, *bodies[7:]])
    tracks = [[target["track"] for target in answer.get("targets", [])] for answer in answers]
    best = max(
        {track["id"] for of_frame in tracks for track in of_frame},
        key=lambda one: sum(track["id"] == one for of_frame in tracks for track in of_frame),
    )
    ages = {
        answer["index"]: track["age"]
        for answer, of_frame in zip(answers, tracks, strict=True)
        for track in of_frame
        if track["id"] == best
    }
    assert len(ages) >= 8
    assert {index - age for index, age in ages.items()} == {min(ages) - 1}, "the damaged frame is a frame of time"
    confirmed = [track["confirmed"] for of_frame in tracks for track in of_frame if track["id"] == best]
    assert confirmed[0] is False
    assert confirmed[-1] is True
    assert {frozenset(track) for of_frame in tracks for track in of_frame} == {
        frozenset(("id", "age", "velocity", "confirmed", "static"))
    }


def test_frames_after_the_end_are_not_answered(client: httpx.Client) -> None:
    with open_stream(client) as stream:
        for message in (frames.GOOD, "end", frames.GOOD, frames.GOOD):
            stream.send(message)
        assert [answer["index"] for answer in rest(stream)] == [0]


def test_another_text_ends_the_stream_after_what_waits(client: httpx.Client) -> None:
    with open_stream(client) as stream:
        stream.send(frames.GOOD)
        stream.send(json.dumps({"frame": "base64"}))
        assert [answer["index"] for answer in rest(stream)] == [0]
        assert stream.close_code == 1003
        assert "binary messages" in (stream.close_reason or "")


def test_two_streams_share_the_device(client: httpx.Client) -> None:
    with open_stream(client) as one, open_stream(client) as other:
        for _ in range(3):
            one.send(frames.GOOD)
            other.send(frames.GOOD)
        for stream in (one, other):
            stream.send("end")
            assert rest(stream)[-1]["index"] == 2


@pytest.mark.parametrize("name", ["rrcanet_streams", "rrcanet_streams_limit"])
def test_open_streams_are_counted(client: httpx.Client, name: str) -> None:
    with open_stream(client) as stream:
        one_by_one(stream, [frames.GOOD])
        assert value(client, name) >= 1


def value(client: httpx.Client, name: str) -> float:
    """The sum over all series: a server may have several processes."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    values = [sample.value for family in families for sample in family.samples if sample.name == name]
    assert values, name
    return sum(values)


def dropped(client: httpx.Client) -> float:
    return value(client, "rrcanet_stream_dropped_frames_total")
