"""Signals: what a load balancer, clients and a supervisor see while a process drains."""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.support.frames import GOOD
from tests.support.server import running, wait_for_frames
from tests.support.waiting import wait_until
from tests.support.wire import connection, read_all


def post(client: httpx.Client) -> httpx.Response:
    """On a connection of its own."""
    return httpx.post(client.base_url.join("/v1/detect"), content=GOOD)


def wait_for(client: httpx.Client, status: int) -> httpx.Response:
    answers: list[httpx.Response] = []

    def answered() -> bool:
        answers.append(post(client))
        return answers[-1].status_code == status

    wait_until(answered, f"no answer is {status}")
    return answers[-1]


def wait_until_not_ready(client: httpx.Client) -> None:
    wait_until(lambda: client.get("/readyz").status_code == 503, "readiness does not fall")


@contextmanager
def half_sent(client: httpx.Client) -> Iterator[socket.socket]:
    """A request that is accepted, and in work for as long as the rest of its body does not come."""
    head = f"POST /v1/detect HTTP/1.1\r\nHost: x\r\nContent-Length: {len(GOOD)}\r\n\r\n"
    with connection(client) as opened:
        opened.sendall(head.encode() + GOOD[:100])
        wait_for_frames(client, 1)
        yield opened


def test_during_the_delay_readiness_has_fallen_and_requests_are_served() -> None:
    with running(DRAIN_DELAY_S="3") as (process, client):
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        while (answer := client.get("/readyz")).status_code == 200:
            assert time.monotonic() - began < 1
        assert answer.json()["reason"] == "draining"
        while time.monotonic() - began < 2:
            answer = post(client)
            assert answer.status_code == 200
        assert answer.headers["connection"] == "close", "a client that keeps its connection would never leave"
        assert process.wait(20) == 0
        assert time.monotonic() - began > 2.5
        assert process.stderr is not None
        assert "SIGTERM: stopping\n" in process.stderr.read()


@pytest.mark.parametrize("delay", ["0", "0.5"])
def test_then_new_requests_are_refused_until_what_was_accepted_is_answered(delay: str) -> None:
    with running(DRAIN_DELAY_S=delay) as (process, client), half_sent(client) as accepted:
        process.send_signal(signal.SIGTERM)
        refused = wait_for(client, 503)
        assert refused.json()["reason"] == "draining"
        assert int(refused.headers["retry-after"]) >= 1
        time.sleep(0.5)
        assert post(client).status_code == 503, "the listener stays open"
        assert client.get("/livez").status_code == 200
        assert client.get("/readyz").json()["reason"] == "draining"
        assert process.poll() is None
        accepted.sendall(GOOD[100:])
        assert read_all(accepted).startswith(b"HTTP/1.1 200 ")
        assert process.wait(20) == 0


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_delay_but_not_the_work(second: signal.Signals) -> None:
    with running(DRAIN_DELAY_S="60") as (process, client), half_sent(client) as accepted:
        process.send_signal(signal.SIGTERM)
        wait_until_not_ready(client)
        assert post(client).status_code == 200
        process.send_signal(second)
        wait_for(client, 503)
        accepted.sendall(GOOD[100:])
        assert read_all(accepted).startswith(b"HTTP/1.1 200 ")
        assert process.wait(20) == 0


def test_without_a_delay_a_second_signal_ends_nothing() -> None:
    with running(DRAIN_DELAY_S="0") as (process, client), half_sent(client) as accepted:
        process.send_signal(signal.SIGTERM)
        wait_for(client, 503)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)  # nothing shows that it has arrived
        assert post(client).status_code == 503
        accepted.sendall(GOOD[100:])
        assert read_all(accepted).startswith(b"HTTP/1.1 200 ")
        assert process.wait(20) == 0


@pytest.mark.parametrize("delay", ["0", "60"])
def test_a_third_signal_ends_the_work_too(delay: str) -> None:
    with running(DRAIN_DELAY_S=delay) as (process, client), half_sent(client) as accepted:
        process.send_signal(signal.SIGTERM)
        wait_until_not_ready(client)
        process.send_signal(signal.SIGTERM)
        wait_for(client, 503)
        time.sleep(0.3)  # without a delay, nothing shows that the second signal has arrived
        process.send_signal(signal.SIGTERM)
        answer = read_all(accepted)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b'"reason": "draining"' in answer
        assert process.wait(20) == 0
