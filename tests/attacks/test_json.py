"""No JSON, however large or deep, keeps the server from answering others."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.support.server import running
from tests.support.waiting import wait_until

INFER = "/v2/models/rrcanet-detector/infer"
ANSWERS_WITHIN_S = 1.0  # on machines that are shared; lists of one value once took three and a half seconds


def tensor(values: int, value: str, shape: str) -> bytes:
    data = ",".join([value] * values)
    described = f'"name":"frames","datatype":"UINT16","shape":{shape}'
    return f'{{"inputs":[{{{described},"data":[{data}]}}],"outputs":[{{"name":"targets"}}]}}'.encode()


BODIES = {
    "a tensor of 30 MB": (tensor(15 * 2**20, "1", "[15,1024,1024]"), 413),
    "a million lists": (tensor(10**6, "[1]", "[1,1000000,1]"), 413),
    "a million objects": (tensor(10**6, "{}", "[1,1,1000000]"), 413),
    "as many values as are read": (tensor(2**18, "65535", "[1,512,512]"), 200),
    "as many rows as are read": (tensor(2**14 - 10, "[1" + ",1" * 15 + "]", "[1,16374,16]"), 400),
    "a number of four million digits": (b'{"inputs": [' + b"9" * (4 * 10**6) + b"]}", 400),
}


@pytest.fixture(scope="module")
def other() -> Iterator[httpx.Client]:
    """A client of a process of its own: in this one the client would wait with the server."""
    with running() as (_, client):
        yield client


@contextmanager
def asking(client: httpx.Client) -> Iterator[list[float]]:
    """Ask for /livez all the time, on one connection; seconds of every answer."""
    took: list[float] = []
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=client.base_url, timeout=60) as own:
            while not stop.is_set():
                began = time.monotonic()
                assert own.get("/livez").status_code == 200
                took.append(time.monotonic() - began)
                time.sleep(0.005)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield took
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("case", BODIES)
def test_others_are_answered_meanwhile(other: httpx.Client, case: str) -> None:
    body, status = BODIES[case]
    with asking(other) as took:
        wait_until(lambda: len(took) >= 3, "no answer")
        answer = other.post(INFER, content=body, timeout=60)
        before = len(took)
        wait_until(lambda: len(took) >= before + 3, "no answer after the body")
    assert answer.status_code == status, answer.text[:200]
    assert max(took) < ANSWERS_WITHIN_S
