"""CPU time of a process is that of all its threads."""

import os
import threading
import time

from benchmarks.serving.servers.process import cpu_seconds

USED_S = 0.2


def use_the_cpu() -> None:
    while time.thread_time() < USED_S:
        pass


def test_threads_that_have_ended_count() -> None:
    before = cpu_seconds(os.getpid())
    thread = threading.Thread(target=use_the_cpu)
    thread.start()
    thread.join()
    assert cpu_seconds(os.getpid()) - before > 0.9 * USED_S
