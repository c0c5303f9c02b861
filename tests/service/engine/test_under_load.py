"""More frames than the device can answer: what waits is bounded, and answered even when SIGTERM comes."""

import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import httpx
import numpy as np

from service.engine.engine import READ_AHEAD
from service.runtime.cpus import available_cpus
from service.simulation.scene import make_scene
from tests.support import frames
from tests.support.server import running
from tests.support.waiting import wait_until
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
        wait_until(lambda: figure(client, "rrcanet_queue_frames") == WAITING, "not all requests were accepted")
        process.send_signal(signal.SIGTERM)
        assert [read_all(one).split(b"\r\n")[0] for one in waiting] == [b"HTTP/1.1 200 OK"] * WAITING
        assert process.wait(20) == 0


def test_large_frames_are_not_read_long_before_the_device_can_take_them() -> None:
    with running(REQUEST_TIMEOUT_S="600") as (process, client), ThreadPoolExecutor(AT_ONCE) as senders:

        def send(_: int) -> None:
            with suppress(httpx.TransportError):  # the process is killed while most of them wait
                client.post(LARGE_URL, content=LARGE, headers=RAW, timeout=600)

        for index in range(AT_ONCE):
            senders.submit(send, index)
        wait_until(lambda: figure(client, "rrcanet_queue_frames") == AT_ONCE, "not all requests were accepted")
        read, answered = settled(client)
        process.kill()
    held = READ_AHEAD // (2048 * 2048) + 1
    assert 0 < read <= held + available_cpus() + answered < AT_ONCE


def settled(client: httpx.Client) -> tuple[int, int]:
    """How many frames are read and how many answered, once no more frames are read for some seconds."""
    latest, since = -1, time.monotonic()
    while time.monotonic() - since < 5:
        read = figure(client, 'rrcanet_stage_duration_seconds_count{stage="decode"}')
        if read != latest:
            latest, since = read, time.monotonic()
        time.sleep(0.2)
    return latest, figure(client, 'rrcanet_frames_total{outcome="ok"}')


def figure(client: httpx.Client, series: str) -> int:
    """The value of one series of /metrics."""
    match = re.search(rf"^{re.escape(series)} (\S+)$", client.get("/metrics", timeout=60).text, re.MULTILINE)
    assert match is not None
    return int(float(match[1]))
