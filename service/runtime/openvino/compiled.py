"""A network that OpenVINO has compiled, and its runs."""

from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from service.runtime.interface import LARGE

UNWRITTEN: Final = -1.0  # no probability
Frame = NDArray[np.float32]  # [1, 1, H, W]


class Run(NamedTuple):
    """One run: the infer request, and the array that it writes the answer to."""

    request: ov.InferRequest
    answer: Frame


class Compiled:
    """A compiled network. Threads may call it at the same time: each run takes an infer request of its own.

    Attributes:
        failed: a run has failed.
    """

    def __init__(self, model: ov.CompiledModel) -> None:
        self._model = model
        self.failed = False
        self._idle: deque[ov.InferRequest] = deque()
        self._releases_late = False

    def run(self, frame: Frame) -> Frame:
        """One frame on all threads: intensities ``[1, 1, H, W]`` -> probabilities ``[1, 1, H, W]``.

        Raises:
            MemoryError: OpenVINO gave no answer.
        """
        run = self._begin(frame)
        run.request.infer({0: frame}, share_inputs=True)
        answer = self._end(run)
        if frame.size > LARGE or self._releases_late:
            self.release()
        return answer

    def run_side_by_side(self, frames: Sequence[Frame]) -> list[Frame]:
        """As ``run``, as many frames at the same time as there are streams."""
        runs = [self._begin(frame) for frame in frames]
        for run, frame in zip(runs, frames, strict=True):
            run.request.start_async({0: frame}, share_inputs=True)
        for run in runs:
            run.request.wait()
        return [self._end(run) for run in runs]

    def release(self) -> None:
        """Give back the memory of intermediate results; if another thread runs the network now, after its run."""
        try:
            self._model.release_memory()
            self._releases_late = False
        except RuntimeError:
            self._releases_late = True

    def _begin(self, frame: Frame) -> Run:
        """A run that will write into an array of its own."""
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._model.create_infer_request()
        answer = np.full(frame.shape, UNWRITTEN, np.float32)
        request.set_output_tensor(ov.Tensor(answer, shared_memory=True))
        return Run(request, answer)

    def _end(self, run: Run) -> Frame:
        """The answer. Without memory OpenVINO returns as if it had run; such a request is not used again."""
        if run.answer[0, 0, 0, 0] == UNWRITTEN == run.answer[0, 0, -1, -1]:
            raise MemoryError("OpenVINO gave no answer")
        self._idle.append(run.request)
        return run.answer
