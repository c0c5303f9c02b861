"""The threads of requests where the system gives no further thread."""

import threading
from threading import Barrier, Event, Thread

import pytest

from service.engine.threads import Threads


def no_thread(_: object) -> None:
    raise RuntimeError("can't start new thread")


def exhaust(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Thread, "start", no_thread)


def test_tasks_wait_for_the_threads_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with Threads(3) as threads:
        go = Event()
        first = threads.submit(go.wait, 10)
        exhaust(monkeypatch)
        others = [threads.submit(threading.get_ident) for _ in range(3)]
        assert not any(one.done() for one in others)
        go.set()
        assert first.result(10) is True
        assert len({one.result(10) for one in others}) == 1


def test_after_a_shortage_tasks_have_threads_of_their_own_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with Threads(3) as threads:
        with monkeypatch.context() as shortage:
            go = Event()
            first = threads.submit(go.wait, 10)
            exhaust(shortage)
            others = [threads.submit(int) for _ in range(6)]
            go.set()
            assert first.result(10)
            assert [one.result(10) for one in others] == [0] * 6
        together = Barrier(3)
        assert sorted(one.result(10) for one in [threads.submit(together.wait, 10) for _ in range(3)]) == [0, 1, 2]


def test_a_submit_without_any_thread_raises_a_memory_error(monkeypatch: pytest.MonkeyPatch) -> None:
    exhaust(monkeypatch)
    with Threads(3) as threads, pytest.raises(MemoryError, match="can't start new thread"):
        threads.submit(int)
