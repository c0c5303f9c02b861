"""Runs on CUDA, with fixed buffers and a CUDA graph for each shape, so that not every node is launched by itself."""

import logging
from collections.abc import Set
from dataclasses import dataclass
from threading import RLock
from typing import Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from service.runtime.onnxruntime.cpu_runs import FATAL

GRAPHS: Final = 128  # at most so many shapes get a graph; ONNX Runtime keeps it and its buffers with the session
NO_GRAPH: Final = "-1"
# Only one thread of the process may use CUDA at a time. While a graph is captured (in CUDA's global mode), memory that
# another thread allocates or frees breaks the capture. So loading or dropping a model waits for the current run.
CUDA_LOCK: Final = RLock()  # re-entrant: the thread that drops a model may be running another

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Slot:
    """The buffers and the graph of one shape."""

    input: ort.OrtValue
    output: ort.OrtValue
    binding: ort.IOBinding
    options: ort.RunOptions


class CudaRuns:
    """Runs of a session on CUDA. Only one runs at a time in the whole process; other calls wait.

    Call ``run`` always from the same thread: ONNX Runtime captures the graphs again for every thread, which takes time.

    A batch is filled up to a power of two. Windows come in few sizes, so there are few shapes.

    Args:
        session: of the model.
        input_name, output_name: of the model.
        device: where the buffers are; tests use ``cpu``, where sessions capture no graphs.
    """

    def __init__(self, session: ort.InferenceSession, input_name: str, output_name: str, device: str = "cuda") -> None:
        self._session, self._input, self._output, self._device = session, input_name, output_name, device
        self._slots: dict[tuple[int, ...], Slot] = {}
        self._begun = 0  # number of the last graph; a failed one is never used again

    def __del__(self) -> None:
        """Free the session's memory when no other run is on the device."""
        with CUDA_LOCK:
            self._slots.clear()
            del self._session

    @property
    def shapes(self) -> Set[tuple[int, ...]]:
        """The shapes that have a graph."""
        return self._slots.keys()

    def run(self, intensities: NDArray[np.float32]) -> NDArray[np.float32]:
        """Intensities ``[N, 1, H, W]`` -> probabilities ``[N, 1, H, W]``."""
        with CUDA_LOCK:
            return self._run(intensities)

    def _run(self, intensities: NDArray[np.float32]) -> NDArray[np.float32]:
        frames = len(intensities)
        missing = (1 << (frames - 1).bit_length()) - frames
        filled = np.pad(intensities, ((0, missing), (0, 0), (0, 0), (0, 0))) if missing else intensities
        slot = self._slot(filled.shape)
        self._give(slot, filled)
        try:
            self._session.run_with_iobinding(slot.binding, slot.options)
        except Exception:
            self._slots.pop(filled.shape, None)  # the batch is tried again in halves, which need this memory
            raise
        return self._take(slot)[:frames]

    def _give(self, slot: Slot, intensities: NDArray[np.float32]) -> None:
        slot.input.update_inplace(np.ascontiguousarray(intensities))

    def _take(self, slot: Slot) -> NDArray[np.float32]:
        answer: NDArray[np.float32] = slot.output.numpy()
        return answer

    def _slot(self, shape: tuple[int, ...]) -> Slot:
        if shape in self._slots:
            return self._slots[shape]
        if len(self._slots) == GRAPHS:
            return self._bind(shape, NO_GRAPH)
        self._begun += 1
        slot = self._slots[shape] = self._bind(shape, str(self._begun))
        if len(self._slots) == GRAPHS:
            logger.warning("%d shapes have a CUDA graph; further shapes run without one, and slower", GRAPHS)
        return slot

    def _bind(self, shape: tuple[int, ...], graph: str) -> Slot:
        make = ort.OrtValue.ortvalue_from_shape_and_type
        given, found = (make(list(shape), np.float32, self._device) for _ in range(2))
        binding = self._session.io_binding()
        binding.bind_ortvalue_input(self._input, given)
        binding.bind_ortvalue_output(self._output, found)
        options = ort.RunOptions()
        options.log_severity_level = FATAL
        options.add_run_config_entry("gpu_graph_id", graph)
        return Slot(given, found, binding, options)
