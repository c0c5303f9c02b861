"""What waits when SIGTERM comes is answered."""

import signal
import time
from contextlib import ExitStack

import httpx

from tests import frames
from tests.attacks.wire import connection, read_all
from tests.scenes import make_scene
from tests.service.process import running

WAITING = 6
FRAME = frames.png(make_scene(0, 256, 256).counts(8))


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


def _wait_until_inside(client: httpx.Client, count: int) -> None:
    deadline = time.monotonic() + 20
    while f"rrcanet_queue_frames {count}.0" not in client.get("/metrics").text:
        assert time.monotonic() < deadline
