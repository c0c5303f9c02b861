"""The threads of requests where the system gives no further thread."""

import threading
from collections.abc import Callable
from threading import Event, Thread

import pytest

from service.engine.threads import Threads


def no_thread(_: object) -> None:
    raise RuntimeError("can't start new thread")


@pytest.fixture
def exhaust(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    return lambda: monkeypatch.setattr(Thread, "start", no_thread)


def test_tasks_wait_for_the_threads_that_there_are(exhaust: Callable[[], None]) -> None:
    with Threads(3) as threads:
        go = Event()
        first = threads.submit(go.wait, 10)
        exhaust()
        others = [threads.submit(threading.get_ident) for _ in range(3)]
        assert not any(one.done() for one in others)
        go.set()
        assert first.result(10) is True
        assert len({one.result(10) for one in others}) == 1


def test_without_any_thread_memory_is_what_lacks(exhaust: Callable[[], None]) -> None:
    exhaust()
    with Threads(3) as threads, pytest.raises(MemoryError, match="can't start new thread"):
        threads.submit(int)
