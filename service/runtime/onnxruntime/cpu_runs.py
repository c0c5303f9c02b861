"""Runs on the CPU: a single frame uses all threads, the frames of a batch use one thread each.

Threads that share one frame wait for each other at every node. With one thread per frame, two threads do 1.1 to 1.3
times as much (docs/development/benchmarks.md). At most as many frames are in work at once as there are threads.
"""

from concurrent.futures import ThreadPoolExecutor, wait
from typing import Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from service.runtime.interface import LARGE

FATAL: Final = 4  # ONNX Runtime would write a failed run to standard error, and wait there for whoever reads it
PLAIN, SHRINK = ort.RunOptions(), ort.RunOptions()
PLAIN.log_severity_level = SHRINK.log_severity_level = FATAL
SHRINK.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

Frames = NDArray[np.float32]


class CpuRuns:
    """Runs of a model on the CPU, one at a time.

    Args:
        every: a session whose runs use all threads.
        single: a session of the same model whose runs use only the calling thread.
        threads: number of runs of ``single`` at the same time.
        input_name, output_name: of the model.
    """

    def __init__(
        self, every: ort.InferenceSession, single: ort.InferenceSession, threads: int, input_name: str, output_name: str
    ) -> None:
        self._every, self._single, self._threads = every, single, threads
        self._input, self._output = input_name, output_name
        self._pool = ThreadPoolExecutor(threads, "frame") if threads > 1 else None

    def run(self, intensities: Frames) -> Frames:
        """Intensities ``[N, 1, H, W]`` -> probabilities ``[N, 1, H, W]``."""
        apart = len(intensities) - len(intensities) % self._threads  # the rest is run on all threads together
        if len(intensities) == 1 or not apart:
            return self._run(self._every, intensities)
        answers = self._run_apart(intensities[:apart])
        if apart < len(intensities):
            answers.append(self._run(self._every, intensities[apart:]))
        return np.concatenate(answers)

    def _run_apart(self, intensities: Frames) -> list[Frames]:
        frames = [frame[None] for frame in intensities]
        if self._pool is None:
            return [self._run(self._single, frame) for frame in frames]
        runs = [self._pool.submit(self._run, self._single, frame) for frame in frames]
        wait(runs)  # if one fails, a retry must find the memory of the others free
        return [run.result() for run in runs]

    def _run(self, session: ort.InferenceSession, intensities: Frames) -> Frames:
        options = SHRINK if intensities.size > LARGE else PLAIN
        answer: Frames = session.run([self._output], {self._input: intensities}, options)[0]
        return answer
