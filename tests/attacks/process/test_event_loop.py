"""The event loop turns on while the server is attacked: nothing that it runs waits for a file, a log or a client."""

import asyncio
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress

import httpx
import pytest

from service.server.state import ServerState
from tests.attacks.process.test_connections import HEAD, trickling
from tests.support.frames import GOOD
from tests.support.server import StartServer
from tests.support.wire import connection

EVERY_S = 0.01
WORST_S = 0.1  # of the median round: a shared machine may stop any single one
ROUNDS = 5
ROUND_S = 0.6


class Heartbeat:
    """A task of the server that measures how late the event loop wakes it."""

    def __init__(self) -> None:
        self.delays: list[float] = []

    async def beat(self, _: object) -> None:
        while True:
            due = time.monotonic() + EVERY_S
            await asyncio.sleep(EVERY_S)
            self.delays.append(time.monotonic() - due)

    def worst(self) -> float:
        """The median over rounds of the worst delay in a round."""
        worst = []
        for _ in range(ROUNDS):
            self.delays.clear()
            time.sleep(ROUND_S)
            worst.append(max(self.delays, default=ROUND_S))
        return statistics.median(worst)


@contextmanager
def silent(client: httpx.Client) -> Iterator[None]:
    """Connections that come and say nothing, more than may be open."""
    stop = threading.Event()

    def come() -> None:
        with ExitStack() as stack:
            while not stop.wait(0.002):
                with suppress(OSError):
                    stack.enter_context(connection(client))

    thread = threading.Thread(target=come)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def half_sent(client: httpx.Client) -> Iterator[None]:
    """Bodies that stop half way."""
    with ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(connection(client)).sendall(HEAD + GOOD[:100])
        yield


def one_byte(client: httpx.Client) -> AbstractContextManager[None]:
    """Bodies of one byte every 0.1 seconds."""
    return trickling(client, 20)


ATTACKS = {"silent": silent, "half sent": half_sent, "one byte": one_byte}


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_loop_is_late_by_less_than_a_tenth_of_a_second(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch, attack: str
) -> None:
    heartbeat = Heartbeat()
    monkeypatch.setattr(ServerState, "watch_device", lambda self: heartbeat.beat(self))
    client = start_server(max_connections=100)
    with ATTACKS[attack](client):
        assert heartbeat.worst() < WORST_S
        assert httpx.get(client.base_url.join("/livez"), timeout=5).status_code == 200
