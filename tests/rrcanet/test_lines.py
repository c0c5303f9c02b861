"""``lines`` of both clients: a frame comes as soon as the server has answered it."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import numpy as np
import pytest

from rrcanet import AsyncClient, Client, Detections
from rrcanet.errors import DeadlineExceeded, TooLarge, Undecodable, Unreachable
from service.detection.detector import Detector
from service.errors import Reason, ServiceError
from service.simulation.scene import make_scene
from tests.support.server import serving
from tests.support.waiting import wait_until

STACK = np.stack([make_scene(seed, 64, 80).counts(14) for seed in range(6)])
Lines = Callable[..., Iterator[Detections]]


async def asked(url: str, arguments: Any, options: Any, found: list[Detections]) -> None:
    async with AsyncClient(url) as it:
        async for one in it.lines(*arguments, **options):
            found.append(one)


@pytest.fixture(params=["Client", "AsyncClient"])
def lines(request: pytest.FixtureRequest, client: httpx.Client) -> Lines:
    """``lines`` of either client; ``url`` may name another server."""

    def plain(*arguments: Any, url: object = client.base_url, **options: Any) -> Iterator[Detections]:
        with Client(str(url)) as it:
            yield from it.lines(*arguments, **options)

    def with_asyncio(*arguments: Any, url: object = client.base_url, **options: Any) -> Iterator[Detections]:
        found: list[Detections] = []
        try:
            asyncio.run(asked(str(url), arguments, options, found))
        finally:
            yield from found

    return plain if request.param == "Client" else with_asyncio


@pytest.fixture(scope="module")
def small() -> Iterator[str]:
    """Address of a server that takes three frames in a request."""
    with serving(max_frames=3, queue_size=3) as server:
        yield str(server.base_url)


def test_lines_have_what_the_answer_in_one_piece_has(lines: Lines, client: httpx.Client) -> None:
    given = [STACK, b"no frame", STACK[0]]
    with Client(str(client.base_url)) as it:
        whole = list(it.each(given, mask="rle"))
    found = list(lines(given, mask="rle"))
    assert [one.index for one in found] == list(range(8))
    assert found[6].error is not None
    for one, other in zip(found, whole, strict=True):
        assert one.to_dict()["index"] == other.to_dict()["index"]
        assert one.error == other.error
        assert one.centroids.tolist() == other.centroids.tolist()
        assert one.name == other.name
    assert sum(map(len, found)) > 0


def test_the_first_frame_comes_before_the_last_is_answered(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, calls, old = threading.Event(), list[bool](), Detector.finish_all

    def finish(self: Detector, *arguments: Any) -> Any:
        if len(calls) == 1:
            wait_until(taken.is_set, "the first frame does not come")
        calls.append(True)
        return old(self, *arguments)

    monkeypatch.setattr(Detector, "finish_all", finish)
    with Client(str(client.base_url)) as it:
        found = it.lines(STACK, mask="none")
        assert next(found).index == 0
        taken.set()
        assert [one.index for one in found] == [1, 2, 3, 4, 5]


def test_long_lists_are_cut_and_what_is_refused_has_an_error(lines: Lines, small: str) -> None:
    found = list(lines([STACK, b"", STACK[0]], url=small, mask="none"))
    assert [one.index for one in found] == list(range(8))
    assert [one.error.reason for one in found if one.error] == ["undecodable_frame"]
    (alone,) = lines(b"no frame", url=small)
    assert isinstance(alone.refusal, Undecodable)
    (large,) = lines(np.zeros((2000, 2000), np.uint8), url=small, mask="none")
    assert large.error is None or isinstance(large.refusal, TooLarge)


def test_an_error_after_some_lines_is_raised_after_them(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    old, calls = Detector.finish_all, list[bool]()

    def finish(self: Detector, *arguments: Any) -> Any:
        calls.append(True)
        if len(calls) == 3:
            raise ServiceError(Reason.DEADLINE_EXCEEDED, "the deadline passed before every frame was answered")
        return old(self, *arguments)

    monkeypatch.setattr(Detector, "finish_all", finish)
    found = list[int]()
    with pytest.raises(DeadlineExceeded, match="the deadline passed"):
        found.extend(one.index for one in lines(STACK, mask="none"))
    assert found == [0, 1]


@pytest.mark.parametrize(
    ("kind", "content", "outcome"),
    [
        ("application/json", {"frames": [{"index": 0, "width": 8, "height": 8, "targets": []}], "model": None}, 1),
        ("application/x-ndjson", {"index": 0, "width": 8, "height": 8, "targets": []}, Unreachable),
    ],
    ids=["a server without lines", "an answer that breaks off"],
)
def test_other_answers(lines: Lines, kind: str, content: dict[str, Any], outcome: Any) -> None:
    with answering(kind, json.dumps(content).encode() + b"\n") as url:
        if outcome == 1:
            assert len(list(lines(np.zeros((8, 8), np.uint8), url=url))) == 1
        else:
            with pytest.raises(outcome, match="ended before its last line"):
                list(lines(np.zeros((8, 8), np.uint8), url=url))


class answering:  # noqa: N801, a context manager
    """A server that gives the same answer to every POST."""

    def __init__(self, kind: str, content: bytes) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
