"""Runs on OpenVINO: by the network that is compiled for the shape, or else by the free-shape network."""

import logging
from collections.abc import Callable
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.runtime.openvino.compiled import Compiled, Frame
from service.runtime.openvino.shapes import Shape, Shapes, in_background

MANY: Final = 32  # shapes, after which the free-shape network is replaced: it keeps code and memory for each
STREAMS_FROM: Final = 3  # threads; two threads run one frame as fast as two frames side by side

Frames = NDArray[np.float32]
Answer = TypeVar("Answer")
logger = logging.getLogger(__name__)


class OpenVinoRuns:
    """Runs of one model. Threads may call ``run`` at the same time.

    Args:
        compile: makes the network of a shape, or the free-shape one if it is None.
        threads: of one run.
        check: raises an exception if two networks do not answer frames of a shape alike.
    """

    def __init__(
        self,
        compile: Callable[[Shape | None], Compiled],  # noqa: A002
        threads: int,
        check: Callable[[Compiled, Compiled, Shape], None],
    ) -> None:
        self._compile, self._threads, self._check = compile, threads, check
        self._free = compile(None)
        self._seen: set[Shape] = set()
        self._shapes = Shapes(self._make)

    def run(self, intensities: Frames) -> Frames:
        """Intensities ``[N, 1, H, W]`` -> probabilities ``[N, 1, H, W]``, each frame by itself."""
        frames = [frame[None] for frame in np.ascontiguousarray(intensities)]
        if len(frames) == 1:
            return self._run(frames[0])
        apart = len(frames) - len(frames) % self._threads if self._threads >= STREAMS_FROM else 0
        answers = self._run_apart(frames[:apart]) if apart else []
        return np.concatenate([*answers, *map(self._run, frames[apart:])])

    def _run(self, frame: Frame) -> Frame:
        shape = Shape(*frame.shape[2:])
        return self._guarded(self._shapes.find(shape) or self._free_for(shape), shape, lambda one: one.run(frame))

    def _run_apart(self, frames: list[Frame]) -> list[Frame]:
        """Frames side by side, a thread each."""
        height, width = frames[0].shape[2:]
        shape = Shape(height, width, self._threads)
        network = self._shapes.find(shape)
        if network is None:
            return [self._run(frame) for frame in frames]
        return self._guarded(network, shape, lambda one: one.run_side_by_side(frames))

    def _guarded(self, network: Compiled, shape: Shape, run: Callable[[Compiled], Answer]) -> Answer:
        """A network that found no memory once answers nothing any more: it is replaced.

        Until it is replaced, its errors say nothing about the request, for example that two shapes differ.
        """
        try:
            return run(network)
        except Exception as fault:
            failed_before, network.failed = network.failed, True
            self._shapes.forget(shape)
            if network is self._free and not failed_before:
                in_background(self._renew)
            if failed_before:
                raise MemoryError(f"the network is being replaced: {fault}") from fault
            raise

    def _free_for(self, shape: Shape) -> Compiled:
        self._seen.add(shape)
        if len(self._seen) > MANY:
            self._seen = {shape}
            in_background(self._renew)
        return self._free

    def _renew(self) -> None:
        try:
            self._free.release()
            self._free = self._compile(None)
        except Exception as fault:  # the old one goes on
            logger.warning("the free-shape network cannot be compiled again: %s", fault)
            self._free.failed = False  # its next fault is reported as it is, and tries this again

    def _make(self, shape: Shape) -> Compiled:
        network = self._compile(shape)
        try:
            self._check(network, self._free, shape)
        except Exception:
            network.failed = True  # so it is not kept for the next start
            raise
        self._free.release()  # it does not answer this shape any more
        return network
