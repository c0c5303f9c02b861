"""Networks compiled for one shape, made in a background thread. Until one is there, the free-shape network answers.

A network for one shape runs faster, but it takes 20 MB, keeps memory for its pixels, and takes as long to compile as
several runs. So few are kept, and none is compiled before its shape has come a few times.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

from service.runtime.interface import LARGE
from service.runtime.openvino.compiled import Compiled

WORTH: Final = 4  # runs of a shape before it is compiled; compiling takes as long as several runs
THREAD_NAME: Final = "compile"  # prefix of the name of the thread that compiles networks
MOST: Final = 8  # shapes
PIXELS: Final = LARGE  # of all shapes together, each as often as it runs side by side
IDLE: Final = 256  # runs of others, after which a shape gives its place to another
COUNTED: Final = 1024  # shapes whose runs are counted

logger = logging.getLogger(__name__)


class Shape(NamedTuple):
    """Sides in pixels, and the number of frames that run side by side."""

    height: int
    width: int
    streams: int = 1

    @property
    def pixels(self) -> int:
        """Pixels that are in memory at the same time."""
        return self.height * self.width * self.streams


@dataclass(slots=True)
class Kept:
    """A compiled network, and the number of the last run that used it."""

    network: Compiled
    last: int


class Shapes:
    """The networks for one shape of one model.

    Args:
        make: compiles the network of a shape; it raises an exception if it cannot.
    """

    def __init__(self, make: Callable[[Shape], Compiled]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._kept: dict[Shape, Kept] = {}
        self._asked: set[Shape] = set()  # those that are being made, and those that cannot be
        self._seen: Counter[Shape] = Counter()
        self._run = 0
        in_background(lambda: None)  # the thread begins now: under load there may be no memory for it

    def find(self, shape: Shape) -> Compiled | None:
        """The network for ``shape``. If there is none, it will be made once it is worth it."""
        with self._lock:
            self._run += 1
            if kept := self._kept.get(shape):
                kept.last = self._run
                return kept.network
            self._count(shape)
        return None

    def forget(self, shape: Shape) -> None:
        """Drop the network for ``shape``, if there is one."""
        with self._lock:
            self._kept.pop(shape, None)

    def _count(self, shape: Shape) -> None:
        if shape in self._asked:
            return
        if len(self._seen) > COUNTED:
            self._seen.clear()
        self._seen[shape] += 1
        if self._seen[shape] >= WORTH and self._makes_room(shape):
            self._asked.add(shape)
            in_background(lambda: self._keep(shape))

    def _keep(self, shape: Shape) -> None:
        try:
            network = self._make(shape)
        except Exception as fault:  # the free-shape network goes on to answer it
            logger.warning("%dx%d runs without a network of its own: %s", shape.width, shape.height, fault)
            return
        with self._lock:
            self._kept[shape] = Kept(network, self._run)
            self._asked.discard(shape)

    def _makes_room(self, shape: Shape) -> bool:
        """Whether there is place for ``shape``, after those that have not run for long have left."""
        for old in [one for one, kept in self._kept.items() if kept.last < self._run - IDLE]:
            if self._fits(shape):
                break
            del self._kept[old]
        return self._fits(shape)

    def _fits(self, shape: Shape) -> bool:
        others = [*self._kept, *self._asked]
        return len(others) < MOST and sum(one.pixels for one in others) + shape.pixels <= PIXELS


def in_background(step: Callable[[], object]) -> None:
    """Run ``step`` in the thread that compiles for all models; not at all if the process ends before."""
    try:
        _thread().submit(_try, step)
    except RuntimeError as fault:  # there is no memory for the thread; the step stays in its queue
        logger.warning("networks are compiled later: %s", fault)


def _try(step: Callable[[], object]) -> None:
    if not threading.main_thread().is_alive():
        return
    try:
        step()
    except Exception:
        logger.exception("work beside the requests has failed")


def settle() -> None:
    """Return when all that was to be done in the background until now is done."""
    _thread().submit(lambda: None).result()


@cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, THREAD_NAME)
