"""More frames than the device can answer: what waits is bounded, and answered even when SIGTERM comes."""

import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import numpy as np

from service.engine.engine import READ_AHEAD
from service.runtime.cpus import available_cpus
from service.simulation.scene import make_scene
from tests.support import frames
from tests.support.server import running
from tests.support.wire import connection, read_all

WAITING = 6
FRAME = frames.png(make_scene(0, 256, 256).counts(8))
LARGE = np.tile(make_scene(0, 256, 256).counts(8), (8, 8)).tobytes()  # raw rows: read much faster than answered
LARGE_URL = "/v1/detect?mask=none&range=dtype&dtype=u8&width=2048&height=2048"
RAW = {"Content-Type": "application/octet-stream"}
AT_ONCE = 64  # QUEUE_SIZE


def test_a_full_queue_is_answered_when_sigterm_comes() -> None:
    head = f"POST /v1/detect?mask=none HTTP/1.1\r\nHost: x\r\nContent-Length: {len(FRAME)}\r\n\r\n"
    with running(MAX_BATCH="1") as (process, client), ExitStack() as stack:
        waiting = [stack.enter_context(connection(client, timeout=60)) for _ in range(WAITING)]
        for one in waiting:
            one.sendall(head.encode() + FRAME)
        _wait_until_inside(client, WAITING)
        process.send_signal(signal.SIGTERM)
        assert [read_all(one).split(b"\r\n")[0] for one in waiting] == [b"HTTP/1.1 200 OK"] * WAITING
        assert process.wait(20) == 0


def test_large_frames_are_not_read_long_before_the_device_can_take_them() -> None:
    with running(REQUEST_TIMEOUT_S="4") as (_, client), ThreadPoolExecutor(AT_ONCE) as senders:

        def send(_: int) -> int:
            return client.post(LARGE_URL, content=LARGE, headers=RAW, timeout=30).status_code

        answers = list(senders.map(send, range(AT_ONCE)))
        told = client.get("/metrics").text
    assert set(answers) <= {200, 408, 504}  # 408: a machine too busy to take 256 MiB in 4 s
    held = READ_AHEAD // (2048 * 2048) + 1
    read = re.search(r'rrcanet_stage_duration_seconds_count{stage="decode"} (\d+)', told)
    assert read is not None
    as_others_leave = AT_ONCE // 8  # their deadlines pass one after the other, and each lets another begin
    assert 0 < int(read[1]) <= held + available_cpus() + answers.count(200) + as_others_leave < AT_ONCE


def _wait_until_inside(client: httpx.Client, count: int) -> None:
    deadline = time.monotonic() + 20
    while f"rrcanet_queue_frames {count}.0" not in client.get("/metrics").text:
        assert time.monotonic() < deadline
