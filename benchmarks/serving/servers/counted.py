"""``rrcanet`` with an account of the CPU that goes into frames themselves.

python -m benchmarks.serving.servers.counted ACCOUNT serve --port 0

ACCOUNT becomes a file of one float64: the CPU seconds that threads spent decoding, inferring and postprocessing.
"""

import sys
import time
from collections.abc import Callable
from functools import wraps
from mmap import mmap
from pathlib import Path
from threading import Lock
from typing import ParamSpec, TypeVar

import numpy as np

from service.api.detect import work as parts
from service.cli import main
from service.runtime.runtime import Runtime

P = ParamSpec("P")
T = TypeVar("T")


class Account:
    """CPU seconds, in a file that another process reads while this one runs."""

    def __init__(self, path: Path) -> None:
        np.zeros(1).tofile(path)
        with path.open("r+b") as file:
            self._seconds = memoryview(mmap(file.fileno(), 0)).cast("d")
        self._lock = Lock()

    def counting(self, work: Callable[P, T]) -> Callable[P, T]:
        """``work``, whose CPU is added."""

        @wraps(work)
        def counted(*args: P.args, **kwargs: P.kwargs) -> T:
            began = time.thread_time()
            try:
                return work(*args, **kwargs)
            finally:
                spent = time.thread_time() - began
                with self._lock:
                    self._seconds[0] += spent

        return counted


def read_account(path: Path) -> float:
    """The CPU seconds so far."""
    return float(np.fromfile(path, np.float64)[0])


def count(account: Account) -> None:
    """What any program must do with a frame: decode and prepare it, run the network, find targets, write the answer."""
    parts.read_entries = account.counting(parts.read_entries)
    Runtime.probabilities = account.counting(Runtime.probabilities)  # type: ignore[method-assign]
    parts.write_answer = account.counting(parts.write_answer)


if __name__ == "__main__":
    count(Account(Path(sys.argv.pop(1))))
    main()
