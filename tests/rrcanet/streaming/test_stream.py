"""``stream`` of both clients against a real server: order, drops, errors, and ends."""

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.sync.server import ServerConnection, serve

from rrcanet import AsyncClient, Client, Detections
from rrcanet.errors import (
    AnswerError,
    BadRequest,
    Busy,
    MissingExtra,
    NotFound,
    Refusal,
    TooLarge,
    Unreachable,
    Unsupported,
)
from rrcanet.frames import Item
from rrcanet.streaming.unanswered import REMEMBERED, Unanswered
from service.simulation.scene import make_scene
from tests.rrcanet.test_busy import running

Stream = Callable[..., list[Detections]]
SCENES = [make_scene(seed, 64, 80).counts(14) for seed in (4, 5, 6)]


@pytest.fixture(params=["Client", "AsyncClient"])
def stream(request: pytest.FixtureRequest, client: httpx.Client) -> Stream:
    """All that ``stream`` of either client gives."""

    def plain(frames: Any, url: object, options: dict[str, Any]) -> list[Detections]:
        with Client(str(url)) as it:
            return list(it.stream(frames, **options))

    async def asked(frames: Any, url: object, options: dict[str, Any]) -> list[Detections]:
        async with AsyncClient(str(url)) as it:
            return [found async for found in it.stream(frames, **options)]

    def with_asyncio(frames: Any, url: object, options: dict[str, Any]) -> list[Detections]:
        return asyncio.run(asked(frames, url, options))

    run = plain if request.param == "Client" else with_asyncio
    return lambda frames, url=client.base_url, **options: run(frames, url, options)


@contextmanager
def answering(answer: Callable[[ServerConnection], None]) -> Iterator[str]:
    """Address of a server that answers a stream as the function does."""
    with serve(answer, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


def test_a_lossless_stream_answers_every_frame_in_order(client: httpx.Client, stream: Stream) -> None:
    with Client(str(client.base_url)) as it:
        expected = it.detect(SCENES, mask="none")
    found = stream([*SCENES, *SCENES], lossless=True)
    assert [(one.index, one.dropped) for one in found] == [(index, 0) for index in range(6)]
    assert [one.centroids.tolist() for one in found] == [one.centroids.tolist() for one in expected] * 2
    assert sum(map(len, found)) > 0
    assert found[0].model == expected[0].model
    assert found[0].timing_ms["total"] > 0
    assert found[0].draw().size == (80, 64)


def test_frames_that_come_too_fast_are_passed_over_and_counted(stream: Stream) -> None:
    found = stream((SCENES[number % 3] for number in range(60)), mask="rle")
    indices = [one.index for one in found]
    assert indices == sorted(set(indices))
    assert indices[-1] == 59, "the newest frame is never dropped"
    assert len(found) + found[-1].dropped == 60
    assert found[-1].dropped > 0
    assert found[-1].mask.shape == (64, 80)


def test_a_frame_that_cannot_be_read_does_not_end_the_stream(stream: Stream) -> None:
    found = stream([SCENES[0], b"no frame", SCENES[0]], lossless=True)
    assert [one.error.reason if one.error else len(one) for one in found] == [
        len(found[0]),
        "undecodable_frame",
        len(found[0]),
    ]


def test_an_error_of_the_frames_is_raised_after_the_answers(stream: Stream) -> None:
    got: list[int] = []

    def camera() -> Iterable[np.ndarray]:
        yield SCENES[0]
        yield SCENES[1]
        got.append(2)
        raise ConnectionResetError("the camera is gone")

    with pytest.raises(ConnectionResetError, match="the camera is gone"):
        stream(camera(), lossless=True)
    assert got == [2]
    with pytest.raises(TypeError, match="is no frame"):
        stream([np.array(["a"])])


def test_what_the_server_refuses_is_an_error_of_its_class(stream: Stream) -> None:
    with pytest.raises(BadRequest, match="threshold"):
        stream(SCENES, threshold=3)
    with pytest.raises(NotFound) as unknown:
        stream(SCENES, model="nobody")
    assert unknown.value.reason == "unknown_model"
    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:9: the stream ended"):
        stream(SCENES, "http://127.0.0.1:9")


def test_a_server_without_streams_is_named(client: httpx.Client, stream: Stream) -> None:
    with pytest.raises(Unsupported, match="this server has no /v1/stream"):
        stream(SCENES, f"{client.base_url}/elsewhere")
    with running() as old, pytest.raises(Unsupported, match="this server has no /v1/stream"):
        stream(SCENES, f"http://127.0.0.1:{old.server_port}")


@pytest.mark.parametrize(
    ("code", "error", "reason"),
    [(1012, Busy, "draining"), (1013, Busy, "queue_full"), (1009, TooLarge, "body_too_large")],
)
def test_the_end_of_a_stream_has_the_reason_of_a_request(
    stream: Stream, code: int, error: type[Refusal], reason: str
) -> None:
    with answering(lambda connection: connection.close(code, "for a reason")) as url, pytest.raises(error) as raised:
        stream(SCENES, url)
    assert (raised.value.reason, raised.value.detail) == (reason, "for a reason")


@pytest.mark.parametrize(
    ("text", "words"),
    [("hello", "something else than answers"), ('{"index": 7}', "frame 7, but"), ('{"index": 0}', "width: is missing")],
)
def test_something_else_than_answers_is_named(stream: Stream, text: str, words: str) -> None:
    def answer(connection: ServerConnection) -> None:
        connection.recv()
        connection.send(text)

    with answering(answer) as url, pytest.raises(AnswerError, match=words):
        stream(SCENES[:1], url)


def test_a_caller_may_leave_before_the_end(client: httpx.Client) -> None:
    def endless() -> Iterator[np.ndarray]:
        while True:
            yield SCENES[0]

    with Client(str(client.base_url)) as it:
        found = it.stream(endless())
        assert next(found).index == 0
        found.close()  # type: ignore[attr-defined]
    deadline = time.monotonic() + 10
    while any(thread.name == "rrcanet-stream" for thread in threading.enumerate()):
        assert time.monotonic() < deadline, "the thread that sends goes on"
        time.sleep(0.02)


def test_frames_may_come_from_an_asynchronous_iterator(client: httpx.Client) -> None:
    async def camera() -> AsyncIterator[np.ndarray]:
        for scene in SCENES:
            yield scene

    async def asked() -> list[int]:
        async with AsyncClient(str(client.base_url)) as it:
            return [found.index async for found in it.stream(camera(), lossless=True)]

    assert asyncio.run(asked()) == [0, 1, 2]


def test_no_content_and_few_frames_are_kept_while_answers_are_waited_for() -> None:
    unanswered = Unanswered()
    frame = np.zeros((2, 2))
    for _ in range(1000):
        assert unanswered.send(Item(b"content", None, frame, ((2, 2),))) == b"content"
    kept = list(unanswered._items.values())
    assert len(kept) == REMEMBERED
    assert {item.content for item in kept} == {b""}
    entry = '{"index": %d, "width": 2, "height": 2, "targets": []}'
    assert unanswered.receive(entry % 10).source is None
    assert unanswered.receive(entry % 998).source is frame
    assert len(unanswered._items) == 1


def test_the_missing_extra_is_named(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "websockets", None)
    with pytest.raises(MissingExtra, match=r"rrcanet-serve\[stream\]"):
        stream(SCENES)
