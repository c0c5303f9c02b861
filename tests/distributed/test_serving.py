"""The service on Ray Serve: two replicas, each on a node of its own, behind one proxy."""

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import NamedTuple

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.simulation.scene import make_scene
from tests.distributed.conftest import TwoNodes
from tests.service.other_servers import CONTRACT, CONTRACT_S
from tests.support.frames import npy, png
from tests.support.paths import ROOT
from tests.support.waiting import wait_until
from tests.support.wire import connection

SMALL = png(make_scene(0, 64, 64).counts(8))
LARGE = npy(np.tile(np.arange(256, dtype=np.uint8), (2048, 8)))  # seconds of work; a constant frame would be none
MIDDLE = npy(make_scene(1, 320, 320).counts(8))  # HAProxy sends it on in pieces, if it does not have all of it first
MORE_THAN_HALF_A_QUEUE = npy(np.stack([make_scene(1, 160, 160).counts(8)] * 40))
CLIENTS = 4


class Sent(NamedTuple):
    """A request, and when it was sent and answered."""

    began: float
    ended: float
    status: int


def values(client: httpx.Client, name: str, **labels: str) -> dict[str, float]:
    """The sum of the series with these labels, for each replica."""
    found: defaultdict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                found[sample.labels["replica"]] += sample.value
    return dict(found)


def ready(client: httpx.Client) -> set[str]:
    """The replicas that take requests."""
    return {replica for replica, value in values(client, "rrcanet_ready").items() if value == 1}


def test_the_contract_holds_on_two_replicas_that_share_the_requests(two_nodes: TwoNodes) -> None:
    before = values(two_nodes.client, "rrcanet_requests_total", route="/v1/detect")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *CONTRACT]
    environment = os.environ | {"TESTS_UNDER": str(two_nodes.client.base_url)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=CONTRACT_S)
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout
    after = values(two_nodes.client, "rrcanet_requests_total", route="/v1/detect")
    one, other = (after[replica] - before.get(replica, 0) for replica in after)
    assert min(one, other) > 0.2 * (one + other)


def test_an_answer_has_the_request_id_once(two_nodes: TwoNodes) -> None:
    answer = two_nodes.client.post("/v1/detect", content=SMALL, headers={"X-Request-Id": "mine"})
    assert answer.headers.get_list("x-request-id") == ["mine"]
    refused = two_nodes.client.post("/v1/detect", content=b"no frame")
    assert refused.headers.get_list("x-request-id") == [refused.json()["request_id"]]


def test_the_metrics_of_both_replicas_come_in_one_answer(two_nodes: TwoNodes) -> None:
    answer = two_nodes.client.get("/metrics")
    assert len(answer.content) == int(answer.headers["content-length"])
    assert answer.text.count("# TYPE rrcanet_requests_total") == 1, "Prometheus refuses a family that comes twice"
    assert len(ready(two_nodes.client)) == len(two_nodes.replicas()) == 2


def test_a_client_that_leaves_frees_its_place(two_nodes: TwoNodes) -> None:
    client = two_nodes.client
    head = f"POST /v1/detect HTTP/1.1\r\nhost: x\r\ncontent-length: {len(LARGE)}\r\n\r\n"
    with connection(client) as opened:
        opened.sendall(head.encode() + LARGE)
        wait_until(lambda: sum(values(client, "rrcanet_queue_frames").values()) == 1, "the frame does not come in")
    left = {"route": "/v1/detect", "status": "499"}
    wait_until(lambda: 1 in values(client, "rrcanet_requests_total", **left).values(), "the client is still there")
    assert sum(values(client, "rrcanet_queue_frames").values()) == 0


def test_the_service_refuses_what_it_has_no_room_for(two_nodes: TwoNodes) -> None:
    def post(_: int) -> httpx.Response:
        # a deadline that no queue exceeds, so that room alone decides
        asked = {"mask": "none", "timeout_ms": "60000"}
        return httpx.post(
            f"{two_nodes.client.base_url}/v1/detect", params=asked, content=MORE_THAN_HALF_A_QUEUE, timeout=90
        )

    with ThreadPoolExecutor(CLIENTS) as threads:
        answers = list(threads.map(post, range(CLIENTS)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.status_code for answer in answers} == {200, 429}
    assert {(answer.json()["reason"], "retry-after" in answer.headers) for answer in refused} == {("queue_full", True)}


@pytest.fixture
def load(two_nodes: TwoNodes) -> "Load":
    return Load(two_nodes.client.base_url)


class Load:
    """Clients that send one request after the other until the block ends."""

    def __init__(self, address: httpx.URL) -> None:
        self._address, self._over = address, Event()
        self._threads = ThreadPoolExecutor(CLIENTS)
        self._running: list[Future[list[Sent]]] = []

    def __enter__(self) -> "Load":
        bodies = [SMALL, MIDDLE] * (CLIENTS // 2)
        self._running = [self._threads.submit(self._send, body) for body in bodies]
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._threads.shutdown()

    @property
    def sent(self) -> list[Sent]:
        """All requests, after the block."""
        return [one for client in self._running for one in client.result()]

    def _send(self, body: bytes) -> list[Sent]:
        sent = []
        with httpx.Client(base_url=self._address, timeout=60) as client:
            while not self._over.is_set():
                began = time.monotonic()
                status = _status(client, body)
                sent.append(Sent(began, time.monotonic(), status))
        return sent


def _status(client: httpx.Client, body: bytes) -> int:
    """0 if the connection ended without an answer."""
    try:
        return client.post("/v1/detect?mask=none", content=body).status_code
    except httpx.TransportError:
        return 0


def answered(client: httpx.Client) -> dict[str, float]:
    """Requests that each replica has answered."""
    return values(client, "rrcanet_requests_total", route="/v1/detect", status="200")


def test_a_replica_that_is_killed_costs_no_request_and_is_replaced(two_nodes: TwoNodes, load: Load) -> None:
    before = ready(two_nodes.client)
    victim = two_nodes.replicas()[0]
    with load:
        time.sleep(1)
        killed = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: len(set(two_nodes.replicas()) - {victim}) == 2, "the replica is not replaced", 0.2)
        wait_until(lambda: len(ready(two_nodes.client) - before) == 1, "the new replica does not become ready", 0.2)
        new = (ready(two_nodes.client) - before).pop()
        wait_until(lambda: answered(two_nodes.client).get(new, 0) > 0, "the new replica takes no request", 0.2)
    # HAProxy has the whole of each request, and sends those of the dead replica to the other one
    assert [one for one in load.sent if one.status not in (200, 429)] == [], killed
    assert any(one.began < killed < one.ended for one in load.sent)
    assert len(load.sent) > 10 * CLIENTS
